package server

import (
	"context"
	"io"
	"net"
	"runtime"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/paddock-io/paddock/internal/zab"
	"github.com/paddock-io/paddock/proto"
)

func TestHandshake(t *testing.T) {
	w := newWorld(t, proto.MakeZxid(1, 0), nil)
	live := w.connect()
	zeros := make([]byte, 16)
	const none, invalid = -1, 0 // what the timeout in the response says
	for name, tc := range map[string]struct {
		req     proto.ConnectRequest
		timeout int32
	}{
		"new":                   {proto.ConnectRequest{Timeout: 30000, Passwd: zeros}, 30000},
		"new, null password":    {proto.ConnectRequest{Timeout: 30000}, 30000},
		"new, any password":     {proto.ConnectRequest{Timeout: 30000, Passwd: []byte("x")}, 30000},
		"timeout too low":       {proto.ConnectRequest{Timeout: 1, Passwd: zeros}, 6000},
		"timeout negative":      {proto.ConnectRequest{Timeout: -5, Passwd: zeros}, 6000},
		"timeout too high":      {proto.ConnectRequest{Timeout: 1 << 30, Passwd: zeros}, 60000},
		"read-only is fine":     {proto.ConnectRequest{Timeout: 30000, Passwd: zeros, ReadOnly: true}, 30000},
		"seen what is here":     {proto.ConnectRequest{Timeout: 30000, Passwd: zeros, LastZxidSeen: proto.MakeZxid(1, 1)}, 30000},
		"seen more":             {proto.ConnectRequest{Timeout: 30000, Passwd: zeros, LastZxidSeen: proto.MakeZxid(2, 0)}, none},
		"unknown session":       {proto.ConnectRequest{Timeout: 30000, SessionID: 77, Passwd: passwordOf(77)}, invalid},
		"null password":         {proto.ConnectRequest{Timeout: 30000, SessionID: 77}, invalid},
		"short password":        {proto.ConnectRequest{Timeout: 30000, SessionID: 77, Passwd: passwordOf(77)[:15]}, invalid},
		"wrong password":        {proto.ConnectRequest{Timeout: 30000, SessionID: live.session, Passwd: zeros}, invalid},
		"seen more comes first": {proto.ConnectRequest{SessionID: 77, Passwd: zeros, LastZxidSeen: proto.MakeZxid(2, 0)}, none},
	} {
		for _, legacy := range []bool{false, true} {
			c, req := w.dial(), tc.req
			req.HasReadOnly = !legacy
			if tc.timeout == none {
				c.sendFrame(req.Append(nil))
				c.ended()
				continue
			}
			resp := c.handshake(&req)
			if resp.Timeout != tc.timeout || resp.HasReadOnly == legacy || resp.ReadOnly || len(resp.Passwd) != 16 {
				t.Errorf("%s, legacy %t: %+v", name, legacy, resp)
			}
			if tc.timeout == invalid {
				if resp.SessionID != 0 || string(resp.Passwd) != string(zeros) {
					t.Errorf("%s, legacy %t: %+v", name, legacy, resp)
				}
				c.ended()
			} else {
				c.must(proto.OpPing, nil)
			}
		}
	}
	live.ended() // the wrong password closed the old connection, but not the session
	again := w.resume(live)
	if again.session != live.session {
		t.Fatalf("resumed %v instead of %v", again.session, live.session)
	}
	again.must(proto.OpPing, nil)
}

func passwordOf(id proto.SessionID) []byte { p := proto.Password(id); return p[:] }

