package tree

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/paddock-io/paddock/proto"
)

func TestQuotaPaths(t *testing.T) {
	var q quotas
	if q.deepest("/a") != nil {
		t.Error("found one of none")
	}
	for _, path := range []string{"/a", "/a/b/c", "/x/y", "/x/y", "/ /s/ ", "", "/", "/ "} {
		q.add(path)
	}
	if q.n != 4 {
		t.Errorf("%d quotas", q.n)
	}
	for path, want := range map[string]string{
		"/a": "/a", "/a/b": "/a", "/a/b/c": "/a/b/c", "/a/b/c/d/e": "/a/b/c", "/ab": "", "/": "", "": "",
		"/x": "", "/x/y": "/x/y", "/x/yz": "", "/b/a": "",
		"/s": "/s", "/ /s/t": "/s", "/  / /a/ /b/c": "/a/b/c", "/a / b": "", "/ ": "", // blanks, as PathTrie.split
	} {
		got := q.deepest(path)
		switch {
		case got == nil && want != "", got != nil && got.path != want:
			t.Errorf("%q counts towards %+v, want %q", path, got, want)
		case got != nil && (got.stats != "/zookeeper/quota"+want+"/zookeeper_stats" || got.limit != "/zookeeper/quota"+want+"/zookeeper_limits"):
			t.Errorf("%+v", got)
		}
	}
	for i, path := range []string{"/nothing", "/a/b", "", "/", "/a", "/a", "/a/b/c/d"} {
		if q.remove(path); q.n != map[bool]int{true: 4, false: 3}[i < 4] {
			t.Errorf("%d quotas after %q", q.n, path)
		}
	}
	if got := q.deepest("/a/b"); got != nil {
		t.Errorf("/a/b counts towards %v", got.path)
	}
	q.remove("/a/b/c")
	q.remove("/x/y")
	q.remove("/s/ ")
	if q.n != 0 || len(q.root.below) != 0 {
		t.Errorf("%d quotas, %d names are left", q.n, len(q.root.below))
	}
}

const limitsOf, statsOf = "/zookeeper/quota%s/zookeeper_limits", "/zookeeper/quota%s/zookeeper_stats"

// story applies one operation after the other and compares the usage.
type story struct {
	t  *testing.T
	tr *Tree
	z  proto.Zxid
}

func (s *story) do(mk func(z proto.Zxid) *proto.Txn) *Result {
	s.t.Helper()
	s.z++
	res := apply(s.tr, mk(s.z))
	check(s.t, s.tr)
	return res
}

func (s *story) create(path, data string) *Result {
	s.t.Helper()
	return s.do(func(z proto.Zxid) *proto.Txn { return mkCreate(z, path, data, -1) })
}

func (s *story) set(path, data string) *Result {
	s.t.Helper()
	return s.do(func(z proto.Zxid) *proto.Txn { return mkSet(z, path, data, 1) })
}

func (s *story) remove(path string) {
	s.t.Helper()
	s.do(func(z proto.Zxid) *proto.Txn { return mkDelete(z, path) })
}

// quota makes the znodes that lead to one, and its limits and usage.
func (s *story) quota(path string) {
	s.t.Helper()
	for at := 1; at < len(path); at++ {
		if path[at] == '/' {
			s.create("/zookeeper/quota"+path[:at], "")
		}
	}
	s.create("/zookeeper/quota"+path, "")
	s.create(fmt.Sprintf(limitsOf, path), "count=-1,bytes=-1")
	s.create(fmt.Sprintf(statsOf, path), "count=0,bytes=0")
}

func (s *story) used(path, want string) {
	s.t.Helper()
	n, ok := s.tr.Get(fmt.Sprintf(statsOf, path))
	if !ok || string(n.Data()) != want {
		s.t.Errorf("%s uses %q, want %q", path, n.Data(), want)
	}
}

