package tree

import (
	"slices"
	"testing"

	"github.com/paddock-io/paddock/proto"
)

// Each row applies one more transaction to the same tree and looks at one znode
// and its parent afterwards.
func TestStatEvolution(t *testing.T) {
	const s1, s2 = 0x100, 0x200
	ms := timeOf
	tr := New()
	for _, tc := range []struct {
		name   string
		txn    *proto.Txn
		path   string
		node   proto.Stat // zero if the znode must be gone
		parent proto.Stat
	}{
		{
			"create", mkCreate(1, "/p", "abc", 1), "/p",
			proto.Stat{Czxid: 1, Mzxid: 1, Pzxid: 1, Ctime: ms(1), Mtime: ms(1), DataLength: 3},
			proto.Stat{Cversion: 0, NumChildren: 2, Pzxid: 1},
		},
		{
			"setData", mkSet(2, "/p", "hello", 1), "/p",
			proto.Stat{Czxid: 1, Mzxid: 2, Pzxid: 1, Ctime: ms(1), Mtime: ms(2), Version: 1, DataLength: 5},
			proto.Stat{Cversion: 0, NumChildren: 2, Pzxid: 1},
		},
		{
			"setData with null", txn(3, 1, proto.OpSetData, &proto.SetDataTxn{Path: "/p", Version: 2}), "/p",
			proto.Stat{Czxid: 1, Mzxid: 3, Pzxid: 1, Ctime: ms(1), Mtime: ms(3), Version: 2},
			proto.Stat{Cversion: 0, NumChildren: 2, Pzxid: 1},
		},
		{
			"setACL", mkSetACL(4, "/p", readACL(1, "world", "anyone"), 1), "/p",
			proto.Stat{Czxid: 1, Mzxid: 3, Pzxid: 1, Ctime: ms(1), Mtime: ms(3), Version: 2, Aversion: 1},
			proto.Stat{Cversion: 0, NumChildren: 2, Pzxid: 1},
		},
		{
			"create child", mkCreate(5, "/p/seq0000000000", "", 1), "/p/seq0000000000",
			proto.Stat{Czxid: 5, Mzxid: 5, Pzxid: 5, Ctime: ms(5), Mtime: ms(5)},
			proto.Stat{
				Czxid: 1, Mzxid: 3, Pzxid: 5, Ctime: ms(1), Mtime: ms(3), Version: 2, Aversion: 1,
				Cversion: 1, NumChildren: 1,
			},
		},
		{
			"setData of child leaves the parent", mkSet(6, "/p/seq0000000000", "x", 1), "/p/seq0000000000",
			proto.Stat{Czxid: 5, Mzxid: 6, Pzxid: 5, Ctime: ms(5), Mtime: ms(6), Version: 1, DataLength: 1},
			proto.Stat{
				Czxid: 1, Mzxid: 3, Pzxid: 5, Ctime: ms(1), Mtime: ms(3), Version: 2, Aversion: 1,
				Cversion: 1, NumChildren: 1,
			},
		},
		{
			"old log: parent cversion unknown", mkCreate(7, "/p/seq0000000001", "", -1), "/p/seq0000000001",
			proto.Stat{Czxid: 7, Mzxid: 7, Pzxid: 7, Ctime: ms(7), Mtime: ms(7)},
			proto.Stat{
				Czxid: 1, Mzxid: 3, Pzxid: 7, Ctime: ms(1), Mtime: ms(3), Version: 2, Aversion: 1,
				Cversion: 2, NumChildren: 2,
			},
		},
		{
			"delete child", mkDelete(8, "/p/seq0000000000"), "/p/seq0000000000",
			proto.Stat{},
			proto.Stat{
				Czxid: 1, Mzxid: 3, Pzxid: 8, Ctime: ms(1), Mtime: ms(3), Version: 2, Aversion: 1,
				Cversion: 3, NumChildren: 1,
			},
		},
		{
			"ephemeral", mkEphemeral(9, s1, "/p/e"), "/p/e",
			proto.Stat{Czxid: 9, Mzxid: 9, Pzxid: 9, Ctime: ms(9), Mtime: ms(9), EphemeralOwner: s1},
			proto.Stat{
				Czxid: 1, Mzxid: 3, Pzxid: 9, Ctime: ms(1), Mtime: ms(3), Version: 2, Aversion: 1,
				Cversion: 4, NumChildren: 2,
			},
		},
		{
			"close session", mkClose(10, s1, "/p/e"), "/p/e",
			proto.Stat{},
			proto.Stat{
				Czxid: 1, Mzxid: 3, Pzxid: 10, Ctime: ms(1), Mtime: ms(3), Version: 2, Aversion: 1,
				Cversion: 5, NumChildren: 1,
			},
		},
		{
			"container", txn(11, s2, proto.OpCreateContainer,
				&proto.CreateContainerTxn{Path: "/p/c", ACL: proto.OpenACL, ParentCversion: 4}), "/p/c",
			proto.Stat{Czxid: 11, Mzxid: 11, Pzxid: 11, Ctime: ms(11), Mtime: ms(11)},
			proto.Stat{
				Czxid: 1, Mzxid: 3, Pzxid: 11, Ctime: ms(1), Mtime: ms(3), Version: 2, Aversion: 1,
				Cversion: 6, NumChildren: 2,
			},
		},
		{
			"ttl", txn(12, s2, proto.OpCreateTTL,
				&proto.CreateTTLTxn{Path: "/p/t", ACL: proto.OpenACL, ParentCversion: 5, TTL: 60000}), "/p/t",
			proto.Stat{Czxid: 12, Mzxid: 12, Pzxid: 12, Ctime: ms(12), Mtime: ms(12)},
			proto.Stat{
				Czxid: 1, Mzxid: 3, Pzxid: 12, Ctime: ms(1), Mtime: ms(3), Version: 2, Aversion: 1,
				Cversion: 7, NumChildren: 3,
			},
		},
		{
			"container removed", txn(13, 0, proto.OpDeleteContainer, &proto.DeleteTxn{Path: "/p/c"}), "/p/c",
			proto.Stat{},
			proto.Stat{
				Czxid: 1, Mzxid: 3, Pzxid: 13, Ctime: ms(1), Mtime: ms(3), Version: 2, Aversion: 1,
				Cversion: 8, NumChildren: 2,
			},
		},
		{
			"multi: create and delete, one zxid",
			mkMulti(14, mkCreate(0, "/p/m1", "m", 6), mkCreate(0, "/p/m2", "", 7), mkDelete(0, "/p/m2"), mkSet(0, "/p/m1", "mm", 1)),
			"/p/m1",
			proto.Stat{Czxid: 14, Mzxid: 14, Pzxid: 14, Ctime: ms(14), Mtime: ms(14), Version: 1, DataLength: 2},
			proto.Stat{
				Czxid: 1, Mzxid: 3, Pzxid: 14, Ctime: ms(1), Mtime: ms(3), Version: 2, Aversion: 1,
				Cversion: 11, NumChildren: 3,
			},
		},
	} {
		apply(tr, tc.txn)
		check(t, tr)
		if n, ok := tr.Get(tc.path); !ok {
			if tc.node != (proto.Stat{}) {
				t.Errorf("%s: %s is gone", tc.name, tc.path)
			}
		} else if n.Stat() != tc.node {
			t.Errorf("%s: node\n got %+v\nwant %+v", tc.name, n.Stat(), tc.node)
		}
		parent, _ := splitPath(tc.path)
		if got := stat(t, tr, parent); got != tc.parent {
			t.Errorf("%s: parent\n got %+v\nwant %+v", tc.name, got, tc.parent)
		}
		if tr.LastZxid() != tc.txn.Zxid {
			t.Errorf("%s: LastZxid = %v", tc.name, tr.LastZxid())
		}
	}
	if got := tr.TTLs(); !slices.Equal(got, []string{"/p/t"}) || len(tr.Containers()) != 0 {
		t.Errorf("ttls %q, containers %q", got, tr.Containers())
	}
	n, _ := tr.Get("/p/t")
	if owner := n.Persisted().EphemeralOwner; owner != proto.TTLOwner(60000) || TTLOf(owner) != 60000 {
		t.Errorf("owner of the TTL znode is %v", owner)
	}
}

