package server

import (
	"fmt"
	"testing"

	"github.com/paddock-io/paddock/internal/tree"
	"github.com/paddock-io/paddock/proto"
)

func (c *client) expectEvent(typ proto.EventType, path string, zxid proto.Zxid) {
	c.t.Helper()
	r := c.next()
	if e := r.event(c.t); e.Type != typ || e.Path != path || r.Zxid != zxid {
		c.t.Errorf("event %d %q at %v, want %d %q at %v", e.Type, e.Path, r.Zxid, typ, path, zxid)
	}
}

// Each kind of watch fires once for what it is for, and not for the rest.
func TestWatchMatrix(t *testing.T) {
	const (
		created  = proto.EventNodeCreated
		deleted  = proto.EventNodeDeleted
		data     = proto.EventNodeDataChanged
		children = proto.EventNodeChildrenChanged
		nothing  = proto.EventNone
	)
	type write struct {
		op  proto.OpCode
		req proto.Request
	}
	create := func(p string) write {
		return write{proto.OpCreate, &proto.CreateRequest{Path: p, ACL: proto.OpenACL}}
	}
	del := func(p string) write { return write{proto.OpDelete, &proto.DeleteRequest{Path: p, Version: -1}} }
	set := func(p string) write {
		return write{proto.OpSetData, &proto.SetDataRequest{Path: p, Version: -1}}
	}
	multi := func(ops ...write) write {
		m := new(proto.MultiRequest)
		for _, op := range ops {
			m.Ops = append(m.Ops, proto.MultiOp{Type: op.op, Req: op.req})
		}
		return write{proto.OpMulti, m}
	}
	setACL := write{proto.OpSetACL, &proto.SetACLRequest{Path: "/p", ACL: proto.OpenACL, Version: -1}}
	i := 0
	w := newWorld(t, 0, nil)
	writer := w.connect()
	for _, tc := range []struct {
		watch proto.OpCode
		path  string
		w     write
		want  proto.EventType
	}{
		{proto.OpGetData, "/p", set("/p"), data},
		{proto.OpGetData, "/p", setACL, nothing},
		{proto.OpGetData, "/p", create("/p/new"), nothing},
		{proto.OpGetData, "/p", set("/p/c"), nothing},
		{proto.OpGetData, "/p/c", del("/p/c"), deleted},
		{proto.OpExists, "/p", set("/p"), data},
		{proto.OpExists, "/p/c", del("/p/c"), deleted},
		{proto.OpExists, "/p/new", create("/p/new"), created},
		{proto.OpExists, "/p/new", multi(create("/p/new"), set("/p/c")), created},
		{proto.OpExists, "/p/new", multi(create("/p/new"), del("/nope")), nothing},
		{proto.OpGetChildren, "/p", create("/p/new"), children},
		{proto.OpGetChildren, "/p", del("/p/c"), children},
		{proto.OpGetChildren, "/p", set("/p/c"), nothing},
		{proto.OpGetChildren, "/p", set("/p"), nothing},
		{proto.OpGetChildren2, "/p", create("/p/new"), children},
		{proto.OpGetChildren, "/p/c", del("/p/c"), deleted},
		{proto.OpGetChildren, "/p", create("/p/c/new"), nothing},
		{proto.OpGetChildren, "/p/c", create("/p/c/new"), children},
	} {
		name := fmt.Sprintf("case %d: %s(%s), %s %+v", i, tc.watch, tc.path, tc.w.op, tc.w.req)
		i++
		watcher := w.connect()
		writer.create("/p", "", proto.OpenACL, 0)
		writer.create("/p/c", "", proto.OpenACL, 0)
		watcher.call(tc.watch, pathWatch1(tc.path))
		zxid := writer.call(tc.w.op, tc.w.req).Zxid
		if tc.want == nothing {
			watcher.must(proto.OpPing, nil) // nothing comes before it
			if n := w.watches(); n != 1 {
				t.Errorf("%s: %d watches left", name, n)
			}
		} else {
			watcher.expectEvent(tc.want, tc.path, zxid)
			if n := w.watches(); n != 0 {
				t.Errorf("%s: %d watches left", name, n)
			}
			if t.Failed() {
				t.Fatal(name)
			}
		}
		for _, p := range []string{"/p/c/new", "/p/c", "/p/new", "/p"} {
			writer.call(proto.OpDelete, &proto.DeleteRequest{Path: p, Version: -1})
		}
		watcher.nc.Close()
		w.gone(1)
	}
}

// A watcher who may not read learns nothing, but its watch is gone.
func TestWatchACL(t *testing.T) {
	w := newWorld(t, 0, nil)
	owner, anon := w.connect(), w.connect()
	owner.must(proto.OpAuth, &proto.AuthPacket{Scheme: "digest", Auth: []byte("bob:secret")})
	for _, c := range []*client{owner, anon} {
		c.call(proto.OpExists, pathWatch1("/s"))
	}
	owner.send(proto.OpCreate, &proto.CreateRequest{Path: "/s", ACL: bobOnly})
	owner.expectEvent(proto.EventNodeCreated, "/s", 3)
	owner.next()
	anon.must(proto.OpPing, nil)
	if n := w.watches(); n != 0 {
		t.Errorf("%d watches left", n)
	}
	// And by replay after a reconnect: the exist watch must not tell of /s.
	anon.must(proto.OpSetWatches, &proto.SetWatchesRequest{Exist: []string{"/s"}, Data: []string{"/s"}, Child: []string{"/s"}})
	owner.send(proto.OpSetWatches, &proto.SetWatchesRequest{Exist: []string{"/s"}})
	owner.expectEvent(proto.EventNodeCreated, "/s", -1)
	owner.next()
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
