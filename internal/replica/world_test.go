package replica

import (
	"container/heap"
	"fmt"
	"math/rand"
	"time"

	"github.com/paddock-io/paddock/internal/ensemble"
	"github.com/paddock-io/paddock/internal/zab"
	"github.com/paddock-io/paddock/proto"
)

// world is the simulation: a clock, a network with faults, servers, clients.
type world struct {
	counts
	rng   *rand.Rand
	now   time.Duration
	queue eventHeap
	seq   int
	ens   ensemble.Ensemble
	err   error

	nodes   []*node // voters, then observers
	voters  int
	clients []*client
	faults  bool
	local   bool          // sessions begin as local ones
	reading time.Duration // ReadOnlyAfter
	window  int           // transactions kept for learners; few of them force snapshots

	cut   map[[2]int]bool // pairs that cannot talk
	conns map[LinkID]*conn
	links LinkID

	established map[int64]int         // epoch to server
	history     map[proto.Zxid]string // what was decided
	newest      proto.Zxid
	early       map[expiry]string // expiries that came too soon; see expiring
}

type timed struct {
	at  time.Duration
	seq int
	fn  func()
}
type eventHeap []timed

func (h eventHeap) Len() int { return len(h) }
func (h eventHeap) Less(i, j int) bool {
	return h[i].at < h[j].at || h[i].at == h[j].at && h[i].seq < h[j].seq
}
func (h eventHeap) Swap(i, j int) { h[i], h[j] = h[j], h[i] }
func (h *eventHeap) Push(x any)   { *h = append(*h, x.(timed)) }
func (h *eventHeap) Pop() any {
	old := *h
	x := old[len(old)-1]
	*h = old[:len(old)-1]
	return x
}

const ms = time.Millisecond

func newWorld(seed int64) *world {
	w := &world{rng: rand.New(rand.NewSource(seed)), cut: map[[2]int]bool{}, conns: map[LinkID]*conn{},
		established: map[int64]int{}, history: map[proto.Zxid]string{}, early: map[expiry]string{}}
	w.voters = 3 + 2*w.rng.Intn(2)
	n := w.voters + w.rng.Intn(3)
	if w.local = seed%3 == 0; seed%2 == 0 {
		w.reading = 300 * ms
	}
	w.window = []int{10, 100, 1000, 0}[w.rng.Intn(4)]
	text := ""
	for i := 1; i <= n; i++ {
		role := "participant"
		if i > w.voters {
			role = "observer"
		}
		text += fmt.Sprintf("server.%d=h%d:2888:3888:%s;0.0.0.0:2181\n", i, i, role)
	}
	ens, err := ensemble.Parse(text + "version=0")
	must(err)
	w.ens = ens
	for i := 1; i <= n; i++ {
		nd := newNode(w, i)
		w.nodes = append(w.nodes, nd)
		w.after(time.Duration(w.rng.Intn(300))*ms, nd.boot)
	}
	for i := range 3 + w.rng.Intn(3) {
		c := &client{w: w, id: i, written: map[string]fate{}}
		w.clients = append(w.clients, c)
		w.after(time.Duration(w.rng.Intn(2000))*ms, c.connect)
	}
	return w
}

func must(err error) {
	if err != nil {
		panic(err)
	}
}

func (w *world) wall() int64 { return 1_700_000_000_000 + w.now.Milliseconds() }

func (w *world) after(d time.Duration, fn func()) {
	w.seq++
	heap.Push(&w.queue, timed{w.now + d, w.seq, fn})
}

func (w *world) delay() time.Duration {
	if w.faults && w.rng.Intn(50) == 0 {
		return time.Duration(w.rng.Intn(400)) * ms
	}
	return time.Duration(200+w.rng.Intn(3000)) * time.Microsecond
}

func (w *world) fail(format string, args ...any) {
	if w.err == nil {
		w.err = fmt.Errorf("at %v: "+format, append([]any{w.now}, args...)...)
	}
}

func (w *world) runUntil(at time.Duration) {
	for len(w.queue) > 0 && w.queue[0].at <= at && w.err == nil {
		e := heap.Pop(&w.queue).(timed)
		w.now = e.at
		e.fn()
	}
	w.now = at
}

// fault makes one thing go wrong and plans the next.
func (w *world) fault() {
	if !w.faults {
		return
	}
	n := w.nodes[w.rng.Intn(len(w.nodes))]
	soon := func(most int) time.Duration { return time.Duration(w.rng.Intn(most)) * ms }
	switch w.rng.Intn(9) {
	case 0, 1:
		n.crash(soon(2000))
	case 2: // everybody at once
		if w.rng.Intn(4) == 0 {
			for _, n := range w.nodes {
				n.crash(soon(1000))
			}
		}
	case 3:
		m := w.nodes[w.rng.Intn(len(w.nodes))]
		if n != m {
			w.separate(n.id, m.id)
			w.after(soon(3000), func() { w.join(n.id, m.id) })
		}
	case 4: // one against all
		for _, m := range w.nodes {
			if m != n {
				w.separate(n.id, m.id)
			}
		}
		w.after(soon(5000), func() {
			for _, m := range w.nodes {
				w.join(n.id, m.id)
			}
		})
	case 5:
		n.slow = soon(300)
		w.after(soon(4000), func() { n.slow = 0 })
	case 6:
		n.wipe(soon(2000))
	case 7:
		w.clients[w.rng.Intn(len(w.clients))].pause(soon(12_000))
	case 8:
		w.abandon(n)
		w.after(soon(5000), func() {
			for _, m := range w.nodes {
				w.join(n.id, m.id)
			}
		})
	}
	w.after(soon(1500), w.fault)
}

