package server

import (
	"math/rand/v2"
	"runtime"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/paddock-io/paddock/proto"
)

// The queue against a naive one.
func TestThrottleQueue(t *testing.T) {
	for seed := range uint64(200) {
		rnd := rand.New(rand.NewPCG(seed, 3))
		th := newThrottle(RequestThrottle{MaxRequests: 1 + rnd.IntN(3)})
		tickets := make([]ticket, 6)
		for i := range tickets {
			tickets[i].turn = make(chan struct{}, 1)
		}
		var queue []int
		atWork := 0
		for step := range 400 {
			i := rnd.IntN(len(tickets))
			k := &tickets[i]
			switch rnd.IntN(4) {
			case 0, 1:
				if !slices.Contains(queue, i) {
					queue = append(queue, i)
				}
				in, first := th.enter(k)
				wantFirst := queue[0] == i
				if wantIn := wantFirst && atWork < th.opts.MaxRequests; in != wantIn || first != wantFirst {
					t.Fatalf("seed %d, step %d: in %t, first %t, with %d at work before %v", seed, step, in, first, atWork, queue)
				}
				if in {
					atWork++
					queue = queue[1:]
				}
			case 2:
				th.leave(k)
				if at := slices.Index(queue, i); at >= 0 {
					queue = slices.Delete(queue, at, at+1)
				}
			case 3:
				if atWork > 0 {
					th.done(1)
					atWork--
				}
			}
			// Whoever is first and could go in has been told, or will look for
			// itself since it has just been told to wait.
			if th.atWork != atWork || (th.first == nil) != (len(queue) == 0) {
				t.Fatalf("seed %d, step %d: %d at work, want %d", seed, step, th.atWork, atWork)
			}
			n := 0
			for k := th.first; k != nil; k = k.next {
				if k != &tickets[queue[n]] {
					t.Fatalf("seed %d, step %d: place %d is wrong", seed, step, n)
				}
				n++
			}
			if n != len(queue) {
				t.Fatalf("seed %d, step %d: %d wait, want %d", seed, step, n, len(queue))
			}
		}
	}
}

// limitedWorld lets one write be at work at a time.
func limitedWorld(t *testing.T, set func(*Options)) *world {
	return newWorld(t, 0, func(o *Options) {
		o.MinSessionTimeout = time.Millisecond
		o.RequestThrottle = RequestThrottle{MaxRequests: 1, StallTime: time.Hour, DropStale: true, StaleConnection: true}
		set(o)
	})
}

// connOf returns the server's side of a client.
func (w *world) connOf(c *client) *conn {
	w.srv.mu.RLock()
	defer w.srv.mu.RUnlock()
	return w.srv.sessions[c.session].conn
}

// queued waits until so many connections are in the throttle's queue.
func (w *world) queued(n int) {
	w.t.Helper()
	deadline := time.Now().Add(patience)
	for {
		th, got := w.srv.throttle, 0
		th.mu.Lock()
		for k := th.first; k != nil; k = k.next {
			got++
		}
		th.mu.Unlock()
		if got == n {
			return
		}
		if time.Now().After(deadline) {
			w.t.Fatalf("%d wait in the queue instead of %d", got, n)
		}
		runtime.Gosched()
	}
}

// quiet waits until nothing is at work or in the queue any more, and no large
// request counted.
func (w *world) quiet() {
	w.t.Helper()
	deadline := time.Now().Add(patience)
	for {
		n := 0
		if th := w.srv.throttle; th != nil {
			th.mu.Lock()
			if n = th.atWork; th.first != nil {
				n++
			}
			th.mu.Unlock()
		}
		large, out := w.srv.large.Load(), w.srv.Stats().Outstanding
		if n == 0 && large == 0 && out == 0 {
			return
		}
		if time.Now().After(deadline) {
			w.t.Fatalf("%d at work or waiting, %d bytes of large requests, %d outstanding", n, large, out)
		}
		runtime.Gosched()
	}
}

// Requests wait in the order of their coming, each connection's in its own, and
// are no less answered.
func TestThrottleWaits(t *testing.T) {
	w := limitedWorld(t, func(*Options) {})
	a, b, c := w.connect(), w.connect(), w.connect()
	w.quiet() // a session's opening is at work for a moment after its answer, and what comes then has to wait
	before := w.srv.Stats().ThrottleWaits
	w.hold()
	n := w.requests()
	a.send(setData("/", "a1"))
	a.send(setData("/", "a2"))
	w.submitted(n + 1)
	w.queued(1)
	b.send(setData("/", "b1"))
	b.send(proto.OpPing, nil)
	b.send(getData("/", false))
	w.queued(2)
	c.send(getData("/", false))
	w.queued(3)
	opening := w.dial() // to open a session is a request, too
	opening.sendFrame((&proto.ConnectRequest{Timeout: 30000}).Append(nil))
	w.queued(4)
	if s := w.srv.Stats(); s.Outstanding != 1 || s.ThrottleWaits-before != 1 {
		t.Errorf("%d outstanding, %d waits", s.Outstanding, s.ThrottleWaits-before)
	}
	w.release(1) // a1, and a2 goes in
	if r := a.next(); r.Xid != 1 || r.Err != proto.OK {
		t.Errorf("%+v", r.ReplyHeader)
	}
	w.submitted(n + 2)
	w.queued(3)
	w.release(1)
	w.submitted(n + 3) // b1
	w.release(1)
	if got, _ := c.next().dataOf(t); got != "b1" {
		t.Errorf("c read %q", got)
	}
	w.submitted(n + 4) // the session
	w.release(-1)
	opening.recv()
	for _, want := range []int32{1, -2, 3} {
		if r := b.next(); r.Xid != want || r.Err != proto.OK {
			t.Errorf("%+v instead of %d", r.ReplyHeader, want)
		}
	}
	if r := a.next(); r.Xid != 2 {
		t.Errorf("%+v", r.ReplyHeader)
	}
	w.quiet()
	if s := w.srv.Stats(); s.Stale+s.StaleDropped+s.ThrottledOps != 0 {
		t.Errorf("%+v", s)
	}
}

