package replica

import (
	"container/heap"
	"flag"
	"fmt"
	"math/rand"
	"testing"
	"time"

	"github.com/paddock-io/paddock/internal/ensemble"
	"github.com/paddock-io/paddock/internal/tree"
	"github.com/paddock-io/paddock/internal/zab"
	"github.com/paddock-io/paddock/proto"
)

var (
	clusterSeed  = flag.Int64("cluster.seed", -1, "replay this one seed")
	clusterN     = flag.Int("cluster.n", 40, "how many seeds to run")
	clusterTrace = flag.Bool("cluster.trace", false, "print every action")
)

// TestCluster runs whole ensembles on a virtual clock, network and disk:
// servers crash and lose what was not synced, links break and partition, then
// the faults end, and every acknowledged write must be on every server.
func TestCluster(t *testing.T) {
	from, n := int64(1), *clusterN
	if *clusterSeed >= 0 {
		from, n = *clusterSeed, 1
	}
	if testing.Short() {
		n = min(n, 15)
	}
	for seed := from; seed < from+int64(n); seed++ {
		w := newWorld(seed)
		if err := w.run(); err != nil {
			t.Fatalf("seed %d: %v\nreplay: go test ./internal/replica -run TestCluster -cluster.seed=%d -cluster.trace", seed, err, seed)
		}
		t.Logf("seed %d: %d servers, %d acknowledged, %d crashes, %d elections, %d snapshots", seed, len(w.nodes), len(w.acked), w.crashes, w.elections, w.snaps)
	}
}

type world struct {
	rng   *rand.Rand
	now   time.Duration
	queue eventHeap
	seq   int
	nodes []*node
	ens   ensemble.Ensemble
	cut   map[[2]int]bool // pairs that cannot talk
	conns map[LinkID]*conn
	links LinkID
	acked map[string]bool
	err   error

	established map[int64]int // epoch to server
	crashes     int
	elections   int
	snaps       int
	faults      bool
	window      int // transactions kept for learners; few of them force snapshots
}

type conn struct {
	a, b   *node // a dialed
	agen   int
	bgen   int
	nextAB time.Duration // earliest next delivery, so that a direction stays in order
	nextBA time.Duration
	closed bool
}

type node struct {
	w    *world
	id   int
	gen  int // counts restarts
	up   bool
	r    *Replica
	tree *tree.Tree
	res  tree.Result
	role Role

	// disk
	snap     *tree.Tree // durable base of the log
	log      []*proto.Txn
	synced   int // log[:synced] survives a crash
	accepted int64
	current  int64
	opAt     time.Duration // when the disk is free again
	tickAt   time.Duration // when the next tick is planned

	session proto.SessionID
	cxid    int32
	waiting map[int32]string
	ready   bool
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
		acked: map[string]bool{}, established: map[int64]int{}}
	n := 3 + 2*w.rng.Intn(2)
	w.window = []int{10, 100, 1000, 0}[w.rng.Intn(4)]
	text := ""
	for i := 1; i <= n; i++ {
		text += fmt.Sprintf("server.%d=h%d:2888:3888:participant;0.0.0.0:2181\n", i, i)
	}
	ens, err := ensemble.Parse(text + "version=0")
	if err != nil {
		panic(err)
	}
	w.ens = ens
	for i := 1; i <= n; i++ {
		nd := &node{w: w, id: i, snap: tree.New()}
		w.nodes = append(w.nodes, nd)
		w.after(time.Duration(w.rng.Intn(300))*ms, nd.boot)
	}
	return w
}

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

func (w *world) run() error {
	w.faults = true
	w.fault()
	w.runUntil(20 * time.Second)
	w.faults = false
	clear(w.cut)
	for _, n := range w.nodes {
		if !n.up {
			n.boot()
		}
	}
	w.runUntil(60 * time.Second)
	if w.err != nil {
		return w.err
	}
	return w.check()
}

