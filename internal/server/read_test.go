package server

import (
	"fmt"
	"slices"
	"testing"

	"github.com/paddock-io/paddock/internal/tree"
	"github.com/paddock-io/paddock/jute"
	"github.com/paddock-io/paddock/proto"
)

var (
	nobody    = []proto.ACL{{Perms: 0, ID: proto.ID{Scheme: "world", ID: "anyone"}}}
	bob       = proto.ID{Scheme: "digest", ID: "bob:fyVmFCwVbTJYrznoSu1koqYEYF0="}
	bobOnly   = []proto.ACL{{Perms: proto.PermAll, ID: bob}}
	bobReads  = []proto.ACL{{Perms: proto.PermRead, ID: bob}}
	bobAdmin  = []proto.ACL{{Perms: proto.PermAdmin, ID: bob}, {Perms: proto.PermRead, ID: proto.ID{Scheme: "world", ID: "anyone"}}}
	localhost = []proto.ACL{{Perms: proto.PermAll, ID: proto.ID{Scheme: "ip", ID: "127.0.0.0/8"}}}
)

func path(p string) proto.Request       { return &proto.PathRequest{Path: p} }
func pathWatch1(p string) proto.Request { return &proto.PathWatchRequest{Path: p, Watch: true} }

// The first failing check wins, and says whether a watch is left.
func TestReadPrecedence(t *testing.T) {
	w := newWorld(t, 0, nil)
	admin := w.connect()
	admin.create("/open", "data", proto.OpenACL, 0)
	admin.create("/open/child", "", proto.OpenACL, 0)
	admin.create("/closed", "secret", nobody, 0)
	admin.create("/mine", "", localhost, 0)
	const (
		ok      = proto.OK
		noNode  = proto.ErrNoNode
		noAuth  = proto.ErrNoAuth
		badArgs = proto.ErrBadArguments
	)
	for _, tc := range []struct {
		op      proto.OpCode
		path    string
		want    proto.ErrCode
		watches int
	}{
		{proto.OpExists, "/open", ok, 1},
		{proto.OpExists, "/mine", ok, 1},
		{proto.OpExists, "/missing", noNode, 1},
		{proto.OpExists, "/closed", noAuth, 0},
		{proto.OpExists, "/missing\x00", badArgs, 0},
		{proto.OpExists, "/open/", noNode, 1},
		{proto.OpGetData, "/open", ok, 1},
		{proto.OpGetData, "/missing", noNode, 0},
		{proto.OpGetData, "/closed", noAuth, 0},
		{proto.OpGetData, "/open\x00", noNode, 0},
		{proto.OpGetData, "", ok, 1},
		{proto.OpGetData, "open", noNode, 0},
		{proto.OpGetData, "//open", noNode, 0},
		{proto.OpGetChildren, "/open", ok, 1},
		{proto.OpGetChildren, "/missing", noNode, 0},
		{proto.OpGetChildren, "/closed", noAuth, 0},
		{proto.OpGetChildren2, "/open", ok, 1},
		{proto.OpGetChildren2, "/missing", noNode, 0},
		{proto.OpGetChildren2, "/closed", noAuth, 0},
		{proto.OpGetChildren2, "/", ok, 1},
		{proto.OpGetACL, "/open", ok, 0},
		{proto.OpGetACL, "/missing", noNode, 0},
		{proto.OpGetACL, "/closed", noAuth, 0},
		{proto.OpGetAllChildren, "/", ok, 0},
		{proto.OpGetAllChildren, "/missing", noNode, 0},
		{proto.OpGetAllChildren, "/closed", noAuth, 0},
	} {
		c := w.connect()
		r := c.call(tc.op, pathWatch1(tc.path)) // a watch flag too many is ignored
		if r.Err != tc.want || r.Err != ok && len(r.body) != 0 || r.Zxid != proto.Zxid(w.requests()) {
			t.Errorf("%s %q: %+v, want %v", tc.op, tc.path, r, tc.want)
		}
		if got := w.watches(); got != tc.watches {
			t.Errorf("%s %q left %d watches, want %d", tc.op, tc.path, got, tc.watches)
		}
		c.must(proto.OpCloseSession, nil)
		c.ended()
		w.gone(1)
	}
}