func pair(a, b int) [2]int { return [2]int{min(a, b), max(a, b)} }

func (w *world) apart(a, b int) bool { return w.cut[pair(a, b)] }

// separate stops what two servers send each other; links may break at once or
// later, or survive.
func (w *world) separate(a, b int) {
	w.cut[pair(a, b)] = true
	for id := LinkID(1); id <= w.links; id++ {
		if c := w.conns[id]; c != nil && pair(c.ends[0].n.id, c.ends[1].n.id) == pair(a, b) && w.rng.Intn(2) == 0 {
			w.breakConn(id, nil)
		}
	}
}

// abandon cuts a server off, and lets all others but not the server itself
// know: they elect another leader while it takes itself for one.
func (w *world) abandon(n *node) {
	for id := LinkID(1); id <= w.links; id++ {
		c := w.conns[id]
		if c == nil || c.ends[0].n != n && c.ends[1].n != n {
			continue
		}
		other := c.ends[0]
		if other.n == n {
			other = c.ends[1]
		}
		w.cut[pair(n.id, other.n.id)] = true
		w.breakConn(id, other.n)
		w.after(w.delay(), func() {
			if other.n.up && other.n.gen == other.gen {
				other.n.step(Disconnected{id, "reset"})
			}
		})
	}
	for _, m := range w.nodes {
		if m != n {
			w.cut[pair(n.id, m.id)] = true
		}
	}
}

func (w *world) join(a, b int) { delete(w.cut, pair(a, b)) }

func (w *world) heal() { clear(w.cut) }

// conn is a connection as TCP gives it: each direction is in order and loses
// nothing until the connection ends, a partition only delays.
type conn struct {
	ends   [2]end // ends[0] dialed
	closed bool
}

// end is one side of a connection, with what is on the way to it.
type end struct {
	n     *node
	gen   int
	queue []func()
	next  time.Duration // earliest next arrival
}

func (w *world) dial(from, to *node) {
	fgen := from.gen
	w.after(w.delay(), func() {
		if !from.up || from.gen != fgen {
			return
		}
		if !to.up || w.apart(from.id, to.id) {
			from.step(DialFailed{proto.PeerID(to.id), "refused"})
			return
		}
		w.links++
		id := w.links
		w.conns[id] = &conn{ends: [2]end{{n: from, gen: from.gen}, {n: to, gen: to.gen}}}
		to.step(Connected{id, false})
		from.step(Connected{id, true})
	})
}

// deliver puts a message on a connection.
func (w *world) deliver(from *node, id LinkID, m zab.Message) {
	c := w.conns[id]
	if c == nil || c.closed {
		return
	}
	to := &c.ends[1]
	if from == c.ends[1].n {
		to = &c.ends[0]
	}
	if f, ok := m.(*zab.Forward); ok {
		g := *f // as if decoded on the other side
		g.Body, _ = proto.DecodeRequest(f.Op, f.Raw)
		m = &g
	}
	w.enqueue(from, to, func() {
		if !c.closed {
			to.n.step(Message{id, m})
		}
	})
}

// enqueue has fn happen at an end, behind everything sent there before.
func (w *world) enqueue(from *node, to *end, fn func()) {
	to.queue = append(to.queue, fn)
	to.next = max(to.next+time.Microsecond, w.now+w.delay())
	w.after(to.next-w.now, func() { w.arrive(from, to) })
}

// arrive lets the oldest thing on the way happen, or waits while the servers
// are apart.
func (w *world) arrive(from *node, to *end) {
	if !to.n.up || to.n.gen != to.gen {
		return
	}
	if w.apart(from.id, to.n.id) {
		w.after(20*ms, func() { w.arrive(from, to) })
		return
	}
	fn := to.queue[0]
	to.queue = to.queue[1:]
	fn()
}

// breakConn ends a connection; everybody but by is told, behind what is on the
// way, and not before a partition ends.
func (w *world) breakConn(id LinkID, by *node) {
	c := w.conns[id]
	if c == nil || c.closed {
		return
	}
	c.closed = true
	delete(w.conns, id)
	for i := range c.ends {
		to, from := &c.ends[i], c.ends[1-i].n
		if to.n != by {
			w.enqueue(from, to, func() { to.n.step(Disconnected{id, "broken"}) })
		}
	}
}
