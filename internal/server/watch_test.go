package server

import (
	"bytes"
	"fmt"
	"testing"

	"github.com/paddock-io/paddock/internal/tree"
	"github.com/paddock-io/paddock/jute"
	"github.com/paddock-io/paddock/proto"
)

func (c *client) expectEvent(typ proto.EventType, path string, zxid proto.Zxid) {
	c.t.Helper()
	r := c.next()
	if e := r.event(c.t); e.Type != typ || e.Path != path || r.Zxid != zxid {
		c.t.Errorf("event %d %q at %v, want %d %q at %v", e.Type, e.Path, r.Zxid, typ, path, zxid)
	}
}

// TestMissedEventsACL holds that a reconnect tells nothing that the event itself
// would not have told: CVE-2026-59739. The znodes were open or absent when the
// watches were left, and only bob may read them now.
func TestMissedEventsACL(t *testing.T) {
	const none proto.Zxid = -1
	w := newWorld(t, 0, nil)
	owner, anon := w.connect(), w.connect()
	bobs := &proto.AuthPacket{Scheme: "digest", Auth: []byte("bob:secret")}
	owner.must(proto.OpAuth, bobs)
	for _, p := range []string{"/old", "/same", "/gone"} {
		owner.create(p, "", proto.OpenACL, 0)
	}
	seen := owner.must(proto.OpSetACL, &proto.SetACLRequest{Path: "/same", ACL: bobOnly, Version: -1}).Zxid
	owner.must(proto.OpCreate, &proto.CreateRequest{Path: "/new", ACL: bobOnly})
	owner.must(setData("/old", "x"))
	owner.create("/old/c", "", proto.OpenACL, 0)
	owner.must(proto.OpSetACL, &proto.SetACLRequest{Path: "/old", ACL: bobOnly, Version: -1})
	owner.must(proto.OpDelete, &proto.DeleteRequest{Path: "/gone", Version: -1})
	again := &proto.SetWatchesRequest{
		RelativeZxid: seen, V2: true,
		Data:  []string{"/old", "/same", "/gone"},
		Exist: []string{"/new"},
		Child: []string{"/old", "/same", "/gone"},
		// These tell nothing of the past.
		Persist: []string{"/old", "/new"}, Recursive: []string{"/old", "/new"},
	}
	count := func(who string, want int) {
		t.Helper()
		if n := w.watches(); n != want {
			t.Errorf("%d watches after %s, want %d", n, who, want)
		}
	}

	anon.send(proto.OpSetWatches2, again)
	anon.expectEvent(proto.EventNodeDeleted, "/gone", none) // anybody could ask
	anon.expectEvent(proto.EventNodeDeleted, "/gone", none)
	if r := anon.next(); r.Xid != anon.xid || r.Err != proto.OK || len(r.body) != 0 {
		t.Errorf("reply %+v", r)
	}
	count("anybody's", 6) // /same in two tables, /old and /new in two by the persistent watches

	// Nor do the watches that were left tell anything from then on.
	owner.must(setData("/same", "x"))
	owner.must(setData("/new", "x"))
	owner.must(proto.OpCreate, &proto.CreateRequest{Path: "/same/c", ACL: bobOnly})
	anon.must(proto.OpPing, nil)
	count("bob's writes", 4)

	owner.send(proto.OpSetWatches2, again)
	for _, want := range []struct {
		typ  proto.EventType
		path string
	}{
		{proto.EventNodeDataChanged, "/old"},
		{proto.EventNodeDataChanged, "/same"},
		{proto.EventNodeDeleted, "/gone"},
		{proto.EventNodeCreated, "/new"},
		{proto.EventNodeChildrenChanged, "/old"},
		{proto.EventNodeChildrenChanged, "/same"},
		{proto.EventNodeDeleted, "/gone"},
	} {
		owner.expectEvent(want.typ, want.path, none)
	}
	if r := owner.next(); r.Xid != owner.xid || r.Err != proto.OK {
		t.Errorf("reply %+v", r)
	}

	// Who the client is when the events go out counts, not when it asked.
	w.hold()
	n := w.requests()
	anon.send(setData("/gone", "")) // fails, and holds up what follows
	anon.send(proto.OpSetWatches, &proto.SetWatchesRequest{Exist: []string{"/new"}})
	anon.send(proto.OpAuth, bobs)
	anon.send(proto.OpSync, path("/"))
	w.submitted(n + 2) // the sync is: so the authentication is done
	w.release(-1)
	anon.next()
	anon.expectEvent(proto.EventNodeCreated, "/new", none)
}