// TestQuotaStory: what a Java 3.9.5 server says after each of these.
func TestQuotaStory(t *testing.T) {
	s := &story{t: t, tr: New()}
	s.create("/a", "12345")
	s.create("/a/b", "678")
	s.quota("/a")
	s.used("/a", "count=2,bytes=8")
	s.create("/a/c", "x")
	s.used("/a", "count=3,bytes=9")
	s.set("/a/c", "xyz")
	s.used("/a", "count=3,bytes=11")
	s.set("/a/c", "")
	s.used("/a", "count=3,bytes=8")
	s.do(func(z proto.Zxid) *proto.Txn { return mkEphemeral(z, 7, "/a/e") })
	s.used("/a", "count=4,bytes=8")
	s.do(func(z proto.Zxid) *proto.Txn {
		return mkMulti(z, mkCreate(z, "/a/m", "mm", -1), mkSet(z, "/a/m", "mmm", 1), mkDelete(z, "/a/b"))
	})
	s.used("/a", "count=4,bytes=8")
	s.do(func(z proto.Zxid) *proto.Txn { return mkClose(z, 7, "/a/e") })
	s.used("/a", "count=3,bytes=8")
	s.do(func(z proto.Zxid) *proto.Txn {
		return txn(z, 1, proto.OpCreateContainer, &proto.CreateContainerTxn{Path: "/a/box", Data: []byte("1"), ACL: proto.OpenACL, ParentCversion: -1})
	})
	s.do(func(z proto.Zxid) *proto.Txn {
		return txn(z, 1, proto.OpCreateTTL, &proto.CreateTTLTxn{Path: "/a/ttl", Data: []byte("1"), ACL: proto.OpenACL, ParentCversion: -1, TTL: 5})
	})
	s.used("/a", "count=5,bytes=10")
	s.do(func(z proto.Zxid) *proto.Txn {
		return txn(z, 0, proto.OpDeleteContainer, &proto.DeleteTxn{Path: "/a/box"})
	})
	s.used("/a", "count=4,bytes=9")

	// The deepest path alone counts; those above keep what they had.
	s.quota("/a/c")
	s.used("/a/c", "count=1,bytes=0")
	s.create("/a/c/d", "dd")
	s.used("/a/c", "count=2,bytes=2")
	s.used("/a", "count=4,bytes=9")
	s.remove("/zookeeper/quota/a/c/zookeeper_limits")
	s.set("/a/c/d", "ddd")
	s.used("/a", "count=4,bytes=10")
	s.used("/a/c", "count=2,bytes=2")
	s.remove("/zookeeper/quota/a/c/zookeeper_stats")
	s.create("/zookeeper/quota/a/c/zookeeper_stats", "")
	s.used("/a/c", "count=2,bytes=3") // counted anew, without limits
	s.create("/zookeeper/quota/a/c/zookeeper_limits", "")
	s.remove("/a/c/d")
	s.used("/a/c", "count=1,bytes=0")

	// Of a path that is not there.
	s.quota("/new")
	s.used("/new", "count=0,bytes=0")
	s.create("/new", "n")
	s.used("/new", "count=1,bytes=1")
	s.remove("/new")
	s.used("/new", "count=0,bytes=0")
	// Of the quotas themselves; what changes in place does not count.
	s.quota("/zookeeper")
	s.used("/zookeeper", "count=16,bytes=127")
	s.create("/zookeeper/x", "x")
	s.used("/zookeeper", "count=17,bytes=128")
	s.create("/new", "1234567890")
	s.used("/zookeeper", "count=17,bytes=128")
}

