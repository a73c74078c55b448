package server

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"

	"github.com/paddock-io/paddock/proto"
)

// idle keeps the backlog from being worked on until the function that it returns
// is called.
func (w *world) idle() (work func()) {
	b := &w.srv.backlog
	b.mu.Lock()
	b.working += cap(w.srv.heavy)
	b.mu.Unlock()
	return func() { w.srv.start(w.srv.work) }
}

// parked sends a write and n reads of path behind it, and returns when all wait.
func (w *world) parked(c *client, path string, n int) {
	w.t.Helper()
	requests, conn := w.requests(), w.connOf(c)
	queued := conn.info().Queued
	op, req := setData("/n", "first")
	c.xid++
	b := frameOf(c.xid, op, req)
	op, req = getData(path, false)
	for range n {
		c.xid++
		b = append(b, frameOf(c.xid, op, req)...)
	}
	c.sendRaw(b)
	w.submitted(requests + 1)
	w.until("reads are parked", func() bool { return conn.info().Queued == queued+1+n })
}

// expectReads takes the replies to reads from xid on and insists on what they read.
func (c *client) expectReads(xid int32, n int, want string) {
	c.t.Helper()
	for i := range int32(n) {
		r := c.next()
		if r.Xid != xid+i || r.Err != proto.OK {
			c.t.Fatalf("reply %+v, want to %d", r.ReplyHeader, xid+i)
		}
		if got, _ := r.dataOf(c.t); got != want {
			c.t.Fatalf("%d read %q, want %q", r.Xid, got, want)
		}
	}
}

// However many reads wait behind writes, of however many connections, the quorum's
// goroutine answers as many as the decided writes have put into the purse. Others
// answer the rest, in order.
func TestDueReadsHaveABudget(t *testing.T) {
	const conns, reads = 3, 500
	w := newWorld(t, 0, nil)
	root := w.connect()
	root.create("/n", "", proto.OpenACL, 0)
	each := w.srv.units(readOf("/n"))
	if each < readUnits {
		t.Fatalf("%d units", each)
	}
	work := w.idle()
	w.hold()
	before := w.srv.Stats().Outstanding
	var list []*client
	for range conns {
		c := w.connectHeld()
		w.parked(c, "/n", reads)
		list = append(list, c)
	}
	w.do(func() { w.srv.purse = 0 })
	w.release(-1) // one Apply for each
	answered := int(before) + conns*(reads+1) - int(w.srv.Stats().Outstanding)
	if most := conns + conns*decidedUnits/each; answered > most || answered < most-1 {
		t.Errorf("%d requests answered by the quorum's goroutine, want %d", answered, most)
	}
	if data, _ := root.must(getData("/n", false)).dataOf(t); data != "first" {
		t.Errorf("somebody else reads %q", data)
	}
	root.must(setData("/n", "second"))
	work()
	for _, c := range list {
		if r := c.next(); r.Xid != 1 || r.Err != proto.OK {
			t.Errorf("reply %+v to the write", r.ReplyHeader)
		}
		first, last := 0, ""
		for i := range reads { // a later state is no harm, an earlier one is
			r := c.next()
			data, _ := r.dataOf(t)
			if r.Xid != int32(i+2) || data < last {
				t.Fatalf("reply %+v with %q after %q", r.ReplyHeader, data, last)
			}
			if last = data; data == "first" {
				first++
			}
		}
		if first == reads {
			t.Error("all was read at once")
		}
	}
	w.settled()
}

func readOf(path string) *call {
	op, req := getData(path, false)
	return &call{op: op, record: req.Append(nil), ids: []proto.ID{{Scheme: "ip", ID: "127.0.0.1"}}}
}

// connectHeld opens a session while the quorum is held.
func (w *world) connectHeld() *client {
	w.t.Helper()
	n := w.requests()
	c := w.dial()
	done := make(chan struct{})
	go func() {
		defer close(done)
		c.handshake(&proto.ConnectRequest{Timeout: 30000, Passwd: make([]byte, 16), HasReadOnly: true})
	}()
	w.submitted(n + 1)
	w.do(func() {
		last := len(w.waiting) - 1
		older := w.waiting[:last:last]
		w.waiting = w.waiting[last:]
		w.answer(1)
		w.waiting = older
	})
	<-done
	return c
}

