package round

import (
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/paddock-io/paddock/test/robustness/cluster"
	"github.com/paddock-io/paddock/test/robustness/history"
	"github.com/paddock-io/paddock/test/robustness/validate"
)

// figures are what a round has come to.
type figures struct {
	rounds, ok, failed, unknown int // requests by outcome
	sessions, events, exits     int
	syncs                       [3]int // how learners were brought up to date: DIFF, TRUNC, SNAP
	linear                      validate.Linear
	excused                     int // what Java does not keep, see validate.Excuse
	faults                      map[string]int
	took                        time.Duration
	converged, settled          time.Duration // the longest: from healed to serving, and until only living sessions were left
}

func (f *figures) add(o figures) {
	f.rounds += o.rounds
	f.ok, f.failed, f.unknown = f.ok+o.ok, f.failed+o.failed, f.unknown+o.unknown
	f.sessions, f.events, f.took = f.sessions+o.sessions, f.events+o.events, f.took+o.took
	f.exits, f.excused = f.exits+o.exits, f.excused+o.excused
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

// syncPhrases are what leaders of both kinds write when they bring a learner up
// to date: by 0 a DIFF, 1 a TRUNC, 2 a SNAP.
var syncPhrases = map[string]int{
	"learner gets a DIFF": 0, "learner is told to truncate": 1, "learner gets a snapshot": 2,
	"Sending DIFF zxid": 0, "Sending TRUNC ": 1, "Sending snapshot last zxid of peer": 2,
}

// countSyncs reads from the servers' logs how learners were brought up to date.
func (f *figures) countSyncs(c *cluster.Cluster) {
	for _, s := range c.Servers {
		text, _ := os.ReadFile(s.LogFile())
		for phrase, i := range syncPhrases {
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
	text := fmt.Sprintf("%d rounds in %v; %d requests answered, %d refused, %d without an answer; %d sessions, %d watch events; "+
		"%d znode histories with %d operations checked, %d undecided; served again within %v, settled within %v; %d servers ended by a bad disk; synchronised by DIFF, TRUNC, SNAP %v; %d faults: %s", f.rounds, f.took.Round(time.Second), f.ok, f.failed, f.unknown,
		f.sessions, f.events, f.linear.Paths, f.linear.Ops, f.linear.Undecided, f.converged.Round(time.Millisecond), f.settled.Round(time.Millisecond), f.exits, f.syncs, n, strings.Join(faults, ", "))
	if f.excused > 0 {
		text += fmt.Sprintf("; %d answers of Java servers excused", f.excused)
	}
	return text
}