// What a tree does with transactions that it contains already, which is how a
// fuzzy snapshot looks to replay.
func TestReplay(t *testing.T) {
	blue := readACL(31, "digest", "blue:x")
	persisted := func(tr *Tree, path string) proto.StatPersisted {
		n, ok := tr.Get(path)
		if !ok {
			t.Fatalf("%s does not exist", path)
		}
		return n.Persisted()
	}
	for name, tc := range map[string]struct {
		before []*proto.Txn
		replay *proto.Txn
		err    proto.ErrCode
		check  func(tr *Tree) bool
	}{
		"create of what exists keeps data and stat, takes the ACL": {
			[]*proto.Txn{mkCreate(5, "/a", "new", 1), mkSet(6, "/a", "newer", 1)},
			txn(5, 1, proto.OpCreate, &proto.CreateTxn{Path: "/a", Data: []byte("new"), ACL: blue, ParentCversion: 1}),
			proto.ErrNodeExists,
			func(tr *Tree) bool {
				n, _ := tr.Get("/a")
				return string(n.Data()) == "newer" && n.Stat().Mzxid == 6 && slices.Equal(n.ACL(), blue)
			},
		},
		"create of what exists moves the parent on": {
			[]*proto.Txn{mkCreate(5, "/a", "", 1)}, mkCreate(9, "/a", "", 7), proto.ErrNodeExists,
			func(tr *Tree) bool { p := persisted(tr, "/"); return p.Cversion == 7 && p.Pzxid == 9 },
		},
		"create2 of what exists moves the parent on": {
			[]*proto.Txn{mkCreate(5, "/a", "", 1)},
			txn(9, 1, proto.OpCreate2, &proto.CreateTxn{Path: "/a", ACL: blue, ParentCversion: 7}), proto.ErrNodeExists,
			func(tr *Tree) bool { p := persisted(tr, "/"); return p.Cversion == 7 && p.Pzxid == 9 },
		},
		"create of what exists in a multi moves the parent on": {
			[]*proto.Txn{mkCreate(5, "/a", "", 1)}, mkMulti(9, mkCreate(0, "/a", "", 7)), proto.ErrNodeExists,
			func(tr *Tree) bool { p := persisted(tr, "/"); return p.Cversion == 7 && p.Pzxid == 9 },
		},
		"create does not set the parent back": {
			[]*proto.Txn{mkCreate(5, "/b", "", 1), mkDelete(6, "/b"), mkCreate(7, "/a", "", 2)},
			mkCreate(5, "/b", "", 1), proto.OK,
			func(tr *Tree) bool { p := persisted(tr, "/"); return p.Cversion == 2 && p.Pzxid == 7 },
		},
		"create below nothing": {
			nil, mkCreate(5, "/x/y", "", 1), proto.ErrNoNode,
			func(tr *Tree) bool { return tr.Digest() == New().Digest() },
		},
		"delete of nothing moves the parent's pzxid": {
			[]*proto.Txn{mkCreate(5, "/a", "", 1)}, mkDelete(8, "/gone"), proto.ErrNoNode,
			func(tr *Tree) bool { p := persisted(tr, "/"); return p.Cversion == 1 && p.Pzxid == 8 },
		},
		"delete does not set the parent's pzxid back": {
			[]*proto.Txn{mkCreate(5, "/a", "", 1), mkCreate(9, "/b", "", 2)}, mkDelete(8, "/a"), proto.OK,
			func(tr *Tree) bool { return persisted(tr, "/").Pzxid == 9 },
		},
		"delete below nothing": {nil, mkDelete(5, "/x/y"), proto.ErrNoNode, func(*Tree) bool { return true }},
		"delete of what has children by now": {
			[]*proto.Txn{mkCreate(5, "/a", "", 1), mkCreate(6, "/a/b", "", 1), mkCreate(7, "/a/b/c", "", 1)},
			mkDelete(4, "/a"), proto.OK,
			func(tr *Tree) bool { return tr.NodeCount() == 5 },
		},
		"setData of nothing": {nil, mkSet(5, "/x", "", 1), proto.ErrNoNode, func(*Tree) bool { return true }},
		"setACL of nothing":  {nil, mkSetACL(5, "/x", blue, 1), proto.ErrNoNode, func(*Tree) bool { return true }},
		"error":              {nil, txn(5, 1, proto.OpError, &proto.ErrorTxn{Err: proto.ErrBadVersion}), proto.ErrBadVersion, func(*Tree) bool { return true }},
		"close: list first, then the rest": {
			[]*proto.Txn{mkEphemeral(5, 7, "/mine"), mkEphemeral(6, 7, "/mine2"), mkEphemeral(7, 8, "/others")},
			mkClose(9, 7, "/mine", "/others", "/gone"), proto.OK,
			func(tr *Tree) bool { return tr.EphemeralsCount() == 0 && len(tr.EphemeralOwners()) == 0 },
		},
		"close without a list": {
			[]*proto.Txn{mkEphemeral(5, 7, "/mine"), mkEphemeral(7, 8, "/others")},
			txn(9, 7, proto.OpCloseSession, &proto.CloseSessionTxn{}), proto.OK,
			func(tr *Tree) bool {
				return tr.EphemeralsCount() == 1 && slices.Equal(tr.Ephemerals(8), []string{"/others"})
			},
		},
	} {
		tr := New()
		apply(tr, tc.before...)
		last := max(tr.LastZxid(), tc.replay.Zxid)
		res := apply(tr, tc.replay)
		check(t, tr)
		if res.Err != tc.err {
			t.Errorf("%s: err %v, want %v", name, res.Err, tc.err)
		}
		if tr.LastZxid() != last {
			t.Errorf("%s: LastZxid %v, want %v", name, tr.LastZxid(), last)
		}
		if !tc.check(tr) {
			t.Errorf("%s: the tree is wrong:\n%s", name, describe(tr))
		}
	}
}

