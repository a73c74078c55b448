package election

import (
	"container/heap"
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/paddock-io/paddock/internal/ensemble"
	"github.com/paddock-io/paddock/proto"
)

// world runs elections over a simulated network in simulated time, and behind them as much of Zab as an election
// notices: followers knock at their leader, a leader with a quorum of them is established and brings them to its
// history, and a role that comes to nothing ends in a new election. One seed, one history.
type world struct {
	rng   *rand.Rand
	ens   ensemble.Ensemble
	nodes []*node // by id - 1
	now   time.Duration
	queue eventQueue
	seq   int

	faulty    bool // the network loses, repeats and reorders
	delayMax  time.Duration
	lastOn    map[[2]int]time.Duration // when the previous message of a pair arrives: order is kept while not faulty
	onDecided func(n *node, v Vote)
	trace     func(format string, args ...any)
}

type node struct {
	id      proto.PeerID
	up      bool
	starts  int  // incarnation, or term: what was planned for an older one does not happen
	java    bool // hears nothing of refused connections and takes no advice
	e       *Election
	zxid    proto.Zxid
	epoch   int64
	serving bool
	behind  []proto.PeerID // of a leader: who follows
}

type event struct {
	at  time.Duration
	seq int
	do  func()
}

type eventQueue []event

func (q eventQueue) Len() int { return len(q) }
func (q eventQueue) Less(i, j int) bool {
	return q[i].at < q[j].at || q[i].at == q[j].at && q[i].seq < q[j].seq
}
func (q eventQueue) Swap(i, j int) { q[i], q[j] = q[j], q[i] }
func (q *eventQueue) Push(x any)   { *q = append(*q, x.(event)) }
func (q *eventQueue) Pop() any {
	old := *q
	ev := old[len(old)-1]
	*q = old[:len(old)-1]
	return ev
}

const (
	initLimit  = 3 * time.Second        // how long a leader waits for a quorum of followers
	knockLimit = 500 * time.Millisecond // how long a follower knocks, as Java does: five times, 100 ms apart
	knockPause = 100 * time.Millisecond
)

func newWorld(seed uint64, ens ensemble.Ensemble) *world {
	w := &world{
		rng: rand.New(rand.NewPCG(seed, 0)), ens: ens, delayMax: 5 * ms, lastOn: map[[2]int]time.Duration{},
		onDecided: func(*node, Vote) {}, trace: func(string, ...any) {},
	}
	for i := range ens.Members {
		w.nodes = append(w.nodes, &node{id: proto.PeerID(i + 1)})
	}
	return w
}

func (w *world) after(d time.Duration, do func()) {
	heap.Push(&w.queue, event{w.now + d, w.seq, do})
	w.seq++
}

// run lets the world go on until the time, or until done.
func (w *world) run(until time.Duration, done func() bool) {
	for len(w.queue) > 0 && w.queue[0].at <= until && !done() {
		ev := heap.Pop(&w.queue).(event)
		w.now = ev.at
		ev.do()
	}
	if !done() {
		w.now = until
	}
}

func (w *world) upto(d time.Duration) time.Duration { return time.Duration(w.rng.Int64N(int64(d) + 1)) }

// start boots a node with what its disk holds.
func (w *world) start(n *node) {
	if n.up {
		return
	}
	n.up = true
	n.e = New(w.ens, Options{Self: n.id})
	w.trace("%v: %d starts", w.now, n.id)
	w.look(n)
}

func (w *world) stop(n *node) {
	w.trace("%v: %d stops", w.now, n.id)
	n.up = false
	w.leave(n)
}

// leave ends the role of n: its followers, or its leader, notice a little later.
func (w *world) leave(n *node) {
	n.starts++
	n.serving = false
	for _, id := range n.behind {
		f, term := w.nodes[id-1], w.nodes[id-1].starts
		w.after(w.upto(20*ms), func() { w.relook(f, term) })
	}
	n.behind = nil
	if n.e == nil || n.e.State() == Looking {
		return
	}
	if l := w.nodes[n.e.Vote().Leader-1]; l != n {
		l.behind = slices.DeleteFunc(l.behind, func(id proto.PeerID) bool { return id == n.id })
		term := l.starts
		w.after(w.upto(20*ms), func() {
			if l.serving && !w.quorum(l) {
				w.relook(l, term)
			}
		})
	}
}

// relook starts an election at n unless its term has ended otherwise.
func (w *world) relook(n *node, term int) {
	if n.up && n.starts == term && n.e.State() != Looking {
		w.leave(n)
		w.look(n)
	}
}

func (w *world) look(n *node) { w.do(n, n.e.Start(w.now, n.zxid, n.epoch, nil)) }

