package server

import (
	"bytes"
	"runtime"
	"testing"

	"github.com/paddock-io/paddock/jute"
	"github.com/paddock-io/paddock/proto"
)

func decode(t testing.TB, b []byte, r interface{ Decode(*jute.Decoder) }) {
	t.Helper()
	d := jute.NewDecoder(b)
	if r.Decode(&d); d.Err() != nil {
		t.Fatal(d.Err())
	}
}

// w1 r1 w2 r2 without waiting: every read sees its own session's earlier
// writes, and no later ones; other sessions do not wait.
func TestLane(t *testing.T) {
	w := newWorld(t, 0, nil)
	a, b := w.connect(), w.connect()
	a.create("/n", "0", proto.OpenACL, 0)
	w.hold()
	n := w.requests()
	a.xid = 100
	a.send(setData("/n", "1"))                                        // 101
	a.send(getData("/n", false))                                      // 102
	a.send(setData("/n", "2"))                                        // 103
	a.send(getData("/n", false))                                      // 104
	a.send(proto.OpSync, &proto.PathRequest{Path: "/any"})            // 105
	a.send(getData("/n", false))                                      // 106
	a.send(proto.OpPing, nil)                                         // 107, answered as -2
	a.send(proto.OpAuth, &proto.AuthPacket{Scheme: "ip"})             // 108
	a.send(proto.OpDelete, &proto.DeleteRequest{Path: "/x"})          // 109, fails
	a.send(proto.OpExists, &proto.PathWatchRequest{Path: "/nowhere"}) // 110, fails
	w.submitted(n + 4)

	if data, _ := b.must(getData("/n", false)).dataOf(t); data != "0" {
		t.Errorf("another session read %q before anything was decided", data)
	}
	if q := w.srv.Stats().Outstanding; q < 7 { // the reads behind the last write may be on their way
		t.Errorf("%d outstanding", q)
	}
	w.release(1)
	expect := func(xid int32, err proto.ErrCode, data string) {
		t.Helper()
		r := a.next()
		if r.Xid != xid || r.Err != err {
			t.Fatalf("reply %d, %v instead of %d, %v", r.Xid, r.Err, xid, err)
		}
		if data != "" {
			if got, _ := r.dataOf(t); got != data {
				t.Errorf("xid %d read %q instead of %q", xid, got, data)
			}
		}
	}
	expect(101, proto.OK, "")
	expect(102, proto.OK, "1")
	if data, _ := b.must(getData("/n", false)).dataOf(t); data != "1" {
		t.Errorf("another session read %q", data)
	}
	w.release(-1)
	expect(103, proto.OK, "")
	expect(104, proto.OK, "2")
	expect(105, proto.OK, "")
	expect(106, proto.OK, "2")
	expect(-2, proto.OK, "")
	expect(108, proto.OK, "")
	expect(109, proto.ErrNoNode, "")
	expect(110, proto.ErrNoNode, "")
	b.must(proto.OpPing, nil)
	if q := w.srv.Stats().Outstanding; q != 0 {
		t.Errorf("%d outstanding in the end", q)
	}
}

// A sync may be answered while writes before it are still on the way, as it is by
// a server alone or with linearizableSync=false: the reply waits for those.
func TestSyncAnsweredEarly(t *testing.T) {
	w := newWorld(t, 0, nil)
	a := w.connect()
	w.hold()
	n := w.requests()
	a.send(setData("/", "1"))
	sync := a.send(proto.OpSync, &proto.PathRequest{Path: "/any"})
	w.submitted(n + 2)
	w.do(func() {
		w.waiting = w.waiting[:1]
		w.srv.Synced(a.session, sync)
		w.srv.Synced(a.session, sync+1) // nonsense changes nothing
		w.srv.Synced(a.session+1, sync)
	})
	w.release(-1)
	if r := a.next(); r.Xid != sync-1 {
		t.Fatalf("sync overtook a write: %+v", r)
	}
	r := a.next()
	var path proto.PathRequest
	if decode(t, r.body, &path); r.Xid != sync || path.Path != "/any" {
		t.Errorf("%+v", r)
	}
}

