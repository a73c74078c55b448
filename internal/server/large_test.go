package server

import (
	"encoding/binary"
	"math/rand/v2"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/paddock-io/paddock/internal/zab"
	"github.com/paddock-io/paddock/proto"
)

func largeWorld(t *testing.T, threshold, limit int) *world {
	return newWorld(t, 0, func(o *Options) { o.LargeRequestThreshold, o.LargeRequestMaxBytes = threshold, limit })
}

// set returns a setData with n bytes behind its header.
func set(xid int32, n int) []byte {
	return frameOf(xid, proto.OpSetData, &proto.SetDataRequest{Path: "/", Data: make([]byte, n-13), Version: -1})
}

// Large requests count from their arrival to their reply, and what is over the
// limit closes its connection: as soon as its length is known, if possible.
func TestLargeRequests(t *testing.T) {
	w := largeWorld(t, 1000, 5000)
	a, b := w.connect(), w.connect()
	w.hold()
	n := w.requests()
	a.sendRaw(set(1, 1000)) // not large
	a.sendRaw(set(2, 1001))
	a.sendRaw(set(3, 2991)) // leaves room for 1008 bytes, header and all
	w.submitted(n + 3)
	if got := w.srv.large.Load(); got != 3992 {
		t.Errorf("%d bytes counted", got)
	}
	b.sendRaw(set(1, 1001)[:4]) // 1009 with its header
	b.ended()
	c := w.resume2(b)
	c.sendRaw(set(1, 1000)) // 1008 are large as a frame, but not behind the header
	w.submitted(n + 4)
	if s := w.srv.Stats(); s.LargeRejected != 1 || w.srv.large.Load() != 3992 {
		t.Errorf("%d rejected, %d bytes counted", s.LargeRejected, w.srv.large.Load())
	}
	w.release(2)
	if got := w.srv.large.Load(); got != 2991 {
		t.Errorf("%d bytes counted after a reply", got)
	}
	w.release(-1)
	for want := range int32(3) {
		if r := a.next(); r.Xid != want+1 || r.Err != proto.OK {
			t.Errorf("%+v", r.ReplyHeader)
		}
	}
	c.mustNext(1).must(proto.OpPing, nil)
	w.quiet()
	// Exactly at the limit.
	a.sendRaw(set(9, 4992))
	a.mustNext(1)
	a.sendRaw(set(9, 4993))
	a.ended()
	w.quiet()
}

// resume2 resumes while the quorum is held: the question alone is answered.
func (w *world) resume2(old *client) *client {
	w.t.Helper()
	n := w.requests()
	c := w.dial()
	c.sendFrame((&proto.ConnectRequest{Timeout: 30000, SessionID: old.session, Passwd: old.passwd, HasReadOnly: true}).Append(nil))
	w.submitted(n + 1)
	w.do(func() {
		last := len(w.waiting) - 1
		a := w.waiting[last]
		w.waiting = w.waiting[:last]
		w.srv.Revalidated(a.check.ID, a.check.Conn, true)
	})
	c.recv()
	c.session, c.passwd = old.session, old.passwd
	return c
}

// The connect request is subject to the limit as a frame, an auth packet and
// its like are not counted, reads are for as long as they take.
func TestLargeOthers(t *testing.T) {
	w := largeWorld(t, 40, 100)
	c := w.connect() // 45 bytes
	c.must(proto.OpAuth, &proto.AuthPacket{Scheme: "digest", Auth: []byte("u:" + string(make([]byte, 60)))})
	c.call(getData("/"+string(make([]byte, 70)), false))
	if got := w.srv.large.Load(); got != 0 {
		t.Errorf("%d bytes counted", got)
	}
	w = largeWorld(t, 40, 44)
	c = w.dial()
	c.sendFrame((&proto.ConnectRequest{Timeout: 30000, Passwd: make([]byte, 16), HasReadOnly: true}).Append(nil))
	c.ended()
	if s := w.srv.Stats(); s.LargeRejected != 1 {
		t.Errorf("%d rejected", s.LargeRejected)
	}
}

