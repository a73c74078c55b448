package server

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"io"
	"net"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/paddock-io/paddock/internal/prep"
	"github.com/paddock-io/paddock/internal/replica"
	"github.com/paddock-io/paddock/internal/tree"
	"github.com/paddock-io/paddock/internal/zab"
	"github.com/paddock-io/paddock/jute"
	"github.com/paddock-io/paddock/proto"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	// The session, time and zxids of the golden examples.
	goldenSession proto.SessionID = 0x0100019a2b3c0000
	goldenTime    int64           = 1700000000000
)

// patience bounds how long a test waits for what must happen.
const patience = 20 * time.Second

// world is a server with a quorum of one that applies at once, unless held.
type world struct {
	t    testing.TB
	srv  *Server
	tree *tree.Tree
	addr string

	loop    chan func() // the quorum's goroutine
	stopped chan struct{}
	quit    chan struct{}

	// Owned by the loop.
	prep    *prep.Prep
	zxid    proto.Zxid
	wall    int64
	batch   int  // apply so many transactions at a time
	held    bool // keep what comes
	broke   bool // no units for reads that are due, but for what was hemmed in
	waiting []answerable
	seen    int // requests submitted
	refused map[proto.SessionID]proto.ErrCode
	local   map[proto.SessionID]bool // the local sessions; nil if sessions are global
	tick    sync.Cond                // on mu; seen has changed
	mu      sync.Mutex
	posted  []answerable  // on mu; for the loop
	wake    chan struct{} // something is posted
}

// answerable is a request or a question for the quorum.
type answerable struct {
	req   *replica.Request
	check *replica.Revalidate
}

// newWorld returns a serving server at zxid last.
func newWorld(t testing.TB, last proto.Zxid, set func(*Options)) *world {
	w := &world{
		t: t, tree: tree.New(), zxid: last, wall: goldenTime, batch: 1,
		loop: make(chan func(), 64), wake: make(chan struct{}, 1), stopped: make(chan struct{}), quit: make(chan struct{}),
		refused: make(map[proto.SessionID]proto.ErrCode),
	}
	w.tick.L = &w.mu
	w.tree.SetLastZxid(last)
	o := Options{Tree: w.tree, Proposer: w, ServerID: 1}
	if set != nil {
		set(&o)
	}
	w.prep = prep.New(w.tree, prep.Options{ACL: o.ACL})
	w.srv = New(o)
	w.srv.nextSession.Store(int64(goldenSession))
	addr, err := w.srv.Listen("127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	w.addr = addr.String()
	go w.run()
	w.do(func() { w.srv.Serve(zab.RoleStandalone) })
	t.Cleanup(w.close)
	return w
}

func (w *world) run() {
	defer close(w.stopped)
	for {
		select {
		case f := <-w.loop:
			f()
		case <-w.wake:
			w.takePosted()
		case <-w.quit:
			return
		}
	}
}

func (w *world) close() {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if err := w.srv.Close(ctx); err != nil {
		w.t.Errorf("close: %v", err)
	}
	close(w.quit)
	<-w.stopped
}

// do runs f on the quorum's goroutine.
func (w *world) do(f func()) {
	done := make(chan struct{})
	w.loop <- func() { f(); close(done) }
	<-done
}

var errStoppedLoop = errors.New("no quorum")

// post leaves something to the loop, and does not wait for it.
func (w *world) post(a answerable) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.posted = append(w.posted, a)
	if len(w.posted) == 1 {
		w.wake <- struct{}{}
	}
}

func (w *world) takePosted() {
	w.mu.Lock()
	list := w.posted
	w.posted = nil
	w.mu.Unlock()
	for _, a := range list {
		w.take(a)
	}
}

func (w *world) Reserve(ctx context.Context) error {
	select {
	case <-w.quit:
		return errStoppedLoop
	default:
		return ctx.Err()
	}
}

func (w *world) Submit(r *replica.Request) { w.post(answerable{req: r}) }

func (w *world) Release() {}

func (w *world) Revalidate(ctx context.Context, id proto.SessionID, timeoutMs int32, conn uint64) error {
	if err := w.Reserve(ctx); err != nil {
		return err
	}
	w.post(answerable{check: &replica.Revalidate{ID: id, TimeoutMs: timeoutMs, Conn: conn}})
	return nil
}

func (w *world) take(a answerable) {
	w.mu.Lock()
	w.seen++
	w.tick.Broadcast()
	w.mu.Unlock()
	w.waiting = append(w.waiting, a)
	if !w.held && len(w.waiting) >= w.batch {
		w.answer(len(w.waiting))
	}
}