// A sync waits for the quorum even when nothing is before it.
func TestSyncWaits(t *testing.T) {
	w := newWorld(t, 0, nil)
	a := w.connect()
	w.hold()
	n := w.requests()
	a.send(setData("/", "1"))
	a.send(proto.OpSync, &proto.PathRequest{Path: "/"})
	w.submitted(n + 2)
	w.release(1)
	a.next()
	if q := w.srv.Stats().Outstanding; q != 1 {
		t.Errorf("%d outstanding behind the write", q)
	}
	w.release(-1)
	a.next()
	if q := w.srv.Stats().Outstanding; q != 0 {
		t.Errorf("%d outstanding in the end", q)
	}
}

// Identities count from the auth packet on, wherever the requests wait.
func TestAuthInOrder(t *testing.T) {
	w := newWorld(t, 0, nil)
	admin := w.connect()
	admin.must(proto.OpAuth, &proto.AuthPacket{Scheme: "digest", Auth: []byte("bob:secret")})
	admin.create("/s", "secret", []proto.ACL{{Perms: proto.PermAll, ID: proto.ID{Scheme: "auth"}}}, 0)

	c := w.connect()
	w.hold()
	n := w.requests()
	c.send(setData("/", "x"))
	c.send(getData("/s", false))
	c.send(proto.OpAuth, &proto.AuthPacket{Scheme: "digest", Auth: []byte("bob:secret")})
	c.send(getData("/s", false))
	c.send(setData("/s", "new"))
	w.submitted(n + 2)
	w.release(-1)
	for i, want := range []proto.ErrCode{proto.OK, proto.ErrNoAuth, proto.OK, proto.OK, proto.OK} {
		if r := c.next(); r.Err != want || r.Xid != int32(i+1) {
			t.Errorf("request %d: %+v, want %v", i+1, r.ReplyHeader, want)
		}
	}
}

// What a client sends behind a request that ends its connection is not done,
// what it sent before is.
func TestLastReplyInOrder(t *testing.T) {
	w := newWorld(t, 0, nil)
	for name, last := range map[string][]byte{
		"auth":          frameOf(2, proto.OpAuth, &proto.AuthPacket{Scheme: "nosuch"}),
		"unimplemented": frameOf(2, 500, nil),
		"closeSession":  frameOf(2, proto.OpCloseSession, nil),
	} {
		c := w.connect()
		w.hold()
		n := w.requests()
		b := frameOf(1, proto.OpCreate, &proto.CreateRequest{Path: "/" + name, ACL: proto.OpenACL})
		b = append(b, last...)
		b = append(b, frameOf(3, proto.OpDelete, &proto.DeleteRequest{Path: "/" + name, Version: -1})...)
		c.sendRaw(b)
		w.submitted(n + 1)
		w.release(-1)
		if r := c.next(); r.Xid != 1 || r.Err != proto.OK {
			t.Errorf("%s: %+v", name, r)
		}
		if r := c.next(); r.Xid != 2 {
			t.Errorf("%s: %+v", name, r)
		}
		c.ended()
		w.connect().must(getData("/"+name, false))
	}
}