// What stands before a null list or path has been done when that is refused.
func TestSetWatchesUpToANull(t *testing.T) {
	w := newWorld(t, 0, nil)
	c := w.connect()
	list := func(n int32, b []byte) []byte { return jute.AppendInt(b, n) }
	path := func(s string, b []byte) []byte { return jute.AppendString(b, s) }
	refused := func(lists []byte) {
		t.Helper()
		b := jute.AppendLong(proto.RequestHeader{Xid: 5, Op: proto.OpSetWatches}.Append(nil), 9)
		c.sendFrame(append(b, lists...))
		if bytes.Contains(lists, []byte("/gone")) {
			c.expectEvent(proto.EventNodeDeleted, "/gone", -1)
		}
		if r := c.next(); r.Err != proto.ErrMarshalling {
			t.Errorf("%v", r.Err)
		}
	}
	refused(list(-1, path("/left", list(1, path("/gone", list(1, nil))))))              // the third list is null
	refused(list(0, path("/not left", list(1, list(-1, path("/gone", list(2, nil))))))) // a path is null
	refused(list(7, path("/not left", list(1, path("/exist", list(1, nil))))))          // cut short: nothing is done
	if n := w.watches(); n != 1 {
		t.Errorf("%d watches", n)
	}
}

func TestSetWatches(t *testing.T) {
	for _, op := range []proto.OpCode{proto.OpSetWatches, proto.OpSetWatches2} {
		w := newWorld(t, 0, nil)
		writer := w.connect()
		for _, p := range []string{"/same", "/changed", "/parent", "/again"} {
			writer.create(p, "", proto.OpenACL, 0)
		}
		seen := writer.must(proto.OpDelete, &proto.DeleteRequest{Path: "/again", Version: -1}).Zxid
		writer.create("/again", "", proto.OpenACL, 0)
		writer.must(setData("/changed", "x"))
		writer.create("/parent/c", "", proto.OpenACL, 0)

		c := w.connect()
		c.send(op, &proto.SetWatchesRequest{
			RelativeZxid: seen, V2: op == proto.OpSetWatches2,
			Data:  []string{"/same", "/changed", "/missing", "/again"},
			Exist: []string{"/missing", "/same"},
			Child: []string{"/same", "/parent", "/missing"},
		})
		const none proto.Zxid = -1
		c.expectEvent(proto.EventNodeDataChanged, "/changed", none)
		c.expectEvent(proto.EventNodeDeleted, "/missing", none)
		c.expectEvent(proto.EventNodeDataChanged, "/again", none)
		c.expectEvent(proto.EventNodeCreated, "/same", none)
		c.expectEvent(proto.EventNodeChildrenChanged, "/parent", none)
		c.expectEvent(proto.EventNodeDeleted, "/missing", none)
		if r := c.next(); r.Err != proto.OK || len(r.body) != 0 {
			t.Errorf("%+v", r)
		}
		if n := w.watches(); n != 3 { // data and child of /same, exist of /missing
			t.Errorf("%d watches", n)
		}
		z := writer.must(setData("/same", "")).Zxid
		c.expectEvent(proto.EventNodeDataChanged, "/same", z)
		z = writer.create("/same/c", "", proto.OpenACL, 0).Zxid
		c.expectEvent(proto.EventNodeChildrenChanged, "/same", z)
		z = writer.create("/missing", "", proto.OpenACL, 0).Zxid
		c.expectEvent(proto.EventNodeCreated, "/missing", z)
	}
}