// TestQuotaLimitsAreKept: what a write is compared with is what the znode with
// the limits says now; check compares the two after every step.
func TestQuotaLimitsAreKept(t *testing.T) {
	s := &story{t: t, tr: New()}
	limits := fmt.Sprintf(limitsOf, "/a")
	is := func(hard int64) {
		t.Helper()
		if _, got, _, ok := s.tr.QuotaOf("/a/b"); ok != (hard != 0) || ok && got.CountHard != hard {
			t.Errorf("the limit is %d (%v), want %d", got.CountHard, ok, hard)
		}
	}
	text := func(n int) string { return fmt.Sprintf("countHardLimit=%d", n) }
	s.create("/zookeeper/quota/a", "")
	s.create(limits, text(1))
	is(0) // nothing says what is used
	s.create(fmt.Sprintf(statsOf, "/a"), "")
	is(1)
	s.set(limits, text(2)+strings.Repeat(",pad=1", 100_000)) // a text of any length
	is(2)
	s.set(limits, "junk")
	is(-1)
	s.do(func(z proto.Zxid) *proto.Txn {
		return mkMulti(z, mkDelete(z, limits), mkCreate(z, limits, text(3), -1), mkSet(z, limits, text(4), 1))
	})
	is(4)
	s.remove(limits)
	is(0)
	s.do(func(z proto.Zxid) *proto.Txn { return mkEphemeral(z, 7, limits) })
	is(-1)
	s.set(limits, text(5))
	is(5)
	s.do(func(z proto.Zxid) *proto.Txn { return mkClose(z, 7, limits) })
	is(0)

	// A name of blanks leads to the same quota, whose limits are still where they were.
	s.create("/zookeeper/quota/ ", "")
	s.create("/zookeeper/quota/ /a", "")
	s.create("/zookeeper/quota/ /a/zookeeper_limits", text(6))
	is(0)
	s.create(limits, text(7))
	is(7)
	s.set("/zookeeper/quota/ /a/zookeeper_limits", text(8))
	is(7)
	s.remove("/zookeeper/quota/ /a/zookeeper_limits")
	is(0)
	s.create("/zookeeper/quota/ /a/zookeeper_limits", "")
	is(7)

	l := NewLoader()
	if err := copyInto(l, s.tr); err != nil {
		t.Fatal(err)
	}
	loaded, err := l.Done()
	if err != nil {
		t.Fatal(err)
	}
	s.tr.Replace(loaded)
	check(t, s.tr)
	is(7)
}

// TestQuotaSilence: nobody is told of what changes in a usage, and no metadata
// but the length is another.
func TestQuotaSilence(t *testing.T) {
	s := &story{t: t, tr: New()}
	sink := new(recorder)
	s.tr.SetSink(sink)
	s.create("/a", "")
	s.quota("/a")
	stats := fmt.Sprintf(statsOf, "/a")
	before, digest := stat(t, s.tr, stats), s.tr.Digest()
	s.tr.Watches().Add(WatchData, stats, 1)
	sink.events = nil
	s.create("/a/b", strings.Repeat("x", 1000))
	s.used("/a", "count=2,bytes=1000")
	after := stat(t, s.tr, stats)
	before.DataLength = int32(len("count=2,bytes=1000"))
	if after != before || len(sink.events) > 0 {
		t.Errorf("%+v, was %+v; events %q", after, before, sink.events)
	}
	s.remove("/a/b")
	s.set("/a", "x")
	s.set("/a", "")
	if s.tr.Digest() == digest {
		t.Error("the digest shows nothing at all")
	}
	// A client that makes the usage is told what it wrote, not what is there.
	s.remove(stats)
	if res := s.create(stats, "12"); res.Stat.DataLength != 2 {
		t.Errorf("create2 says %+v", res.Stat)
	}
	s.used("/a", "count=1,bytes=0")
}

// TestQuotaHostile: none of this ends the server, as most of it ends Java's.
func TestQuotaHostile(t *testing.T) {
	s := &story{t: t, tr: New()}
	s.create("/zookeeper/quota/zookeeper_limits", "")
	s.create("/zookeeper/quota/zookeeper_stats", "")
	if n, _ := s.tr.Get("/zookeeper/quota/zookeeper_stats"); string(n.Data()) != "count=6,bytes=0" {
		t.Errorf("the whole tree has %q", n.Data())
	}
	s.remove("/zookeeper/quota/zookeeper_limits")
	s.create("/zookeeper/zookeeper_limits", "")
	s.remove("/zookeeper/zookeeper_limits")
	s.create("/zookeeper_limits", "")
	s.remove("/zookeeper_limits")
	s.create("/zookeeper/quota/ ", "")
	s.create("/zookeeper/quota/ /zookeeper_limits", "")
	s.remove("/zookeeper/quota/ /zookeeper_limits")
	s.create("/zookeeper/quotable", "")
	s.create("/zookeeper/quotable/zookeeper_limits", "")
	if s.tr.quotas.n != 0 {
		t.Fatalf("%d quotas", s.tr.quotas.n)
	}
	s.create("/a", "")
	s.create("/zookeeper/quota/a", "")
	s.create("/zookeeper/quota/a/zookeeper_limits", "")
	s.create("/a/b", "") // limits without usage
	stats := fmt.Sprintf(statsOf, "/a")
	s.create(stats, "")
	s.used("/a", "count=2,bytes=0")
	for i, text := range []string{"junk", "count=x", ",", "count=9223372036854775808,bytes=0", strings.Repeat("a=1,", 10000), "\xff\xfe"} {
		s.set(stats, text)
		s.create(fmt.Sprintf("/a/%d", i), "x")
		want := fmt.Sprintf("count=%d,bytes=%d", 3+i, 1+i)
		if text == "," {
			want = "count=0,bytes=0" // no numbers at all are -1 each
		}
		s.used("/a", want)
	}
	s.do(func(z proto.Zxid) *proto.Txn {
		return txn(z, 1, proto.OpSetData, &proto.SetDataTxn{Path: stats, Version: 3})
	})
	s.set("/a", "1")
	s.used("/a", "count=8,bytes=7")
}