// settled insists that nothing is left of what waited.
func (w *world) settled() {
	w.t.Helper()
	w.until("nothing is outstanding", func() bool { return w.srv.Stats().Outstanding == 0 })
	w.until("the backlog is empty", func() bool {
		w.srv.backlog.mu.Lock()
		defer w.srv.backlog.mu.Unlock()
		return len(w.srv.backlog.list) == 0
	})
	if n := w.srv.hemmed.Load(); n != 0 {
		w.t.Errorf("%d units are hemmed in by nothing", n)
	}
}

// Reads with a write behind them are answered before that, whatever the purse
// holds, and see nothing of it.
func TestHemmedReadsComeFirst(t *testing.T) {
	const reads = 300
	w := newWorld(t, 0, nil)
	w.idle()
	c := w.connect()
	c.create("/n", "", proto.OpenACL, 0)
	w.broke = true
	w.hold()
	c.xid = 0
	w.parked(c, "/n", reads)
	n := w.requests()
	c.send(setData("/n", "second"))
	w.submitted(n + 1)
	if got, want := w.srv.hemmed.Load(), int64(reads*w.srv.units(readOf("/n"))); got != want {
		t.Errorf("%d units hemmed in, want %d", got, want)
	}
	w.do(func() { w.batch = 2 })
	w.do(func() { // both writes in one batch
		w.held = false
		w.answer(2)
	})
	c.next()
	c.expectReads(2, reads, "first")
	if r := c.next(); r.Xid != reads+2 || r.Err != proto.OK {
		t.Errorf("%+v", r.ReplyHeader)
	}
	w.settled()
}

// A write is not submitted while reads before it can neither be hemmed in, nor
// have been answered.
func TestWriteWaitsForReads(t *testing.T) {
	for name, test := range map[string]func(w *world, c *client){
		"no room": func(w *world, c *client) {
			w.srv.hemmed.Store(hemmedMax)
			w.parked(c, "/n", 10)
		},
		"left over": func(w *world, c *client) {
			w.parked(c, "/n", 10)
			w.release(1)
			w.until("they are left over", func() bool {
				conn := w.connOf(c)
				conn.mu.Lock()
				defer conn.mu.Unlock()
				return conn.behind
			})
		},
		"many paths": func(w *world, c *client) {
			w.parked(c, "/n", 10)
			op, reads := manyReads("/n", 1)
			c.send(op, reads)
			conn := w.connOf(c)
			w.until("it is parked", func() bool { return conn.info().Queued == 12 })
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, 0, nil)
			w.t = t
			work := w.idle()
			c := w.connect()
			c.create("/n", "", proto.OpenACL, 0)
			c.xid = 0
			w.broke = true
			w.hold()
			test(w, c)
			conn, n := w.connOf(c), w.requests()
			write := c.send(setData("/n", "second"))
			w.until("the write waits", func() bool { return conn.waiting.Load() })
			w.release(-1)
			if got := w.requests(); got != n {
				t.Fatal("the write is submitted ahead of what was read before it")
			}
			if name == "no room" {
				w.srv.hemmed.Store(0)
			}
			work()
			c.next()
			c.expectReads(2, 10, "first")
			if name == "many paths" {
				c.next()
			}
			if r := c.next(); r.Xid != write || r.Err != proto.OK {
				t.Errorf("%+v", r.ReplyHeader)
			}
			w.settled()
		})
	}
}

