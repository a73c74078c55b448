package election

import (
	"flag"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/paddock-io/paddock/proto"
)

var (
	seedFlag  = flag.Uint64("election.seed", 0, "replay one simulated history and trace it")
	seedsFlag = flag.Int("election.seeds", 2000, "how many simulated histories to run")
)

// seeds runs one simulation for each seed, or for the one asked for, and says how to replay a failure.
func seeds(t *testing.T, run func(t *testing.T, w *world)) {
	n := *seedsFlag
	if testing.Short() {
		n = min(n, 200)
	}
	for seed := uint64(1); seed <= uint64(n); seed++ {
		if *seedFlag != 0 && seed != 1 {
			return
		}
		if *seedFlag != 0 {
			seed = *seedFlag
		}
		size := []int{1, 2, 3, 3, 5, 5, 7}[seed%7]
		w := newWorld(seed, members(t, size, int(seed/7%3)))
		if *seedFlag != 0 {
			w.trace = t.Logf
		}
		for _, n := range w.nodes {
			n.java = w.rng.IntN(4) == 0
		}
		run(t, w)
		if t.Failed() {
			t.Fatalf("replay: go test ./internal/election -run '^%s$' -v -election.seed=%d\n%v", t.Name(), seed, w)
		}
	}
}

// In a calm world in which nobody dies, the first leader to be elected has a history that no member of some quorum
// exceeds, and everybody ends up with one leader, soon.
func TestCalmElections(t *testing.T) {
	seeds(t, func(t *testing.T, w *world) {
		w.delayMax = w.upto(100 * ms)
		spread := w.upto(2 * time.Second)
		for _, n := range w.nodes {
			if !w.ens.IsVoter(int64(n.id)) {
				continue
			}
			n.epoch = w.rng.Int64N(3)
			n.zxid = proto.MakeZxid(n.epoch, uint32(w.rng.IntN(3)))
		}
		for _, n := range w.nodes {
			w.after(w.upto(spread), func() { w.start(n) })
		}
		w.onDecided = func(n *node, v Vote) {
			if l := w.nodes[v.Leader-1]; n == l && !w.ens.Quorum(func(id int64) bool {
				m := w.nodes[id-1]
				return m.serving || !Vote{m.id, m.zxid, 0, m.epoch}.above(Vote{l.id, l.zxid, 0, l.epoch})
			}) {
				t.Errorf("%d elected, but no quorum is behind its history", l.id)
			}
		}
		w.run(spread, func() bool { return false })
		w.run(spread+20*time.Second, func() bool { return w.leader() != nil })
		if w.leader() == nil {
			t.Error("no leader")
		}
	})
}

// Whatever happened before, once messages arrive and enough servers stay up, they agree on one leader.
func TestElectionsAfterFaults(t *testing.T) {
	var slowest time.Duration
	seeds(t, func(t *testing.T, w *world) {
		w.faulty = true
		w.delayMax = w.upto(300 * ms)
		for _, n := range w.nodes {
			w.after(w.upto(time.Second), func() { w.start(n) })
		}
		end := w.upto(30 * time.Second)
		for range w.rng.IntN(40) {
			n := w.nodes[w.rng.IntN(len(w.nodes))]
			w.after(w.upto(end), func() {
				if n.up {
					w.stop(n)
				} else {
					w.start(n)
				}
			})
		}
		w.run(max(end, time.Second), func() bool { return false })
		w.faulty = false
		w.delayMax = 5 * ms
		for _, n := range w.nodes { // a quorum stays, or more
			if !n.up && (w.rng.IntN(2) == 0 || !w.ens.Quorum(func(id int64) bool { return w.nodes[id-1].up })) {
				w.start(n)
			}
		}
		calm := w.now
		w.run(calm+10*time.Minute, func() bool { return w.leader() != nil })
		if w.leader() == nil {
			t.Error("no leader within ten minutes of calm")
		}
		slowest = max(slowest, w.now-calm)
	})
	t.Logf("slowest agreement after the faults: %v", slowest)
}