// Malformed records are answered, and the connection goes on.
func TestMalformedRecords(t *testing.T) {
	w := newWorld(t, 0, nil)
	c := w.connect()
	null := []byte{0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0, 0, 0, 0, 0, 0}
	for _, op := range []proto.OpCode{
		proto.OpCreate, proto.OpDelete, proto.OpSetData, proto.OpSetACL, proto.OpMulti, proto.OpCreate2,
		proto.OpExists, proto.OpGetData, proto.OpGetChildren, proto.OpGetChildren2, proto.OpGetACL,
		proto.OpSetWatches, proto.OpSetWatches2, proto.OpGetAllChildren, proto.OpSync, proto.OpMultiRead,
		proto.OpAddWatch, proto.OpCheckWatches, proto.OpRemoveWatches, proto.OpGetEphemerals,
	} {
		for _, record := range [][]byte{nil, {0}, {0x7f, 0xff, 0xff, 0xff, 'x'}, {0, 0, 0, 2, '/'}} {
			c.sendRaw(frameOf(7, op, raw(record)))
			if r := c.next(); r.Err != proto.ErrMarshalling || len(r.body) != 0 || r.Xid != 7 {
				t.Errorf("%s with %x: %+v", op, record, r)
			}
		}
		c.sendRaw(frameOf(8, op, raw(null)))
		want := proto.ErrMarshalling
		switch op {
		case proto.OpSetData, proto.OpSetACL:
			want = proto.ErrBadArguments
		case proto.OpSync, proto.OpGetEphemerals, proto.OpAddWatch:
			want = proto.OK
		}
		if r := c.next(); r.Err != want {
			t.Errorf("%s with a null path: %v, want %v", op, r.Err, want)
		}
	}
	c.must(proto.OpPing, nil)
}

// A multi with a null ACL is answered in its turn without the quorum, whose
// leader may have no transaction for it; what is wrong otherwise is not.
func TestMultiWithNullACL(t *testing.T) {
	w := newWorld(t, 0, nil)
	c := w.connect()
	op := func(typ proto.OpCode, r proto.Request) []byte {
		return r.Append(proto.MultiHeader{Type: typ, Err: -1}.Append(nil))
	}
	null := &proto.CreateRequest{Path: "/n"}
	nullPath := op(proto.OpCreate, raw(append([]byte{0xff, 0xff, 0xff, 0xff}, null.Append(nil)[6:]...)))
	before := op(proto.OpDelete, &proto.DeleteRequest{Path: "/x"})
	before = append(before, op(proto.OpCheck, &proto.CheckVersionRequest{Path: "/x"})...)
	before = append(before, op(proto.OpSetData, &proto.SetDataRequest{Path: "/x", Data: []byte("data")})...)
	before = append(before, op(proto.OpCreate, &proto.CreateRequest{Path: "/y", ACL: proto.OpenACL})...)
	before = append(before, op(proto.OpCreateTTL, &proto.CreateRequest{Path: "/z", ACL: proto.OpenACL, HasTTL: true})...)
	read := op(proto.OpGetData, &proto.PathWatchRequest{Path: "/x"})
	end := proto.MultiEnd.Append(nil)
	for name, test := range map[string]struct {
		ops    [][]byte
		local  bool
		failed bool // as any multi whose operation fails: without an error of its own
	}{
		"create":              {[][]byte{op(proto.OpCreate, null), end}, true, false},
		"create2":             {[][]byte{op(proto.OpCreate2, null), end}, true, false},
		"container":           {[][]byte{op(proto.OpCreateContainer, null), end}, true, false},
		"null path":           {[][]byte{nullPath, end}, true, false},
		"behind others":       {[][]byte{before, op(proto.OpCreate, null), end}, true, false},
		"behind a read":       {[][]byte{read, op(proto.OpCreate, null), end}, true, false},
		"behind a TTL mode":   {[][]byte{op(proto.OpCreate, &proto.CreateRequest{Path: "/x", ACL: proto.OpenACL, Flags: proto.PersistentTTL}), op(proto.OpCreate, null), end}, false, false},
		"with a TTL mode":     {[][]byte{op(proto.OpCreate, &proto.CreateRequest{Path: "/n", Flags: proto.PersistentTTL}), end}, true, false},
		"before nonsense":     {[][]byte{op(proto.OpCreate, null), {1}}, true, false},
		"behind nonsense":     {[][]byte{op(proto.OpSync, raw{}), op(proto.OpCreate, null), end}, false, false},
		"invalid flags":       {[][]byte{op(proto.OpCreate, &proto.CreateRequest{Path: "/n", Flags: 99}), end}, false, false},
		"truncated":           {[][]byte{op(proto.OpCreate, null)[:20]}, false, false},
		"with a time to live": {[][]byte{op(proto.OpCreateTTL, &proto.CreateRequest{Path: "/n", Flags: proto.PersistentTTL, HasTTL: true, TTL: 1}), end}, false, true},
	} {
		t.Run(name, func(t *testing.T) {
			w.hold()
			n := w.requests()
			first := c.send(setData("/", "1"))
			c.send(proto.OpMulti, raw(bytes.Join(test.ops, nil)))
			c.send(setData("/", "2"))
			want := n + 3
			if test.local {
				want = n + 2
			}
			w.submitted(want)
			w.release(-1)
			answer := proto.ErrMarshalling
			if test.failed {
				answer = proto.OK
			}
			for i, err := range []proto.ErrCode{proto.OK, answer, proto.OK} {
				if r := c.next(); r.Xid != first+int32(i) || r.Err != err {
					t.Fatalf("reply %+v, want %v", r.ReplyHeader, err)
				}
			}
			if got := w.requests(); got != want {
				t.Errorf("%d requests submitted instead of %d", got-n, want-n)
			}
		})
	}
}