// What has become dearer since it was hemmed in may make a debt. Beyond that
// others go on, and if the write behind is applied before they have, the
// connection ends: nothing is answered out of turn or with what came later.
func TestReadsThatBecameDear(t *testing.T) {
	const reads = 200
	acl := make([]proto.ACL, 4096)
	for i := range acl {
		acl[i] = proto.ACL{Perms: proto.PermAll, ID: proto.ID{Scheme: "ip", ID: fmt.Sprintf("10.0.%d.%d", i/256, i%256)}}
	}
	acl[0].ID.ID = "127.0.0.1"
	for _, inTime := range []bool{true, false} {
		t.Run(fmt.Sprintf("in time %t", inTime), func(t *testing.T) {
			w := newWorld(t, 0, nil)
			w.t = t
			work := w.idle()
			root, c := w.connect(), w.connect()
			root.create("/n", "", proto.OpenACL, 0)
			w.hold()
			w.do(func() { w.srv.purse = 0 })
			n := w.requests()
			dearer := root.send(proto.OpSetACL, &proto.SetACLRequest{Path: "/n", ACL: acl, Version: -1})
			w.submitted(n + 1)
			w.parked(c, "/n", reads)
			c.send(setData("/n", "second"))
			w.submitted(n + 3)
			w.release(2)
			if r := root.next(); r.Xid != dearer || r.Err != proto.OK {
				t.Fatalf("%+v", r.ReplyHeader)
			}
			dear := w.srv.units(readOf("/n"))
			debt := (reads - int(w.connOf(c).info().Queued-1)) * (dear - w.srv.units(readOf("/")))
			if most := purseDebt + 2*decidedUnits; debt > most || debt < most-2*dear {
				t.Errorf("a debt of about %d, want no more than %d", debt, most)
			}
			c.next()
			if inTime {
				work()
				c.expectReads(2, reads, "first")
				w.release(-1)
				if r := c.next(); r.Xid != reads+2 || r.Err != proto.OK {
					t.Errorf("%+v", r.ReplyHeader)
				}
				w.settled()
				return
			}
			w.release(-1)
			c.mustReadUntilEnd(2, reads, "first")
			if s := w.srv.Stats(); s.LateReads != 1 {
				t.Errorf("%d connections ended for it", s.LateReads)
			}
			work()
			w.gone(1)
			again := w.resume(c)
			if data, _ := again.must(getData("/n", false)).dataOf(t); data != "second" {
				t.Errorf("read %q: the write is not done", data)
			}
			again.must(setData("/n", "third")) // nothing waits for the answer that has been
			w.settled()
		})
	}
}

// mustReadUntilEnd is expectReads of fewer, and then the end.
func (c *client) mustReadUntilEnd(xid int32, fewer int, want string) {
	c.t.Helper()
	for i := int32(0); ; i++ {
		b, err := c.tryRecv()
		if err != nil {
			if int(i) >= fewer {
				c.t.Error("all was answered")
			}
			return
		}
		if got := frameXid(b); got != xid+i || !strings.Contains(string(b), want) {
			c.t.Fatalf("reply to %d: %q, want to %d", got, b, xid+i)
		}
	}
}

func frameXid(b []byte) int32 {
	return int32(b[0])<<24 | int32(b[1])<<16 | int32(b[2])<<8 | int32(b[3])
}

// With nothing in the purse all that is loose goes through the backlog, where
// reads leave watches, which fire before anybody sees what has changed.
func TestWatchOrderThroughTheBacklog(t *testing.T) {
	const rounds = 200
	w := newWorld(t, 0, nil)
	w.broke = true
	c, writer := w.connect(), w.connect()
	c.create("/n", "0", proto.OpenACL, 0)
	c.create("/own", "", proto.OpenACL, 0)
	var wg sync.WaitGroup
	wg.Go(func() {
		for i := range rounds {
			writer.must(setData("/n", fmt.Sprintf("%06d", i)))
		}
	})
	c.xid = 0
	watching, last := false, ""
	for range rounds {
		write := c.send(setData("/own", "x"))
		c.send(getData("/n", true))
		c.send(getData("/n", true))
		for got := int32(0); got < 3; {
			r := c.next()
			if r.Xid == proto.XidNotification {
				if !watching {
					t.Fatal("an event without a watch")
				}
				watching = false
				continue
			}
			if r.Xid != write+got || r.Err != proto.OK {
				t.Fatalf("reply %+v, want to %d", r.ReplyHeader, write+got)
			}
			if got++; got == 1 {
				continue
			}
			data, _ := r.dataOf(t)
			if watching && data != last {
				t.Fatalf("read %q after %q, and no event between", data, last)
			}
			watching, last = true, data
		}
	}
	wg.Wait()
	w.settled()
}