func TestMultiResults(t *testing.T) {
	tr := New()
	res := apply(tr, mkMulti(1,
		mkCreate(0, "/a", "", 1),
		txn(0, 1, proto.OpCreate2, &proto.CreateTxn{Path: "/b", ParentCversion: 2}),
		txn(0, 1, proto.OpCreateContainer, &proto.CreateContainerTxn{Path: "/c", ParentCversion: 3}),
		txn(0, 1, proto.OpCreateTTL, &proto.CreateTTLTxn{Path: "/d", ParentCversion: 4, TTL: 1}),
		txn(0, 1, proto.OpCheck, &proto.CheckVersionTxn{Path: "/a", Version: 1}),
		mkSet(0, "/a", "xy", 1), mkDelete(0, "/b")))
	created := proto.Stat{Czxid: 1, Mzxid: 1, Pzxid: 1, Ctime: timeOf(1), Mtime: timeOf(1)}
	set := created
	set.Version, set.DataLength = 1, 2
	want := []proto.MultiResult{
		{Type: proto.OpCreate, Path: "/a"},
		{Type: proto.OpCreate2, Path: "/b", Stat: created},
		{Type: proto.OpCreate2, Path: "/c", Stat: created},
		{Type: proto.OpCreate2, Path: "/d", Stat: created},
		{Type: proto.OpCheck},
		{Type: proto.OpSetData, Stat: set},
		{Type: proto.OpDelete},
	}
	if !slices.Equal(res.Multi, want) || res.Err != proto.OK {
		t.Errorf("err %v\n got %+v\nwant %+v", res.Err, res.Multi, want)
	}

	before := tr.Digest()
	bad := func(err proto.ErrCode) *proto.Txn { return txn(0, 1, proto.OpError, &proto.ErrorTxn{Err: err}) }
	res = apply(tr, mkMulti(2, mkCreate(0, "/x", "", 5), mkDelete(0, "/a"), bad(proto.ErrNotEmpty), bad(-2), mkDelete(0, "/a")))
	want = []proto.MultiResult{
		{Type: proto.OpError}, {Type: proto.OpError}, {Type: proto.OpError, Err: proto.ErrNotEmpty},
		{Type: proto.OpError, Err: -2}, {Type: proto.OpError, Err: -2},
	}
	if !slices.Equal(res.Multi, want) || res.Err != proto.ErrNotEmpty {
		t.Errorf("failed multi: err %v\n got %+v\nwant %+v", res.Err, res.Multi, want)
	}
	if tr.Digest() != before || tr.LastZxid() != 2 {
		t.Errorf("failed multi changed the tree, or not its zxid %v", tr.LastZxid())
	}
	if res = apply(tr, mkMulti(3)); len(res.Multi) != 0 || res.Err != proto.OK || tr.LastZxid() != 3 {
		t.Errorf("empty multi: %+v", res)
	}
}

