package robustness

import (
	"flag"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/paddock-io/paddock/test/robustness/cluster"
	"github.com/paddock-io/paddock/test/robustness/history"
	"github.com/paddock-io/paddock/test/robustness/report"
	"github.com/paddock-io/paddock/test/robustness/validate"
)

// patience is how long porcupine may look at one znode.
const patience = 20 * time.Second

// TestRobustness makes rounds until its time is over.
func TestRobustness(t *testing.T) {
	if testing.Short() {
		*seconds = 15
	}
	total, end := figures{faults: map[string]int{}}, time.Now().Add(time.Duration(*seconds)*time.Second)
	first := *seed
	if first == 0 {
		first = uint64(time.Now().UnixNano())
	}
	for n := 0; ; n++ {
		left := time.Until(end) - roundOverhead
		if n > 0 && left < minFaults {
			break
		}
		r := newRound(t, first+uint64(n))
		t.Run(fmt.Sprintf("seed=%d", r.seed), func(t *testing.T) {
			r.t = t
			total.add(r.run(min(max(left, minFaults), maxFaults)))
		})
	}
	t.Logf("in all: %s", total)
}

// How long the faults of a round last, and what a round takes besides.
const (
	minFaults     = 8 * time.Second
	maxFaults     = 30 * time.Second
	roundOverhead = 6 * time.Second
)

// figures are what a round has come to.
type figures struct {
	rounds, ok, failed, unknown int // requests by outcome
	sessions, events, exits     int
	syncs                       [3]int // how learners were brought up to date: DIFF, TRUNC, SNAP
	linear                      validate.Linear
	faults                      map[string]int
	took                        time.Duration
	converged, settled          time.Duration // the longest: from healed to serving, and until only living sessions were left
}

func (f *figures) add(o figures) {
	f.rounds += o.rounds
	f.ok, f.failed, f.unknown = f.ok+o.ok, f.failed+o.failed, f.unknown+o.unknown
	f.sessions, f.events, f.took = f.sessions+o.sessions, f.events+o.events, f.took+o.took
	f.exits += o.exits
	for i, n := range o.syncs {
		f.syncs[i] += n
	}
	f.linear.Paths += o.linear.Paths
	f.linear.Ops += o.linear.Ops
	f.linear.Undecided += o.linear.Undecided
	f.converged, f.settled = max(f.converged, o.converged), max(f.settled, o.settled)
	for kind, n := range o.faults {
		f.faults[kind] += n
	}
}

// count adds up a history.
func (f *figures) count(h *history.History) {
	for i := range h.Records {
		switch r := &h.Records[i]; {
		case r.Kind == history.Open:
			f.sessions++
		case r.Outcome == history.OK:
			f.ok++
		case r.Outcome == history.Failed:
			f.failed++
		default:
			f.unknown++
		}
	}
	for i := range h.Wire {
		if h.Wire[i].Frame == history.Event {
			f.events++
		}
	}
}

// countSyncs reads from the servers' logs how learners were brought up to date.
func (f *figures) countSyncs(c *cluster.Cluster) {
	for _, s := range c.Servers {
		text, _ := os.ReadFile(s.LogFile())
		for i, phrase := range []string{"learner gets a DIFF", "learner is told to truncate", "learner gets a snapshot"} {
			f.syncs[i] += strings.Count(string(text), phrase)
		}
	}
}

func (f figures) String() string {
	var faults []string
	n := 0
	for _, kind := range slices.Sorted(maps.Keys(f.faults)) {
		faults = append(faults, fmt.Sprintf("%s %d", kind, f.faults[kind]))
		n += f.faults[kind]
	}
	return fmt.Sprintf("%d rounds in %v; %d requests answered, %d refused, %d without an answer; %d sessions, %d watch events; "+
		"%d znode histories with %d operations checked, %d undecided; served again within %v, settled within %v; %d servers ended by a bad disk; synchronised by DIFF, TRUNC, SNAP %v; %d faults: %s", f.rounds, f.took.Round(time.Second), f.ok, f.failed, f.unknown,
		f.sessions, f.events, f.linear.Paths, f.linear.Ops, f.linear.Undecided, f.converged.Round(time.Millisecond), f.settled.Round(time.Millisecond), f.exits, f.syncs, n, strings.Join(faults, ", "))
}

// artifacts returns a directory for a report that outlives the test.
func artifacts(t *testing.T) string {
	if f := flag.Lookup("test.artifacts"); f != nil && f.Value.String() == "true" {
		return t.ArtifactDir()
	}
	dir, err := os.MkdirTemp("", "paddock-robustness-report-")
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

// TestHistory checks a history that was kept.
func TestHistory(t *testing.T) {
	if *historyFile == "" {
		t.Skip("no -robustness.history")
	}
	f, err := os.Open(*historyFile)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	h, err := history.Load(f)
	if err != nil {
		t.Fatal(err)
	}
	linear, violations := validate.Linearizable(h, patience)
	violations = append(violations, validate.Check(h)...)
	for _, v := range violations {
		t.Error(v)
	}
	if len(violations) > 0 {
		dir := artifacts(t)
		run := &report.Run{History: h, Violations: violations, Linear: linear, Again: "-robustness.history=" + *historyFile}
		t.Logf("report in %s: %v", dir, report.Write(dir, run))
	}
}

// keepHistory saves a round's history if that was asked for.
func keepHistory(t *testing.T, h *history.History) {
	if *keep == "" {
		return
	}
	f, err := os.Create(filepath.Join(*keep, fmt.Sprintf("%d.jsonl", h.Seed)))
	if err == nil {
		err = h.Save(f)
		f.Close()
	}
	if err != nil {
		t.Error(err)
	}
}
