package replica

import (
	"fmt"
	"time"

	"github.com/paddock-io/paddock/internal/prep"
	"github.com/paddock-io/paddock/internal/tree"
	"github.com/paddock-io/paddock/internal/zab"
	"github.com/paddock-io/paddock/proto"
)

// node is a server of the simulation: a Replica, and the shell around it.
type node struct {
	w    *world
	id   int
	gen  int // counts restarts
	reqs Requests
	up   bool
	r    *Replica
	tree *tree.Tree
	res  tree.Result
	role Role
	lane map[proto.SessionID]*client // who is connected here

	// disk
	empty    bool       // was wiped, and must not be trusted
	snap     *tree.Tree // durable base of the log
	log      []*proto.Txn
	synced   int // log[:synced] survives a crash
	accepted int64
	current  int64
	slow     time.Duration // what every operation takes longer
	opAt     time.Duration // when the disk is free again
	tickAt   time.Duration // when the next tick is planned
}

func newNode(w *world, id int) *node { return &node{w: w, id: id, snap: tree.New()} }

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

// recover builds what the disk holds.
func (n *node) recover() (*tree.Tree, *zab.History) {
	t, hist := clone(n.snap), &zab.History{MaxTxns: n.w.window}
	hist.Reset(t.LastZxid())
	if n.empty {
		hist.Reset(-1)
	}
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
	n.up, n.role, n.lane = true, zab.RoleNone, map[proto.SessionID]*client{}
	n.tickAt = 0
	t, hist := n.recover()
	n.tree = t
	n.r = New(Options{
		Self: proto.PeerID(n.id), Ensemble: n.w.ens, Observer: n.id > n.w.voters,
		Tick: 400 * ms, InitTimeout: 4 * time.Second, SyncTimeout: 2 * time.Second, Prep: prep.Options{Digest: true, ExtendedTypes: true},
		Reap:          ReapOptions{Interval: time.Second, PerMinute: 10000},
		LocalSessions: n.w.local, UpgradeSessions: true, ReadOnlyAfter: n.w.reading,
	}, t, hist, zab.Durable{AcceptedEpoch: n.accepted, CurrentEpoch: n.current, LastZxid: hist.Last()})
	n.exec(n.r.Start(n.w.now, n.w.wall(), nil))
	n.schedule()
}

// crash stops the server; some of what was not synced may survive.
func (n *node) crash(down time.Duration) {
	if !n.up {
		return
	}
	w := n.w
	w.crashes++
	n.up = false
	keep := n.synced + w.rng.Intn(len(n.log)-n.synced+1)
	n.log = n.log[:keep]
	n.synced = keep
	for id := LinkID(1); id <= w.links; id++ {
		if c := w.conns[id]; c != nil && (c.ends[0].n == n || c.ends[1].n == n) {
			w.breakConn(id, n)
		}
	}
	n.dropClients()
	w.after(down, n.boot)
}

// wipe stops the server and loses its disk. A voter comes back untrusted, as
// with db.autocreate=false, since a voter that forgets its promises is beyond
// what the protocol survives; and one at a time.
func (n *node) wipe(down time.Duration) {
	if !n.up {
		return
	}
	for _, m := range n.w.nodes {
		if m.empty && n.id <= n.w.voters {
			return
		}
	}
	n.crash(down)
	n.w.wipes++
	n.snap, n.log, n.synced, n.accepted, n.current = tree.New(), nil, 0, 0, 0
	n.empty = n.id <= n.w.voters
}

func (n *node) dropClients() {
	for _, c := range n.w.clients { // in a fixed order
		if c.node == n {
			c.disconnected()
		}
	}
	clear(n.lane)
	n.reqs = nil
}

// submit gives a request to the server with what else comes until its next turn.
func (n *node) submit(q *Request) {
	n.reqs = append(n.reqs, q)
	if len(n.reqs) > 1 {
		return
	}
	gen := n.gen
	n.w.after(time.Duration(n.w.rng.Intn(4))*ms, func() {
		if !n.up || n.gen != gen || len(n.reqs) == 0 {
			return
		}
		reqs := n.reqs
		n.reqs = nil
		for i := 1; i < len(reqs); i++ {
			if reqs[i-1].Op == proto.OpSync && reqs[i].Op == proto.OpSync {
				n.w.together++
			}
		}
		n.step(reqs)
	})
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
		var touches []Touch
		for _, c := range n.w.clients {
			if n.lane[c.session] == c && !c.paused {
				touches = append(touches, Touch{ID: c.session, TimeoutMs: sessionMs})
			}
		}
		n.step(Touched{touches})
		n.step(Tick{n.w.wall()})
	})
}

// disk runs fn when the disk has done everything before it. Being slow is
// latency only: whatever has queued is synced together.
func (n *node) disk(fn func()) {
	n.opAt = max(n.opAt+time.Microsecond, n.w.now+n.w.delay()+n.slow)
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
			n.trace(a)
		}
		n.do(a)
	}
}

