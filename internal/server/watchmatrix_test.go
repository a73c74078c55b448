package server

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/paddock-io/paddock/proto"
)

// watchKinds are the ways to leave a watch on a path.
var watchKinds = []struct {
	name string
	op   proto.OpCode
	req  func(path string) proto.Request
}{
	{"getData", proto.OpGetData, pathWatch1},
	{"exists", proto.OpExists, pathWatch1},
	{"getChildren", proto.OpGetChildren, pathWatch1},
	{"persistent", proto.OpAddWatch, func(p string) proto.Request { return &proto.AddWatchRequest{Path: p} }},
	{"recursive", proto.OpAddWatch, func(p string) proto.Request {
		return &proto.AddWatchRequest{Path: p, Mode: proto.AddWatchPersistentRecursive}
	}},
}

// act is a write, or what else may or may not be an event.
type act struct {
	op  proto.OpCode
	req proto.Request
}

func mk(p string) act {
	return act{proto.OpCreate, &proto.CreateRequest{Path: p, ACL: proto.OpenACL}}
}
func rm(p string) act  { return act{proto.OpDelete, &proto.DeleteRequest{Path: p, Version: -1}} }
func put(p string) act { return act{proto.OpSetData, &proto.SetDataRequest{Path: p, Version: -1}} }
func all(acts ...act) act {
	m := new(proto.MultiRequest)
	for _, a := range acts {
		m.Ops = append(m.Ops, proto.MultiOp{Type: a.op, Req: a.req})
	}
	return act{proto.OpMulti, m}
}

// closeOther closes the session that owns the ephemeral znodes.
var closeOther = act{op: proto.OpCloseSession}

// The events of each row, by kind of watch on the path: C created, X deleted, D
// data changed, H children changed; those of one act separated by a comma, acts
// by a semicolon. A kind that is not named sees nothing.
var watchMatrix = []struct {
	path string
	acts []act
	want map[string]string
}{
	{"/p", []act{put("/p"), put("/p")}, map[string]string{
		"getData": "D /p;", "exists": "D /p;", "persistent": "D /p; D /p", "recursive": "D /p; D /p",
	}},
	{"/p", []act{{proto.OpSetACL, &proto.SetACLRequest{Path: "/p", ACL: proto.OpenACL, Version: -1}}}, nil},
	{"/p", []act{{proto.OpSync, path("/p")}}, nil},
	{"/p", []act{mk("/p/n"), rm("/p/n")}, map[string]string{
		"getChildren": "H /p;", "persistent": "H /p; H /p", "recursive": "C /p/n; X /p/n",
	}},
	{"/p", []act{{proto.OpCreate2, mk("/p/n").req}, {proto.OpCreateContainer, &proto.CreateRequest{Path: "/p/n2", ACL: proto.OpenACL, Flags: proto.Container}}}, map[string]string{
		"getChildren": "H /p;", "persistent": "H /p; H /p", "recursive": "C /p/n; C /p/n2",
	}},
	{"/p", []act{put("/p/c")}, map[string]string{"recursive": "D /p/c"}},
	{"/p", []act{mk("/p/c/n"), put("/p/c/n"), rm("/p/c/n")}, map[string]string{"recursive": "C /p/c/n; D /p/c/n; X /p/c/n"}},
	{"/p", []act{mk("/pp"), put("/pp"), rm("/pp")}, nil},
	{"/p", []act{mk("/p/c"), rm("/p"), rm("/p/none"), mk("/none/n")}, nil}, // all of which fail
	{"/p", []act{all(put("/p"), mk("/p/n"), put("/p/n"), rm("/p/n"))}, map[string]string{
		"getData": "D /p", "exists": "D /p", "getChildren": "H /p", "persistent": "D /p, H /p, H /p",
		"recursive": "D /p, C /p/n, D /p/n, X /p/n",
	}},
	{"/p", []act{all(put("/p"), mk("/p/n"), rm("/p/none"))}, nil},
	{"/p", []act{closeOther}, map[string]string{"getChildren": "H /p", "persistent": "H /p", "recursive": "X /p/e"}},
	{"/p/e", []act{closeOther}, map[string]string{
		"getData": "X /p/e", "exists": "X /p/e", "getChildren": "X /p/e", "persistent": "X /p/e", "recursive": "X /p/e",
	}},
	{"/p/c", []act{rm("/p/c"), mk("/p/c"), rm("/p/c")}, map[string]string{
		"getData": "X /p/c; ;", "exists": "X /p/c; ;", "getChildren": "X /p/c; ;",
		"persistent": "X /p/c; C /p/c; X /p/c", "recursive": "X /p/c; C /p/c; X /p/c",
	}},
	{"/p/new", []act{mk("/p/new"), put("/p/new"), mk("/p/new/n")}, map[string]string{ // only exists leaves a watch
		"exists": "C /p/new; ;", "persistent": "C /p/new; D /p/new; H /p/new", "recursive": "C /p/new; D /p/new; C /p/new/n",
	}},
	{"/", []act{mk("/q"), put("/"), mk("/q/n"), all(rm("/q/n"), rm("/q"))}, map[string]string{
		"getData": "; D /; ;", "exists": "; D /; ;", "getChildren": "H /; ; ;", "persistent": "H /; D /; ; H /",
		"recursive": "C /q; D /; C /q/n; X /q/n, X /q",
	}},
	{"/p/c", []act{mk("/q"), rm("/q"), put("/p")}, nil},
}

