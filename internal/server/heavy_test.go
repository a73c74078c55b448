package server

import (
	"fmt"
	"runtime"
	"testing"
	"time"

	"github.com/paddock-io/paddock/internal/tree"
	"github.com/paddock-io/paddock/proto"
)

// manyReads is a multiRead of n getData of a path, and something that is heavy.
func manyReads(path string, n int) (proto.OpCode, proto.Request) {
	op := (&proto.PathWatchRequest{Path: path}).Append(proto.MultiHeader{Type: proto.OpGetData, Err: -1}.Append(nil))
	var b []byte
	for range n {
		b = append(b, op...)
	}
	return proto.OpMultiRead, raw(proto.MultiEnd.Append(b))
}

// A heavy read is answered in its turn, though not by the quorum's goroutine.
func TestHeavyReadInOrder(t *testing.T) {
	w := newWorld(t, 0, nil)
	c := w.connect()
	op, reads := manyReads("/", 2000)
	if !heavy(&call{op: op, record: reads.Append(nil)}) {
		t.Fatal("not heavy")
	}
	w.hold()
	n := w.requests()
	write := c.send(setData("/", "new"))
	c.send(op, reads)
	c.send(getData("/", false))
	c.send(proto.OpGetAllChildren, &proto.PathRequest{Path: "/"})
	c.send(setData("/", "newer"))
	w.submitted(n + 1)
	w.release(-1)
	for i := range int32(5) {
		r := c.next()
		if r.Xid != write+i || r.Err != proto.OK {
			t.Fatalf("reply %+v, want to %d", r.ReplyHeader, write+i)
		}
		if i == 1 {
			d := proto.StatSize + 4 + len("new") + proto.MultiHeaderSize
			if len(r.body) != 2000*d+proto.MultiHeaderSize {
				t.Errorf("%d bytes of results, want 2000 of %d", len(r.body), d)
			}
		}
	}
}

// Who waits for a turn with a heavy read holds up nobody, and is let go when
// the time of serving ends.
func TestHeavyReadsWait(t *testing.T) {
	w := newWorld(t, 0, nil)
	a, b := w.connect(), w.connect()
	for range cap(w.srv.heavy) {
		w.srv.heavy <- struct{}{}
	}
	heavy := a.send(proto.OpGetAllChildren, &proto.PathRequest{Path: "/"})
	light := a.send(getData("/", false)) // in its turn, too
	b.must(getData("/", false))
	b.must(setData("/", "x"))
	for range cap(w.srv.heavy) {
		<-w.srv.heavy
	}
	if r := a.next(); r.Xid != heavy || r.Err != proto.OK {
		t.Errorf("%+v", r.ReplyHeader)
	}
	if r := a.next(); r.Xid != light || r.Err != proto.OK {
		t.Errorf("%+v", r.ReplyHeader)
	}
	for range cap(w.srv.heavy) {
		w.srv.heavy <- struct{}{}
	}
	a.send(proto.OpGetAllChildren, &proto.PathRequest{Path: "/"})
	w.do(func() { w.srv.StopServing("the end") })
	a.ended()
	w.gone(0)
}

// Few lists of thousands of children are made at a time.
func TestLongListsWait(t *testing.T) {
	const children = turnUnits/2 + 1
	w := newWorld(t, 0, nil)
	c, other := w.connect(), w.connect()
	conn := w.connOf(c)
	other.create("/many", "", proto.OpenACL, 0)
	other.create("/few", "", proto.OpenACL, 0)
	other.create("/few/1", "", proto.OpenACL, 0)
	var b []byte
	for i := range children {
		b = append(b, frameOf(int32(i), proto.OpCreate, &proto.CreateRequest{Path: fmt.Sprintf("/many/%d", i), ACL: proto.OpenACL})...)
	}
	go other.nc.Write(b)
	for range children {
		other.next()
	}
	for range cap(w.srv.heavy) {
		w.srv.heavy <- struct{}{}
	}
	c.must(proto.OpGetChildren2, &proto.PathWatchRequest{Path: "/few"})
	for _, op := range []proto.OpCode{proto.OpGetChildren, proto.OpGetChildren2} {
		xid := c.send(op, &proto.PathWatchRequest{Path: "/many"})
		w.until("the list waits", func() bool { return conn.waiting.Load() })
		other.must(setData("/many", "x"))
		<-w.srv.heavy
		if r := c.next(); r.Xid != xid || r.Err != proto.OK || len(r.body) < 4*children {
			t.Errorf("%+v with %d bytes", r.ReplyHeader, len(r.body))
		}
		w.srv.heavy <- struct{}{}
	}
}

// What a client may not read of a znode with a long ACL, a multiRead does not
// tell either, however often it asks.
func TestMultiReadOfLongACLs(t *testing.T) {
	w := newWorld(t, 0, nil)
	c := w.connect()
	var acl []proto.ACL
	for i := range 1000 {
		acl = append(acl, proto.ACL{Perms: proto.PermAll, ID: proto.ID{Scheme: "digest", ID: fmt.Sprintf("user%d:x", i)}})
	}
	c.create("/closed", "x", acl, 0)
	c.create("/open", "x", append(acl, proto.OpenACL...), 0)
	op, reads := manyReads("/closed", 3)
	closed := c.must(op, reads).body
	op, reads = manyReads("/open", 3)
	open := c.must(op, reads).body
	noAuth := proto.MultiHeader{Type: proto.OpError, Err: proto.ErrNoAuth}.Append(nil)
	if len(closed) != 3*(len(noAuth)+4)+proto.MultiHeaderSize || string(closed[:len(noAuth)]) != string(noAuth) {
		t.Errorf("of what is closed: %x", closed)
	}
	if len(open) != 3*(proto.MultiHeaderSize+4+1+proto.StatSize)+proto.MultiHeaderSize {
		t.Errorf("of what is open: %x", open)
	}
}

