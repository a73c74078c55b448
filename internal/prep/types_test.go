package prep

import (
	"bytes"
	"encoding/hex"
	"strings"
	"testing"

	"github.com/paddock-io/paddock/internal/tree"
	"github.com/paddock-io/paddock/proto"
)

// TestTTLBytes: what a Java 3.9.5 server with extendedTypesEnabled logged for a
// createTTL, a sequential one, and a multi of two, on a fresh tree.
func TestTTLBytes(t *testing.T) {
	const session = 0x0100000ea6730000
	of := func(path string, mode proto.CreateFlags, ms int64, data []byte) *Request {
		r := ttl(path, mode, ms)
		r.Session, r.Body.(*proto.CreateRequest).Data = session, data
		return r
	}
	m := multi(of("/m", proto.PersistentTTL, 7, nil), of("/p", proto.Persistent, 7, nil))
	m.Session = session
	hi := []byte("hi")
	w := newWorld(t, Options{Digest: true, ExtendedTypes: true})
	for i, tc := range []struct {
		req  *Request
		wall int64
		want string
	}{
		{of("/t", proto.PersistentTTL, 60000, hi), 0x1a214229973, "0100000ea673000000000001 0000000000000002 000001a214229973 00000015" +
			"000000022f74 000000026869 000000010000001f00000005776f726c6400000006616e796f6e65 00000001 000000000000ea60 00000002 000000008a419522"},
		{of("/t-", proto.PersistentSequentialTTL, proto.MaxTTL, hi), 0x1a214229990, "0100000ea673000000000002 0000000000000003 000001a214229990 00000015" +
			"0000000d2f742d30303030303030303031 000000026869 000000010000001f00000005776f726c6400000006616e796f6e65 00000002 000000ffffffffff 00000002 00000001bb73836e"},
		{m, 0x1a2142299a3, "0100000ea673000000000003 0000000000000004 000001a2142299a3 0000000e 00000002" +
			"00000015 00000031 000000022f6d ffffffff 000000010000001f00000005776f726c6400000006616e796f6e65 00000003 0000000000000007" +
			"00000001 0000002a 000000022f70 ffffffff 000000010000001f00000005776f726c6400000006616e796f6e65 00 00000004 00000002 00000002bf7b911d"},
	} {
		tc.req.Cxid = int32(i + 1)
		txn := w.prep.Prepare(tc.req, proto.Zxid(i+2), tc.wall)
		want, err := hex.DecodeString(strings.ReplaceAll(tc.want, " ", ""))
		if err != nil || !bytes.Equal(txn.Raw, want) {
			t.Errorf("%d: got\n%x, want\n%x (%v)", i, txn.Raw, want, err)
		}
		w.waiting = append(w.waiting, txn)
	}
	w.apply(-1)
}

