package replica

import (
	"fmt"
	"time"

	"github.com/paddock-io/paddock/internal/zab"
	"github.com/paddock-io/paddock/proto"
)

// sessionMs is the timeout of every simulated session.
const sessionMs = 6000

// client is one user of the ensemble: it keeps a session, moves it between
// servers, writes znodes of its own, and remembers what it was told.
type client struct {
	w       *world
	id      int
	session proto.SessionID // 0 without one
	opened  bool            // the session was confirmed
	node    *node           // connected to, nil if not
	dialing bool            // a connection is being tried
	try     int             // counts connections
	paused  bool            // gives no sign of life
	done    bool
	cxid    int32
	lane    []entry // sent and not answered, oldest first
	seq     int     // of the writes to the register
	written map[string]fate
	groups  [][]string    // created by one multi each
	heardAt time.Duration // when the newest answered request was sent
	sure    int           // newest register value that was acknowledged
}

// entry is a request on its way.
type entry struct {
	cxid   int32
	op     proto.OpCode
	sentAt time.Duration
	after  proto.Zxid // for a sync: what had been answered to anybody
	ready  bool       // a sync that may be answered once it is the oldest
	done   func(err proto.ErrCode)
}

// fate is what must be true of a path at the end.
type fate uint8

const (
	maybe     fate = iota // never answered
	exists                // acknowledged
	gone                  // its deletion was acknowledged
	ephemeral             // acknowledged, and ends with its session
)

// expiry is the decision of a leader that a session is over.
type expiry struct {
	epoch   int64
	session string
}

// expiring notes whether a leader expires a session too soon: it saw the newest
// answered request after that was sent. A leader that was deposed and does not
// know it may do so; what it proposes is never decided.
func (w *world) expiring(n *node, id string) {
	for _, c := range w.clients {
		if c.session.String() == id && c.opened && w.now < c.heardAt+sessionMs*ms {
			w.early[expiry{n.r.Status().Epoch, id}] = fmt.Sprintf("expired at %v, though a request of %v was answered", w.now, c.heardAt)
		}
	}
}

// connect tries a server, and again later if that comes to nothing.
func (c *client) connect() {
	w := c.w
	if c.dialing {
		return
	}
	n := w.nodes[w.rng.Intn(len(w.nodes))]
	if c.paused || !n.up || n.role == zab.RoleNone || n.role == zab.RoleReadOnly {
		if !c.done {
			c.dialing = true
			w.after(time.Duration(20+w.rng.Intn(100))*ms, func() { c.dialing = false; c.connect() })
		}
		return
	}
	c.try++
	c.node = n
	c.lane = c.lane[:0]
	if c.session == 0 {
		c.session = proto.SessionID(int64(n.id)<<56 | int64(w.now)<<8 | int64(c.id))
		c.opened = false
	}
	if !c.opened {
		n.lane[c.session] = c
		c.submit(proto.OpCreateSession, &proto.CreateSessionRequest{Timeout: sessionMs}, func(proto.ErrCode) {
			c.opened = true
			c.ready()
		})
		return
	}
	w.moves++
	n.step(Revalidate{ID: c.session, TimeoutMs: sessionMs, Conn: uint64(c.id)})
}

func (c *client) revalidated(n *node, a Revalidated) {
	if c.node != n || a.ID != c.session || n.lane[c.session] == c {
		return // an answer to an earlier connection
	}
	if !a.Valid {
		c.lostSession()
		c.node = nil
		c.connect()
		return
	}
	n.lane[c.session] = c
	c.ready()
}

// lostSession forgets the session; its ephemerals go with it.
func (c *client) lostSession() {
	c.w.expired++
	for p, f := range c.written {
		if f == ephemeral {
			c.written[p] = gone
		}
	}
	c.session, c.opened = 0, false
}

func (c *client) disconnected() {
	if c.node == nil {
		return
	}
	c.w.lost += len(c.lane)
	delete(c.node.lane, c.session)
	c.node = nil
	c.lane = c.lane[:0]
	if !c.opened {
		c.session = 0 // it may exist; nobody will ask for it
	}
	c.connect()
}

// pause makes the client silent for a while.
func (c *client) pause(d time.Duration) {
	c.paused = true
	c.w.after(d, func() { c.paused = false })
}

// finish ends the client; what is under way may still be answered.
func (c *client) finish() { c.done = true }

// ready runs as long as the connection does.
func (c *client) ready() {
	try := c.try
	c.w.after(time.Duration(5+c.w.rng.Intn(60))*ms, func() {
		if c.node == nil || c.try != try || c.done || c.w.err != nil {
			return
		}
		if !c.paused {
			for range 1 + c.w.rng.Intn(4) {
				if c.node != nil && c.try == try {
					c.act()
				}
			}
			if c.node != nil && c.try == try && c.w.rng.Intn(40) == 0 {
				c.disconnected() // moves to another server
			}
		}
		if c.node != nil && c.try == try {
			c.ready()
		}
	})
}