// longLists are a thousand identities and an ACL that looks at all of them in
// vain.
func longLists() (ids []proto.ID, acl []proto.ACL) {
	for i := range 1000 {
		ids = append(ids, proto.ID{Scheme: "digest", ID: fmt.Sprintf("me%d:x", i)})
		acl = append(acl, proto.ACL{Perms: proto.PermAll, ID: proto.ID{Scheme: "digest", ID: fmt.Sprintf("you%d:x", i)}})
	}
	return ids, acl
}

// One event after another about a znode with a long ACL is one look at it for
// each watcher.
func TestNotifyRemembers(t *testing.T) {
	w := newWorld(t, 0, nil)
	w.connect()
	ids, acl := longLists()
	w.do(func() {
		w.srv.tree.Lock()
		defer w.srv.tree.Unlock()
		var to []tree.WatcherID
		for id, c := range w.srv.conns {
			if c != nil {
				c.mu.Lock()
				c.ids = ids
				c.mu.Unlock()
				to = append(to, tree.WatcherID(id))
			}
		}
		if len(to) != 1 {
			t.Fatalf("%d connections", len(to))
		}
		c := w.srv.conns[to[0]]
		w.srv.Notify(&tree.Event{Type: proto.EventNodeDataChanged, Path: "/n", ACL: acl}, to)
		c.ids = append([]proto.ID(nil), ids...)
		if c.verdicts.Max == 0 {
			t.Error("what a connection remembers has no bound")
		}
		n := testing.AllocsPerRun(10, func() {
			w.srv.Notify(&tree.Event{Type: proto.EventNodeDataChanged, Path: "/n", ACL: acl}, to)
		})
		if n > 2 { // the set of a thousand identities is more
			t.Errorf("%v allocations for an event: the ACL is looked at each time", n)
		}
	})
}

// A setWatches of one path again and again looks at its ACL once.
func TestSetWatchesRemembers(t *testing.T) {
	w := newWorld(t, 0, nil)
	c := w.connect()
	ids, acl := longLists()
	c.create("/n", "x", acl, 0)
	const paths = 2000
	req := proto.SetWatchesRequest{RelativeZxid: 0}
	for range paths {
		req.Exist = append(req.Exist, "/n")
	}
	q := call{op: proto.OpSetWatches, ids: ids, record: req.Append(nil)}
	w.do(func() {
		w.srv.tree.Lock()
		defer w.srv.tree.Unlock()
		for _, c := range w.srv.conns {
			if c == nil {
				continue
			}
			c.mu.Lock()
			c.ids = ids
			c.mu.Unlock()
			if n := testing.AllocsPerRun(1, func() { w.srv.setWatches(c, &q, new(tally)) }); n > 2*paths {
				t.Errorf("%v allocations for %d paths: the ACL is looked at for each", n, paths)
			}
		}
	})
}

// One small multiRead or setWatches after another of the same long ACLs looks at
// those once, as other reads do.
func TestManyPathsRemember(t *testing.T) {
	w := newWorld(t, 0, nil)
	c := w.connect()
	ids, acl := longLists()
	c.create("/n", "x", acl, 0)
	op, reads := manyReads("/n", 2)
	watches := &proto.SetWatchesRequest{RelativeZxid: 0, Exist: []string{"/n", "/n"}}
	conn := w.connOf(c)
	w.do(func() {
		w.srv.tree.Lock()
		defer w.srv.tree.Unlock()
		conn.mu.Lock()
		conn.ids = ids
		conn.mu.Unlock()
		for _, q := range []call{
			{op: op, ids: ids, record: reads.Append(nil)},
			{op: proto.OpSetWatches, ids: ids, record: watches.Append(nil)},
		} {
			if n := testing.AllocsPerRun(10, func() { w.srv.execute(conn, &q, new(tally)) }); n > 3 { // a set of a thousand identities is more
				t.Errorf("%v: %v allocations: the ACL is looked at each time", q.op, n)
			}
		}
	})
}

// A client whose read waits for its turn is not silent.
func TestAliveDuringHeavyRead(t *testing.T) {
	w := newWorld(t, 0, func(o *Options) { o.MinSessionTimeout = time.Millisecond })
	c := w.dial()
	c.session = c.handshake(&proto.ConnectRequest{Timeout: 8000, Passwd: make([]byte, 16), HasReadOnly: true}).SessionID
	conn := w.connOf(c)
	conn.mu.Lock()
	conn.timeoutMs = 800
	conn.mu.Unlock()
	for range cap(w.srv.heavy) {
		w.srv.heavy <- struct{}{}
	}
	read := c.send(proto.OpGetAllChildren, &proto.PathRequest{Path: "/"})
	w.srv.Touched(nil)
	for range 2 {
		before := conn.seen.Load()
		deadline := time.Now().Add(patience)
		for alive := false; !alive || conn.seen.Load() == before; runtime.Gosched() {
			for _, touch := range w.srv.Touched(nil) {
				alive = alive || touch.ID == c.session
			}
			if time.Now().After(deadline) {
				t.Fatalf("seen %d after %d, session alive %t", conn.seen.Load(), before, alive)
			}
		}
	}
	for range cap(w.srv.heavy) {
		<-w.srv.heavy
	}
	if r := c.next(); r.Xid != read || r.Err != proto.OK {
		t.Errorf("%+v", r.ReplyHeader)
	}
}
