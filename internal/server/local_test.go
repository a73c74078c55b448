package server

import (
	"testing"

	"github.com/paddock-io/paddock/internal/replica"
	"github.com/paddock-io/paddock/internal/zab"
	"github.com/paddock-io/paddock/proto"
)

// newLocalWorld is a server whose sessions are local ones.
func newLocalWorld(t *testing.T, upgrade bool, more ...func(*Options)) *world {
	w := newWorld(t, proto.MakeZxid(1, 0), func(o *Options) {
		o.LocalSessions, o.UpgradeSessions = true, upgrade
		for _, set := range more {
			set(o)
		}
	})
	w.do(func() { w.local = map[proto.SessionID]bool{} })
	return w
}

// known reports whether the server remembers anything of a session.
func (w *world) known(id proto.SessionID) bool {
	w.srv.mu.RLock()
	defer w.srv.mu.RUnlock()
	_, ok := w.srv.sessions[id]
	return ok
}

// TestLocalSession opens, resumes and closes without a transaction.
func TestLocalSession(t *testing.T) {
	w := newLocalWorld(t, false)
	a := w.connect()
	b := w.resume(a)
	a.ended()
	if b.session != a.session || b.session == 0 {
		t.Fatalf("resumed as %v", b.session)
	}
	b.must(getData("/", false))
	if r := b.must(proto.OpCloseSession, nil); r.Zxid != proto.MakeZxid(1, 0) {
		t.Errorf("closed at %s", r.Zxid)
	}
	b.ended()
	w.gone(0)
	if w.known(b.session) {
		t.Error("a closed session is remembered")
	}
	if w.tree.LastZxid() != proto.MakeZxid(1, 0) {
		t.Errorf("%s", w.tree.LastZxid())
	}
}

// TestLocalCloseKeepsItsTurn: it is answered behind the writes before it, which
// have still to be decided.
func TestLocalCloseKeepsItsTurn(t *testing.T) {
	w := newLocalWorld(t, false)
	c := w.connect()
	w.hold()
	n := w.requests()
	c.send(proto.OpCreate, &proto.CreateRequest{Path: "/a", ACL: proto.OpenACL})
	c.send(getData("/a", false))
	c.send(proto.OpCloseSession, nil)
	w.submitted(n + 2)
	w.do(func() { // the quorum ends the session first
		w.waiting[0], w.waiting[1] = w.waiting[1], w.waiting[0]
	})
	w.release(1)
	w.release(-1)
	for xid := range int32(3) {
		if r := c.next(); r.Xid != xid+1 || r.Err != proto.OK || r.Zxid != proto.MakeZxid(1, 1) {
			t.Fatalf("reply %+v", r)
		}
	}
	c.ended()
	w.gone(0)
	if w.known(c.session) {
		t.Error("a closed session is remembered")
	}
}

// TestLocalCloseAfterTheClient: nobody waits for the answer any more.
func TestLocalCloseAfterTheClient(t *testing.T) {
	for name, order := range map[string][]int{"write first": {0, 1}, "close first": {1, 0}} {
		w := newLocalWorld(t, false, func(o *Options) { o.LargeRequestThreshold = 1000 })
		c := w.connect()
		w.hold()
		n := w.requests()
		c.send(proto.OpCreate, &proto.CreateRequest{Path: "/a", Data: make([]byte, 3000), ACL: proto.OpenACL})
		c.send(proto.OpCloseSession, nil)
		w.submitted(n + 2)
		c.nc.Close()
		w.gone(0)
		w.do(func() { w.waiting = []answerable{w.waiting[order[0]], w.waiting[order[1]]} })
		w.release(-1)
		if w.known(c.session) {
			t.Errorf("%s: the session is remembered", name)
		}
		w.quiet()
	}
}