func (w *world) watches() (n int) {
	for _, table := range []tree.WatchTable{tree.DataWatches, tree.ChildWatches} {
		n += w.tree.Watches().Counts(table).Watches
	}
	return n
}

func stringsOf(t testing.TB, b []byte) []string {
	t.Helper()
	d := jute.NewDecoder(b)
	list := d.Strings()
	if d.Err() != nil || list == nil {
		t.Fatalf("strings %x: %v", b, d.Err())
	}
	slices.Sort(list)
	return list
}

func TestReads(t *testing.T) {
	w := newWorld(t, 0, nil)
	c := w.connect()
	c.create("/a", "", proto.OpenACL, 0)
	c.create("/a/1", "", proto.OpenACL, proto.Ephemeral)
	c.create("/a/2", "", proto.OpenACL, proto.Ephemeral)
	c.create("/ab", "", proto.OpenACL, proto.Ephemeral)
	other := w.connect()
	other.create("/a/3", "", proto.OpenACL, proto.Ephemeral)

	if got := stringsOf(t, c.must(proto.OpGetChildren, pathWatch1("/a")).body); !slices.Equal(got, []string{"1", "2", "3"}) {
		t.Errorf("children %q", got)
	}
	if got := stringsOf(t, c.must(proto.OpGetChildren, pathWatch1("/a/1")).body); len(got) != 0 {
		t.Errorf("children of a leaf %q", got)
	}
	for prefix, want := range map[string][]string{
		"": {"/a/1", "/a/2", "/ab"}, " ": {"/a/1", "/a/2", "/ab"}, "\x00\n": {"/a/1", "/a/2", "/ab"}, " /": {"/a/1", "/a/2", "/ab"}, "/": {"/a/1", "/a/2", "/ab"},
		"/a/": {"/a/1", "/a/2"}, "/ab": {"/ab"}, "/x": {},
	} {
		if got := stringsOf(t, c.must(proto.OpGetEphemerals, path(prefix)).body); !slices.Equal(got, want) {
			t.Errorf("ephemerals below %q: %q", prefix, got)
		}
	}
	for p, want := range map[string]int32{"/": 8, "": 9, "/a": 3, "/a/1": 0, "/zookeeper": 2} {
		d := jute.NewDecoder(c.must(proto.OpGetAllChildren, path(p)).body)
		if got := d.Int(); got != want {
			t.Errorf("%d descendants of %q, want %d", got, p, want)
		}
	}
}

func TestGetACL(t *testing.T) {
	w := newWorld(t, 0, nil)
	anon, owner := w.connect(), w.connect()
	owner.must(proto.OpAuth, &proto.AuthPacket{Scheme: "digest", Auth: []byte("bob:secret")})
	owner.create("/reads", "", bobReads, 0)
	owner.create("/admin", "", bobAdmin, 0)
	redacted := proto.ID{Scheme: "digest", ID: "bob:x"}
	for _, tc := range []struct {
		c    *client
		path string
		err  proto.ErrCode
		id   proto.ID
	}{
		{anon, "/reads", proto.ErrNoAuth, proto.ID{}},
		{anon, "/admin", proto.OK, redacted},
		{owner, "/reads", proto.OK, redacted},
		{owner, "/admin", proto.OK, bob},
	} {
		r := tc.c.call(proto.OpGetACL, path(tc.path))
		if r.Err != tc.err {
			t.Errorf("%s: %v", tc.path, r.Err)
		}
		if r.Err == proto.OK {
			d := jute.NewDecoder(r.body)
			if acl := proto.DecodeACLs(&d); acl[0].ID != tc.id {
				t.Errorf("%s: %+v", tc.path, acl)
			}
			var st proto.Stat
			if st.Decode(&d); d.Err() != nil || d.Len() != 0 {
				t.Errorf("%s: %x", tc.path, r.body)
			}
		}
	}
}