func (w *world) do(n *node, actions []Action) {
	for _, a := range actions {
		switch a := a.(type) {
		case Send:
			w.send(n, w.nodes[a.To-1], a.Note)
		case Decided:
			w.decided(n, a)
		}
	}
	if term := n.starts; n.e.Deserted() && !n.java {
		w.relook(n, term)
	}
	if d := n.e.Deadline(); d != Never {
		e := n.e
		w.after(max(0, d-w.now), func() {
			if n.up && n.e == e && e.Deadline() <= w.now {
				w.do(n, e.Tick(w.now, nil))
			}
		})
	}
}

func (w *world) send(from, to *node, note proto.Notification) {
	w.trace("%v: %d to %d: %v %s", w.now, from.id, to.id, note.State,
		showVote(Vote{note.Leader, note.Zxid, note.Round, note.PeerEpoch}))
	if !to.up {
		e := from.e
		w.after(w.upto(ms), func() {
			if from.up && from.e == e && !from.java {
				w.do(from, e.PeerUnreachable(w.now, to.id, nil))
			}
		})
		return
	}
	copies := 1
	if w.faulty {
		copies = []int{0, 0, 1, 1, 1, 1, 1, 2}[w.rng.IntN(8)]
	}
	for range copies {
		at := w.now + w.upto(w.delayMax)
		if pair := [2]int{int(from.id), int(to.id)}; !w.faulty {
			at = max(at, w.lastOn[pair])
			w.lastOn[pair] = at
		}
		e := to.e
		w.after(at-w.now, func() {
			if to.up && to.e == e {
				w.do(to, e.Receive(w.now, from.id, note, nil))
			}
		})
	}
}

func (w *world) decided(n *node, d Decided) {
	w.trace("%v: %d decides %v %s", w.now, n.id, d.State, showVote(d.Vote))
	w.onDecided(n, d.Vote)
	n.starts++
	term := n.starts
	if d.State != Leading {
		w.knock(n, w.nodes[d.Vote.Leader-1], term, w.now+knockLimit)
		return
	}
	w.gather(n)
	w.after(initLimit, func() {
		if !n.serving {
			w.relook(n, term)
		}
	})
}

// knock is a learner's attempt to connect, until it gives up.
func (w *world) knock(n, l *node, term int, until time.Duration) {
	switch {
	case !n.up || n.starts != term:
	case l.up && l.e.State() == Leading && !newer(n, l):
		l.behind = append(l.behind, n.id)
		w.gather(l)
	case w.now >= until:
		w.relook(n, term)
	default:
		w.after(knockPause, func() { w.knock(n, l, term, until) })
	}
}

// newer reports what makes a leader refuse a learner: a history later than its own.
func newer(n, l *node) bool {
	return n.epoch > l.epoch || n.epoch == l.epoch && n.zxid > l.zxid
}

// gather establishes a leader once a quorum follows, and then everybody behind it.
func (w *world) gather(l *node) {
	if !l.serving {
		if !w.quorum(l) {
			return
		}
		for _, n := range w.nodes { // a quorum has accepted every epoch there was
			l.epoch = max(l.epoch, n.epoch)
		}
		l.epoch++
		l.zxid, l.serving = proto.MakeZxid(l.epoch, 0), true
		l.e.Established(l.epoch)
		w.trace("%v: %d is established, epoch %d", w.now, l.id, l.epoch)
	}
	for _, id := range l.behind {
		f := w.nodes[id-1]
		f.epoch, f.zxid, f.serving = l.epoch, l.zxid, true
		f.e.Established(l.epoch)
	}
}

func (w *world) quorum(l *node) bool {
	return w.ens.Quorum(func(id int64) bool {
		return id == int64(l.id) || slices.Contains(l.behind, proto.PeerID(id))
	})
}

// leader returns whom everybody that is up serves under, if it is one server and its followers know.
func (w *world) leader() *node {
	var leader *node
	for _, n := range w.nodes {
		if !n.up {
			continue
		}
		if !n.serving || leader != nil && n.e.Vote().Leader != leader.id {
			return nil
		}
		leader = w.nodes[n.e.Vote().Leader-1]
	}
	if leader == nil || !leader.up || leader.e.State() != Leading {
		return nil
	}
	return leader
}

func (w *world) String() string {
	s := fmt.Sprintf("at %v:", w.now)
	for _, n := range w.nodes {
		if s += fmt.Sprintf("\n%d up %v java %v epoch %d zxid %v", n.id, n.up, n.java, n.epoch, n.zxid); n.e != nil {
			s += fmt.Sprintf(" %v %s serving %v", n.e.State(), showVote(n.e.Vote()), n.serving)
		}
	}
	return s
}