// answer decides the n oldest requests, consecutive writes in one batch.
func (w *world) answer(n int) {
	var txns []*proto.Txn
	flush := func() {
		if len(txns) > 0 {
			w.spoil(len(txns))
			w.srv.Apply(txns)
			w.prep.Applied(w.zxid)
			txns = nil
		}
	}
	for _, a := range w.waiting[:n] {
		switch {
		case a.check != nil:
			flush()
			_, ok := w.tree.SessionTimeout(a.check.ID)
			w.srv.Revalidated(a.check.ID, a.check.Conn, ok || w.local[a.check.ID])
		case a.req.Op == proto.OpCreateSession && w.local != nil:
			flush()
			w.local[a.req.Session] = true
			w.srv.SessionOpened(a.req.Session)
		case a.req.Op == proto.OpCloseSession && w.local[a.req.Session]:
			flush()
			delete(w.local, a.req.Session)
			w.srv.SessionEnded(a.req.Session, a.req.Cxid, false)
		case a.req.Op == proto.OpSync:
			flush()
			w.spoil(1)
			w.srv.Synced(a.req.Session, a.req.Cxid)
		default:
			r := a.req.Request
			r.SessionErr = w.refused[r.Session]
			w.zxid++
			txns = append(txns, w.prep.Prepare(&r, w.zxid, w.wall))
		}
	}
	flush()
	w.waiting = append(w.waiting[:0:0], w.waiting[n:]...)
}

// spoil leaves a world that is broke with as much debt as may be, behind what so
// many decided requests will put in.
func (w *world) spoil(decided int) {
	if w.broke {
		w.srv.purse = -purseDebt - decided*decidedUnits
	}
}

// hold keeps all requests from now on until release.
func (w *world) hold() { w.do(func() { w.held = true }) }

// release decides the n oldest requests, each in a batch of its own; -1 decides
// all and stops holding.
func (w *world) release(n int) {
	w.do(func() {
		if n < 0 {
			w.held, n = false, len(w.waiting)
		}
		for range n {
			w.answer(1)
		}
	})
}

// submitted waits until so many requests in all have been submitted.
func (w *world) submitted(n int) {
	w.t.Helper()
	timer := time.AfterFunc(patience, func() { panic("requests do not come") })
	defer timer.Stop()
	w.mu.Lock()
	defer w.mu.Unlock()
	for w.seen < n {
		w.tick.Wait()
	}
}

// until waits for a condition.
func (w *world) until(what string, cond func() bool) {
	w.t.Helper()
	for deadline := time.Now().Add(patience); !cond(); runtime.Gosched() {
		if time.Now().After(deadline) {
			w.t.Fatalf("waited in vain until %s", what)
		}
	}
}

func (w *world) requests() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.seen
}

// expire ends a session as the quorum does.
func (w *world) expire(id proto.SessionID) {
	w.do(func() {
		w.take(answerable{req: &replica.Request{Request: prep.Request{Session: id, Op: proto.OpCloseSession}}})
	})
}

// client is a raw connection to the server.
type client struct {
	t  testing.TB
	nc net.Conn

	session proto.SessionID
	passwd  []byte
	xid     int32
}

func (w *world) dial() *client {
	w.t.Helper()
	nc, err := net.Dial("tcp", w.addr)
	if err != nil {
		w.t.Fatal(err)
	}
	nc.SetDeadline(time.Now().Add(patience))
	w.t.Cleanup(func() { nc.Close() })
	return &client{t: w.t, nc: nc}
}

// connect opens a session.
func (w *world) connect() *client {
	w.t.Helper()
	c := w.dial()
	c.handshake(&proto.ConnectRequest{Timeout: 30000, Passwd: make([]byte, 16), HasReadOnly: true})
	return c
}

// resume opens a connection for the session of another one.
func (w *world) resume(old *client) *client {
	w.t.Helper()
	c := w.dial()
	c.handshake(&proto.ConnectRequest{Timeout: 30000, SessionID: old.session, Passwd: old.passwd, HasReadOnly: true})
	return c
}

func (c *client) handshake(r *proto.ConnectRequest) proto.ConnectResponse {
	c.t.Helper()
	c.sendFrame(r.Append(nil))
	resp := c.connectResponse()
	c.session, c.passwd = resp.SessionID, resp.Passwd
	return resp
}

func (c *client) connectResponse() (resp proto.ConnectResponse) {
	c.t.Helper()
	d := jute.NewDecoder(c.recv())
	if resp.Decode(&d); d.Err() != nil {
		c.t.Fatal(d.Err())
	}
	return resp
}

func (c *client) sendFrame(payload []byte) {
	c.t.Helper()
	c.sendRaw(append(jute.AppendInt(nil, int32(len(payload))), payload...))
}

func (c *client) sendRaw(b []byte) {
	c.t.Helper()
	if _, err := c.nc.Write(b); err != nil {
		c.t.Fatalf("send: %v", err)
	}
}