// TestWatchMatrix holds what each kind of watch tells of each operation: which
// events, in which order, of which zxid, and before the reply if the watcher is
// the writer.
func TestWatchMatrix(t *testing.T) {
	for i, row := range watchMatrix {
		for _, kind := range watchKinds {
			for _, own := range []bool{false, true} {
				t.Run(fmt.Sprintf("%d/%s/own=%v", i, kind.name, own), func(t *testing.T) {
					m := newMatrix(t, own)
					m.watcher.call(kind.op, kind.req(row.path))
					var want []string
					if w := row.want[kind.name]; w != "" {
						want = strings.Split(w, ";")
					}
					for i, a := range row.acts {
						expect := ""
						if i < len(want) {
							expect = strings.TrimSpace(want[i])
						}
						if got := m.do(a); got != expect {
							t.Errorf("act %d, %s: events %q, want %q", i, a.op, got, expect)
						}
					}
				})
			}
		}
		t.Run(fmt.Sprintf("%d/all", i), func(t *testing.T) { m := newMatrix(t, false); m.together(row.path, row.acts, row.want) })
	}
}

// matrix is the world of one cell: /p with a child /p/c and an ephemeral child
// /p/e, a writer and a watcher, which may be the same, and the ephemeral's owner.
type matrix struct {
	*world
	t                      *testing.T
	watcher, writer, other *client
}

func newMatrix(t *testing.T, own bool) *matrix {
	m := &matrix{world: newWorld(t, 0, nil), t: t}
	m.writer, m.other = m.connect(), m.connect()
	if m.watcher = m.writer; !own {
		m.watcher = m.connect()
	}
	m.writer.create("/p", "", proto.OpenACL, 0)
	m.writer.create("/p/c", "", proto.OpenACL, 0)
	m.other.create("/p/e", "", proto.OpenACL, proto.Ephemeral)
	return m
}

// do performs a write and returns the events that the watcher got of it.
func (m *matrix) do(a act) string {
	m.t.Helper()
	from := m.writer
	if a.op == proto.OpCloseSession {
		from = m.other
	}
	var events []*reply
	xid := from.send(a.op, a.req)
	r := from.next()
	for ; r.Xid == proto.XidNotification; r = from.next() {
		events = append(events, r)
	}
	if r.Xid != xid {
		m.t.Fatalf("reply to %d instead of %d", r.Xid, xid)
	}
	if from != m.watcher {
		m.watcher.send(proto.OpPing, nil) // what is told is told by now
		for e := m.watcher.next(); e.Xid != proto.XidPing; e = m.watcher.next() {
			events = append(events, e)
		}
	}
	return m.text(events, r.Zxid)
}