// fault makes one thing go wrong and plans the next.
func (w *world) fault() {
	if !w.faults {
		return
	}
	n := w.nodes[w.rng.Intn(len(w.nodes))]
	switch w.rng.Intn(6) {
	case 0, 1:
		if n.up {
			n.crash()
			w.after(time.Duration(w.rng.Intn(2000))*ms, n.boot)
		}
	case 2: // everybody at once
		if w.rng.Intn(4) == 0 {
			for _, n := range w.nodes {
				if n.up {
					n.crash()
					w.after(time.Duration(w.rng.Intn(1000))*ms, n.boot)
				}
			}
		}
	case 3:
		m := w.nodes[w.rng.Intn(len(w.nodes))]
		if n != m {
			w.separate(n.id, m.id, true)
			w.after(time.Duration(w.rng.Intn(3000))*ms, func() { w.separate(n.id, m.id, false) })
		}
	case 4: // one against all
		for _, m := range w.nodes {
			if m != n {
				w.separate(n.id, m.id, true)
			}
		}
		w.after(time.Duration(w.rng.Intn(3000))*ms, func() {
			for _, m := range w.nodes {
				w.separate(n.id, m.id, false)
			}
		})
	}
	w.after(time.Duration(w.rng.Intn(1500))*ms, w.fault)
}

func (w *world) separate(a, b int, cut bool) {
	if cut {
		w.cut[[2]int{min(a, b), max(a, b)}] = true
		for id, c := range w.conns {
			if !c.closed && (c.a.id == a && c.b.id == b || c.a.id == b && c.b.id == a) && w.rng.Intn(2) == 0 {
				w.breakConn(id, nil)
			}
		}
	} else {
		delete(w.cut, [2]int{min(a, b), max(a, b)})
	}
}

func (w *world) apart(a, b int) bool { return w.cut[[2]int{min(a, b), max(a, b)}] }

// breakConn ends a connection; everybody but by is told later.
func (w *world) breakConn(id LinkID, by *node) {
	c := w.conns[id]
	if c == nil || c.closed {
		return
	}
	c.closed = true
	for _, end := range []struct {
		n   *node
		gen int
		at  time.Duration
	}{{c.a, c.agen, c.nextBA}, {c.b, c.bgen, c.nextAB}} {
		if end.n == by {
			continue
		}
		w.after(max(end.at-w.now, 0)+w.delay(), func() {
			if end.n.up && end.n.gen == end.gen {
				end.n.step(Disconnected{id, "broken"})
			}
		})
	}
}

func clone(t *tree.Tree) *tree.Tree {
	l := tree.NewLoader()
	must(t.SnapSessions(l.Session))
	must(t.SnapACLs(l.ACL))
	must(t.SnapNodes(l.Node))
	c, err := l.Done()
	must(err)
	c.SetLastZxid(t.LastZxid())
	return c
}

func must(err error) {
	if err != nil {
		panic(err)
	}
}

// recover builds what the disk holds.
func (n *node) recover() (*tree.Tree, *zab.History) {
	t, hist := clone(n.snap), &zab.History{MaxTxns: n.w.window}
	hist.Reset(t.LastZxid())
	for _, txn := range n.log {
		t.Apply(txn, &n.res)
		hist.Add(txn)
	}
	return t, hist
}

func (n *node) boot() {
	if n.up {
		return
	}
	n.gen++
	n.up, n.role, n.ready, n.session = true, zab.RoleNone, false, 0
	t, hist := n.recover()
	n.tree = t
	n.r = New(Options{
		Self: proto.PeerID(n.id), Ensemble: n.w.ens, Tick: 400 * ms, InitTimeout: 4 * time.Second, SyncTimeout: 2 * time.Second,
		Prep: prepOptions,
	}, t, hist, zab.Durable{AcceptedEpoch: n.accepted, CurrentEpoch: n.current, LastZxid: t.LastZxid()})
	n.exec(n.r.Start(n.w.now, n.w.wall(), nil))
	n.schedule()
	n.client()
}

func (w *world) wall() int64 { return 1_700_000_000_000 + w.now.Milliseconds() }

func (n *node) crash() {
	n.w.crashes++
	n.up = false
	keep := n.synced + n.w.rng.Intn(len(n.log)-n.synced+1)
	n.log = n.log[:keep] // some of what was not synced may survive
	n.synced = keep
	for id, c := range n.w.conns {
		if c.a == n || c.b == n {
			n.w.breakConn(id, n)
		}
	}
}

func (n *node) step(ev Event) {
	if n.w.err != nil {
		return
	}
	n.exec(n.r.Step(n.w.now, ev, nil))
	n.schedule()
}