// A connection that waits is neither silent nor is its session.
func TestThrottledIsAlive(t *testing.T) {
	w := limitedWorld(t, func(o *Options) { o.RequestThrottle.StallTime = time.Millisecond })
	a := w.connect()
	b := w.dial()
	b.handshake(&proto.ConnectRequest{Timeout: 20, Passwd: make([]byte, 16)})
	c := w.dial()
	c.handshake(&proto.ConnectRequest{Timeout: 20, Passwd: make([]byte, 16)})
	w.hold()
	n := w.requests()
	a.send(setData("/", "a"))
	w.submitted(n + 1)
	b.send(setData("/", "b"))
	w.queued(1)
	c.send(setData("/", "c"))
	w.queued(2)
	for _, c := range []*client{b, c} {
		conn := w.connOf(c)
		conn.seen.Store(0) // as if it was long ago
		deadline := time.Now().Add(patience)
		for alive := false; !alive || conn.seen.Load() == 0; runtime.Gosched() {
			for _, touch := range w.srv.Touched(nil) {
				alive = alive || touch.ID == c.session
			}
			if time.Now().After(deadline) {
				t.Fatalf("seen %d, session alive %t", conn.seen.Load(), alive)
			}
		}
	}
	w.release(-1)
	b.next()
	c.next()
}

// A request whose client has gone is dropped, and what came behind it; or it is
// done, if that is wanted.
func TestStaleRequests(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("only Linux tells of an end behind input that is not read")
	}
	for _, drop := range []bool{true, false} {
		w := limitedWorld(t, func(o *Options) {
			o.RequestThrottle.StallTime, o.RequestThrottle.DropStale = time.Millisecond, drop
		})
		a, b := w.connect(), w.connect()
		w.hold()
		n := w.requests()
		a.send(setData("/", "a"))
		w.submitted(n + 1)
		b.send(setData("/", "b1"))
		w.queued(1)
		b.send(setData("/", "b2")) // is not read when the client goes
		b.nc.Close()
		if drop {
			w.gone(1)
		}
		for conn := w.connOf(b); conn != nil && !conn.sock.peerClosed(); {
			runtime.Gosched()
		}
		w.release(-1)
		w.gone(1)
		w.quiet()
		s, want := w.srv.Stats(), "a"
		if !drop {
			want = "b2"
		}
		if data, st := a.mustNext(2).must(getData("/", false)).dataOf(t); data != want || st.Version != map[bool]int32{true: 1, false: 3}[drop] {
			t.Errorf("drop %t: data %q, version %d", drop, data, st.Version)
		}
		if drop && (s.StaleDropped != 1 || s.Stale != 0) || !drop && (s.StaleDropped != 0 || s.Stale != 2) {
			t.Errorf("drop %t: %d dropped, %d stale", drop, s.StaleDropped, s.Stale)
		}
	}
}

// mustNext takes one reply.
func (c *client) mustNext(int) *client {
	c.t.Helper()
	if r := c.next(); r.Err != proto.OK {
		c.t.Fatalf("%+v", r.ReplyHeader)
	}
	return c
}

// A request that is older than its session's timeout is dropped with its
// connection, but the last one of a session is not.
func TestLateRequests(t *testing.T) {
	for _, op := range []proto.OpCode{proto.OpSetData, proto.OpPing, proto.OpCloseSession} {
		w := limitedWorld(t, func(o *Options) {
			o.RequestThrottle.StallTime, o.RequestThrottle.StaleLatency = time.Millisecond, true
		})
		a := w.connect()
		b := w.dial()
		b.handshake(&proto.ConnectRequest{Timeout: 200, Passwd: make([]byte, 16)})
		w.hold()
		n := w.requests()
		a.send(setData("/", "a"))
		w.submitted(n + 1)
		b.send(op, &proto.SetDataRequest{Path: "/", Data: []byte("b"), Version: -1})
		if op == proto.OpCloseSession {
			w.queued(1)
			w.outwait(200 * time.Millisecond)
			w.release(-1)
			b.mustNext(1).ended()
		} else {
			b.ended()
			w.release(-1)
		}
		w.quiet()
		if s, want := w.srv.Stats(), map[bool]int64{true: 0, false: 1}[op == proto.OpCloseSession]; s.StaleDropped != want || s.Stale != 0 || s.IdleClosed != 0 {
			t.Errorf("%s: %d dropped, %d stale", op, s.StaleDropped, s.Stale)
		}
	}
}