func TestSessionIDs(t *testing.T) {
	// Java: SessionTrackerTest, with the clock at 1 ms.
	if got := firstSession(1, 1); got != 0x0100000000010000 {
		t.Errorf("got %#x", got)
	}
	if got := firstSession(0x80, 0x123456789abc); uint64(got) != 0x803456789abc0000 {
		t.Errorf("got %#x", uint64(got))
	}
	w := newWorld(t, 0, nil)
	mark := proto.ContainerOwner
	w.srv.nextSession.Store(int64(mark))
	if id := w.srv.newSessionID(); id != mark+1 {
		t.Errorf("got %v", id)
	}
	w.srv.nextSession.Store(0)
	if id := w.srv.newSessionID(); id != 1 {
		t.Errorf("got %v", id)
	}
}

// Requests sent along with the connect request wait until the session is open.
func TestPipelinedBehindHandshake(t *testing.T) {
	w := newWorld(t, 0, nil)
	c := w.dial()
	connect := &proto.ConnectRequest{Timeout: 30000, Passwd: make([]byte, 16), HasReadOnly: true}
	b := frameOfRecord(connect)
	b = append(b, frameOf(1, proto.OpCreate, &proto.CreateRequest{Path: "/a", ACL: proto.OpenACL})...)
	b = append(b, frameOf(2, proto.OpExists, &proto.PathWatchRequest{Path: "/a"})...)
	b = append(b, frameOf(-2, proto.OpPing, nil)...)
	c.sendRaw(b)
	c.recv()
	for _, xid := range []int32{1, 2, -2} {
		if r := c.next(); r.Xid != xid || r.Err != proto.OK {
			t.Fatalf("xid %d: %+v", xid, r)
		}
	}
	// Nor do they run if it is not opened.
	c = w.dial()
	connect.SessionID, connect.Passwd = 99, passwordOf(99)
	c.sendRaw(append(frameOfRecord(connect), frameOf(1, proto.OpDelete, &proto.DeleteRequest{Path: "/a", Version: -1})...))
	c.recv()
	c.ended()
	w.connect().must(getData("/a", false))
}

func frameOfRecord(r *proto.ConnectRequest) []byte {
	b := r.Append(make([]byte, 4))
	b[3] = byte(len(b) - 4)
	return b
}

func TestMovedSession(t *testing.T) {
	w := newWorld(t, 0, nil)
	a := w.connect()
	a.create("/n", "", proto.OpenACL, proto.Ephemeral)
	b := w.resume(a)
	a.ended()
	if _, st := b.must(getData("/n", false)).dataOf(t); st.EphemeralOwner != a.session {
		t.Errorf("owner %v", st.EphemeralOwner)
	}
	// The same again while b has writes in flight with the xids that c will use.
	w.hold()
	n := w.requests()
	b.xid = 0
	b.send(setData("/n", "b1"))
	b.send(setData("/n", "b2"))
	w.submitted(n + 2)
	c := w.dial()
	c.sendFrame((&proto.ConnectRequest{Timeout: 30000, SessionID: a.session, Passwd: a.passwd, HasReadOnly: true}).Append(nil))
	w.submitted(n + 3)
	b.ended()
	w.release(0)
	w.do(func() { // the quorum finds the session before it decides b's writes
		w.waiting = append(w.waiting[2:3:3], w.waiting[:2]...)
	})
	w.release(1)
	c.recv()
	c.xid = 0
	c.send(setData("/n", "c1"))
	w.submitted(n + 4)
	w.release(-1)
	r := c.next()
	var st proto.Stat
	decode(t, r.body, &st)
	if r.Xid != 1 || st.Version != 3 {
		t.Errorf("the reply to another connection's write: %+v, version %d", r, st.Version)
	}
	if data, _ := c.must(getData("/n", false)).dataOf(t); data != "c1" {
		t.Errorf("data %q", data)
	}
}

