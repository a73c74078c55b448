package server

import (
	"bytes"
	"context"
	"encoding/binary"
	"net"
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/paddock-io/paddock/proto"
)

// A client that dribbles its connect request has no more time than one that is
// silent, however often it sends a byte.
func TestDribbledConnectRequest(t *testing.T) {
	w := newWorld(t, 0, func(o *Options) { o.SessionlessTimeout = time.Hour })
	near, far := net.Pipe() // a write returns when the byte is read
	defer near.Close()
	w.srv.receive(far)
	conn := w.allConns()[0]
	opened := conn.seen.Load()
	for _, b := range frameOfRecord(&proto.ConnectRequest{Timeout: 30000, Passwd: make([]byte, 16), HasReadOnly: true})[:48] {
		if _, err := near.Write([]byte{b}); err != nil {
			t.Fatal(err)
		}
	}
	w.srv.reap(opened + int64(time.Hour))
	w.gone(1)
	w.srv.reap(opened + int64(time.Hour) + 1)
	w.gone(0)
	if s := w.srv.Stats(); s.SessionlessClosed != 1 || s.IdleClosed != 0 {
		t.Errorf("%d and %d closed", s.SessionlessClosed, s.IdleClosed)
	}

	w = newWorld(t, 0, func(o *Options) { o.SessionlessTimeout = -1 })
	c := w.dial()
	w.gone(1)
	w.srv.reap(w.srv.now() + int64(24*time.Hour))
	c.handshake(&proto.ConnectRequest{Timeout: 30000})
}

// allConns returns the connections in the order in which they came.
func (w *world) allConns() (list []*conn) {
	w.srv.mu.RLock()
	defer w.srv.mu.RUnlock()
	for _, c := range w.srv.conns {
		if c != nil {
			list = append(list, c)
		}
	}
	return list
}

// A later request that comes byte by byte keeps the connection, but is no sign
// of life of the session: that ends in the quorum's time, and the connection
// with it.
func TestDribbledRequest(t *testing.T) {
	w := newWorld(t, 0, nil)
	c := w.connect()
	conn := w.connOf(c)
	c.must(proto.OpPing, nil) // its opening is a sign of life, which may come after the answer
	w.srv.Touched(nil)
	op, req := setData("/", "x")
	for _, b := range frameOf(1, op, req)[:20] {
		conn.seen.Store(0)
		c.sendRaw([]byte{b})
		for deadline := time.Now().Add(patience); conn.seen.Load() == 0; runtime.Gosched() {
			if time.Now().After(deadline) {
				t.Fatal("the byte is not read")
			}
		}
	}
	w.srv.reap(conn.seen.Load() + int64(30*time.Second))
	if got := w.srv.Touched(nil); len(got) != 0 {
		t.Errorf("half a request is a sign of life: %+v", got)
	}
	w.expire(c.session)
	c.ended()
}

// A frame takes the memory of what has arrived of it, whatever its length says.
func TestPartialFrameMemory(t *testing.T) {
	near, far := net.Pipe()
	defer near.Close()
	defer far.Close()
	var s sock
	s.nc = far
	const whole = 1 << 20
	sent := append(binary.BigEndian.AppendUint32(nil, whole), bytes.Repeat([]byte("x"), whole)...)
	got := 0
	for _, n := range []int{4, 1, 100, 8 << 10, 16 << 10, 40 << 10, 300 << 10} {
		var wg sync.WaitGroup
		wg.Go(func() { near.Write(sent[got : got+n]) })
		for end := got + n; got < end; {
			before := len(s.rest())
			if err := s.fill(); err != nil {
				t.Fatal(err)
			}
			got += len(s.rest()) - before
			if _, ok, err := s.next(whole); ok || err != nil {
				t.Fatalf("a frame from %d bytes, %v", got, err)
			}
		}
		wg.Wait()
		if have, limit := cap(s.in.b), max(readBufferSize, 2*got); have > limit {
			t.Errorf("%d bytes hold %d, want no more than %d", got, have, limit)
		}
	}
}

// window is a Proposer that takes so many requests at a time.
type window struct {
	Proposer
	room chan struct{}
}

func (w *window) Reserve(ctx context.Context) error {
	select {
	case w.room <- struct{}{}:
		return w.Proposer.Reserve(ctx)
	case <-ctx.Done():
		return ctx.Err()
	}
}

// A client that sends ten thousand writes before it reads an answer takes no
// more than the quorum's window, and gets all its answers in order.
func TestTenThousandWrites(t *testing.T) {
	const requests, limit = 10_000, 100
	win := &window{room: make(chan struct{}, limit+1)} // one for the session
	w := newWorld(t, 0, func(o *Options) { win.Proposer, o.Proposer = o.Proposer, win })
	c := w.connect()
	w.hold()
	n := w.requests()
	var sent sync.WaitGroup
	sent.Go(func() {
		for i := range int32(requests) {
			op, req := setData("/", "some data")
			if _, err := c.nc.Write(frameOf(i+1, op, req)); err != nil {
				t.Errorf("request %d: %v", i+1, err)
				return
			}
		}
	})
	w.submitted(n + limit)
	for done := 0; done < requests; {
		if out := w.srv.Stats().Outstanding; out > limit+1 {
			t.Fatalf("%d outstanding", out)
		}
		var k int
		w.do(func() {
			k = len(w.waiting)
			w.answer(k)
		})
		for range k {
			<-win.room
		}
		done += k
		runtime.Gosched()
	}
	for i := range int32(requests) {
		b, err := c.tryRecv()
		if err != nil || int32(binary.BigEndian.Uint32(b)) != i+1 {
			t.Fatalf("reply %d: %x, %v", i+1, b, err)
		}
	}
	sent.Wait()
	w.release(-1)
	c.must(proto.OpPing, nil)
}