// TestTTLChecks: what a Java 3.9.5 server answered to each, but for the rows
// marked otherwise, with extendedTypesEnabled and without.
func TestTTLChecks(t *testing.T) {
	const (
		mode    = proto.PersistentTTL
		seq     = proto.PersistentSequentialTTL
		promise = "Java breaks its digest" // what it does besides
		death   = "Java's server dies"     // what it does instead
	)
	null := func(flags proto.CreateFlags) *Request {
		r := ttl("/n", flags, 7)
		r.Body.(*proto.CreateRequest).ACL = nil
		return r
	}
	first := create("/first", 0, open)
	for _, tc := range []struct {
		name      string
		req       *Request
		on, off   proto.ErrCode
		otherwise string
	}{
		{"createTTL", ttl("/n", mode, 9), ok, unimpl, ""},
		{"the shortest", ttl("/n", mode, 1), ok, unimpl, ""},
		{"the longest", ttl("/n", mode, proto.MaxTTL), ok, unimpl, ""},
		{"sequential", ttl("/n", seq, 9), ok, unimpl, ""},
		{"below one with a TTL", ttl("/old/n", mode, 9), ok, unimpl, ""},
		{"too long", ttl("/n", mode, proto.MaxTTL+1).but(expired), badArgs, unimpl, ""},
		{"of 0", ttl("/n", mode, 0), badArgs, unimpl, ""},
		{"negative", ttl("/n", mode, -1), badArgs, unimpl, ""},
		{"of a dead session without slash", ttl("n", mode, 9).but(expired), expired, unimpl, ""},
		{"without slash", ttl("n", mode, 9), badArgs, unimpl, ""},
		{"null ACL", null(mode), invalid, unimpl, ""},
		{"unknown mode", ttl("/n", 9, 9), badArgs, badArgs, ""},
		{"persistent of 5", ttl("/n", 0, 5), badArgs, badArgs, ""},
		{"persistent of 0", ttl("/n", 0, 0), badArgs, badArgs, ""},
		{"container of 5", ttl("/n", proto.Container, 5), badArgs, badArgs, ""},
		{"create", create("/n", mode, open), badArgs, unimpl, ""},
		{"create2", create("/n", seq, open).as(proto.OpCreate2), badArgs, unimpl, ""},
		{"createContainer", create("/n", mode, open).as(proto.OpCreateContainer), badArgs, unimpl, ""},

		{"persistent of -1", ttl("/n", 0, -1), badArgs, badArgs, death},
		{"ephemeral of -1", ttl("/n", 1, -1), badArgs, badArgs, death},
		{"container of -1", ttl("/n", proto.Container, -1), badArgs, badArgs, death},
		{"create of a container", create("/n", proto.Container, open), ok, ok, promise},
		{"create2 of a container", create("/n", proto.Container, open).as(proto.OpCreate2), ok, ok, promise},
		{"createContainer of a persistent", create("/n", 0, open).as(proto.OpCreateContainer), ok, ok, promise},
		{"createContainer of a sequential", create("/n", 2, open).as(proto.OpCreateContainer), ok, ok, promise},
		{"the same in a multi", multi(create("/n", 0, open).as(proto.OpCreateContainer)), ok, ok, promise},

		{"multi", multi(ttl("/n", mode, 7)), ok, unimpl, ""},
		{"multi of 0", multi(ttl("/n", mode, 0)), badArgs, unimpl, ""},
		{"multi, create", multi(create("/n", mode, open)), marshal, marshal, ""},
		{"multi, createContainer", multi(create("/n", seq, open).as(proto.OpCreateContainer)), marshal, marshal, ""},
		{"multi, persistent of 5", multi(ttl("/n", 0, 5)), ok, ok, ""},
		{"multi, persistent of -1", multi(ttl("/n", 0, -1)), ok, ok, ""},
		{"multi, ephemeral of 5", multi(ttl("/n", 1, 5)), ok, ok, ""},
		{"multi, container of 5", multi(ttl("/n", proto.Container, 5)), ok, ok, ""},
		{"multi, unknown mode", multi(first, ttl("/n", 9, 7)), badArgs, badArgs, ""},
		{"multi, null ACL", multi(null(mode)), invalid, unimpl, ""},
		{"multi, unknown mode, null ACL", multi(null(9)), badArgs, badArgs, ""},
		{"multi, persistent, null ACL", multi(null(0)), invalid, invalid, ""},
	} {
		for _, on := range []bool{true, false} {
			w := newWorld(t, Options{Digest: true, ExtendedTypes: on})
			w.must(create("/old", 0, open))
			want := tc.off
			if on {
				want = tc.on
				w.must(ttl("/old/ttl", mode, 7))
			}
			if got := errOf(w.prepare(tc.req)); got != want {
				t.Errorf("%s (extended types %v): %v, want %v", tc.name, on, got, want)
			}
			w.apply(-1)
		}
	}
}

// TestModeOfAnotherOperation: the operation decides what a create makes.
func TestModeOfAnotherOperation(t *testing.T) {
	for name, tc := range map[string]struct {
		op    proto.OpCode
		flags proto.CreateFlags
		path  string
		want  tree.Kind
	}{
		"create of a container":           {proto.OpCreate, proto.Container, "/n", tree.Persistent},
		"create2 of a container":          {proto.OpCreate2, proto.Container, "/n", tree.Persistent},
		"createContainer of a persistent": {proto.OpCreateContainer, proto.Persistent, "/n", tree.Container},
		"createContainer of an ephemeral": {proto.OpCreateContainer, proto.Ephemeral, "/n", tree.Container},
		"createContainer of a sequential": {proto.OpCreateContainer, proto.PersistentSequential, "/n0000000000", tree.Container},
	} {
		w := newWorld(t, Options{Digest: true})
		w.must(create("/n", tc.flags, open).as(tc.op))
		w.must(create(tc.path+"/child", 0, open)) // decided before the tree has its parent
		w.apply(-1)
		n, there := w.tree.Get(tc.path)
		if !there || tree.KindOf(n.Persisted().EphemeralOwner) != tc.want {
			t.Errorf("%s: %v, %+v", name, there, n)
		}
	}
}

// TestEffective: what the operations of a multi become.
func TestEffective(t *testing.T) {
	w := newWorld(t, Options{Digest: true, ExtendedTypes: true})
	txn := w.must(multi(
		create("/a", proto.Container, open), create("/b", proto.Container, open).as(proto.OpCreate2),
		ttl("/c", proto.PersistentTTL, 7), ttl("/d", proto.Container, 7), ttl("/e", proto.EphemeralSequential, 7),
	))
	w.apply(-1)
	want := []struct {
		op   proto.OpCode
		kind tree.Kind
	}{
		{proto.OpCreateContainer, tree.Container}, {proto.OpCreateContainer, tree.Container},
		{proto.OpCreateTTL, tree.TTL}, {proto.OpCreateContainer, tree.Container}, {proto.OpCreate, tree.Ephemeral},
	}
	for i, path := range []string{"/a", "/b", "/c", "/d", "/e0000000004"} {
		n, there := w.tree.Get(path)
		if op := txn.Body.(*proto.MultiTxn).Subs[i].Type; op != want[i].op || !there || tree.KindOf(n.Persisted().EphemeralOwner) != want[i].kind {
			t.Errorf("%s: %v, %v", path, op, there)
		}
	}
	if typ := w.res.Multi[2].Type; typ != proto.OpCreate2 {
		t.Errorf("the result of createTTL has type %v", typ)
	}
}