// What is counted is given back however a request ends.
func TestLargeGivenBack(t *testing.T) {
	for name, end := range map[string]func(w *world, c *client){
		"client gone": func(w *world, c *client) {
			c.nc.Close()
			w.gone(0)
			if got := w.srv.large.Load(); got != 4000 { // the writes are on their way; the read is not
				t.Errorf("client gone: %d bytes of orphans", got)
			}
			w.release(-1)
		},
		"session resumed": func(w *world, c *client) { w.resume2(c); w.release(-1) },
		"session expired": func(w *world, c *client) {
			c.nc.Close()
			w.gone(0)
			w.do(func() { w.waiting = nil })
			w.release(-1)
			w.expire(c.session)
		},
		"not serving": func(w *world, c *client) {
			c.nc.Close()
			w.gone(0)
			w.do(func() { w.srv.StopServing("test"); w.waiting = nil })
		},
		"not serving, connected": func(w *world, c *client) {
			w.do(func() { w.srv.StopServing("test"); w.waiting = nil })
			c.ended()
		},
		"closed": func(w *world, c *client) { w.srv.Close(t.Context()) },
		"applied in between": func(w *world, c *client) {
			conn := w.connOf(c)
			w.do(func() { // its end is known, but its readLoop has not seen it
				conn.mu.Lock()
				conn.abort(errOutbox)
				conn.mu.Unlock()
			})
			w.release(-1)
			conn.closeSocket()
			w.gone(0)
			w.srv.mu.Lock()
			defer w.srv.mu.Unlock()
			if sess, ok := w.srv.sessions[c.session]; ok {
				t.Errorf("applied in between: %+v is left", sess)
			}
		},
	} {
		w := largeWorld(t, 1000, 100_000)
		c := w.connect()
		w.hold()
		n := w.requests()
		c.sendRaw(set(1, 2000))
		c.sendRaw(frameOf(2, proto.OpGetData, &proto.PathWatchRequest{Path: "/" + string(make([]byte, 1500))}))
		c.sendRaw(set(3, 2000))
		w.submitted(n + 2)
		if got := w.srv.large.Load(); got < 5500 {
			t.Errorf("%s: %d bytes counted", name, got)
		}
		end(w, c)
		w.quiet()
	}
}

// A sync whose client has left is given back with its answer, too.
func TestLargeSyncGivenBack(t *testing.T) {
	w := largeWorld(t, 1000, 100_000)
	c := w.connect()
	w.hold()
	n := w.requests()
	c.sendRaw(frameOf(1, proto.OpSync, &proto.PathRequest{Path: "/" + strings.Repeat("x", 1500)}))
	w.submitted(n + 1)
	c.nc.Close()
	w.gone(0)
	if got := w.srv.large.Load(); got < 1500 {
		t.Errorf("%d bytes counted", got)
	}
	w.release(-1)
	w.quiet()
}

// Clients that come and go with requests of all sizes, and a server that now and
// then stops serving, leave nothing behind.
func TestLimitsAfterChaos(t *testing.T) {
	w := newWorld(t, 0, func(o *Options) {
		o.LargeRequestThreshold, o.LargeRequestMaxBytes = 500, 20_000
		o.RequestThrottle = RequestThrottle{MaxRequests: 2, StallTime: time.Millisecond, DropStale: true, StaleConnection: true}
	})
	var wg sync.WaitGroup
	for seed := range uint64(6) {
		wg.Go(func() {
			rnd := rand.New(rand.NewPCG(seed, 11))
			for range 40 {
				w.chaosClient(rnd)
			}
		})
	}
	stop, stopped := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(stopped)
		for rnd := rand.New(rand.NewPCG(1, 1)); ; runtime.Gosched() {
			select {
			case <-stop:
				return
			default:
			}
			w.do(func() {
				switch rnd.IntN(50) {
				case 0:
					w.srv.StopServing("chaos")
					w.waiting = nil
					w.srv.Serve(zab.RoleLeader)
				case 1:
					w.held = true
				default:
					w.held, w.broke = false, rnd.IntN(2) == 0
					w.answer(len(w.waiting))
				}
			})
		}
	}()
	wg.Wait()
	close(stop)
	<-stopped
	w.release(-1)
	w.gone(0)
	w.quiet()
	w.settled()
}

// chaosClient is a connection that ends at any time. Errors are to be expected.
func (w *world) chaosClient(rnd *rand.Rand) {
	c := w.dial()
	defer c.nc.Close()
	c.nc.Write(frameOfRecord(&proto.ConnectRequest{Timeout: 30000, Passwd: make([]byte, 16), HasReadOnly: true}))
	if rnd.IntN(8) == 0 {
		return
	}
	if _, err := c.tryRecv(); err != nil {
		return
	}
	n := 1 + rnd.IntN(10)
	for i := range int32(n) {
		frame := set(i+1, 20+rnd.IntN(2000))
		switch rnd.IntN(6) {
		case 0:
			frame = frameOf(i+1, proto.OpGetData, &proto.PathWatchRequest{Path: "/" + string(make([]byte, rnd.IntN(2000)))})
		case 1:
			frame = frameOf(-4, proto.OpAuth, &proto.AuthPacket{Scheme: "digest", Auth: []byte("u:p")})
		case 2:
			binary.BigEndian.PutUint32(frame[8:], uint32(rnd.IntN(120)))
		}
		if _, err := c.nc.Write(frame[:len(frame)-rnd.IntN(2)*rnd.IntN(2)]); err != nil {
			return
		}
	}
	for range rnd.IntN(n + 1) {
		if _, err := c.tryRecv(); err != nil {
			return
		}
	}
}