// The quorum says that a session has moved by refusing a write; the client is
// cut off without a reply.
func TestMovedElsewhere(t *testing.T) {
	w := newWorld(t, 0, nil)
	for _, op := range []proto.OpCode{proto.OpDelete, proto.OpMulti} {
		c := w.connect()
		w.do(func() { w.refused[c.session] = proto.ErrSessionMoved })
		c.must(getData("/", false)) // reads still succeed
		if op == proto.OpDelete {
			c.send(op, &proto.DeleteRequest{Path: "/a"})
		} else {
			c.send(op, &proto.MultiRequest{Ops: []proto.MultiOp{{Type: proto.OpDelete, Req: &proto.DeleteRequest{Path: "/a"}}}})
		}
		c.ended()
	}
}

func TestExpiredSession(t *testing.T) {
	w := newWorld(t, 0, nil)
	a, b := w.connect(), w.connect()
	a.create("/e", "", proto.OpenACL, proto.Ephemeral)
	b.must(getData("/e", true))
	w.hold()
	n := w.requests()
	a.send(setData("/e", "late"))
	a.send(getData("/e", false))
	w.submitted(n + 1)
	w.do(func() { w.waiting = nil }) // the write is dropped, as the session is closing
	w.release(-1)
	w.expire(a.session)
	a.ended()
	if e := b.next().event(t); e.Type != proto.EventNodeDeleted || e.Path != "/e" {
		t.Errorf("%+v", e)
	}
	c := w.dial()
	if r := c.handshake(&proto.ConnectRequest{SessionID: a.session, Passwd: a.passwd}); r.Timeout != 0 {
		t.Errorf("an expired session was resumed: %+v", r)
	}
	c.ended()
	w.gone(1)
	w.srv.mu.RLock()
	defer w.srv.mu.RUnlock()
	if len(w.srv.sessions) != 1 {
		t.Errorf("%d sessions left", len(w.srv.sessions))
	}
}

// A session that ends while a client asks to resume it is no longer valid, which
// the client must hear.
func TestExpiredWhileResuming(t *testing.T) {
	w := newWorld(t, 0, nil)
	a := w.connect()
	w.hold()
	n := w.requests()
	c := w.dial()
	c.sendFrame((&proto.ConnectRequest{Timeout: 30000, SessionID: a.session, Passwd: a.passwd, HasReadOnly: true}).Append(nil))
	w.submitted(n + 1)
	w.expire(a.session)
	w.do(func() { slices.Reverse(w.waiting) })
	w.release(1) // the end comes before the quorum's answer
	if r := c.connectResponse(); r.Timeout != 0 || r.SessionID != 0 {
		t.Errorf("an expired session was resumed: %+v", r)
	}
	c.ended()
	w.release(-1) // nobody waits for the quorum's answer
	w.gone(0)
}

// Whether the reason is the quorum or the process, all clients go, also those
// whose session is being opened.
func TestStopServing(t *testing.T) {
	w := newWorld(t, 0, nil)
	open, fresh := w.connect(), w.dial()
	w.hold()
	n := w.requests()
	opening := w.dial()
	opening.sendFrame((&proto.ConnectRequest{Timeout: 30000}).Append(nil))
	open.send(setData("/", "x"))
	w.submitted(n + 2)
	w.do(func() { w.srv.StopServing("lost the leader") })
	open.ended()
	opening.ended()
	fresh.ended()

	refused := w.dial()
	refused.sendRaw([]byte{0, 0, 0, 44}) // the length alone
	refused.ended()

	w.do(func() { w.waiting = nil; w.srv.Serve(zab.RoleLeader) })
	w.release(-1)
	if got := w.srv.Role(); got != zab.RoleLeader {
		t.Errorf("role %v", got)
	}
	w.resume(open).must(proto.OpPing, nil)
}

// TestLastAnswers: what was decided before the server stopped serving is answered, though no flusher has come to it.
func TestLastAnswers(t *testing.T) {
	w := newWorld(t, 0, nil)
	var clients []*client
	for range 50 {
		clients = append(clients, w.connect())
	}
	w.hold()
	n := w.requests()
	for _, c := range clients {
		c.send(setData("/", "x"))
	}
	w.submitted(n + len(clients))
	w.do(func() {
		w.answer(len(clients))
		w.srv.StopServing("another server is to lead")
	})
	for i, c := range clients {
		if r := c.next(); r.Err != proto.OK {
			t.Errorf("client %d: %v", i, r.Err)
		}
		c.ended()
	}
}