// TestReaping: whoever used a znode in time keeps it, and so does whoever made
// it anew, applied or not.
func TestReaping(t *testing.T) {
	const life = 10
	type story = func(w *world)
	do := func(reqs ...*Request) story {
		return func(w *world) {
			for _, r := range reqs {
				w.must(r)
			}
		}
	}
	later := func(ms int64) story { return func(w *world) { w.zxid += proto.Zxid(ms) } } // the clock of prepare
	box := do(create("/x", proto.Container, open).as(proto.OpCreateContainer))
	aged := do(ttl("/x", proto.PersistentTTL, life))
	kid, noKid, gone := do(create("/x/kid", 0, open)), do(del("/x/kid", -1)), do(del("/x", -1))
	used := func(w *world) { box(w); kid(w); noKid(w) }
	for name, tc := range map[string]struct {
		before []story
		never  int64
		off    bool // extended types
		want   proto.ErrCode
	}{
		"used container":        {before: []story{used}, want: ok},
		"used, off":             {before: []story{used}, off: true, want: ok},
		"used, with a new kid":  {before: []story{used, kid}, want: notEmpty},
		"made anew":             {before: []story{used, gone, box}, want: badVer},
		"a persistent now":      {before: []story{used, gone, do(create("/x", 0, open))}, want: badVer},
		"an ephemeral now":      {before: []story{used, gone, do(create("/x", 1, open))}, want: badVer},
		"gone":                  {before: []story{used, gone}, want: noNode},
		"never used":            {before: []story{box, later(1000)}, want: badVer},
		"never used for long":   {before: []story{box, later(50)}, never: 50, want: ok},
		"never used for short":  {before: []story{box, later(49)}, never: 50, want: badVer},
		"TTL over":              {before: []story{aged, later(life)}, want: ok},
		"TTL just not over":     {before: []story{aged, later(life - 1)}, want: badVer},
		"TTL renewed":           {before: []story{aged, later(life), do(setData("/x", nil, -1))}, want: badVer},
		"TTL over, with a kid":  {before: []story{aged, kid, later(life)}, want: notEmpty},
		"TTL and a kid is gone": {before: []story{aged, later(life), kid, noKid}, want: ok},
	} {
		for _, applied := range []bool{true, false} {
			w := newWorld(t, Options{Digest: true, ExtendedTypes: !tc.off, NeverUsedMs: tc.never})
			for _, step := range tc.before {
				step(w)
			}
			if applied {
				w.apply(-1)
			}
			if got := errOf(w.prepare(reap("/x", 0))); got != tc.want {
				t.Errorf("%s (applied %v): %v, want %v", name, applied, got, tc.want)
			}
			w.apply(-1)
		}
	}

	// A TTL that was stored while extended types were on is left alone.
	w := newWorld(t, Options{Digest: true, ExtendedTypes: true})
	aged(w)
	w.apply(-1)
	w.prep = New(w.tree, Options{Digest: true})
	kid(w)
	noKid(w)
	later(1000)(w)
	if got := errOf(w.prepare(reap("/x", 0))); got != badVer {
		t.Errorf("TTL without extended types: %v", got)
	}
	w.must(del("/x", -1))
	w.apply(-1)
}

// TestEmulate353: an owner as 3.5.3 wrote it is no session.
func TestEmulate353(t *testing.T) {
	const owner = -1<<63 | 10
	for _, emulate := range []bool{true, false} {
		w := newWorld(t, Options{ExtendedTypes: true})
		l := tree.NewLoader()
		for _, path := range []string{"", "/zookeeper", "/old"} {
			st := &proto.StatPersisted{Mtime: wall}
			if path == "/old" {
				st.EphemeralOwner = owner
			}
			if err := l.Node(path, nil, -1, st); err != nil {
				t.Fatal(err)
			}
		}
		var err error
		if w.tree, err = l.Done(); err != nil {
			t.Fatal(err)
		}
		if emulate {
			w.tree.Emulate353()
		}
		w.prep = New(w.tree, Options{ExtendedTypes: true})
		want := map[bool][2]proto.ErrCode{true: {ok, notEmpty}, false: {noKids, badVer}}[emulate]
		if got := errOf(w.prepare(create("/old/kid", 0, open))); got != want[0] {
			t.Errorf("emulated %v: a child: %v", emulate, got)
		}
		w.zxid += 11
		if got := errOf(w.prepare(reap("/old", 0))); got != want[1] {
			t.Errorf("emulated %v: reaping: %v", emulate, got)
		}
		w.apply(-1)
	}
}