type raw []byte

func (r raw) Append(b []byte) []byte { return append(b, r...) }
func (r raw) Decode(*jute.Decoder)   {}

// resuming sends the connect request of a connection that resumes a's session,
// and returns it once the question is before the quorum.
func (w *world) resuming(a *client) *client {
	w.t.Helper()
	n := w.requests()
	b := w.dial()
	b.sendFrame((&proto.ConnectRequest{Timeout: 30000, SessionID: a.session, Passwd: a.passwd, HasReadOnly: true}).Append(nil))
	w.submitted(n + 1)
	return b
}

// The answer to a sync of an earlier connection is not for a sync of the present
// one, though clients may begin to count anew with every connection: what has
// confirmed the first may be older than the second.
func TestSyncOfAnEarlierConnection(t *testing.T) {
	w := newWorld(t, 0, nil)
	a := w.connect()
	w.hold()
	n := w.requests()
	a.send(setData("/", "1"))
	a.send(proto.OpSync, &proto.PathRequest{Path: "/"})
	w.submitted(n + 2)
	b := w.resuming(a)
	w.do(func() { w.waiting = []answerable{w.waiting[2], w.waiting[0], w.waiting[1]} })
	w.release(1)
	b.recv()
	b.xid = 1 // as if it had written too, and now a's sync and its own have one number
	n = w.requests()
	sync := b.send(proto.OpSync, &proto.PathRequest{Path: "/"})
	w.submitted(n + 1)
	w.release(2)
	w.srv.mu.RLock()
	c := w.srv.sessions[a.session].conn
	w.srv.mu.RUnlock()
	c.mu.Lock()
	waits := c.lane.head != nil && c.lane.head.state == stateSync
	c.mu.Unlock()
	if !waits {
		t.Fatal("the present connection's sync is answered with that of an earlier one")
	}
	w.release(-1)
	if r := b.next(); r.Xid != sync || r.Err != proto.OK {
		t.Errorf("the sync is answered %+v", r)
	}
}