// The tree must not change when the buffer a transaction was decoded from does.
func TestApplyCopiesData(t *testing.T) {
	tr := New()
	buf := []byte("abcdef")
	x := mkCreate(1, "/a", "", 1)
	x.Body.(*proto.CreateTxn).Data = buf[:3]
	y := mkSet(2, "/a", "", 1)
	y.Body.(*proto.SetDataTxn).Data = buf[3:]
	apply(tr, x)
	clear(buf[:3])
	if n, _ := tr.Get("/a"); string(n.Data()) != "abc" {
		t.Errorf("data after create is %q", n.Data())
	}
	apply(tr, y)
	clear(buf)
	if n, _ := tr.Get("/a"); string(n.Data()) != "def" {
		t.Errorf("data after setData is %q", n.Data())
	}
}

func TestNullAndEmptyData(t *testing.T) {
	tr := New()
	apply(tr, txn(1, 1, proto.OpCreate, &proto.CreateTxn{Path: "/null", ParentCversion: 1}), mkCreate(2, "/empty", "", 2))
	for path, isNull := range map[string]bool{"/null": true, "/empty": false, "/": false} {
		if n, _ := tr.Get(path); (n.Data() == nil) != isNull || len(n.Data()) != 0 {
			t.Errorf("%s: data %v", path, n.Data())
		}
	}
	apply(tr, mkSet(3, "/null", "", 1), txn(4, 1, proto.OpSetData, &proto.SetDataTxn{Path: "/empty"}))
	if n, _ := tr.Get("/null"); n.Data() == nil {
		t.Error("setting empty data left null")
	}
	if n, _ := tr.Get("/empty"); n.Data() != nil {
		t.Error("setting null left empty data")
	}
}