func (m *matrix) text(events []*reply, zxid proto.Zxid) string {
	m.t.Helper()
	letters := map[proto.EventType]string{
		proto.EventNodeCreated: "C", proto.EventNodeDeleted: "X",
		proto.EventNodeDataChanged: "D", proto.EventNodeChildrenChanged: "H",
	}
	var texts []string
	for _, r := range events {
		e := r.event(m.t)
		texts = append(texts, letters[e.Type]+" "+e.Path)
		if r.Zxid != zxid || r.Err != proto.OK {
			m.t.Errorf("event %s of zxid %v, err %v; the write was %v", texts[len(texts)-1], r.Zxid, r.Err, zxid)
		}
	}
	return strings.Join(texts, ", ")
}

// together has all kinds on the path at once: every event comes once, whoever
// else it is for, and the tables are empty when the connection has gone.
func (m *matrix) together(path string, acts []act, want map[string]string) {
	for _, kind := range watchKinds {
		m.watcher.call(kind.op, kind.req(path))
	}
	for i, a := range acts {
		var expect []string
		for _, kind := range watchKinds {
			parts := strings.Split(want[kind.name], ";")
			if i >= len(parts) {
				continue
			}
			for _, e := range strings.Split(parts[i], ",") {
				// A deletion and a creation of one path in one multi do not occur here.
				if e = strings.TrimSpace(e); e != "" && !slices.Contains(expect, e) {
					expect = append(expect, e)
				}
			}
		}
		got := strings.Split(m.do(a), ", ")
		if a.op == proto.OpMulti {
			got = slices.Compact(slices.Sorted(slices.Values(got)))
		} else {
			slices.Sort(got)
		}
		slices.Sort(expect)
		if strings.Join(got, ", ") != strings.Join(expect, ", ") {
			m.t.Errorf("act %d, %s with all kinds: events %q, want %q", i, a.op, got, expect)
		}
	}
	m.watcher.nc.Close()
	m.writer.nc.Close()
	m.other.nc.Close()
	m.gone(0)
	if n := m.watches(); n != 0 {
		m.t.Errorf("%d watches left", n)
	}
}

// unreadable allows everybody everything but to read.
var unreadable = []proto.ACL{{Perms: proto.PermAll &^ proto.PermRead, ID: proto.ID{Scheme: "world", ID: "anyone"}}}

// TestWatchACLMatrix holds that no kind of watch tells anything of a znode to
// somebody who may not read it by then, that a watch which fires once is gone
// all the same, and that the others are not.
func TestWatchACLMatrix(t *testing.T) {
	for _, kind := range watchKinds {
		t.Run(kind.name, func(t *testing.T) {
			m := newMatrix(t, false)
			standard := kind.op != proto.OpAddWatch
			m.watcher.call(kind.op, kind.req("/p"))
			m.writer.must(proto.OpSetACL, &proto.SetACLRequest{Path: "/p", Version: -1, ACL: append([]proto.ACL{{Perms: proto.PermRead, ID: bob}}, unreadable...)})
			hidden := []act{put("/p"), {proto.OpCreate, &proto.CreateRequest{Path: "/p/n", ACL: unreadable}}}
			for _, a := range hidden {
				if got := m.do(a); got != "" {
					t.Errorf("%s tells %q to one who may not read", a.op, got)
				}
			}
			if n := m.watches(); standard && n != 0 || !standard && n == 0 {
				t.Errorf("%d watches after a suppressed event", n)
			}
			// The same connection proves that it is bob: what it is at delivery counts.
			m.watcher.must(proto.OpAuth, &proto.AuthPacket{Scheme: "digest", Auth: []byte("bob:secret")})
			want := map[string]string{"persistent": "D /p", "recursive": "D /p"}[kind.name]
			if got := m.do(put("/p")); got != want {
				t.Errorf("bob is told %q, want %q", got, want)
			}
		})
	}
}