func TestWhoAmI(t *testing.T) {
	w := newWorld(t, 0, nil)
	c := w.connect()
	for range 2 { // the second time changes nothing
		c.must(proto.OpAuth, &proto.AuthPacket{Scheme: "digest", Auth: []byte("bob:secret")})
	}
	d := jute.NewDecoder(c.must(proto.OpWhoAmI, nil).body)
	got := proto.DecodeIDs(&d) // a ClientInfo has the same layout
	if want := []proto.ID{{Scheme: "digest", ID: "bob"}, {Scheme: "ip", ID: "127.0.0.1"}}; !slices.Equal(got, want) {
		t.Errorf("got %+v", got)
	}
}

func TestTooManyIdentities(t *testing.T) {
	w := newWorld(t, 0, nil)
	c := w.connect()
	for i := range maxIDs {
		r := c.call(proto.OpAuth, &proto.AuthPacket{Scheme: "digest", Auth: fmt.Append(nil, i)})
		if want := i == maxIDs-1; (r.Err != proto.OK) != want {
			t.Fatalf("packet %d: %v", i, r.Err)
		}
	}
	c.ended()
}

func TestMultiRead(t *testing.T) {
	w := newWorld(t, 0, nil)
	c := w.connect()
	c.create("/a", "hi", proto.OpenACL, 0)
	c.create("/closed", "secret", nobody, 0)
	var b []byte
	for _, op := range []struct {
		code proto.OpCode
		path string
	}{{proto.OpGetData, "/a"}, {proto.OpGetChildren, "/zookeeper"}, {proto.OpGetData, "/closed"}, {proto.OpGetChildren, "/no"}} {
		b = proto.MultiHeader{Type: op.code, Err: -1}.Append(b)
		b = pathWatch1(op.path).Append(b)
	}
	r := c.must(proto.OpMultiRead, raw(proto.MultiEnd.Append(b)))
	d := jute.NewDecoder(r.body)
	var h proto.MultiHeader
	var st proto.Stat
	h.Decode(&d)
	if data := d.Buffer(); h.Type != proto.OpGetData || h.Err != 0 || string(data) != "hi" {
		t.Errorf("%+v, %q", h, data)
	}
	st.Decode(&d)
	h.Decode(&d)
	if names := d.Strings(); h.Type != proto.OpGetChildren || len(names) != 2 {
		t.Errorf("%+v, %q", h, names)
	}
	for _, want := range []proto.ErrCode{proto.ErrNoAuth, proto.ErrNoNode} {
		h.Decode(&d)
		if err := proto.ErrCode(d.Int()); h.Type != proto.OpError || h.Err != want || err != want {
			t.Errorf("%+v, %v instead of %v", h, err, want)
		}
	}
	if h.Decode(&d); h != proto.MultiEnd || d.Len() != 0 || d.Err() != nil {
		t.Errorf("end %+v, %d bytes left, %v", h, d.Len(), d.Err())
	}
	if w.watches() != 0 {
		t.Error("watch flags in a multiRead count")
	}
	if r := c.must(proto.OpMultiRead, raw(proto.MultiEnd.Append(nil))); len(r.body) != 9 {
		t.Errorf("an empty one: %x", r.body)
	}
}

// A request must not make the server build more than its client could ever be
// waiting for.
func TestMultiReadBounded(t *testing.T) {
	w := newWorld(t, 0, func(o *Options) { o.OutboxBytes = 1 << 20 })
	c := w.connect()
	c.must(proto.OpCreate, &proto.CreateRequest{Path: "/big", Data: make([]byte, 100_000), ACL: proto.OpenACL})
	var b []byte
	for range 20 {
		b = proto.MultiHeader{Type: proto.OpGetData, Err: -1}.Append(b)
		b = pathWatch1("/big").Append(b)
	}
	if r := c.call(proto.OpMultiRead, raw(proto.MultiEnd.Append(b))); r.Err != proto.ErrQuotaExceeded || len(r.body) != 0 {
		t.Errorf("%v, %d bytes", r.Err, len(r.body))
	}
	c.must(getData("/big", false))
}

