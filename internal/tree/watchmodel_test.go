package tree

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/paddock-io/paddock/proto"
)

// naive is a table of watches as ZooKeeper describes it: two tables of triples
// of path, watcher and mode, searched from end to end.
type naive struct {
	tables [watchTables]map[triple]bool
	known  [watchTables]map[WatcherID]bool
}

type triple struct {
	path string
	id   WatcherID
	mode int
}

const standard, persistent, recursive = 0, 1, 2

// places returns where a watch of a kind is kept.
func places(kind WatchKind) (tables []WatchTable, mode int) {
	switch kind {
	case WatchData:
		return []WatchTable{DataWatches}, standard
	case WatchChildren:
		return []WatchTable{ChildWatches}, standard
	case WatchPersistent:
		return []WatchTable{DataWatches, ChildWatches}, persistent
	}
	return []WatchTable{DataWatches}, recursive
}

func newNaive() *naive {
	n := new(naive)
	for t := range n.tables {
		n.tables[t], n.known[t] = make(map[triple]bool), make(map[WatcherID]bool)
	}
	return n
}

func (n *naive) add(kind WatchKind, path string, id WatcherID) {
	tables, mode := places(kind)
	for _, t := range tables {
		n.tables[t][triple{path, id, mode}] = true
		n.known[t][id] = true
	}
}

func (n *naive) has(kind WatchKind, path string, id WatcherID) bool {
	tables, mode := places(kind)
	return n.tables[tables[0]][triple{path, id, mode}]
}

func (n *naive) remove(kind WatchKind, path string, id WatcherID) bool {
	tables, mode := places(kind)
	found := false
	for _, t := range tables {
		x := triple{path, id, mode}
		found = found || n.tables[t][x]
		delete(n.tables[t], x)
	}
	for t := range n.tables {
		if found && !slices.ContainsFunc(n.of(WatchTable(t)), func(x triple) bool { return x.id == id }) {
			delete(n.known[t], id)
		}
	}
	return found
}

func (n *naive) removeWatcher(id WatcherID) {
	for t := range n.tables {
		for x := range n.tables[t] {
			if x.id == id {
				delete(n.tables[t], x)
			}
		}
		delete(n.known[t], id)
	}
}

func (n *naive) of(t WatchTable) (all []triple) {
	for x := range n.tables[t] {
		all = append(all, x)
	}
	return all
}

// trigger is one table's part of an event.
func (n *naive) trigger(t WatchTable, path string, told map[WatcherID]bool) {
	for _, x := range n.of(t) {
		switch {
		case x.path == path:
			told[x.id] = true
			if x.mode == standard {
				delete(n.tables[t], x)
			}
		case x.mode == recursive && (x.path == "/" && path != "/" || strings.HasPrefix(path, x.path+"/")):
			told[x.id] = true
		}
	}
}

func (n *naive) fire(typ proto.EventType, path string) []WatcherID {
	told := make(map[WatcherID]bool)
	if typ != proto.EventNodeChildrenChanged {
		n.trigger(DataWatches, path, told)
	}
	if typ == proto.EventNodeChildrenChanged || typ == proto.EventNodeDeleted {
		n.trigger(ChildWatches, path, told)
	}
	return sortedWatchers(told)
}

func (n *naive) counts(t WatchTable) WatchCounts {
	paths, pairs := make(map[string]bool), make(map[triple]bool)
	for x := range n.tables[t] {
		paths[x.path] = true
		pairs[triple{x.path, x.id, 0}] = true
	}
	return WatchCounts{len(n.known[t]), len(paths), len(pairs)}
}

func sortedWatchers(set map[WatcherID]bool) []WatcherID {
	ids := make([]WatcherID, 0, len(set))
	for id := range set {
		ids = append(ids, id)
	}
	slices.Sort(ids)
	return ids
}

// watchPath draws from paths that are often each other's ancestors.
func watchPath(rng *rand.Rand) string {
	var b strings.Builder
	for range rng.IntN(5) {
		b.WriteByte('/')
		b.WriteString([]string{"a", "b", "ab", "a.b"}[rng.IntN(4)])
	}
	if b.Len() == 0 {
		return "/"
	}
	return b.String()
}

