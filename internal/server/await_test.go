package server

import (
	"bytes"
	"sync"
	"testing"
	"time"

	"github.com/paddock-io/paddock/proto"
)

// A client whose request waits for a place before the quorum is alive, however
// long that takes, and its pings lie unread meanwhile.
func TestAliveDuringReserve(t *testing.T) {
	g := &gate{entered: make(chan struct{}), pass: make(chan struct{})}
	w := newWorld(t, 0, func(o *Options) { g.Proposer, o.Proposer = o.Proposer, g })
	c := w.connect()
	conn := w.connOf(c)
	g.closed.Store(true)
	write := c.send(setData("/", "x"))
	<-g.entered
	w.srv.Touched(nil)
	later := conn.seen.Load() + int64(time.Hour)
	w.srv.reap(later)
	if got := conn.seen.Load(); got != later {
		t.Errorf("seen at %v, looked at at %v", time.Duration(got), time.Duration(later))
	}
	if got := w.srv.Touched(nil); len(got) != 1 || got[0].ID != c.session {
		t.Errorf("touched %+v", got)
	}
	g.pass <- struct{}{}
	if r := c.next(); r.Xid != write || r.Err != proto.OK {
		t.Errorf("%+v", r.ReplyHeader)
	}
	w.until("it waits no longer", func() bool { return !conn.waiting.Load() })
	w.srv.reap(conn.seen.Load() + int64(time.Hour))
	c.ended()
}

// Who has asked for a place leaves when its connection ends.
func TestReserveEndsWithTheConnection(t *testing.T) {
	g := &gate{entered: make(chan struct{}), pass: make(chan struct{})}
	w := newWorld(t, 0, func(o *Options) { g.Proposer, o.Proposer = o.Proposer, g })
	a := w.connect()
	g.closed.Store(true)
	a.send(setData("/", "x"))
	<-g.entered
	b := w.resuming(a)
	b.recv()
	w.gone(1)
	a.ended()

	c := w.dial() // and so does one that wants a session
	c.sendFrame((&proto.ConnectRequest{Timeout: 30000, Passwd: make([]byte, 16), HasReadOnly: true}).Append(nil))
	<-g.entered
	w.srv.mu.RLock()
	var opening *conn
	for _, c := range w.srv.conns {
		if c != nil && c.id == w.srv.nextConn.Load() {
			opening = c
		}
	}
	w.srv.mu.RUnlock()
	opening.close(errSilent)
	w.gone(1)
}

// A connection with a full lane is not read, whatever it is full of, and its
// client is alive.
func TestFullLaneIsNotRead(t *testing.T) {
	get, read := getData("/"+string(bytes.Repeat([]byte("x"), 60_000)), false)
	for name, x := range map[string]struct {
		frame []byte
		most  int
	}{
		"bytes":  {frameOf(2, get, read), 1 + laneMaxBytes/60_000 + 1},
		"pings":  {frameOf(2, proto.OpPing, nil), laneMaxEntries},
		"logins": {frameOf(2, proto.OpAuth, &proto.AuthPacket{Scheme: "ip"}), laneMaxEntries},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, 0, nil)
			w.t = t
			c := w.connect()
			conn := w.connOf(c)
			w.hold()
			n := x.most + 500
			var wg sync.WaitGroup
			wg.Go(func() {
				c.send(setData("/", ""))
				batch := max(1, 64_000/len(x.frame))
				for sent := 0; sent < n; sent += batch {
					c.sendRaw(bytes.Repeat(x.frame, min(batch, n-sent)))
				}
			})
			w.until("it is not read", func() bool { return conn.waiting.Load() && conn.info().Queued >= x.most-1 })
			w.until("it waits", func() bool {
				conn.mu.Lock()
				defer conn.mu.Unlock()
				return conn.wait != nil
			})
			if got := conn.info().Queued; got > x.most {
				t.Errorf("%d requests in the lane, want no more than %d", got, x.most)
			}
			w.srv.Touched(nil)
			w.srv.reap(w.srv.now() + int64(time.Hour))
			if got := w.srv.Touched(nil); len(got) != 1 {
				t.Errorf("touched %+v", got)
			}
			w.release(-1)
			for range n + 1 {
				c.recv()
			}
			wg.Wait()
		})
	}
}