func TestConnectionLimits(t *testing.T) {
	w := newWorld(t, 0, func(o *Options) { o.MaxClientConns = 2 })
	a, _ := w.connect(), w.connect()
	w.rejected()
	a.must(proto.OpPing, nil)
	a.must(proto.OpCloseSession, nil)
	a.ended()
	w.gone(1)
	w.connect()
	if s := w.srv.Stats(); s.Rejected != 1 || s.Connections != 2 || s.Accepted != 3 {
		t.Errorf("%+v", s)
	}

	w = newWorld(t, 0, func(o *Options) { o.MaxConns = 1 })
	w.connect()
	w.rejected()
}

// rejected insists that a new connection ends: first the stream, then by a
// reset, which some systems report in its place.
func (w *world) rejected() {
	w.t.Helper()
	nc, err := net.Dial("tcp", w.addr)
	if err != nil {
		return // the reset came before the system had reported the connection
	}
	defer nc.Close()
	nc.SetDeadline(time.Now().Add(patience))
	n, err := nc.Read(make([]byte, 1))
	if ne, ok := err.(net.Error); n > 0 || err == nil || ok && ne.Timeout() || runtime.GOOS == "linux" && err != io.EOF {
		w.t.Errorf("read %d, %v", n, err)
	}
}

// gone waits until only n connections are left.
func (w *world) gone(n int) {
	w.t.Helper()
	waitGone(w.t, w.srv, n)
}

func waitGone(t testing.TB, s *Server, n int) {
	t.Helper()
	deadline := time.Now().Add(patience)
	for s.Stats().Connections != n {
		if time.Now().After(deadline) {
			t.Fatalf("%d connections instead of %d", s.Stats().Connections, n)
		}
		runtime.Gosched()
	}
}

func TestReap(t *testing.T) {
	w := newWorld(t, 0, nil)
	fresh, open := w.dial(), w.connect()
	w.gone(2)
	w.srv.reap(w.srv.now() + int64(9*time.Second))
	open.must(proto.OpPing, nil)
	for range 2 { // it may still be listed the second time, and is counted once
		w.srv.reap(w.srv.now() + int64(11*time.Second))
	}
	fresh.ended()
	open.must(proto.OpPing, nil)
	w.srv.reap(w.srv.now() + int64(31*time.Second))
	open.ended()
	if s := w.srv.Stats(); s.SessionlessClosed != 1 || s.IdleClosed != 1 {
		t.Errorf("%+v", s)
	}
	w.resume(open).must(proto.OpPing, nil) // only the connection was closed
}

func TestTouched(t *testing.T) {
	w := newWorld(t, 0, nil)
	a, b := w.connect(), w.connect()
	a.must(proto.OpPing, nil)
	b.must(proto.OpPing, nil)
	if got := w.srv.Touched(nil); len(got) != 2 || got[0].TimeoutMs != 30000 {
		t.Errorf("%+v", got)
	}
	if got := w.srv.Touched(nil); len(got) != 0 {
		t.Errorf("%+v without any sign of life", got)
	}
	b.must(getData("/", false)) // a read is one as well
	b.must(getData("/", false))
	if got := w.srv.Touched(nil); len(got) != 1 || got[0].ID != b.session {
		t.Errorf("%+v", got)
	}
	b.must(proto.OpPing, nil)
	b.nc.Close()
	w.gone(1)
	if got := w.srv.Touched(nil); len(got) != 1 || got[0].ID != b.session {
		t.Errorf("%+v of a connection that is gone", got) // its last request still counts
	}
	// Who knows a session's id but not its password cannot keep it alive.
	thief := w.dial()
	thief.handshake(&proto.ConnectRequest{Timeout: 30000, SessionID: b.session, Passwd: make([]byte, 16)})
	thief.ended()
	w.gone(1)
	if got := w.srv.Touched(nil); len(got) != 0 {
		t.Errorf("%+v of a connection with the wrong password", got)
	}
}