var (
	watchSeed  = flag.Uint64("watch.seed", 0, "replay this seed of TestWatchesAgainstModel")
	watchSeeds = flag.Uint64("watch.n", 30, "seeds that TestWatchesAgainstModel runs")
)

// The table against the naive one.
func TestWatchesAgainstModel(t *testing.T) {
	first, n := uint64(1), *watchSeeds
	if *watchSeed != 0 {
		first, n = *watchSeed, 1
	}
	for seed := first; seed < first+n; seed++ {
		if err := watchHistory(t, seed); err != nil {
			t.Fatalf("%v\nreplay: go test ./internal/tree/ -run TestWatchesAgainstModel -watch.seed=%d", err, seed)
		}
	}
}

func watchHistory(t *testing.T, seed uint64) error {
	rng := rand.New(rand.NewPCG(seed, 1))
	w, model := New().Watches(), newNaive()
	watchers := []int{3, 40, 300}[rng.IntN(3)]
	adds := 60 + rng.IntN(30)
	for step := range 2000 {
		kind, path, id := WatchKind(rng.IntN(watchKinds)), watchPath(rng), WatcherID(rng.IntN(watchers))
		if id == 0 {
			id = MaxWatchers - 1
		}
		switch r := rng.IntN(100); {
		case r < adds:
			w.Add(kind, path, id)
			model.add(kind, path, id)
		case r < adds+5:
			if got, want := w.Remove(kind, path, id), model.remove(kind, path, id); got != want {
				return fmt.Errorf("step %d: Remove(%d, %s, %d) = %v", step, kind, path, id, got)
			}
		case r < adds+7:
			w.RemoveWatcher(id)
			model.removeWatcher(id)
		default:
			typ := proto.EventType(1 + rng.IntN(4))
			got, want := slices.Clone(w.take(typ, path)), model.fire(typ, path)
			slices.Sort(got)
			if !slices.Equal(got, want) {
				return fmt.Errorf("step %d: event %d at %s goes to %v, want %v", step, typ, path, got, want)
			}
		}
		if w.Has(kind, path, id) != model.has(kind, path, id) {
			return fmt.Errorf("step %d: Has(%d, %s, %d) = %v", step, kind, path, id, !model.has(kind, path, id))
		}
		if step%100 == 0 {
			checkWatches(t, w)
			for table := range WatchTable(watchTables) {
				if got, want := w.Counts(table), model.counts(table); got != want {
					return fmt.Errorf("step %d: table %d has %+v, want %+v", step, table, got, want)
				}
			}
			if t.Failed() {
				return fmt.Errorf("step %d", step)
			}
		}
	}
	return nil
}

// The set of one path against a map.
func TestWatchSet(t *testing.T) {
	for seed := range uint64(20) {
		rng := rand.New(rand.NewPCG(seed, 2))
		var s watchSet
		model := make(map[WatcherID]kindSet)
		for range 5000 {
			id := WatcherID(rng.IntN(300)) * 65536
			kinds := kindSet(rng.IntN(int(allKinds) + 1))
			if rng.IntN(3) > 0 == (len(model) < 200) {
				if kinds &^= model[id]; kinds != 0 {
					s.add(id, kinds)
					model[id] |= kinds
				}
			} else {
				if got := s.remove(id, kinds); got != model[id]&kinds {
					t.Fatalf("seed %d: remove(%d, %b) = %b with %b", seed, id, kinds, got, model[id])
				}
				if model[id] &^= kinds; model[id] == 0 {
					delete(model, id)
				}
			}
			probe := WatcherID(rng.IntN(300)) * 65536
			if s.kinds(probe) != model[probe] || int(s.n) != len(model) {
				t.Fatalf("seed %d: kinds(%d) = %b, n = %d of %d", seed, probe, s.kinds(probe), s.n, len(model))
			}
			matching := 0
			for _, k := range model {
				if k&kinds != 0 {
					matching++
				}
			}
			if got := s.appendTo(nil, kinds); len(got) != matching || s.any(kinds) != (matching > 0) {
				t.Fatalf("seed %d: %d members with one of %b, want %d; any says %v", seed, len(got), kinds, matching, s.any(kinds))
			}
		}
	}
}