// A transaction that is applied while its session is taken over by another
// connection must not be remembered as undecided: it would swallow the answer to
// the next write with its xid.
func TestTakeoverWhileApplying(t *testing.T) {
	w := newWorld(t, 0, nil)
	a := w.connect()
	w.hold()
	n := w.requests()
	a.send(setData("/", "1"))
	w.submitted(n + 1)
	w.srv.mu.RLock()
	old := w.srv.sessions[a.session].conn
	w.srv.mu.RUnlock()

	old.mu.Lock() // the takeover stops where it ends the old connection
	b := w.dial()
	b.sendFrame((&proto.ConnectRequest{Timeout: 30000, SessionID: a.session, Passwd: a.passwd, HasReadOnly: true}).Append(nil))
	for taken := false; !taken; runtime.Gosched() {
		w.srv.mu.RLock()
		taken = w.srv.sessions[a.session].conn != old
		w.srv.mu.RUnlock()
	}
	applied := make(chan struct{})
	w.loop <- func() { w.answer(1); close(applied) }
	for done := false; !done && w.tree.TryRLock(); runtime.Gosched() { // it waits for the tree, or is through
		w.tree.RUnlock()
		select {
		case <-applied:
			done = true
		default:
		}
	}
	old.mu.Unlock()
	<-applied
	w.release(-1)
	b.recv()
	if r := b.must(setData("/", "2")); r.Err != proto.OK {
		t.Errorf("the write behind the takeover: %+v", r)
	}
}

// A request that waits for its turn when its session is taken over is dropped
// with its connection: done later, it would undo what the client has written
// since, and its answer would be taken for another's.
func TestTakeoverWhileWaiting(t *testing.T) {
	g := &gate{entered: make(chan struct{}), pass: make(chan struct{}), deaf: true} // its place comes at the same time
	w := newWorld(t, 0, func(o *Options) { g.Proposer, o.Proposer = o.Proposer, g })
	a := w.connect()
	n := w.requests()
	g.closed.Store(true)
	a.send(setData("/", "old"))
	<-g.entered
	g.closed.Store(false)
	b := w.resuming(a)
	b.recv()
	if r := b.create("/b", "", proto.OpenACL, 0); string(r.body) != "\x00\x00\x00\x02/b" {
		t.Errorf("the next connection's create is answered %+v", r)
	}
	g.pass <- struct{}{}
	w.gone(1)
	if got := w.requests() - n; got != 2 {
		t.Errorf("%d requests instead of a question and a create", got)
	}
	if data, st := b.must(getData("/", false)).dataOf(t); st.Version != 0 {
		t.Errorf("%q was written", data)
	}
}

// Syncs of one burst are one question for the quorum, unless a write comes between.
func TestSyncsOfABurst(t *testing.T) {
	sync := func(xid int32) []byte { return frameOf(xid, proto.OpSync, &proto.PathRequest{Path: "/"}) }
	get := func(xid int32) []byte {
		op, r := getData("/", false)
		return frameOf(xid, op, r)
	}
	set := func(xid int32) []byte {
		op, r := setData("/", "x")
		return frameOf(xid, op, r)
	}
	for name, tc := range map[string]struct {
		burst  [][]byte
		asked  int
		answer []int // replies that are there once so many questions were answered
	}{
		"reads between":    {[][]byte{sync(1), get(2), sync(3), get(4), sync(5)}, 1, []int{5}},
		"write between":    {[][]byte{sync(1), get(2), set(3), get(4), sync(5), sync(6)}, 3, []int{2, 4, 6}},
		"write ahead":      {[][]byte{set(1), sync(2), sync(3)}, 2, []int{1, 3}},
		"close at the end": {[][]byte{sync(1), sync(2), frameOf(3, proto.OpCloseSession, nil)}, 2, []int{2, 3}},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, 0, nil)
			c := w.connect()
			w.hold()
			n := w.requests()
			c.sendRaw(bytes.Join(tc.burst, nil))
			w.submitted(n + tc.asked)
			xid := int32(0)
			for _, until := range tc.answer {
				if got := w.connOf(c).info().Queued; got != len(tc.burst)-int(xid) {
					t.Errorf("%d requests wait instead of %d", got, len(tc.burst)-int(xid))
				}
				w.release(1)
				for int(xid) < until {
					xid++
					if got := c.next(); got.Xid != xid || got.Err != proto.OK {
						t.Fatalf("reply to %d (%v) instead of %d", got.Xid, got.Err, xid)
					}
				}
			}
			if got := w.requests() - n; got != tc.asked {
				t.Errorf("%d requests for the quorum instead of %d", got, tc.asked)
			}
		})
	}
}