// frameOf returns a request as it goes over the wire.
func frameOf(xid int32, op proto.OpCode, r proto.Request) []byte {
	b := proto.RequestHeader{Xid: xid, Op: op}.Append(make([]byte, 4))
	if r != nil {
		b = r.Append(b)
	}
	binary.BigEndian.PutUint32(b, uint32(len(b)-4))
	return b
}

// send sends a request and returns its xid.
func (c *client) send(op proto.OpCode, r proto.Request) int32 {
	c.t.Helper()
	c.xid++
	c.sendRaw(frameOf(c.xid, op, r))
	return c.xid
}

// recv returns the payload of the next frame.
func (c *client) recv() []byte {
	c.t.Helper()
	b, err := c.tryRecv()
	if err != nil {
		c.t.Fatalf("receive: %v", err)
	}
	return b
}

func (c *client) tryRecv() ([]byte, error) {
	var head [4]byte
	if _, err := io.ReadFull(c.nc, head[:]); err != nil {
		return nil, err
	}
	b := make([]byte, binary.BigEndian.Uint32(head[:]))
	_, err := io.ReadFull(c.nc, b)
	return b, err
}

// reply is a decoded reply or notification.
type reply struct {
	proto.ReplyHeader
	body []byte
}

func (r *reply) event(t testing.TB) proto.WatcherEvent {
	t.Helper()
	if r.Xid != proto.XidNotification {
		t.Fatalf("a reply to %d instead of an event", r.Xid)
	}
	var e proto.WatcherEvent
	d := jute.NewDecoder(r.body)
	if e.Decode(&d); d.Err() != nil || d.Len() != 0 || e.State != proto.StateSyncConnected {
		t.Fatalf("event %x", r.body)
	}
	return e
}

func (c *client) next() *reply {
	c.t.Helper()
	r := new(reply)
	d := jute.NewDecoder(c.recv())
	r.Decode(&d)
	if d.Err() != nil {
		c.t.Fatal(d.Err())
	}
	r.body = d.Rest()
	return r
}

// call sends a request and returns its reply, which must be the next frame.
func (c *client) call(op proto.OpCode, r proto.Request) *reply {
	c.t.Helper()
	xid := c.send(op, r)
	got := c.next()
	if op == proto.OpPing {
		xid = proto.XidPing
	}
	if got.Xid != xid {
		c.t.Fatalf("reply to %d instead of %d (%s): %x", got.Xid, xid, op, got.body)
	}
	return got
}

// must is call for requests that succeed.
func (c *client) must(op proto.OpCode, r proto.Request) *reply {
	c.t.Helper()
	got := c.call(op, r)
	if got.Err != proto.OK {
		c.t.Fatalf("%s %+v: %v", op, r, got.Err)
	}
	return got
}

func (c *client) create(path, data string, acl []proto.ACL, flags proto.CreateFlags) *reply {
	c.t.Helper()
	return c.must(proto.OpCreate, &proto.CreateRequest{Path: path, Data: []byte(data), ACL: acl, Flags: flags})
}

// ended insists that the server ends the connection without another byte.
func (c *client) ended() {
	c.t.Helper()
	b, err := io.ReadAll(c.nc)
	var ne net.Error
	if len(b) > 0 || errors.As(err, &ne) && ne.Timeout() {
		c.t.Fatalf("instead of the end: %x, %v", b, err)
	}
}

func getData(path string, watch bool) (proto.OpCode, proto.Request) {
	return proto.OpGetData, &proto.PathWatchRequest{Path: path, Watch: watch}
}

func setData(path, data string) (proto.OpCode, proto.Request) {
	return proto.OpSetData, &proto.SetDataRequest{Path: path, Data: []byte(data), Version: -1}
}

// dataOf decodes the reply to getData.
func (r *reply) dataOf(t testing.TB) (string, proto.Stat) {
	t.Helper()
	var st proto.Stat
	d := jute.NewDecoder(r.body)
	data := d.Buffer()
	if st.Decode(&d); d.Err() != nil || d.Len() != 0 {
		t.Fatalf("getData reply %x: %v", r.body, d.Err())
	}
	return string(data), st
}

func unhex(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(strings.NewReplacer(" ", "", "|", "", "\n", "").Replace(s))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// expect insists on the next bytes from the server.
func (c *client) expect(name, want string) {
	c.t.Helper()
	b := make([]byte, len(unhex(c.t, want)))
	n, err := io.ReadFull(c.nc, b)
	if !bytes.Equal(b, unhex(c.t, want)) {
		c.t.Fatalf("%s: got\n%x (%v), want\n%x", name, b[:n], err, unhex(c.t, want))
	}
}
