package tree

import (
	"fmt"
	"math/rand/v2"
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
// all data watches, 2 all child watches, 3 both.
func TestWatchMatrix(t *testing.T) {
	paths := []string{"/", "/p", "/p/n", "/p/n/c", "/p/new", "/zookeeper/config"}
	setup := []*proto.Txn{mkCreate(1, "/p", "", 1), mkEphemeral(2, 7, "/p/n"), mkEphemeral(3, 7, "/p/e")}
	multi := func(subs ...*proto.Txn) *proto.Txn { return mkMulti(9, subs...) }
	for name, tc := range map[string]struct {
		txn  *proto.Txn
		want []string
	}{
		"create":     {mkCreate(9, "/p/new", "", 3), []string{"1 /p/new 0x9 [1 3]", "4 /p 0x9 [2 3]"}},
		"create top": {mkCreate(9, "/q", "", 2), []string{"4 / 0x9 [2 3]"}},
		"create2": {
			txn(9, 1, proto.OpCreate2, &proto.CreateTxn{Path: "/p/new"}),
			[]string{"1 /p/new 0x9 [1 3]", "4 /p 0x9 [2 3]"},
		},
		"delete":          {mkDelete(9, "/p/n"), []string{"2 /p/n 0x9 [1 2 3]", "4 /p 0x9 [2 3]"}},
		"deleteContainer": {txn(9, 0, proto.OpDeleteContainer, &proto.DeleteTxn{Path: "/p/n"}), []string{"2 /p/n 0x9 [1 2 3]", "4 /p 0x9 [2 3]"}},
		"setData":         {mkSet(9, "/p/n", "", 1), []string{"3 /p/n 0x9 [1 3]"}},
		"setData of root": {mkSet(9, "/", "", 1), []string{"3 / 0x9 [1 3]"}},
		"reconfig": {
			txn(9, 1, proto.OpReconfig, &proto.SetDataTxn{Path: "/zookeeper/config", Version: -1}),
			[]string{"3 /zookeeper/config 0x9 [1 3]"},
		},
		"setACL":             {mkSetACL(9, "/p/n", proto.OpenACL, 1), nil},
		"error":              {txn(9, 1, proto.OpError, &proto.ErrorTxn{Err: -101}), nil},
		"failed create":      {mkCreate(9, "/p/n", "", 9), nil},
		"failed delete":      {mkDelete(9, "/p/new"), nil},
		"createSession":      {txn(9, 8, proto.OpCreateSession, &proto.CreateSessionTxn{Timeout: 1}), nil},
		"closeSession":       {mkClose(9, 7, "/p/n", "/p/e"), []string{"2 /p/n 0x9 [1 2 3]", "4 /p 0x9 [2 3]"}},
		"closeSession 3.5":   {txn(9, 7, proto.OpCloseSession, &proto.CloseSessionTxn{}), []string{"4 /p 0x9 [2 3]", "2 /p/n 0x9 [1 2 3]"}},
		"multi, in order":    {multi(mkSet(0, "/p/n", "", 1), mkDelete(0, "/p/n"), mkCreate(0, "/p/new", "", 3)), []string{"3 /p/n 0x9 [1 3]", "2 /p/n 0x9 [2 3]", "4 /p 0x9 [2 3]", "1 /p/new 0x9 [1 3]"}},
		"failed multi":       {multi(mkSet(0, "/p/n", "", 1), txn(0, 1, proto.OpError, &proto.ErrorTxn{Err: -101})), nil},
		"check":              {multi(txn(0, 1, proto.OpCheck, &proto.CheckVersionTxn{Path: "/p/n"})), nil},
		"delete of a parent": {mkDelete(9, "/p"), []string{"2 /p 0x9 [1 2 3]", "4 / 0x9 [2 3]"}},
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
		}
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
	if c := w.Counts(WatchData); c != (WatchCounts{}) {
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
	if c := w.Counts(WatchChildren); c != (WatchCounts{3, 1, 3}) {
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
	inUse := make(map[string]bool)
	for kind := range WatchKind(watchKinds) {
		var c WatchCounts
		for _, p := range w.ByPath(kind) {
			c.Paths++
			c.Watches += len(p.Watchers)
			inUse[p.Path] = true
		}
		byWatcher := w.ByWatcher(kind)
		c.Watchers = len(byWatcher)
		if got := w.Counts(kind); got != c {
			t.Errorf("kind %d: counts %+v, want %+v", kind, got, c)
		}
		for _, wp := range byWatcher {
			if got := int(w.watchers[wp.Watcher].live[kind]); got != len(wp.Paths) {
				t.Errorf("kind %d: watcher %d counts %d, has %d", kind, wp.Watcher, got, len(wp.Paths))
			}
			for _, path := range wp.Paths {
				if !slices.Contains(w.watchers[wp.Watcher].paths, w.index[path]) {
					t.Errorf("watcher %d does not know that it watches %s", wp.Watcher, path)
				}
			}
		}
	}
	if len(inUse) != len(w.index) || len(w.index)+len(w.free) != len(w.paths) {
		t.Errorf("%d paths watched, %d in the index, %d free of %d", len(inUse), len(w.index), len(w.free), len(w.paths))
	}
}

// The table against one that is a plain set of (kind, path, watcher).
func TestWatchesAgainstModel(t *testing.T) {
	type watch struct {
		kind WatchKind
		path string
		id   WatcherID
	}
	for seed := range uint64(30) {
		rng := rand.New(rand.NewPCG(seed, 1))
		tr, sink := New(), new(recorder)
		tr.SetSink(sink)
		w := tr.Watches()
		model := make(map[watch]bool)
		for step := range 3000 {
			x := watch{WatchKind(rng.IntN(watchKinds)), fmt.Sprint("/", rng.IntN(12)), WatcherID(rng.IntN(40))}
			switch r := rng.IntN(100); {
			case r < 75:
				w.Add(x.kind, x.path, x.id)
				model[x] = true
			case r < 85:
				if got := w.Remove(x.kind, x.path, x.id); got != model[x] {
					t.Fatalf("seed %d step %d: Remove(%v) = %v", seed, step, x, got)
				}
				delete(model, x)
			case r < 90:
				w.RemoveWatcher(x.id)
				for y := range model {
					if y.id == x.id {
						delete(model, y)
					}
				}
			default:
				typ := proto.EventType(1 + rng.IntN(4))
				ids := make(map[WatcherID]bool)
				for y := range model {
					data := y.kind == WatchData && typ != proto.EventNodeChildrenChanged
					child := y.kind == WatchChildren && (typ == proto.EventNodeChildrenChanged || typ == proto.EventNodeDeleted)
					if y.path == x.path && (data || child) {
						ids[y.id] = true
						delete(model, y)
					}
				}
				got := slices.Clone(w.take(typ, x.path))
				slices.Sort(got)
				want := make([]WatcherID, 0)
				for id := range ids {
					want = append(want, id)
				}
				slices.Sort(want)
				if !slices.Equal(got, want) {
					t.Fatalf("seed %d step %d: event %d at %s goes to %v, want %v", seed, step, typ, x.path, got, want)
				}
			}
			if w.Has(x.kind, x.path, x.id) != model[x] {
				t.Fatalf("seed %d step %d: Has(%v) = %v", seed, step, x, !model[x])
			}
			if step%100 == 0 {
				checkWatches(t, w)
			}
		}
		if t.Failed() {
			t.Fatalf("seed %d", seed)
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
	if len(w.paths) > 10 {
		t.Errorf("room for %d paths", len(w.paths))
	}
}

func TestIDSet(t *testing.T) {
	for seed := range uint64(20) {
		rng := rand.New(rand.NewPCG(seed, 2))
		var s idSet
		model := make(map[WatcherID]bool)
		for range 5000 {
			id := WatcherID(rng.IntN(300)) * 65536
			if rng.IntN(3) > 0 == (len(model) < 200) {
				if s.add(id) == model[id] {
					t.Fatalf("seed %d: add(%d) with %v", seed, id, model[id])
				}
				model[id] = true
			} else {
				if s.remove(id) != model[id] {
					t.Fatalf("seed %d: remove(%d) with %v", seed, id, model[id])
				}
				delete(model, id)
			}
			probe := WatcherID(rng.IntN(300)) * 65536
			if s.has(probe) != model[probe] || int(s.n) != len(model) {
				t.Fatalf("seed %d: has(%d) = %v, n = %d of %d", seed, probe, s.has(probe), s.n, len(model))
			}
		}
		if got := s.appendTo(nil); len(got) != len(model) {
			t.Fatalf("seed %d: %d members, want %d", seed, len(got), len(model))
		}
	}
}