// quotaGenerator makes transactions over two quotas side by side and what lies
// beside them, as a leader would.
type quotaGenerator struct{ generator }

// toggle makes a quota or takes one away, through do.
func (g *quotaGenerator) toggle(do func(*proto.Txn)) {
	top := []string{"/a", "/b/c", "/d"}[g.rng.IntN(3)]
	base := quotaPath
	create := func(path, data string) {
		g.zxid++
		parent, _ := splitPath(path)
		n, _ := g.tr.Get(parent)
		do(mkCreate(g.zxid, path, data, n.Persisted().Cversion+1))
	}
	for _, name := range strings.Split(top[1:], "/") {
		if base += "/" + name; !g.has(base) {
			create(base, "")
		}
	}
	for _, name := range []string{limitsName, statsName} {
		if path := base + "/" + name; g.has(path) {
			g.zxid++
			do(mkDelete(g.zxid, path))
		} else {
			create(path, "count=1,bytes=1")
		}
	}
}

func (g *quotaGenerator) has(path string) bool { _, ok := g.tr.Get(path); return ok }

// recounted compares every usage that has limits with a count.
func recounted(t *testing.T, tr *Tree) (quotas int) {
	t.Helper()
	for _, top := range []string{"/a", "/b/c", "/d"} {
		n, ok := tr.Get(fmt.Sprintf(statsOf, top))
		if _, limited := tr.Get(fmt.Sprintf(limitsOf, top)); !ok || !limited {
			continue
		}
		quotas++
		count, size := 0, 0
		for id := tr.find(""); id != 0; id = tr.after(id, 0) {
			if p := tr.path(id); p == top || strings.HasPrefix(p, top+"/") {
				count++
				size += max(int(tr.at(id).dataLen), 0)
			}
		}
		if want := fmt.Sprintf("count=%d,bytes=%d", count, size); string(n.Data()) != want {
			t.Fatalf("%s uses %q, counted %q", top, n.Data(), want)
		}
	}
	return quotas
}

// TestQuotaAgainstRecount: whatever happens, what is said to be used is; also
// in what a dump beside it gives, before and after the rest is replayed.
func TestQuotaAgainstRecount(t *testing.T) {
	seen := 0
	for seed := range uint64(60) {
		rng := rand.New(rand.NewPCG(seed, 11))
		tr := New()
		g := &quotaGenerator{generator{rng: rng, tr: tr}}
		var log []*proto.Txn
		work := func(steps int) {
			for range steps {
				do := func(x *proto.Txn) {
					log = append(log, x)
					apply(tr, x)
				}
				do(g.generator.next())
				if rng.IntN(20) == 0 {
					g.toggle(do)
				}
			}
			seen += recounted(t, tr)
		}
		work(300)
		log = nil
		l, from := NewLoader(), tr.LastZxid()
		node := func(path string, data []byte, acl int64, st *proto.StatPersisted) error {
			err := l.Node(path, data, acl, st)
			work(rng.IntN(4))
			return err
		}
		if err := errors.Join(tr.SnapSessions(l.Session), tr.SnapACLs(l.ACL), tr.SnapNodesBy(1+rng.IntN(4), node)); err != nil {
			t.Fatal(err)
		}
		again, err := l.Done()
		if err != nil {
			t.Fatal(err)
		}
		again.SetLastZxid(from)
		recounted(t, again)
		work(rng.IntN(50))
		for _, x := range log {
			apply(again, x)
		}
		check(t, again)
		recounted(t, again)
		if d := diff(describe(again), describe(tr)); d != "" {
			t.Fatalf("seed %d: %s", seed, d)
		}
	}
	if seen < 500 {
		t.Errorf("only %d quotas were met", seen)
	}
}