func (n *node) trace(a Action) {
	switch a := a.(type) {
	case SendVote:
		v := a.Note
		fmt.Printf("%12v server %d: vote to %d: state %d, leader %d, zxid %s, round %d, epoch %d\n", n.w.now, n.id, a.To, v.State, v.Leader, v.Zxid, v.Round, v.PeerEpoch)
	case Apply:
		fmt.Printf("%12v server %d: apply %s of %s: %d %T%+v\n", n.w.now, n.id, a.Txn.Zxid, a.Txn.Session, a.Txn.Cxid, a.Txn.Body, a.Txn.Body)
	case Append:
		fmt.Printf("%12v server %d: append %s\n", n.w.now, n.id, a.Txn.Zxid)
	default:
		fmt.Printf("%12v server %d: %T%+v\n", n.w.now, n.id, a, a)
	}
}

func (n *node) do(a Action) {
	w := n.w
	switch a := a.(type) {
	case Send:
		w.deliver(n, a.Link, a.Msg)
	case SendVote:
		n.sendVote(a)
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
	case Apply:
		n.apply(a.Txn)
	case SetLast:
		n.tree.SetLastZxid(a.Zxid)
	case Serve:
		n.role = a.Role
		switch a.Role {
		case zab.RoleLeader:
			w.leads(n, a.Epoch)
		case zab.RoleReadOnly:
			w.readOnly(n)
		}
	case StopServing:
		n.role = zab.RoleNone
		n.dropClients()
	case Synced:
		if c := n.lane[a.Session]; c != nil {
			c.synced(n, a.Cxid)
		}
	case SessionOpened:
		if c := n.lane[a.Session]; c != nil {
			w.locals++
			c.answer(0, proto.OpCreateSession, proto.OK)
		}
	case SessionEnded:
		if why, early := w.early[expiry{n.r.Status().Epoch, a.Session.String()}]; early && a.Expired {
			w.fail("local session %s %s", a.Session, why)
		}
		switch c := n.lane[a.Session]; {
		case c == nil:
		case a.Expired:
			c.expired(n)
		default:
			c.closing(a.Cxid)
		}
	case SessionMoved:
		if c := n.lane[a.Session]; c != nil {
			w.fail("client %d is cut off as moved, and is here", c.id)
		}
	case Revalidated:
		w.clients[a.Conn].revalidated(n, a)
	case Note:
		switch a.Fact {
		case zab.FactSessionExpired:
			w.expiring(n, a.Text)
		case zab.FactSessionUpgraded:
			w.upgrades++
		}
	default:
		n.write(a)
	}
}

func (n *node) sendVote(a SendVote) {
	w, peer := n.w, n.w.nodes[a.To-1]
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
}

// write runs the actions that concern the disk.
func (n *node) write(a Action) {
	switch a := a.(type) {
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
		n.w.truncs++
		n.disk(func() {
			for len(n.log) > 0 && n.log[len(n.log)-1].Zxid > a.Zxid {
				n.log = n.log[:len(n.log)-1]
			}
			n.synced = len(n.log)
			n.step(Truncated{a.Zxid, n.reload()})
		})
	case Reload:
		n.disk(func() { n.step(Reloaded{n.reload()}) })
	case Install:
		n.tree.Replace(clone(a.State.(*tree.Tree)))
		n.tree.SetLastZxid(a.Zxid)
	case SaveSnapshot:
		n.disk(func() {
			n.snap, n.log, n.synced, n.empty = clone(n.tree), nil, 0, false
			n.step(SnapshotSaved{a.Zxid})
		})
	default:
		panic(fmt.Sprintf("unknown action %T", a))
	}
}

func (n *node) reload() proto.Zxid {
	t, hist := n.recover()
	n.tree.Replace(t)
	return hist.Last()
}

func (n *node) append(t *proto.Txn) {
	if k := len(n.log); k > 0 && t.Zxid <= n.log[k-1].Zxid {
		n.w.fail("server %d: log goes back from %s to %s", n.id, n.log[k-1].Zxid, t.Zxid)
	}
	n.log = append(n.log, t)
	end := len(n.log)
	n.disk(func() {
		n.synced = max(n.synced, min(end, len(n.log)))
		n.step(Persisted{t.Zxid})
	})
}

func (n *node) apply(t *proto.Txn) {
	if n.role != zab.RoleNone {
		n.w.decided(n, t)
	}
	n.tree.Apply(t, &n.res)
	if n.res.DigestMismatch {
		n.w.fail("server %d: digest differs at %s", n.id, t.Zxid)
	}
	n.r.Step(n.w.now, Applied{t.Zxid}, nil)
	if n.role == zab.RoleNone {
		return
	}
	if c := n.lane[t.Session]; c != nil {
		c.applied(n, t, n.res.Err)
	}
}