// schedule plans the next tick, unless one is planned that is early enough.
func (n *node) schedule() {
	at := max(min(n.r.Deadline(), n.w.now+50*ms), n.w.now+ms)
	if n.tickAt > n.w.now && n.tickAt <= at {
		return
	}
	n.tickAt = at
	gen := n.gen
	n.w.after(at-n.w.now, func() {
		if !n.up || n.gen != gen || n.tickAt != at {
			return
		}
		if n.session != 0 {
			n.step(Touched{[]Touch{{ID: n.session, TimeoutMs: 8000}}})
		}
		n.step(Tick{n.w.wall()})
	})
}

// disk runs fn when the disk has done everything before it.
func (n *node) disk(fn func()) {
	n.opAt = max(n.opAt, n.w.now) + n.w.delay()
	gen := n.gen
	n.w.after(n.opAt-n.w.now, func() {
		if n.up && n.gen == gen {
			fn()
		}
	})
}

func (n *node) exec(actions []Action) {
	for _, a := range actions {
		if *clusterTrace {
			if _, ok := a.(SendVote); !ok {
				fmt.Printf("%12v server %d: %T%+v\n", n.w.now, n.id, a, a)
			}
		}
		n.do(a)
	}
}

func (n *node) do(a Action) {
	w := n.w
	switch a := a.(type) {
	case Send:
		w.deliver(n, a.Link, a.Msg)
	case SendVote:
		peer := w.nodes[a.To-1]
		switch {
		case w.apart(n.id, peer.id):
		case !peer.up:
			w.after(w.delay(), func() {
				if n.up {
					n.step(Reachable{a.To, false})
				}
			})
		default:
			w.after(w.delay(), func() {
				if peer.up && !w.apart(n.id, peer.id) {
					peer.step(Vote{proto.PeerID(n.id), a.Note})
				}
			})
		}
	case Dial:
		w.dial(n, w.nodes[a.Leader-1])
	case Hangup:
		w.breakConn(a.Link, n)
	case SendSnapshot:
		w.snaps++
		w.deliver(n, a.Link, zab.Snap{Zxid: a.Zxid, State: clone(n.tree)})
		gen := n.gen
		w.after(w.delay(), func() {
			if n.up && n.gen == gen {
				n.step(SnapshotSent{a.Link})
			}
		})
	case Append:
		n.append(a.Txn)
	case SaveEpoch:
		n.disk(func() {
			if a.Kind == zab.AcceptedEpoch {
				n.accepted = a.Epoch
			} else {
				n.current = a.Epoch
			}
			n.step(EpochSaved{a.Kind, a.Epoch})
		})
	case Truncate:
		n.disk(func() {
			for len(n.log) > 0 && n.log[len(n.log)-1].Zxid > a.Zxid {
				n.log = n.log[:len(n.log)-1]
			}
			n.synced = len(n.log)
			t, _ := n.recover()
			n.tree.Replace(t)
			n.step(Truncated{a.Zxid, n.tree.LastZxid()})
		})
	case Reload:
		n.disk(func() {
			t, _ := n.recover()
			n.tree.Replace(t)
			n.step(Reloaded{n.tree.LastZxid()})
		})
	case Install:
		n.tree.Replace(a.State.(*tree.Tree))
		n.tree.SetLastZxid(a.Zxid)
	case SaveSnapshot:
		n.disk(func() {
			n.snap, n.log, n.synced = clone(n.tree), nil, 0
			n.step(SnapshotSaved{a.Zxid})
		})
	case Apply:
		n.apply(a.Txn)
	case SetLast:
		n.tree.SetLastZxid(a.Zxid)
	case Serve:
		n.role = a.Role
		if a.Role == zab.RoleLeader {
			w.elections++
			if other, ok := w.established[a.Epoch]; ok {
				w.fail("servers %d and %d both lead epoch %d", other, n.id, a.Epoch)
			}
			w.established[a.Epoch] = n.id
		}
		n.openSession()
	case StopServing:
		n.role, n.session, n.ready = zab.RoleNone, 0, false
	case Note, Synced, Revalidated:
	default:
		panic(fmt.Sprintf("unknown action %T", a))
	}
}