// TestLocalCloseOfAnEarlierConnection ends the later one: there is no session
// any more.
func TestLocalCloseOfAnEarlierConnection(t *testing.T) {
	for name, order := range map[string][]int{"resumed first": {1, 0}, "closed first": {0, 1}} {
		w := newLocalWorld(t, false)
		a := w.connect()
		w.hold()
		n := w.requests()
		a.send(proto.OpCloseSession, nil)
		w.submitted(n + 1)
		b := w.dial()
		b.sendFrame((&proto.ConnectRequest{Timeout: 30000, SessionID: a.session, Passwd: a.passwd, HasReadOnly: true}).Append(nil))
		w.submitted(n + 2)
		a.ended()
		w.do(func() { w.waiting = []answerable{w.waiting[order[0]], w.waiting[order[1]]} })
		w.release(1)
		if r := b.connectResponse(); (r.SessionID == a.session) != (order[0] == 1) {
			t.Errorf("%s: %+v", name, r)
		}
		w.release(-1)
		b.ended()
		w.gone(0)
		if w.known(a.session) {
			t.Errorf("%s: the session is remembered", name)
		}
	}
}

// TestLocalExpiry cuts the client off, whatever it waits for.
func TestLocalExpiry(t *testing.T) {
	w := newLocalWorld(t, false)
	c := w.connect()
	w.hold()
	n := w.requests()
	c.send(proto.OpCreate, &proto.CreateRequest{Path: "/a", ACL: proto.OpenACL})
	w.submitted(n + 1)
	w.do(func() { w.srv.SessionEnded(c.session, 0, true) })
	c.ended()
	w.gone(0)
	w.release(-1)
	if w.known(c.session) {
		t.Error("an ended session is remembered")
	}
	w.do(func() { w.srv.SessionEnded(c.session, 0, true) }) // and once more
	w.do(func() { w.srv.SessionOpened(77) })
}

// TestEphemeralOnLocalSession: the leader only knows that the session is not a
// global one; its own server knows why.
func TestEphemeralOnLocalSession(t *testing.T) {
	const expired, local = proto.ErrSessionExpired, proto.ErrEphemeralOnLocalSession
	for _, upgrade := range []bool{false, true} {
		w := newLocalWorld(t, upgrade)
		c := w.connect()
		w.do(func() { w.refused[c.session] = expired })
		create := func(op proto.OpCode, flags proto.CreateFlags) proto.ErrCode {
			return c.call(op, &proto.CreateRequest{Path: "/e", ACL: proto.OpenACL, Flags: flags}).Err
		}
		want := map[bool]proto.ErrCode{false: local, true: expired}[upgrade]
		if got := create(proto.OpCreate, proto.Ephemeral); got != want {
			t.Errorf("upgrading %t, create: %v", upgrade, got)
		}
		if got := create(proto.OpCreate2, proto.EphemeralSequential); got != want {
			t.Errorf("upgrading %t, create2: %v", upgrade, got)
		}
		if got := create(proto.OpCreate, proto.Persistent); got != expired {
			t.Errorf("upgrading %t, persistent: %v", upgrade, got)
		}
	}
	// A session that everybody knows is another matter.
	w := newWorld(t, 0, func(o *Options) { o.LocalSessions = true })
	c := w.connect()
	w.do(func() { w.refused[c.session] = expired })
	if r := c.call(proto.OpCreate, &proto.CreateRequest{Path: "/e", ACL: proto.OpenACL, Flags: proto.Ephemeral}); r.Err != expired {
		t.Errorf("global: %v", r.Err)
	}
}

// TestUpgradeIsNobodysAnswer: the transaction that makes a session global has
// the xid 0, as a client's request may have, or one of an earlier connection.
func TestUpgradeIsNobodysAnswer(t *testing.T) {
	w := newLocalWorld(t, true)
	upgrade := func(id proto.SessionID) {
		w.do(func() {
			body := &proto.CreateSessionRequest{Timeout: 30000}
			r := answerable{req: &replica.Request{}}
			r.req.Session, r.req.Op, r.req.Body = id, proto.OpCreateSession, body
			local := w.local
			w.local = nil
			w.waiting = append([]answerable{r}, w.waiting...)
			w.answer(1)
			w.local = local
		})
	}
	a := w.connect()
	w.hold()
	n := w.requests()
	write := func(c *client, path string) {
		c.sendRaw(frameOf(0, proto.OpCreate, &proto.CreateRequest{Path: path, ACL: proto.OpenACL}))
	}
	write(a, "/a")
	w.submitted(n + 1)
	b := w.dial()
	b.session = a.session
	b.sendFrame((&proto.ConnectRequest{Timeout: 30000, SessionID: a.session, Passwd: a.passwd, HasReadOnly: true}).Append(nil))
	w.submitted(n + 2)
	a.ended()
	w.gone(1)
	upgrade(a.session) // not the orphan's, and no answer to b's connect request
	w.do(func() { w.waiting[0], w.waiting[1] = w.waiting[1], w.waiting[0] })
	w.release(1)
	b.recv()
	write(b, "/b")
	w.submitted(n + 3)
	upgrade(a.session)
	w.release(-1)
	if r := b.next(); r.Err != proto.OK || string(r.body) != "\x00\x00\x00\x02/b" {
		t.Errorf("answered with %+v", r)
	}
}