func TestSessions(t *testing.T) {
	tr := New()
	open := func(z proto.Zxid, id proto.SessionID, ms int32) *proto.Txn {
		return txn(z, id, proto.OpCreateSession, &proto.CreateSessionTxn{Timeout: ms})
	}
	apply(tr, open(1, 5, 6000), open(2, 3, 4000), mkEphemeral(3, 5, "/b"), mkEphemeral(4, 5, "/a"), mkEphemeral(5, 9, "/x"))
	if ms, ok := tr.SessionTimeout(5); !ok || ms != 6000 || tr.SessionCount() != 2 {
		t.Errorf("session 5: %d %v of %d", ms, ok, tr.SessionCount())
	}
	if got := tr.Ephemerals(5); !slices.Equal(got, []string{"/a", "/b"}) {
		t.Errorf("ephemerals of 5: %q", got)
	}
	if got := tr.EphemeralOwners(); !slices.Equal(got, []proto.SessionID{5, 9}) {
		t.Errorf("owners: %v", got)
	}
	var ids []proto.SessionID
	tr.EachSession(func(id proto.SessionID, _ int32) { ids = append(ids, id) })
	if !slices.Equal(ids, []proto.SessionID{3, 5}) {
		t.Errorf("sessions: %v", ids)
	}
	apply(tr, mkClose(6, 5, "/a", "/b"), mkClose(7, 5))
	if _, ok := tr.SessionTimeout(5); ok || tr.EphemeralsCount() != 1 {
		t.Error("session 5 is still there")
	}
}

