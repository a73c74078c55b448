package tree

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/paddock-io/paddock/proto"
)

// recorder is a sink that remembers events as "type path zxid [watchers]".
type recorder struct {
	events []string
	acls   [][]proto.ACL
}

func (r *recorder) Notify(ev *Event, to []WatcherID) {
	to = slices.Sorted(slices.Values(to))
	r.events = append(r.events, fmt.Sprintf("%d %s %v %v", ev.Type, ev.Path, ev.Zxid, to))
	r.acls = append(r.acls, ev.ACL)
}

func (r *recorder) expect(t testing.TB, want ...string) {
	t.Helper()
	if !slices.Equal(r.events, want) {
		t.Errorf("events\n got %s\nwant %s", strings.Join(r.events, "\n     "), strings.Join(want, "\n     "))
	}
	r.events, r.acls = nil, nil
}

// The matrix of spec: which operation fires what, in which order. Watcher 1 has
// all data watches, 2 all child watches, 3 both, 4 all persistent ones, and 5
// watches two ancestors recursively.
func TestWatchMatrix(t *testing.T) {
	paths := []string{"/", "/p", "/p/n", "/p/n/c", "/p/new", "/zookeeper/config"}
	setup := []*proto.Txn{mkCreate(1, "/p", "", 1), mkEphemeral(2, 7, "/p/n"), mkEphemeral(3, 7, "/p/e")}
	multi := func(subs ...*proto.Txn) *proto.Txn { return mkMulti(9, subs...) }
	for name, tc := range map[string]struct {
		txn  *proto.Txn
		want []string
	}{
		"create":     {mkCreate(9, "/p/new", "", 3), []string{"1 /p/new 0x9 [1 3 4 5]", "4 /p 0x9 [2 3 4]"}},
		"create top": {mkCreate(9, "/q", "", 2), []string{"1 /q 0x9 [5]", "4 / 0x9 [2 3 4]"}},
		"create2": {
			txn(9, 1, proto.OpCreate2, &proto.CreateTxn{Path: "/p/new"}),
			[]string{"1 /p/new 0x9 [1 3 4 5]", "4 /p 0x9 [2 3 4]"},
		},
		"delete":          {mkDelete(9, "/p/n"), []string{"2 /p/n 0x9 [1 2 3 4 5]", "4 /p 0x9 [2 3 4]"}},
		"deleteContainer": {txn(9, 0, proto.OpDeleteContainer, &proto.DeleteTxn{Path: "/p/n"}), []string{"2 /p/n 0x9 [1 2 3 4 5]", "4 /p 0x9 [2 3 4]"}},
		"setData":         {mkSet(9, "/p/n", "", 1), []string{"3 /p/n 0x9 [1 3 4 5]"}},
		"setData of root": {mkSet(9, "/", "", 1), []string{"3 / 0x9 [1 3 4 5]"}},
		"reconfig": {
			txn(9, 1, proto.OpReconfig, &proto.SetDataTxn{Path: "/zookeeper/config", Version: -1}),
			[]string{"3 /zookeeper/config 0x9 [1 3 4 5]"},
		},
		"setACL":             {mkSetACL(9, "/p/n", proto.OpenACL, 1), nil},
		"error":              {txn(9, 1, proto.OpError, &proto.ErrorTxn{Err: -101}), nil},
		"failed create":      {mkCreate(9, "/p/n", "", 9), nil},
		"failed delete":      {mkDelete(9, "/p/new"), nil},
		"createSession":      {txn(9, 8, proto.OpCreateSession, &proto.CreateSessionTxn{Timeout: 1}), nil},
		"closeSession":       {mkClose(9, 7, "/p/n", "/p/e"), []string{"2 /p/n 0x9 [1 2 3 4 5]", "4 /p 0x9 [2 3 4]", "2 /p/e 0x9 [5]", "4 /p 0x9 [4]"}},
		"closeSession 3.5":   {txn(9, 7, proto.OpCloseSession, &proto.CloseSessionTxn{}), []string{"2 /p/e 0x9 [5]", "4 /p 0x9 [2 3 4]", "2 /p/n 0x9 [1 2 3 4 5]", "4 /p 0x9 [4]"}},
		"multi, in order":    {multi(mkSet(0, "/p/n", "", 1), mkDelete(0, "/p/n"), mkCreate(0, "/p/new", "", 3)), []string{"3 /p/n 0x9 [1 3 4 5]", "2 /p/n 0x9 [2 3 4 5]", "4 /p 0x9 [2 3 4]", "1 /p/new 0x9 [1 3 4 5]", "4 /p 0x9 [4]"}},
		"failed multi":       {multi(mkSet(0, "/p/n", "", 1), txn(0, 1, proto.OpError, &proto.ErrorTxn{Err: -101})), nil},
		"check":              {multi(txn(0, 1, proto.OpCheck, &proto.CheckVersionTxn{Path: "/p/n"})), nil},
		"delete of a parent": {mkDelete(9, "/p"), []string{"2 /p 0x9 [1 2 3 4 5]", "4 / 0x9 [2 3 4]"}},
	} {
		tr, sink := New(), new(recorder)
		tr.SetSink(sink)
		apply(tr, setup...)
		w := tr.Watches()
		for _, path := range paths {
			w.Add(WatchData, path, 1)
			w.Add(WatchChildren, path, 2)
			w.Add(WatchData, path, 3)
			w.Add(WatchChildren, path, 3)
			w.Add(WatchPersistent, path, 4)
		}
		w.Add(WatchRecursive, "/", 5)
		w.Add(WatchRecursive, "/p", 5)
		apply(tr, tc.txn)
		t.Run(name, func(t *testing.T) {
			sink.expect(t, tc.want...)
			checkWatches(t, w)
		})
	}
}