func (n *node) append(t *proto.Txn) {
	n.log = append(n.log, t)
	end := len(n.log)
	n.disk(func() {
		if end <= len(n.log) {
			n.synced = max(n.synced, end)
		}
		n.step(Persisted{t.Zxid})
	})
}

func (n *node) apply(t *proto.Txn) {
	n.tree.Apply(t, &n.res)
	if n.res.DigestMismatch {
		n.w.fail("server %d: digest differs at %s", n.id, t.Zxid)
	}
	n.r.Step(n.w.now, Applied{t.Zxid}, nil)
	if t.Session != n.session || n.role == zab.RoleNone {
		return
	}
	switch t.Type {
	case proto.OpCreateSession:
		n.ready = true
	case proto.OpCreate:
		if path, ok := n.waiting[t.Cxid]; ok {
			n.w.acked[path] = true
			delete(n.waiting, t.Cxid)
		}
	}
}

func (n *node) openSession() {
	n.cxid, n.waiting = 0, map[int32]string{}
	n.session = proto.SessionID(int64(n.id)<<56 | int64(n.w.now))
	q := &Request{}
	q.Session, q.Op, q.Body = n.session, proto.OpCreateSession, &proto.CreateSessionRequest{Timeout: 8000}
	q.Raw = q.Body.Append(nil)
	n.step(q)
}

// client writes as long as the server is up.
func (n *node) client() {
	gen := n.gen
	n.w.after(time.Duration(5+n.w.rng.Intn(40))*ms, func() {
		if !n.up || n.gen != gen {
			return
		}
		if n.ready && n.w.now < 50*time.Second {
			for range 1 + n.w.rng.Intn(4) {
				n.cxid++
				path := fmt.Sprintf("/s%x-%d", int64(n.session), n.cxid)
				n.waiting[n.cxid] = path
				q := &Request{}
				q.Session, q.Cxid, q.Op = n.session, n.cxid, proto.OpCreate
				q.Body = &proto.CreateRequest{Path: path, Data: []byte("x"), ACL: proto.OpenACL}
				q.Raw = q.Body.Append(nil)
				n.step(q)
			}
		}
		n.client()
	})
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
		w.conns[id] = &conn{a: from, b: to, agen: from.gen, bgen: to.gen}
		to.step(Connected{id, false})
		from.step(Connected{id, true})
	})
}

func (w *world) deliver(from *node, id LinkID, m zab.Message) {
	c := w.conns[id]
	if c == nil || c.closed {
		return
	}
	to, gen, next := c.b, c.bgen, &c.nextAB
	if from == c.b {
		to, gen, next = c.a, c.agen, &c.nextBA
	}
	if f, ok := m.(*zab.Forward); ok {
		g := *f // as if decoded on the other side
		g.Body, _ = proto.DecodeRequest(f.Op, f.Raw)
		m = &g
	}
	if w.apart(from.id, to.id) {
		return // lost with the link, which the silence will end
	}
	*next = max(*next+time.Microsecond, w.now+w.delay())
	w.after(*next-w.now, func() {
		if to.up && to.gen == gen && !c.closed {
			to.step(Message{id, m})
		}
	})
}

// check demands that everybody serves, agrees, and has what was acknowledged.
func (w *world) check() error {
	leaders := 0
	for _, n := range w.nodes {
		if n.role == zab.RoleNone {
			return fmt.Errorf("server %d does not serve at the end: %+v", n.id, n.r.Status())
		}
		if n.role == zab.RoleLeader {
			leaders++
		}
		first := w.nodes[0]
		if n.tree.Digest() != first.tree.Digest() {
			return fmt.Errorf("servers %d and %d differ: zxid %s digest %x, zxid %s digest %x", first.id, n.id,
				first.tree.LastZxid(), first.tree.Digest(), n.tree.LastZxid(), n.tree.Digest())
		}
		for path := range w.acked {
			if _, ok := n.tree.Get(path); !ok {
				return fmt.Errorf("server %d lost the acknowledged %s", n.id, path)
			}
		}
	}
	if leaders != 1 {
		return fmt.Errorf("%d leaders at the end", leaders)
	}
	if len(w.acked) < 50 {
		return fmt.Errorf("only %d writes were acknowledged", len(w.acked))
	}
	return nil
}