// What a read is taken to cost.
func TestUnits(t *testing.T) {
	w := newWorld(t, 0, nil)
	c := w.connect()
	c.create("/n", strings.Repeat("x", 256*7), nil9(), 0)
	for i := range 5 {
		c.create(fmt.Sprintf("/n/%d", i), "", proto.OpenACL, 0)
	}
	few, many := make([]proto.ID, 2), make([]proto.ID, 1000)
	whole := func(op proto.OpCode, ids []proto.ID, path string) int {
		return w.srv.units(&call{op: op, ids: ids, record: (&proto.PathWatchRequest{Path: path}).Append(nil)})
	}
	for _, x := range []struct {
		op   proto.OpCode
		ids  []proto.ID
		path string
		want int
	}{
		{proto.OpPing, few, "", readUnits},
		{proto.OpExists, few, "/nowhere", readUnits},
		{proto.OpExists, few, "/" + strings.Repeat("x", 256*3), readUnits + 3},
		{proto.OpExists, few, "/n", readUnits + 2*9},
		{proto.OpExists, many, "/n", readUnits + 9 + 8*1000},
		{proto.OpGetData, few, "/n", readUnits + 2*9 + 7},
		{proto.OpGetChildren, few, "/n", readUnits + 2*9 + 2*5},
		{proto.OpGetChildren2, few, "/n", readUnits + 2*9 + 2*5},
		{proto.OpGetACL, few, "/n", readUnits + 2*2*9 + 2*9},
		{proto.OpWhoAmI, many, "", readUnits + 1000},
		{proto.OpMultiRead, few, "/n", manyUnits},
		{proto.OpSetWatches, few, "/n", manyUnits},
		{proto.OpSetWatches2, few, "/n", manyUnits},
	} {
		if got := whole(x.op, x.ids, x.path); got != x.want {
			t.Errorf("%v of %.9s: %d units, want %d", x.op, x.path, got, x.want)
		}
	}
}

// nil9 is an ACL of nine entries that lets everybody in.
func nil9() []proto.ACL {
	acl := []proto.ACL{proto.OpenACL[0]}
	for i := range 8 {
		acl = append(acl, proto.ACL{Perms: proto.PermAll, ID: proto.ID{Scheme: "ip", ID: fmt.Sprintf("10.0.0.%d", i)}})
	}
	return acl
}

// A connection that somebody catches up on is not forgotten before that has ended:
// a read may still leave a watch.
func TestForgetWaitsForCatchUp(t *testing.T) {
	w := newWorld(t, 0, nil)
	c := w.connect()
	conn := w.connOf(c)
	conn.mu.Lock()
	conn.busy = true
	conn.mu.Unlock()
	c.nc.Close()
	w.until("its readLoop waits", func() bool {
		conn.mu.Lock()
		defer conn.mu.Unlock()
		return conn.phase == phaseClosed && conn.wait != nil
	})
	if n := w.srv.Stats().Connections; n != 1 {
		t.Errorf("%d connections", n)
	}
	conn.mu.Lock()
	conn.busy = false
	conn.wake()
	conn.mu.Unlock()
	w.gone(0)
}

// Sessions that go from one connection to the next while somebody catches up on
// the last one leave nothing behind, neither watches nor counts.
func TestTakeoversDuringCatchUp(t *testing.T) {
	w := newWorld(t, 0, nil)
	w.do(func() { w.broke = true })
	root := w.connect()
	root.create("/n", "", proto.OpenACL, 0)
	var wg sync.WaitGroup
	for seed := range uint64(4) {
		wg.Go(func() {
			rnd := rand.New(rand.NewPCG(seed, 17))
			c := w.connect()
			for range 60 {
				op, req := setData("/n", "x")
				b := frameOf(1, op, req)
				op, req = getData("/n", true)
				b = append(b, bytes.Repeat(frameOf(2, op, req), rnd.IntN(2000))...)
				c.sendRaw(b)
				for range rnd.IntN(4) {
					c.recv()
				}
				old := c
				c = w.resume(old)
				old.nc.Close()
			}
			c.nc.Close()
		})
	}
	wg.Wait()
	w.gone(1)
	w.settled()
	root.must(setData("/n", "last"))
	if n := w.watches(); n != 0 {
		t.Errorf("%d watches left", n)
	}
}