// submit sends a request.
func (c *client) submit(op proto.OpCode, body proto.Request, done func(proto.ErrCode)) {
	q := &Request{}
	q.Session, q.Op, q.Body = c.session, op, body
	if op != proto.OpCreateSession && op != proto.OpCloseSession {
		c.cxid++
		q.Cxid = c.cxid
	}
	if body != nil {
		q.Raw = body.Append(nil)
	}
	c.lane = append(c.lane, entry{cxid: q.Cxid, op: op, sentAt: c.w.now, after: c.w.newest, done: done})
	c.node.submit(q)
}

// act sends one request of some kind.
func (c *client) act() {
	if n := len(c.lane); n > 0 && c.lane[n-1].op == proto.OpCloseSession {
		return // a server would not run it
	}
	rng := c.w.rng
	path := fmt.Sprintf("/c%d-%d", c.id, c.cxid)
	create := func(path string, flags proto.CreateFlags) *proto.CreateRequest {
		return &proto.CreateRequest{Path: path, Data: []byte("x"), ACL: proto.OpenACL, Flags: flags}
	}
	switch rng.Intn(11) {
	case 0, 1, 2:
		c.written[path] = maybe
		c.submit(proto.OpCreate, create(path, proto.Persistent), c.becomes(exists, path))
	case 3:
		c.written[path] = maybe
		c.submit(proto.OpCreate, create(path, proto.Ephemeral), c.becomes(ephemeral, path))
	case 4:
		if p, ok := c.some(exists); ok {
			c.written[p] = maybe
			c.submit(proto.OpDelete, &proto.DeleteRequest{Path: p, Version: -1}, c.becomes(gone, p))
		}
	case 5:
		a, b := path+"a", path+"b"
		c.written[a], c.written[b] = maybe, maybe
		c.groups = append(c.groups, []string{a, b})
		c.submit(proto.OpMulti, &proto.MultiRequest{Ops: []proto.MultiOp{
			{Type: proto.OpCreate, Req: create(a, proto.Persistent)},
			{Type: proto.OpCreate, Req: create(b, proto.Persistent)},
		}}, c.becomes(exists, a, b))
	case 6: // a multi that fails, and leaves nothing
		a := path + "f"
		c.submit(proto.OpMulti, &proto.MultiRequest{Ops: []proto.MultiOp{
			{Type: proto.OpCreate, Req: create(a, proto.Persistent)},
			{Type: proto.OpDelete, Req: &proto.DeleteRequest{Path: "/nowhere", Version: -1}},
		}}, func(proto.ErrCode) {})
		c.written[a] = gone
	case 7:
		c.submit(proto.OpSync, nil, func(proto.ErrCode) {})
	case 8:
		c.writeRegister()
	case 9:
		if rng.Intn(60) == 0 {
			c.closeSession()
		}
	case 10: // reaped before the end, if it ever was
		c.written[path+"t"] = gone
		q := create(path+"t", proto.PersistentTTL)
		q.TTL, q.HasTTL = int64(rng.Intn(3000)+1), true
		c.submit(proto.OpCreateTTL, q, func(err proto.ErrCode) {
			if err != proto.OK {
				c.w.fail("client %d: %s is refused with %d", c.id, q.Path, err)
			}
		})
	}
}

func (c *client) becomes(f fate, paths ...string) func(proto.ErrCode) {
	return func(err proto.ErrCode) {
		if err != proto.OK {
			c.w.fail("client %d: %v is refused with %d", c.id, paths, err)
			return
		}
		for _, p := range paths {
			c.written[p] = f
		}
	}
}

// some returns an own path with this fate, the smallest for a fixed order.
func (c *client) some(f fate) (best string, ok bool) {
	for p, g := range c.written {
		if g == f && (!ok || p < best) && !c.grouped(p) {
			best, ok = p, true
		}
	}
	return best, ok
}

func (c *client) grouped(p string) bool { return p[len(p)-1] == 'a' || p[len(p)-1] == 'b' }

func (c *client) register() string { return fmt.Sprintf("/r%d", c.id) }