// TestQuotaAllocs: counting a znode costs no memory.
func TestQuotaAllocs(t *testing.T) {
	s := &story{t: t, tr: New()}
	s.create("/a", "")
	s.quota("/a")
	if n := testing.AllocsPerRun(100, func() {
		s.tr.charge("/a/some/znode", 1, 100)
		s.tr.charge("/a/some/znode", -1, -100)
		s.tr.charge("/b/some/znode", 1, 100)
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
	s.used("/a", "count=1,bytes=0")
}

// TestNamespaceQuotas: as QuotaMetricsUtils sums up.
func TestNamespaceQuotas(t *testing.T) {
	s := &story{t: t, tr: New()}
	if got := s.tr.NamespaceQuotas(); got != nil {
		t.Errorf("%+v", got)
	}
	s.create("/b", "12345")
	s.quota("/b/x")
	s.create("/zookeeper/quota/b/y", "")
	s.create("/zookeeper/quota/b/y/zookeeper_limits", "count=5,bytes=7=;byteHardLimit=9")
	s.create("/zookeeper/quota/a", "")
	s.create("/zookeeper/quota/a/zookeeper_stats", "")
	s.create("/zookeeper/quota/zookeeper_limits", "count=1")
	s.create("/zookeeper/quota/c", "nothing")
	want := []NamespaceQuota{
		{Name: "a", Counted: true},
		{Name: "b", Limited: true, Counted: true, CountLimit: 4, BytesLimit: 8},
		{Name: "zookeeper_limits", Limited: true, CountLimit: 1, BytesLimit: -1},
	}
	if got := s.tr.NamespaceQuotas(); !slices.Equal(got, want) {
		t.Errorf("%+v, want %+v", got, want)
	}
}

// TestQuotaLoad: which limits a loaded tree knows, and that a tree which takes
// over another's znodes takes its quotas along.
func TestQuotaLoad(t *testing.T) {
	s := &story{t: t, tr: New()}
	s.create("/a", "1")
	s.create("/c", "1")
	s.quota("/a")
	s.quota("/c")
	s.create("/zookeeper/quota/c/zookeeper_limits/kid", "") // so these are limits until the next start
	s.create("/zookeeper/quota/b", "")
	s.create("/zookeeper/quota/b/zookeeper_limits", "")
	s.create("/zookeeper/quota/b/zookeeper_limits/x", "")
	s.create("/zookeeper/quota/b/zookeeper_limits/x/zookeeper_limits", "") // these become those of /b
	s.create("/zookeeper/quota/b/zookeeper_limits/y", "")
	s.create("/zookeeper/quota/b/zookeeper_limits/y/zookeeper_limits", "") // and these
	s.set(fmt.Sprintf(statsOf, "/a"), "count=9,bytes=9=;x=1")
	s.set(fmt.Sprintf(statsOf, "/c"), "count=9,bytes=9")
	paths := s.tr.limitedPaths() // each is counted, so none may come twice
	if slices.Sort(paths); !slices.Equal(paths, []string{"/a", "/b"}) {
		t.Errorf("limited are %q", paths)
	}
	l := NewLoader()
	if err := copyInto(l, s.tr); err != nil {
		t.Fatal(err)
	}
	loaded, err := l.Done()
	if err != nil {
		t.Fatal(err)
	}
	check(t, loaded)
	other := New()
	other.Replace(loaded)
	s.tr = other
	s.used("/a", "count=1,bytes=1")
	s.used("/c", "count=9,bytes=9")
	for path, want := range map[string]bool{"/a": true, "/b": true, "/c": false, "/b/zookeeper_limits/x": true} {
		if got := other.quotas.deepest(path) != nil; got != want {
			t.Errorf("%s counts towards a quota: %v", path, got)
		}
	}
	s.create("/a/n", "23")
	s.used("/a", "count=2,bytes=3")
}