// outwait returns when the server's clock has gone on for more than d.
func (w *world) outwait(d time.Duration) {
	for until := w.srv.now() + int64(d+time.Millisecond); w.srv.now() <= until; runtime.Gosched() {
	}
}

// What has waited for too long is refused in its turn, with the zxid of that
// time, but not what keeps a session or ends it.
func TestThrottledOps(t *testing.T) {
	w := limitedWorld(t, func(o *Options) { o.RequestThrottle.OpWaitTime = time.Millisecond })
	a, b := w.connect(), w.connect()
	w.hold()
	n := w.requests()
	a.send(setData("/", "a"))
	w.submitted(n + 1)
	create, created := proto.OpCreate, &proto.CreateRequest{Path: "/b", ACL: proto.OpenACL}
	var burst []byte
	for _, frame := range [][]byte{
		frameOf(1, create, created), frameOf(2, proto.OpGetData, &proto.PathWatchRequest{Path: "/"}), frameOf(-2, proto.OpPing, nil),
		frameOf(4, proto.OpSync, &proto.PathRequest{Path: "/"}), frameOf(-4, proto.OpAuth, &proto.AuthPacket{Scheme: "digest", Auth: []byte("u:p")}),
		frameOf(5, proto.OpCheck, nil), // never an operation of its own
	} {
		burst = append(burst, frame...)
	}
	b.sendRaw(burst)
	opening := w.dial()
	opening.sendFrame((&proto.ConnectRequest{Timeout: 30000}).Append(nil))
	w.queued(2)
	w.outwait(time.Millisecond)
	w.release(-1)
	for _, want := range []proto.ReplyHeader{
		{Xid: 1, Err: proto.ErrThrottledOp}, {Xid: 2, Err: proto.ErrThrottledOp}, {Xid: -2},
		{Xid: 4, Err: proto.ErrThrottledOp}, {Xid: -4}, {Xid: 5, Err: proto.ErrUnimplemented},
	} {
		r := b.next()
		if r.Xid != want.Xid || r.Err != want.Err || len(r.body) > 0 || r.Xid > 0 && r.Xid < 5 && r.Zxid < proto.Zxid(n+1) {
			t.Errorf("%+v with %x, want %+v", r.ReplyHeader, r.body, want)
		}
	}
	b.ended()
	opening.recv()
	if r := a.mustNext(1).call(proto.OpExists, &proto.PathWatchRequest{Path: "/b"}); r.Err != proto.ErrNoNode {
		t.Errorf("a refused write was done: %v", r.Err)
	}
	if s := w.srv.Stats(); s.ThrottledOps != 4 { // counted before it is looked at, as in Java
		t.Errorf("%d refused", s.ThrottledOps)
	}
	w.quiet()
}

// Whoever waits goes when the server stops serving or closes.
func TestThrottledAtTheEnd(t *testing.T) {
	for _, end := range []func(*world){
		func(w *world) { w.do(func() { w.srv.StopServing("test") }) },
		func(w *world) { w.srv.Close(t.Context()) },
	} {
		w := limitedWorld(t, func(*Options) {})
		a, b := w.connect(), w.connect()
		w.hold()
		n := w.requests()
		a.send(setData("/", "a"))
		w.submitted(n + 1)
		b.send(setData("/", "b"))
		w.queued(1)
		opening := w.dial()
		opening.sendFrame((&proto.ConnectRequest{Timeout: 30000}).Append(nil))
		w.queued(2)
		end(w)
		a.ended()
		b.ended()
		opening.ended()
		w.do(func() { w.waiting = nil })
		w.quiet()
		if s := w.srv.Stats(); s.StaleDropped != 0 {
			t.Errorf("%d dropped", s.StaleDropped)
		}
	}
}

// A busy server with a narrow throttle answers everybody in order.
func TestThrottleUnderLoad(t *testing.T) {
	w := limitedWorld(t, func(o *Options) { o.RequestThrottle.MaxRequests = 3 })
	var wg sync.WaitGroup
	for range 8 {
		c := w.connect()
		wg.Go(func() {
			const requests = 200
			var burst []byte
			for i := range int32(requests) {
				op, r := setData("/", "x")
				if i%3 == 1 {
					op, r = getData("/", false)
				}
				burst = append(burst, frameOf(i+1, op, r)...)
			}
			c.sendRaw(burst)
			for i := range int32(requests) {
				if b, err := c.tryRecv(); err != nil || len(b) < 16 || b[3] != byte(i+1) {
					t.Errorf("reply %d: %x, %v", i+1, b, err)
					return
				}
			}
		})
	}
	wg.Wait()
	w.quiet()
}