// A leader's death costs its followers nothing but the messages: nobody waits for the dead.
func TestSurvivorsDecideAtOnce(t *testing.T) {
	seeds(t, func(t *testing.T, w *world) {
		w.delayMax = 2 * ms
		for _, n := range w.nodes {
			n.java = false
			w.start(n)
		}
		w.run(10*time.Second, func() bool { return w.leader() != nil })
		if len(w.nodes) < 3 || len(w.ens.Voters()) < 3 {
			return
		}
		w.run(w.now+time.Second, func() bool { return false })
		died, dead := w.now, w.leader()
		w.stop(dead)
		led := func() bool {
			return slices.ContainsFunc(w.nodes, func(n *node) bool { return n != dead && n.serving && n.e.State() == Leading })
		}
		w.run(died+10*time.Second, led)
		// At most 20 ms to notice, a few messages, and one pause of those who knocked before the leader knew.
		if took := w.now - died; !led() || took >= 150*ms {
			t.Errorf("new leader after %v", took)
		}
	})
}

// Five fresh servers are started one after the other, as in ZooKeeper's tutorial: the third completes the quorum and
// leads; the larger ids that follow do not disturb it.
func TestWalkThrough(t *testing.T) {
	for _, java := range []bool{false, true} {
		w := newWorld(1, members(t, 5, 0))
		w.delayMax = 0
		var lines []string
		for _, n := range w.nodes {
			n.java = java
			w.start(n)
			w.run(w.now+2*time.Second, func() bool { return false })
			lines = append(lines, "")
			for _, m := range w.nodes[:n.id] {
				lines[n.id-1] += m.e.State().String() + " " + showVote(m.e.Vote()) + "; "
			}
		}
		const want = `LOOKING 1@0x0,0 r1; 
LOOKING 2@0x0,0 r1; LOOKING 2@0x0,0 r1; 
FOLLOWING 3@0x0,1 r1; FOLLOWING 3@0x0,1 r1; LEADING 3@0x0,1 r1; 
FOLLOWING 3@0x0,1 r1; FOLLOWING 3@0x0,1 r1; LEADING 3@0x0,1 r1; FOLLOWING 3@0x0,1 r1; 
FOLLOWING 3@0x0,1 r1; FOLLOWING 3@0x0,1 r1; LEADING 3@0x0,1 r1; FOLLOWING 3@0x0,1 r1; FOLLOWING 3@0x0,1 r1; `
		if got := strings.Join(lines, "\n"); got != want {
			t.Errorf("java %v:\n%s\nwant:\n%s", java, got, want)
		}
	}
}

// What goes over the wire when the third of five fresh servers starts.
func TestWalkThroughTrace(t *testing.T) {
	w := newWorld(1, members(t, 5, 0))
	w.delayMax = 0
	w.start(w.nodes[0])
	w.start(w.nodes[1])
	w.run(time.Second, func() bool { return false })
	var trace []string
	w.trace = func(format string, args ...any) {
		if len(args) == 5 && args[2].(proto.PeerID) > 3 {
			return // refused
		}
		var b strings.Builder
		b.WriteString(formatTrace(format, args[1:]))
		trace = append(trace, b.String())
	}
	w.start(w.nodes[2])
	w.run(w.now+300*ms, func() bool { return false })
	want := []string{
		"3 starts",
		"3 to 1: LOOKING 3@0x0,0 r1",
		"3 to 2: LOOKING 3@0x0,0 r1",
		"1 to 2: LOOKING 3@0x0,0 r1",
		"1 to 3: LOOKING 3@0x0,0 r1",
		"2 to 1: LOOKING 3@0x0,0 r1",
		"2 to 3: LOOKING 3@0x0,0 r1",
		"2 decides FOLLOWING 3@0x0,0 r1",
		"1 decides FOLLOWING 3@0x0,0 r1",
		"3 decides LEADING 3@0x0,0 r1",
		"3 is established, epoch 1",
	}
	if strings.Join(trace, "\n") != strings.Join(want, "\n") {
		t.Errorf("trace:\n%s", strings.Join(trace, "\n"))
	}
}
