package sim

import (
	"cmp"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"regexp"
	"runtime"
	"runtime/debug"
	"slices"
	"sync"
	"testing"

	"go.uber.org/goleak"
)

var (
	seedFlag  = flag.String("sim.seed", "", "live through the history of this seed only")
	nFlag     = flag.Int("sim.n", defaultN, "how many seeds")
	fromFlag  = flag.Uint64("sim.from", 1, "the first seed; 0 takes seeds that nobody has seen")
	traceFlag = flag.Bool("sim.trace", false, "with -sim.seed, print every event")
	firstFlag = flag.Bool("sim.first", false, "end with the first seed that fails, and say how many it took")
)

// defaultN is how many seeds a plain run takes, without the race detector.
const defaultN = 500

// TestSim lives through histories. Each failure says how to see it again.
func TestSim(t *testing.T) {
	if *seedFlag != "" {
		one(t, *seedFlag)
		return
	}
	from, n := *fromFlag, *nFlag
	if from == 0 {
		from = rand.Uint64()
	}
	if testing.Short() || raced && n == defaultN {
		n = min(n, 60)
	}
	enough := 3
	if *firstFlag {
		enough = 1
	}
	total, failed := many(from, n, runtime.GOMAXPROCS(0), enough)
	t.Logf("%d seeds from %#x: %v", n, from, total)
	for _, f := range failed {
		t.Error(f)
	}
	if *firstFlag && len(failed) > 0 {
		fmt.Printf("first failure after %d seeds: seed %#x: %v\n", failed[0].seed-from+1, failed[0].seed, failed[0].err)
	}
}

// failure is a seed whose history was wrong.
type failure struct {
	seed uint64
	err  error
	grid string
}

func (f failure) String() string {
	return fmt.Sprintf("seed %#x: %v\n%s\nreplay: make sim SEED=%#x TRACE=1", f.seed, f.err, f.grid, f.seed)
}

func one(t *testing.T, text string) {
	var seed uint64
	if _, err := fmt.Sscan(text, &seed); err != nil {
		t.Fatalf("-sim.seed=%s: %v", text, err)
	}
	var trace func(string)
	if *traceFlag {
		trace = func(line string) { fmt.Fprintln(os.Stdout, line) }
	}
	w := New(seed, trace)
	if err := w.Run(); err != nil {
		t.Fatalf("seed %#x: %v\n%s", seed, err, w.Grid())
	}
	t.Logf("seed %#x: %v", seed, w.Counts)
}

// many runs seeds on several goroutines, each in a world of its own, and
// returns the first failures, in the order of their seeds: none that is earlier
// than the last of them is left out.
func many(from uint64, n, workers, enough int) (total Counts, failed []failure) {
	defer debug.SetGCPercent(debug.SetGCPercent(400)) // worlds are small and live shortly
	var mu sync.Mutex
	var wg sync.WaitGroup
	next := 0
	for range workers {
		wg.Go(func() {
			for {
				mu.Lock()
				i := next
				next++
				over := i >= n || len(failed) >= enough
				mu.Unlock()
				if over {
					return
				}
				w := New(from+uint64(i), nil)
				err := w.Run()
				mu.Lock()
				total.Add(&w.Counts)
				if err != nil {
					failed = append(failed, failure{w.Seed, err, w.Grid()})
				}
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	slices.SortFunc(failed, func(a, b failure) int { return cmp.Compare(a.seed, b.seed) })
	return total, failed
}

// TestNothingStays: what a world leaves behind adds up over a hundred thousand seeds.
func TestNothingStays(t *testing.T) {
	defer goleak.VerifyNone(t)
	many(1, 40, 1, 1)
}

// TestSameSeed: a seed gives one history, event for event. Pointers are no part
// of what is compared.
func TestSameSeed(t *testing.T) {
	for seed := uint64(1); seed <= 12; seed++ {
		var first, again []string
		for _, lines := range []*[]string{&first, &again} {
			w := New(seed, func(line string) { *lines = append(*lines, pointers.ReplaceAllString(line, "")) })
			if err := w.Run(); err != nil {
				t.Fatalf("seed %#x: %v", seed, err)
			}
		}
		for i := range min(len(first), len(again)) {
			if first[i] != again[i] {
				t.Fatalf("seed %#x differs in line %d:\n%s\n%s", seed, i, first[i], again[i])
			}
		}
		if len(first) != len(again) || len(first) < 100 {
			t.Errorf("seed %#x has %d events, and then %d", seed, len(first), len(again))
		}
	}
}

// pointers are addresses in what %+v makes of actions.
var pointers = regexp.MustCompile(`0x[0-9a-f]{10,}`)
