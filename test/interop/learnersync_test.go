package interop

import (
	"fmt"
	"strconv"
	"strings"
	"testing"

	"github.com/paddock-io/paddock/test/interop/peers"
)

// TestDiffFromLogs lets a follower miss more than a leader keeps in memory. Where the logs may be read it gets what it
// missed, of either kind of leader, and a snapshot where they may not.
func TestDiffFromLogs(t *testing.T) {
	java := peers.Java{Installation: peers.Require(t)}
	paddock := peers.RequirePaddock(t)
	for _, tc := range []struct {
		name             string
		follower, leader peers.Software
		factor           string
		snaps            int
	}{
		{"paddock feeds java", java, paddock, "100000000", 0},
		{"java feeds paddock", paddock, java, "100000000", 0},
		{"paddock feeds paddock", paddock, paddock, "100000000", 0},
		{"paddock feeds java a snapshot", java, paddock, "-1", 1},
		{"paddock feeds java a snapshot, the logs are too large", java, paddock, "1", 1},
	} {
		t.Run(tc.name, func(t *testing.T) {
			e := peers.StartEnsembleLike(t, peers.Config{Settings: map[string]string{
				"commitLogCount": "500", "snapshotSizeFactor": tc.factor, "preAllocSize": "64",
			}}, tc.follower, tc.leader, tc.leader) // the highest id leads
			w := &witness{t: t, e: e, acked: map[string]string{}}
			w.writeEverywhere("before")
			w.agree()
			leader := w.leader()
			if leader.ID == 1 {
				t.Fatalf("%v leads", leader)
			}
			e.Server(1).Kill()
			before := w.count(leader, "zk_snap_count")
			w.writeMany(leader, 1500)
			w.start(e.Server(1))
			w.agree()
			if got := w.count(leader, "zk_snap_count") - before; got != tc.snaps {
				t.Errorf("%v has sent %d snapshots, %d was due", leader, got, tc.snaps)
			}
			w.digestsMatch()
			// What came from the logs is in the follower's own.
			e.Server(1).Kill()
			w.start(e.Server(1))
			w.agree()
		})
	}
}

func (w *witness) writeMany(s *peers.Server, n int) {
	w.t.Helper()
	conn := w.connect(s)
	defer conn.Close()
	for i := range n {
		w.create(conn, fmt.Sprintf("/many-%d", i), "x")
	}
}

// count reads a number of mntr.
func (w *witness) count(s *peers.Server, key string) int {
	w.t.Helper()
	ctx, cancel := w.within()
	defer cancel()
	text, err := s.Word(ctx, "mntr")
	if err != nil {
		w.t.Fatal(err)
	}
	n, err := strconv.Atoi(strings.TrimSuffix(mntr(text, key), ".0"))
	if err != nil {
		w.t.Fatalf("%s of %v: %v", key, s, err)
	}
	return n
}