func TestCheckAndRemoveWatches(t *testing.T) {
	w := newWorld(t, 0, nil)
	c := w.connect()
	c.must(getData("/", true))
	c.must(proto.OpGetChildren, pathWatch1("/"))
	ask := func(op proto.OpCode, p string, typ proto.WatcherType) proto.ErrCode {
		return c.call(op, &proto.WatchesRequest{Path: p, Type: typ}).Err
	}
	for i, tc := range []struct {
		op   proto.OpCode
		path string
		typ  proto.WatcherType
		want proto.ErrCode
	}{
		{proto.OpCheckWatches, "/", proto.WatcherData, proto.OK},
		{proto.OpCheckWatches, "/", proto.WatcherChildren, proto.OK},
		{proto.OpCheckWatches, "/x", proto.WatcherAny, proto.ErrNoWatcher},
		{proto.OpCheckWatches, "/", proto.WatcherPersistent, proto.ErrNoWatcher},
		{proto.OpCheckWatches, "/", 0, proto.ErrMarshalling},
		{proto.OpCheckWatches, "/", 6, proto.ErrMarshalling},
		{proto.OpRemoveWatches, "/", proto.WatcherPersistentRecursive, proto.ErrNoWatcher},
		{proto.OpRemoveWatches, "/", proto.WatcherData, proto.OK},
		{proto.OpRemoveWatches, "/", proto.WatcherData, proto.ErrNoWatcher},
		{proto.OpCheckWatches, "/", proto.WatcherAny, proto.OK},
		{proto.OpRemoveWatches, "/", proto.WatcherAny, proto.OK},
		{proto.OpCheckWatches, "/", proto.WatcherAny, proto.ErrNoWatcher},
	} {
		if got := ask(tc.op, tc.path, tc.typ); got != tc.want {
			t.Errorf("case %d: %v, want %v", i, got, tc.want)
		}
	}
	if w.watches() != 0 {
		t.Error("watches left")
	}
}

func TestWatchesGoWithConnection(t *testing.T) {
	w := newWorld(t, 0, nil)
	c := w.connect()
	c.must(getData("/", true))
	c.must(proto.OpGetChildren, pathWatch1("/"))
	var ids []tree.WatcherID
	for _, p := range w.tree.Watches().ByPath(tree.DataWatches) {
		ids = append(ids, p.Watchers...)
	}
	if len(ids) != 1 {
		t.Fatalf("watchers %v", ids)
	}
	if id, ok := w.srv.SessionOf(ids[0]); !ok || id != c.session {
		t.Errorf("watcher %d is %v", ids[0], id)
	}
	again := w.resume(c)
	c.ended()
	w.gone(1)
	if n := w.watches(); n != 0 {
		t.Errorf("%d watches left", n)
	}
	if _, ok := w.srv.SessionOf(ids[0]); ok {
		t.Error("watcher still known")
	}
	again.must(proto.OpPing, nil)
}

// A change that no transaction of Apply makes is told as well.
func TestLocalChange(t *testing.T) {
	w := newWorld(t, 0, nil)
	c := w.connect()
	c.must(getData("/zookeeper/config", true))
	w.do(func() {
		w.tree.Lock()
		w.tree.SetConfig([]byte("server.1=..."), 1, goldenTime)
		w.tree.Unlock()
	})
	if e := c.next().event(t); e.Type != proto.EventNodeDataChanged || e.Path != "/zookeeper/config" {
		t.Errorf("%+v", e)
	}
}