func TestWatchFiresOnce(t *testing.T) {
	tr, sink := New(), new(recorder)
	tr.SetSink(sink)
	w := tr.Watches()
	w.Add(WatchData, "/a", 1)
	w.Add(WatchData, "/a", 1) // no difference
	apply(tr, mkCreate(1, "/a", "", 1), mkSet(2, "/a", "", 1))
	sink.expect(t, "1 /a 0x1 [1]")
	w.Add(WatchData, "/a", 1)
	apply(tr, mkSet(3, "/a", "", 2), mkSet(4, "/a", "", 3))
	sink.expect(t, "3 /a 0x3 [1]")

	tr.SetSink(nil) // nobody listens; the watch is used up all the same
	w.Add(WatchData, "/a", 1)
	apply(tr, mkSet(5, "/a", "", 4))
	if c := w.Counts(DataWatches); c != (WatchCounts{Watchers: 1}) {
		t.Errorf("counts %+v after everything fired", c)
	}
}

func TestEventACL(t *testing.T) {
	tr, sink := New(), new(recorder)
	blue, red := readACL(1, "digest", "blue:x"), readACL(1, "digest", "red:x")
	apply(tr, mkCreate(1, "/p", "", 1), mkSetACL(2, "/p", blue, 1))
	tr.SetSink(sink)
	w := tr.Watches()
	w.Add(WatchChildren, "/p", 1)
	w.Add(WatchData, "/p/n", 1)
	apply(tr, txn(3, 1, proto.OpCreate, &proto.CreateTxn{Path: "/p/n", ACL: red, ParentCversion: 1}))
	w.Add(WatchChildren, "/p", 1)
	w.Add(WatchData, "/p/n", 1)
	apply(tr, mkDelete(4, "/p/n"))
	want := [][]proto.ACL{red, blue, red, blue} // of the new znode, its parent, the deleted one, its parent
	if !slices.EqualFunc(sink.acls, want, slices.Equal) {
		t.Errorf("ACLs of events %v, want %v", sink.acls, want)
	}
}

func TestRemoveWatches(t *testing.T) {
	tr, sink := New(), new(recorder)
	tr.SetSink(sink)
	w := tr.Watches()
	for id := WatcherID(0); id < 4; id++ {
		w.Add(WatchData, "/a", id)
		w.Add(WatchChildren, "/", id)
	}
	if !w.Has(WatchData, "/a", 2) || w.Has(WatchChildren, "/a", 2) || w.Has(WatchData, "/b", 2) || w.Has(WatchData, "/a", 9) {
		t.Error("Has is wrong")
	}
	if !w.Remove(WatchData, "/a", 2) || w.Remove(WatchData, "/a", 2) || w.Remove(WatchData, "/b", 1) {
		t.Error("Remove is wrong")
	}
	w.RemoveWatcher(0)
	w.RemoveWatcher(77)
	checkWatches(t, w)
	if c := w.Counts(ChildWatches); c != (WatchCounts{3, 1, 3}) {
		t.Errorf("child watches: %+v", c)
	}
	apply(tr, mkCreate(1, "/a", "", 1))
	sink.expect(t, "1 /a 0x1 [1 3]", "4 / 0x1 [1 2 3]")
}