// TestMultiReadOfWrites: what a Java 3.9.5 server answers to each of these.
func TestMultiReadOfWrites(t *testing.T) {
	part := func(op proto.OpCode, r proto.Request) []byte {
		return r.Append(proto.MultiHeader{Type: op, Err: -1}.Append(nil))
	}
	create := func(flags proto.CreateFlags, acl []proto.ACL) []byte {
		return part(proto.OpCreate, &proto.CreateRequest{Path: "/a", ACL: acl, Flags: flags})
	}
	del := part(proto.OpDelete, &proto.DeleteRequest{Path: "/a"})
	read := part(proto.OpGetData, pathWatch1("/"))
	end := proto.MultiEnd.Append(nil)
	c := newWorld(t, 0, nil).connect()
	for name, tc := range map[string]struct{ record, body []byte }{
		"create":                 {slices.Concat(create(0, proto.OpenACL), end), end},
		"create with an odd ACL": {slices.Concat(create(0, []proto.ACL{}), end), end},
		"two":                    {slices.Concat(del, del, end), end},
		"a null ACL":             {slices.Concat(create(0, nil), end), nil},
		"flags of no mode":       {slices.Concat(create(7, proto.OpenACL), end), nil},
		"a read behind it":       {slices.Concat(del, read, end), nil},
		"a read before it":       {slices.Concat(read, del, end), nil},
		"no end":                 {del, nil},
		"deleteContainer":        {slices.Concat(part(proto.OpDeleteContainer, &proto.PathRequest{Path: "/a"}), end), nil},
	} {
		if r := c.call(proto.OpMultiRead, raw(tc.record)); r.Err != proto.ErrMarshalling || !slices.Equal(r.body, tc.body) {
			t.Errorf("%s: %v, body %x", name, r.Err, r.body)
		}
	}
}

// Replies to writes carry what the description says, in its own type.
func TestWriteReplies(t *testing.T) {
	w := newWorld(t, 0, nil)
	c := w.connect()
	create := func(flags proto.CreateFlags) *proto.CreateRequest {
		return &proto.CreateRequest{Path: "/w", Data: []byte("x"), ACL: proto.OpenACL, Flags: flags}
	}
	var st proto.Stat
	var p proto.PathRequest
	decode(t, c.must(proto.OpCreate, create(0)).body, &p)
	if p.Path != "/w" {
		t.Errorf("create: %q", p.Path)
	}
	if r := c.must(proto.OpDelete, &proto.DeleteRequest{Path: "/w"}); len(r.body) != 0 {
		t.Errorf("delete: %x", r.body)
	}
	d := jute.NewDecoder(c.must(proto.OpCreate2, create(proto.PersistentSequential)).body)
	name := d.String()
	if st.Decode(&d); name != "/w0000000001" || st.DataLength != 1 || d.Err() != nil || d.Len() != 0 {
		t.Errorf("create2: %q %+v %v", name, st, d.Err())
	}
	d = jute.NewDecoder(c.must(proto.OpCreateContainer, create(proto.Container)).body)
	name = d.String()
	if st.Decode(&d); name != "/w" || st.EphemeralOwner != 0 || d.Err() != nil || d.Len() != 0 {
		t.Errorf("createContainer: %q %+v %v", name, st, d.Err())
	}
	decode(t, c.must(setData("/w", "longer")).body, &st)
	if st.Version != 1 || st.DataLength != 6 {
		t.Errorf("setData: %+v", st)
	}
	decode(t, c.must(proto.OpSetACL, &proto.SetACLRequest{Path: "/w", ACL: bobOnly, Version: 0}).body, &st)
	if st.Aversion != 1 {
		t.Errorf("setACL: %+v", st)
	}
	for want, r := range map[proto.ErrCode]*reply{
		proto.ErrNodeExists: c.call(proto.OpCreate, create(0)),
		proto.ErrNoAuth:     c.call(setData("/w", "")),
		proto.ErrNoNode:     c.call(proto.OpDelete, &proto.DeleteRequest{Path: "/x"}),
		proto.ErrBadVersion: c.call(proto.OpDelete, &proto.DeleteRequest{Path: "/w", Version: 9}),
	} {
		if r.Err != want || len(r.body) != 0 || r.Zxid != proto.Zxid(w.requests()) && want == proto.ErrBadVersion {
			t.Errorf("%+v, want %v", r, want)
		}
	}
	if r := c.call(proto.OpReconfig, raw(nil)); r.Err == proto.OK {
		t.Errorf("reconfig: %+v", r)
	}
}