// writeRegister writes ever larger values. Which of several is the first to
// create the znode is not known after a lost connection.
func (c *client) writeRegister() {
	c.seq++
	seq, data := c.seq, fmt.Appendf(nil, "%d", c.seq)
	if c.sure == 0 {
		c.submit(proto.OpCreate, &proto.CreateRequest{Path: c.register(), Data: data, ACL: proto.OpenACL}, func(err proto.ErrCode) {
			if err == proto.OK {
				c.sure = max(c.sure, seq)
			} else {
				c.sure = max(c.sure, 1) // it exists
			}
		})
		return
	}
	c.submit(proto.OpSetData, &proto.SetDataRequest{Path: c.register(), Data: data, Version: -1}, func(err proto.ErrCode) {
		if err != proto.OK {
			c.w.fail("client %d: the register is refused with %d", c.id, err)
		}
		c.sure = max(c.sure, seq)
	})
}

func (c *client) closeSession() {
	c.submit(proto.OpCloseSession, nil, func(proto.ErrCode) {
		c.lostSession()
		c.w.expired-- // it was no expiry
		n := c.node
		c.node = nil
		for id, other := range n.lane {
			if other == c {
				delete(n.lane, id)
			}
		}
		c.lane = c.lane[:0]
		c.connect()
	})
}

// answer takes the oldest request of the lane; whatever comes in another order
// breaks the session's FIFO.
func (c *client) answer(cxid int32, op proto.OpCode, err proto.ErrCode) {
	if len(c.lane) == 0 || c.lane[0].cxid != cxid || c.lane[0].op == proto.OpSync {
		for _, e := range c.lane {
			if e.cxid == cxid && (cxid != 0 || e.op == op) {
				c.w.fail("client %d: %d is answered before %d", c.id, cxid, c.lane[0].cxid)
			}
		}
		return // a request of an earlier connection
	}
	e := c.lane[0]
	c.lane = c.lane[1:]
	if err == proto.ErrSessionExpired || err == proto.ErrSessionMoved {
		if err == proto.ErrSessionMoved {
			c.w.fail("client %d: moved while it is here", c.id)
		}
		return // the closing of the session is on its way
	}
	c.w.acked++
	c.heardAt = max(c.heardAt, e.sentAt)
	e.done(err)
}

func (c *client) applied(n *node, t *proto.Txn, err proto.ErrCode) {
	if t.Type == proto.OpCloseSession && (len(c.lane) == 0 || c.lane[0].op != proto.OpCloseSession) {
		c.expired(n) // by the leader
		return
	}
	if e, ok := t.Body.(*proto.ErrorTxn); ok {
		err = e.Err
	}
	c.answer(t.Cxid, t.Type, err)
	if c.node == n {
		c.answerSyncs(n)
	}
}

func (c *client) expired(n *node) {
	delete(n.lane, c.session)
	c.lostSession()
	c.node = nil
	c.lane = c.lane[:0]
	c.connect()
}

// closing answers the closing of a local session, behind what is before it.
func (c *client) closing(cxid int32) {
	if e := &c.lane[len(c.lane)-1]; e.op == proto.OpCloseSession && e.cxid == cxid {
		e.ready = true
		c.answerSyncs(c.node)
	}
}

// synced says that a sync may be answered, once what is before it is. Then
// this server has applied what was decided when the sync began, whoever led
// then: a deposed leader has to find out before it answers.
func (c *client) synced(n *node, cxid int32) {
	for i := range c.lane {
		if e := &c.lane[i]; e.op == proto.OpSync && e.cxid == cxid {
			e.ready = true
			c.answerSyncs(n)
			return
		}
	}
}

func (c *client) answerSyncs(n *node) {
	for len(c.lane) > 0 && c.lane[0].ready {
		e := c.lane[0]
		if e.op == proto.OpCloseSession {
			e.done(proto.OK)
			return
		}
		if n.tree.LastZxid() < e.after {
			c.w.fail("client %d: synced at %s, but %s was decided before", c.id, n.tree.LastZxid(), e.after)
		}
		c.w.syncs++
		c.lane = c.lane[1:]
	}
}

// check compares a server with what this client was told.
func (c *client) check(n *node) error {
	has := func(p string) bool { _, ok := n.tree.Get(p); return ok }
	for p, f := range c.written {
		switch {
		case f == exists && !has(p), f == ephemeral && !has(p):
			return fmt.Errorf("client %d: the acknowledged %s is lost", c.id, p)
		case f == gone && has(p):
			return fmt.Errorf("client %d: the deleted %s is there", c.id, p)
		}
	}
	for _, g := range c.groups {
		if has(g[0]) != has(g[1]) {
			return fmt.Errorf("client %d: half of the multi %v happened", c.id, g)
		}
	}
	if c.sure > 0 {
		v, _ := n.tree.Get(c.register())
		got := 0
		if _, err := fmt.Sscan(string(v.Data()), &got); err != nil || got < c.sure || got > c.seq {
			return fmt.Errorf("client %d: the register is %d, acknowledged was %d of %d", c.id, got, c.sure, c.seq)
		}
	}
	return nil
}