func TestReplaceKeepsWatches(t *testing.T) {
	tr, sink := New(), new(recorder)
	tr.SetSink(sink)
	tr.Watches().Add(WatchData, "/a", 1)
	other := New()
	apply(other, mkCreate(1, "/a", "", 1), mkEphemeral(2, 5, "/e"))
	want := describe(other)
	tr.Replace(other)
	sink.expect(t)
	if d := diff(describe(tr), want); d != "" {
		t.Error(d)
	}
	apply(tr, mkSet(3, "/a", "", 1))
	sink.expect(t, "3 /a 0x3 [1]")
}

// checkWatches compares the table's counts with a count of everything.
func checkWatches(t testing.TB, w *Watches) {
	t.Helper()
	live := make(map[WatcherID][watchTables]int)
	for table := range WatchTable(watchTables) {
		var c WatchCounts
		for _, p := range w.ByPath(table) {
			c.Paths++
			c.Watches += len(p.Watchers)
		}
		for _, wp := range w.ByWatcher(table) {
			c.Watchers++
			n := live[wp.Watcher]
			n[table] = len(wp.Paths)
			live[wp.Watcher] = n
		}
		if got := w.Counts(table); got != c {
			t.Errorf("table %d: counts %+v, want %+v", table, got, c)
		}
	}
	charge, entries := make(map[WatcherID]int), make(map[WatcherID]int)
	recursive := 0
	for p := nodeID(1); p <= w.paths.fresh; p++ {
		e := w.paths.at(p)
		list := e.set.appendTo(nil, allKinds)
		if (len(list) == 0) != (e.path == "") || len(list) > 0 && w.paths.find(w.paths.index.hash(e.path), e.path) != p {
			t.Errorf("path %d is %q with %d watchers", p, e.path, len(list))
		}
		for _, m := range list {
			charge[m.id()] += watchCharge + len(e.path)
			entries[m.id()]++
			if !slices.Contains(w.watchers[m.id()].paths, p) {
				t.Errorf("watcher %d does not know that it watches %s", m.id(), e.path)
			}
			q := w.recursive.find(w.chain.hash(e.path), e.path)
			if in := q != 0 && w.recursive.at(q).set.kinds(m.id()) != 0; in != (m.kinds()&WatchRecursive.set() != 0) {
				t.Errorf("watcher %d of %s: kinds %b, in the recursive table %v", m.id(), e.path, m.kinds(), in)
			} else if in {
				recursive++
			}
		}
	}
	for q := nodeID(1); q <= w.recursive.fresh; q++ {
		recursive -= int(w.recursive.at(q).set.n)
	}
	if recursive != 0 {
		t.Errorf("%d entries too many or too few in the recursive table", recursive)
	}
	if n := int(w.watched.Load()); n != w.paths.n {
		t.Errorf("%d paths watched, and who does not hold the lock sees %d", w.paths.n, n)
	}
	for _, paths := range []*watchPaths{&w.paths, &w.recursive} {
		if paths.n+len(paths.free) != int(paths.fresh) {
			t.Errorf("%d paths watched, %d free of %d", paths.n, len(paths.free), paths.fresh)
		}
	}
	for id, r := range w.watchers {
		if r.charge != charge[id] || r.entries != entries[id] || r.live != live[id] {
			t.Errorf("watcher %d: charge %d, entries %d, live %v, want %d, %d, %v", id, r.charge, r.entries, r.live, charge[id], entries[id], live[id])
		}
	}
}

// A connection that lives long and re-arms its watches does not grow.
func TestWatcherStaysSmall(t *testing.T) {
	tr := New()
	w := tr.Watches()
	w.Add(WatchData, "/stays", 1)
	for i := range 10_000 {
		path := fmt.Sprint("/", i%50)
		w.Add(WatchData, path, 1)
		w.take(proto.EventNodeDataChanged, path)
	}
	if n := len(w.watchers[1].paths); n > 50 {
		t.Errorf("the watcher of one path remembers %d", n)
	}
	if w.paths.fresh > 10 {
		t.Errorf("room for %d paths", w.paths.fresh)
	}
}