// gate is a Proposer that, once closed, makes every Reserve wait.
type gate struct {
	Proposer
	closed  atomic.Bool
	entered chan struct{} // a Reserve waits
	pass    chan struct{} // lets it go on
	deaf    bool          // what waits does not notice that its connection has ended
}

func (g *gate) Reserve(ctx context.Context) error {
	if g.closed.Load() {
		select {
		case g.entered <- struct{}{}:
		case <-ctx.Done():
			return ctx.Err()
		}
		done := ctx.Done()
		if g.deaf {
			done = nil
		}
		select {
		case <-g.pass:
		case <-done:
			return ctx.Err()
		}
	}
	if g.deaf {
		ctx = context.Background()
	}
	return g.Proposer.Reserve(ctx)
}

// A client is not silent while its requests wait for the quorum.
func TestAliveDuringSubmit(t *testing.T) {
	g := &gate{entered: make(chan struct{}), pass: make(chan struct{})}
	w := newWorld(t, 0, func(o *Options) { g.Proposer, o.Proposer = o.Proposer, g })
	c := w.connect()
	c.must(proto.OpPing, nil)
	w.srv.Touched(nil)
	g.closed.Store(true)
	w.srv.mu.RLock()
	conn := w.srv.conns[len(w.srv.conns)-1]
	w.srv.mu.RUnlock()

	const requests = 4
	var burst []byte
	for i := range int32(requests) {
		op, r := setData("/", "x")
		burst = append(burst, frameOf(i+1, op, r)...)
	}
	c.sendRaw(burst)
	timer := time.AfterFunc(patience, func() { panic("requests do not come") })
	defer timer.Stop()
	for i := range requests {
		<-g.entered
		if got := w.srv.Touched(nil); len(got) != 1 || got[0].ID != c.session {
			t.Errorf("request %d: touched %+v", i+1, got)
		}
		if conn.seen.Swap(0) == 0 { // as if it was then that bytes came
			t.Errorf("request %d: silent during the Submit before", i+1)
		}
		g.pass <- struct{}{}
	}
	for i := range int32(requests) {
		if r := c.next(); r.Xid != i+1 || r.Err != proto.OK {
			t.Errorf("%+v", r.ReplyHeader)
		}
	}
}

// TestMovedFromTheLeader: what a connection had in flight when it lost its
// session stays with the session.
func TestMovedFromTheLeader(t *testing.T) {
	w := newWorld(t, 0, nil)
	a := w.connect()
	a.create("/n", "", proto.OpenACL, proto.Persistent)
	w.hold()
	n := w.requests()
	a.xid = 0
	a.send(setData("/n", "a"))
	w.submitted(n + 1)
	w.do(func() { w.srv.SessionMoved(a.session) })
	a.ended()
	w.gone(0)
	b := w.dial() // it comes back
	b.sendFrame((&proto.ConnectRequest{Timeout: 30000, SessionID: a.session, Passwd: a.passwd, HasReadOnly: true}).Append(nil))
	w.submitted(n + 2)
	w.do(func() { w.waiting[0], w.waiting[1] = w.waiting[1], w.waiting[0] })
	w.release(1)
	b.recv()
	b.send(proto.OpDelete, &proto.DeleteRequest{Path: "/n", Version: -1})
	w.submitted(n + 3)
	w.release(-1)
	if r := b.next(); r.Xid != 1 || r.Err != proto.OK || len(r.body) != 0 {
		t.Errorf("%+v", r)
	}
	w.do(func() { w.srv.SessionMoved(77) })
}