func TestKindOf(t *testing.T) {
	for owner, want := range map[proto.SessionID]Kind{
		0: Persistent, 1: Ephemeral, -1 << 63: Container, proto.TTLOwner(1): TTL, proto.TTLOwner(proto.MaxTTL): TTL,
		-1<<63 | 5:              Ephemeral, // server 128
		-0x00ffff0000000000 | 5: Ephemeral, // 0xff 0001...: server 255, or a type nobody knows
		0x0100019a2b3c0000:      Ephemeral,
	} {
		if got := KindOf(owner); got != want {
			t.Errorf("KindOf(%v) = %v, want %v", owner, got, want)
		}
	}
}

func TestSetConfig(t *testing.T) {
	tr := New()
	digest := tr.Digest()
	sink := new(recorder)
	tr.SetSink(sink)
	tr.Watches().Add(WatchData, "/zookeeper/config", 1)
	tr.SetConfig([]byte("version=100000000"), 0x100000000, 42)
	want := proto.Stat{Mzxid: 0x100000000, Mtime: 42, Version: -1, Aversion: -1, DataLength: 17}
	if got := stat(t, tr, "/zookeeper/config"); got != want {
		t.Errorf("stat %+v, want %+v", got, want)
	}
	if tr.LastZxid() != 0 || tr.Digest() != digest {
		t.Errorf("zxid %v, digest %d: must not change", tr.LastZxid(), tr.Digest())
	}
	sink.expect(t, "3 /zookeeper/config 0x100000000 [1]")

	apply(tr, mkDelete(1, "/zookeeper/config"))
	tr.SetConfig([]byte("x"), 5, 43)
	if got := stat(t, tr, "/zookeeper/config"); got.DataLength != 1 || got.Aversion != -1 {
		t.Errorf("recreated config znode: %+v", got)
	}
	check(t, tr)
}

func TestDescendants(t *testing.T) {
	tr := New()
	apply(tr, mkCreate(1, "/a", "", 1), mkCreate(2, "/a/b", "", 1), mkCreate(3, "/a/b/c", "", 1), mkCreate(4, "/ab", "", 2))
	for path, want := range map[string]int{"/": 7, "/a": 2, "/a/b": 1, "/ab": 0, "/x": -1} {
		n, ok := tr.Descendants(path)
		if !ok {
			n = -1
		}
		if n != want {
			t.Errorf("Descendants(%q) = %d, want %d", path, n, want)
		}
	}
}

func TestChildren(t *testing.T) {
	tr := New()
	apply(tr, mkCreate(1, "/a", "", 1), mkCreate(2, "/b", "", 2))
	got, ok := tr.Children("/", []string{"kept"})
	slices.Sort(got[1:])
	if !ok || !slices.Equal(got, []string{"kept", "a", "b", "zookeeper"}) {
		t.Errorf("Children = %q %v", got, ok)
	}
	if got, ok := tr.Children("/x", nil); ok || got != nil {
		t.Errorf("Children of nothing = %q %v", got, ok)
	}
}

// TestPathsOfNothing: prep lets no such path through, but a peer or a damaged
// file may bring it. It must not get into a dump, which it would end.
func TestPathsOfNothing(t *testing.T) {
	tr := New()
	apply(tr, mkCreate(1, "/a", "", -1))
	want := tr.Digest()
	for i, path := range []string{"", "/", "//", "//b", "/a/", "/a//", "/a//b", "//a", "a", "a/b", "///"} {
		if res := apply(tr, mkCreate(proto.Zxid(i)+2, path, "x", 0)); res.Err != proto.ErrNoNode {
			t.Errorf("%q: %v", path, res.Err)
		}
		if path != "" && NewLoader().Node(path, nil, -1, &proto.StatPersisted{}) == nil {
			t.Errorf("%q is loaded", path)
		}
		check(t, tr)
	}
	if tr.Digest() != want {
		t.Error("the tree has changed")
	}
}