// A watcher that has been told everything costs nothing, and neither does a
// table that was large once.
func TestWatchMemoryComesBack(t *testing.T) {
	w := New().Watches()
	const n = 80 * watchSlab
	for round := range 3 {
		for i := range n {
			w.Add(WatchKind(i%watchKinds), fmt.Sprint("/", i), 1)
		}
		if round == 1 {
			w.RemoveWatcher(1)
			continue
		}
		for i := range n { // one by one, and nobody gone
			if !w.Remove(WatchKind(i%watchKinds), fmt.Sprint("/", i), 1) {
				t.Fatalf("round %d: no watch %d", round, i)
			}
		}
		checkWatches(t, w)
		if w.paths.slabs != nil || w.recursive.slabs != nil {
			t.Errorf("round %d: %d slabs kept for nothing", round, len(w.paths.slabs))
		}
	}
	// A watcher that stays while its list of paths is void.
	w.Add(WatchData, "/fires", 2)
	for i := range n {
		w.Add(WatchData, fmt.Sprint("/", i), 1)
	}
	w.take(proto.EventNodeDataChanged, "/fires")
	for i := range n {
		w.take(proto.EventNodeDataChanged, fmt.Sprint("/", i))
	}
	if w.paths.slabs != nil {
		t.Error("slabs kept after the last watch has fired")
	}
	w.Add(WatchData, "/other", 1)
	w.RemoveWatcher(2)
	checkWatches(t, w)
	if !w.Has(WatchData, "/other", 1) {
		t.Error("a watch has gone with somebody else")
	}
}

// What a watcher is charged with, it gets back however a watch ends.
func TestWatchLimit(t *testing.T) {
	w := New().Watches()
	w.SetLimit(3*watchCharge + len("/a/b/c"))
	add := func(kind WatchKind, path string, id WatcherID, want bool) {
		t.Helper()
		if got := w.Add(kind, path, id); got != want {
			t.Errorf("Add(%d, %s, %d) = %v", kind, path, id, got)
		}
		checkWatches(t, w)
	}
	for _, path := range []string{"/a", "/b", "/c"} {
		add(WatchData, path, 1, true)
	}
	add(WatchRecursive, "/a", 1, true) // the path is paid for
	add(WatchData, "/d", 1, false)
	add(WatchData, "/d", 2, true) // each for itself
	w.Remove(WatchData, "/a", 1)
	add(WatchData, "/d", 1, false) // still recursive
	w.Remove(WatchRecursive, "/a", 1)
	add(WatchPersistent, "/d", 1, true)
	add(WatchData, "/a", 1, false)
	w.take(proto.EventNodeDataChanged, "/b")
	add(WatchChildren, "/a", 1, true)
	w.take(proto.EventNodeDeleted, "/d") // persistent
	add(WatchData, "/b", 1, false)
	w.RemoveWatcher(1)
	add(WatchData, "/"+strings.Repeat("x", len("/a/b/c")+2*watchCharge), 1, false)
	add(WatchData, "/"+strings.Repeat("x", len("/a/b/c")+2*watchCharge-1), 1, true)
}

// Once a connection has settled down, neither the events it gets nor the watches
// it leaves again allocate.
func TestFiringAllocatesNothing(t *testing.T) {
	tr := New()
	tr.SetSink(new(counter))
	w := tr.Watches()
	apply(tr, mkCreate(1, "/a", "", 1), mkCreate(2, "/a/b", "", 1))
	for id := range WatcherID(100) {
		w.Add(WatchRecursive, "/", id)
		w.Add(WatchRecursive, "/a", id)
		w.Add(WatchPersistent, "/a/b", id)
	}
	x, res := mkSet(3, "/a/b", "", 1), new(Result)
	path := string(append([]byte("/a"), "/b"...))
	if n := testing.AllocsPerRun(100, func() {
		for id := range WatcherID(50) {
			w.Add(WatchData, path, id)
		}
		x.Zxid++
		tr.Apply(x, res)
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
