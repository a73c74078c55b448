package sim

import (
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

var (
	plantedFlag = flag.Int("planted.n", 0, "plant each bug and look for it in so many seeds")
	onlyFlag    = flag.String("planted.only", "", "plant only those with this in their names")
	rangesFlag  = flag.Int("planted.ranges", 3, "how many disjoint ranges of seeds to look in; the middle one counts")
)

// bug is a mistake to be planted: pieces of the sources, and what to put in
// their place.
type bug struct {
	name  string
	from  string // who made it: an issue of ZooKeeper's, or how it could be made here
	edits []edit
}

// edit changes one place.
type edit struct {
	file     string // from internal on
	old, new string
}

// all are the bugs in the order of the table.
func all() []bug {
	return slices.Concat(syncBugs, broadcastBugs, electionBugs, memberBugs, diskBugs, sessionBugs, treeBugs)
}

// rangeSize keeps the ranges of seeds apart.
const rangeSize = 1_000_000

// TestPlantedTexts keeps the list from rotting: what a bug replaces must be
// there, and once.
func TestPlantedTexts(t *testing.T) {
	names := map[string]bool{}
	for _, b := range all() {
		if _, err := b.sources(); err != nil {
			t.Errorf("%s: %v", b.name, err)
		}
		if names[b.name] {
			t.Errorf("%s: twice", b.name)
		}
		names[b.name] = true
	}
}

// TestPlanted plants bugs, one at a time, and wants each to be found: a
// simulator that finds nothing is worth something only if it would. The sources
// stay as they are; the compiler is given others.
func TestPlanted(t *testing.T) {
	if *plantedFlag == 0 {
		t.Skip("takes long; see make planted")
	}
	fmt.Printf("| bug | where from | seeds until found | complaint | seconds |\n|---|---|---|---|---|\n")
	planted := 0
	defer func() {
		if planted == 0 {
			t.Errorf("no bug has %q in its name or origin", *onlyFlag)
		}
	}()
	for _, b := range all() {
		if !strings.Contains(b.name+" "+b.from, *onlyFlag) {
			continue
		}
		planted++
		t.Run(b.name, func(t *testing.T) {
			binary, err := b.build(t.TempDir())
			if err != nil {
				t.Fatal(err)
			}
			start := time.Now()
			finds := hunt(t, binary)
			if len(finds) == 0 {
				t.Errorf("not found in %d seeds", *plantedFlag)
				return
			}
			fmt.Printf("| %s | %s | %s | %s | %.1f |\n", b.name, b.from, median(finds), finds[0].complaint, time.Since(start).Seconds())
		})
	}
}

// find is the first seed of a range that shows the bug.
type find struct {
	seeds     int // that it took; 0 if it was not found
	complaint string
}

// hunt runs the ranges: one only if the bug is found late. It returns nothing if
// the first of them has not found the bug.
func hunt(t *testing.T, binary string) []find {
	var finds []find
	for i := range *rangesFlag {
		f, err := search(binary, uint64(i)*rangeSize+1, *plantedFlag)
		if err != nil {
			t.Fatal(err)
		}
		if i == 0 && f.seeds == 0 {
			return nil
		}
		finds = append(finds, f)
		if f.seeds > *plantedFlag/10 {
			break
		}
	}
	return finds
}

var found = regexp.MustCompile(`(?m)^first failure after (\d+) seeds: seed 0x[0-9a-f]+: (?:at [^ ]+: )?(.*)$`)

func search(binary string, from uint64, n int) (find, error) {
	run := exec.Command(binary, "-test.run=^TestSim$", "-test.timeout=2h", "-sim.first",
		fmt.Sprintf("-sim.from=%d", from), fmt.Sprintf("-sim.n=%d", n))
	out, err := run.CombinedOutput()
	if err == nil {
		return find{}, nil
	}
	m := found.FindSubmatch(out)
	if m == nil {
		return find{}, fmt.Errorf("the run ended in another way: %w\n%s", err, out)
	}
	seeds, err := strconv.Atoi(string(m[1]))
	return find{seeds, short(string(m[2]))}, err
}

// short is a complaint for a table.
func short(text string) string {
	text = strings.ReplaceAll(text, "|", "/")
	if len(text) > 110 {
		text = text[:107] + "..."
	}
	return text
}

// median is that of the seeds it took; a range that did not find it counts as
// more than any.
func median(finds []find) string {
	var n []int
	for _, f := range finds {
		if f.seeds == 0 {
			f.seeds = *plantedFlag + 1
		}
		n = append(n, f.seeds)
	}
	slices.Sort(n)
	if m := n[len(n)/2]; m <= *plantedFlag {
		return strconv.Itoa(m)
	}
	return fmt.Sprintf("more than %d", *plantedFlag)
}

// sources returns the changed files by their paths.
func (b *bug) sources() (map[string]string, error) {
	internal, err := filepath.Abs("..")
	if err != nil {
		return nil, err
	}
	changed := map[string]string{}
	for _, e := range b.edits {
		path := filepath.Join(internal, filepath.FromSlash(e.file))
		source, ok := changed[path]
		if !ok {
			b, err := os.ReadFile(path)
			if err != nil {
				return nil, err
			}
			source = string(b)
		}
		if n := strings.Count(source, e.old); n != 1 {
			return nil, fmt.Errorf("%s has %d places like\n%s", e.file, n, e.old)
		}
		changed[path] = strings.Replace(source, e.old, e.new, 1)
	}
	return changed, nil
}

// build builds the simulator's test with the bug in it.
func (b *bug) build(dir string) (string, error) {
	changed, err := b.sources()
	if err != nil {
		return "", err
	}
	replace := map[string]string{}
	for path, source := range changed {
		wrong := filepath.Join(dir, fmt.Sprintf("%d.go", len(replace)))
		if err := os.WriteFile(wrong, []byte(source), 0o600); err != nil {
			return "", err
		}
		replace[path] = wrong
	}
	overlay, err := json.Marshal(map[string]any{"Replace": replace})
	if err != nil {
		return "", err
	}
	list, binary := filepath.Join(dir, "overlay.json"), filepath.Join(dir, "sim.test")
	if err := os.WriteFile(list, overlay, 0o600); err != nil {
		return "", err
	}
	if out, err := exec.Command("go", "test", "-c", "-overlay", list, "-o", binary, ".").CombinedOutput(); err != nil {
		return "", fmt.Errorf("build with the bug: %w\n%s", err, out)
	}
	return binary, nil
}