// A watch is left at the client's own place in the order of things: behind the
// write before it, before the write behind it.
func TestAddWatchInTurn(t *testing.T) {
	w := newWorld(t, 0, nil)
	c := w.connect()
	w.hold()
	n := w.requests()
	c.send(proto.OpCreate, &proto.CreateRequest{Path: "/a", ACL: proto.OpenACL})
	c.send(proto.OpAddWatch, &proto.AddWatchRequest{Path: "/a"})
	c.send(setData("/a", "x"))
	c.send(proto.OpRemoveWatches, &proto.WatchesRequest{Path: "/a", Type: proto.WatcherAny})
	c.send(setData("/a", "y"))
	w.submitted(n + 3)
	w.release(-1)
	for _, want := range []string{"1 0", "2 0", "-1 0", "3 0", "4 0", "5 0"} {
		if r := c.next(); fmt.Sprintf("%d %d", r.Xid, r.Err) != want {
			t.Errorf("got %d %d, want %s", r.Xid, r.Err, want)
		}
	}
}

// A client that watches too much is told, and keeps what it has.
func TestWatchLimit(t *testing.T) {
	w := newWorld(t, 0, nil)
	w.tree.Watches().SetLimit(3*104 + len("/a/b/c"))
	c, other := w.connect(), w.connect()
	for _, p := range []string{"/a", "/b", "/c"} {
		c.create(p, "", proto.OpenACL, 0)
	}
	add := func(p string, mode proto.AddWatchMode) (proto.OpCode, proto.Request) {
		return proto.OpAddWatch, &proto.AddWatchRequest{Path: p, Mode: mode}
	}
	c.must(add("/a", proto.AddWatchPersistent))
	c.must(add("/a", proto.AddWatchPersistentRecursive)) // the path is paid for
	c.must(getData("/a", true))
	c.must(getData("/b", true))
	c.must(add("/c", proto.AddWatchPersistent))
	refused := func(op proto.OpCode, req proto.Request) {
		t.Helper()
		if r := c.call(op, req); r.Err != proto.ErrQuotaExceeded || len(r.body) != 0 {
			t.Errorf("%s over the limit: %v, %x", op, r.Err, r.body)
		}
	}
	refused(add("/", proto.AddWatchPersistent))
	refused(getData("/", true))
	refused(proto.OpExists, pathWatch1("/"))
	refused(proto.OpExists, pathWatch1("/none"))
	refused(proto.OpGetChildren, pathWatch1("/"))
	c.must(getData("/", false))
	c.must(getData("/a", true)) // no news
	other.must(getData("/", true))

	c.send(setData("/b", "x")) // makes room
	c.expectEvent(proto.EventNodeDataChanged, "/b", 6)
	c.next()
	c.must(proto.OpExists, pathWatch1("/b"))

	// Clients ignore the reply to setWatches, so the end of the connection says it.
	c.xid++
	c.sendRaw(frameOf(c.xid, proto.OpSetWatches, &proto.SetWatchesRequest{Exist: []string{"/x", "/y"}}))
	if r := c.next(); r.Xid != c.xid || r.Err != proto.ErrQuotaExceeded {
		t.Errorf("setWatches over the limit: %+v", r)
	}
	c.ended()
	w.gone(1)
	if n := w.watches(); n != 1 {
		t.Errorf("%d watches left", n)
	}
}

// A setWatches that is too much while it waits behind a write ends the
// connection as well.
func TestWatchLimitInTheLane(t *testing.T) {
	w := newWorld(t, 0, nil)
	w.tree.Watches().SetLimit(104)
	c := w.connect()
	w.hold()
	n := w.requests()
	c.send(setData("/", "x"))
	c.send(proto.OpSetWatches2, &proto.SetWatchesRequest{V2: true, Persist: []string{"/x"}})
	c.send(proto.OpPing, nil)
	c.send(proto.OpSync, path("/"))
	w.submitted(n + 2)
	w.release(-1)
	c.next()
	if r := c.next(); r.Xid != 2 || r.Err != proto.ErrQuotaExceeded {
		t.Errorf("%+v", r)
	}
	c.ended()
}