// TestReadOnlyServer is the conversation that testdata of test/interop has of
// Java; here is what it cannot show.
func TestReadOnlyServer(t *testing.T) {
	for _, local := range []bool{false, true} {
		w := newWorld(t, 0, func(o *Options) { o.LocalSessions = local })
		global := w.connect()
		global.create("/n", "x", proto.OpenACL, proto.Persistent)
		w.do(func() {
			if local {
				w.local = map[proto.SessionID]bool{}
			}
			w.srv.Serve(zab.RoleReadOnly)
		})
		global.ended()
		before := w.requests()
		w.turnedAway(&proto.ConnectRequest{Timeout: 30000, HasReadOnly: true})
		w.turnedAway(&proto.ConnectRequest{Timeout: 30000})
		w.turnedAway(&proto.ConnectRequest{Timeout: 30000, SessionID: global.session, Passwd: global.passwd, ReadOnly: true, HasReadOnly: true})
		w.turnedAway(&proto.ConnectRequest{Timeout: 30000, LastZxidSeen: 99, ReadOnly: true, HasReadOnly: true})
		if n := w.requests() - before; n != 0 {
			t.Errorf("local %t: the quorum was asked %d times", local, n)
		}
		req := &proto.ConnectRequest{Timeout: 30000, ReadOnly: true, HasReadOnly: true}
		if !local { // only a session that was never heard of can be had
			refused := w.dial()
			refused.sendFrame(req.Append(nil))
			if r := refused.next(); r.Xid != 0 || r.Err != proto.ErrNotReadOnly || r.Zxid != w.tree.LastZxid() || len(r.body) != 0 {
				t.Errorf("%+v", r)
			}
			refused.sendRaw(frameOf(1, proto.OpPing, nil)) // which nobody reads
			req.SessionID, req.Passwd = 77, passwordOf(77)
		}
		c := w.dial()
		if resp := c.handshake(req); resp.Timeout != 30000 || !resp.ReadOnly {
			t.Fatalf("local %t: %+v", local, resp)
		}
		// In one burst: every answer in its turn.
		c.xid = 10
		c.sendRaw(append(append(append(frameOf(11, proto.OpGetData, &proto.PathWatchRequest{Path: "/n"}),
			frameOf(12, proto.OpSetData, &proto.SetDataRequest{Path: "/n", Version: -1})...),
			frameOf(13, proto.OpSync, &proto.PathRequest{Path: "/"})...),
			frameOf(14, proto.OpExists, &proto.PathWatchRequest{Path: "/n"})...))
		for i, want := range []proto.ErrCode{proto.OK, proto.ErrNotReadOnly, proto.ErrNotReadOnly, proto.OK} {
			if r := c.next(); r.Xid != int32(11+i) || r.Err != want || r.Zxid != w.tree.LastZxid() {
				t.Errorf("local %t: %+v", local, r)
			}
		}
		c.xid = 20
		r := c.call(proto.OpCloseSession, nil)
		if local {
			c.ended()
		} else {
			c.must(proto.OpPing, nil)
		}
		if want := map[bool]proto.ErrCode{true: proto.OK, false: proto.ErrNotReadOnly}[local]; r.Err != want {
			t.Errorf("local %t: closed with %v", local, r.Err)
		}
	}
}

func (w *world) turnedAway(r *proto.ConnectRequest) {
	w.t.Helper()
	c := w.dial()
	c.sendFrame(r.Append(nil))
	c.ended()
}
