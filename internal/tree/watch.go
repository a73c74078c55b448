package tree

import (
	"hash/maphash"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/paddock-io/paddock/proto"
)

// WatchKind is a kind of watch. A watcher may have all kinds on one path, each
// independent of the others.
type WatchKind uint8

// Kinds of watches. The first two fire once. Source: WatcherMode, WatchStats.
const (
	WatchData       WatchKind = iota // exists and getData
	WatchChildren                    // getChildren
	WatchPersistent                  // addWatch: what both of the above tell
	WatchRecursive                   // addWatch: what WatchData tells, of all that is below as well
	watchKinds      = iota
)

// WatchTable is one of the two tables in which ZooKeeper keeps watches and
// counts them.
type WatchTable uint8

// Tables of watches. Persistent watches are in both. Source: DataTree.addWatch.
const (
	DataWatches WatchTable = iota
	ChildWatches
	watchTables = iota
)

// kindsIn are the kinds in each table.
var kindsIn = [watchTables]kindSet{
	WatchData.set() | WatchPersistent.set() | WatchRecursive.set(),
	WatchChildren.set() | WatchPersistent.set(),
}

// Event is a change that somebody watched.
type Event struct {
	Type proto.EventType
	Path string // of the znode that changed, whichever path was watched
	Zxid proto.Zxid
	// ACL of the znode at Path; of a deleted one, the last. A watcher without
	// READ permission by it must not be told.
	ACL []proto.ACL
}

// Sink gets the events of a tree.
type Sink interface {
	// Notify is called under the tree's Lock, once per event, and must not
	// block. The event and the list of watchers, each of whom is in it once, are
	// valid during the call. A watcher may have been removed already if the
	// caller of RemoveWatcher does not hold the tree's lock.
	Notify(ev *Event, to []WatcherID)
}

// Watches is the table of who watches what. Its methods may be called with or
// without the tree's lock. Register a watch under the RLock of the read that
// asked for it.
//
// A path is named by a number, so that a watch costs a slot in the set of its
// path and one number in the list of its watcher. Watches that are gone leave
// their number in the list; it is cleaned up when such numbers prevail.
//
// Recursive watches are in a second set of paths as well, by a hash that suits
// the way up. That set is all that is searched for the ancestors of a changed
// znode.
type Watches struct {
	mu        sync.Mutex   // a leaf: taken below the tree's lock, nothing is called under it
	watched   atomic.Int32 // paths.n, for who does not hold mu
	paths     watchPaths   // by index.hash
	recursive watchPaths   // by chain; Invariant: holds the entries of paths with WatchRecursive, and nothing else
	chain     chain
	watchers  map[WatcherID]*watcher
	counts    [watchTables]WatchCounts
	limit     int

	// For fire; owned by the goroutine that holds the tree's Lock.
	matched []watchEntry
	fired   []WatcherID
	stamp   uint64
	event   Event // keeps the event off the heap
}

// DefaultWatchLimit is how many bytes the watches of one watcher may be charged
// with: 1,800,000 watches on paths of 40 bytes. A client need not own a znode,
// or even find one, to watch it, so that nothing else would stop it.
const DefaultWatchLimit = 256 << 20

// watchCharge is what a path costs its watcher besides its text, at most: the
// places in both sets of paths, the slots of the indexes, the number in the
// list, and the round numbers in which memory is given out.
const watchCharge = 104

type watcher struct {
	// Every path the watcher has a watch on, and maybe more, in no order and
	// maybe more than once.
	paths   []nodeID
	entries int // paths it has a watch on
	live    [watchTables]int
	known   [watchTables]bool // see WatchCounts.Watchers
	charge  int               // bytes
	stamp   uint64            // of the last event it is to be told of
}

func (w *Watches) init() {
	w.paths.index.seed, w.chain.seed = maphash.MakeSeed(), maphash.MakeSeed()
	w.watchers = make(map[WatcherID]*watcher)
	w.limit = DefaultWatchLimit
}

// SetLimit sets how many bytes the watches of one watcher may be charged with,
// 104 and the path's length for each path.
func (w *Watches) SetLimit(bytes int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.limit = bytes
}

// Add registers a watch; a second one of the same kind, path and watcher makes
// no difference. path need not exist, and is copied. Add returns false, and does
// nothing, if the watcher has too many.
func (w *Watches) Add(kind WatchKind, path string, id WatcherID) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	h := w.paths.index.hash(path)
	p := w.paths.find(h, path)
	old := kindSet(0)
	if p != 0 {
		if old = w.paths.at(p).set.kinds(id); old&kind.set() != 0 {
			return true
		}
	}
	r := w.watchers[id]
	if old == 0 {
		charge := watchCharge + len(path)
		if r == nil {
			if charge > w.limit {
				return false
			}
			r = new(watcher)
			w.watchers[id] = r
		}
		if r.charge+charge > w.limit {
			return false
		}
		if p == 0 {
			p = w.paths.add(h, strings.Clone(path))
			w.watched.Store(int32(w.paths.n))
		}
		w.remember(r, id, p)
		r.charge += charge
	}
	e := w.paths.at(p)
	w.gained(r, &e.set, old, old|kind.set())
	e.set.add(id, kind.set())
	if kind == WatchRecursive {
		h := w.chain.hash(path)
		q := w.recursive.find(h, path)
		if q == 0 {
			q = w.recursive.add(h, e.path)
		}
		w.recursive.at(q).set.add(id, kind.set())
	}
	return true
}

// remember notes that a watcher has a watch on p.
func (w *Watches) remember(r *watcher, id WatcherID, p nodeID) {
	if len(r.paths) >= 2*r.entries+8 {
		slices.Sort(r.paths)
		r.paths = slices.Compact(r.paths)
		r.paths = slices.DeleteFunc(r.paths, func(p nodeID) bool { return w.paths.at(p).set.kinds(id) == 0 })
	}
	r.paths = append(r.paths, p)
	r.entries++
}

// gained counts what a watcher will have more in set.
func (w *Watches) gained(r *watcher, set *watchSet, old, now kindSet) {
	for t, kinds := range kindsIn {
		if old&kinds != 0 || now&kinds == 0 {
			continue
		}
		c := &w.counts[t]
		c.Watches++
		if r.live[t]++; !r.known[t] {
			r.known[t] = true
			c.Watchers++
		}
		if !set.any(kinds) {
			c.Paths++
		}
	}
}

// Has reports whether there is such a watch.
func (w *Watches) Has(kind WatchKind, path string, id WatcherID) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	p := w.paths.find(w.paths.index.hash(path), path)
	return p != 0 && w.paths.at(p).set.kinds(id)&kind.set() != 0
}

// Remove removes a watch and reports whether it was there.
func (w *Watches) Remove(kind WatchKind, path string, id WatcherID) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	h := w.paths.index.hash(path)
	p := w.paths.find(h, path)
	if p == 0 || w.paths.at(p).set.kinds(id)&kind.set() == 0 {
		return false
	}
	r := w.watchers[id]
	w.drop(r, id, p, kind.set())
	w.forgetPath(h, p)
	for t := range kindsIn {
		if r.known[t] && r.live[t] == 0 {
			r.known[t] = false
			w.counts[t].Watchers--
		}
	}
	if r.entries == 0 && !r.known[DataWatches] && !r.known[ChildWatches] {
		delete(w.watchers, id)
	}
	return true
}

// RemoveWatcher removes all watches of one watcher, who leaves none meanwhile. It
// takes a while if they are many, but holds up nobody: call it without the
// tree's lock then.
func (w *Watches) RemoveWatcher(id WatcherID) {
	for w.removeSome(id) {
	}
}

// heldPaths is how many paths are worked on before others get a turn.
const heldPaths = 256

// removeSome removes a part of a watcher's watches and reports whether more are
// left.
func (w *Watches) removeSome(id WatcherID) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	r := w.watchers[id]
	if r == nil {
		return false
	}
	for range heldPaths {
		n := len(r.paths)
		if n == 0 {
			break
		}
		p := r.paths[n-1]
		r.paths = r.paths[:n-1]
		if e := w.paths.at(p); e.set.kinds(id) != 0 {
			w.drop(r, id, p, allKinds)
			w.forgetPath(w.paths.index.hash(e.path), p)
		}
	}
	if len(r.paths) > 0 {
		return true
	}
	delete(w.watchers, id)
	for t, known := range r.known {
		if known {
			w.counts[t].Watchers--
		}
	}
	return false
}

// drop takes kinds of watches on p away from a watcher.
func (w *Watches) drop(r *watcher, id WatcherID, p nodeID, kinds kindSet) {
	e := w.paths.at(p)
	old := e.set.kinds(id)
	if e.set.remove(id, kinds)&WatchRecursive.set() != 0 {
		h := w.chain.hash(e.path)
		q := w.recursive.find(h, e.path)
		set := &w.recursive.at(q).set
		if set.remove(id, allKinds); set.n == 0 {
			w.recursive.remove(h, q)
			w.recursive.shrink()
		}
	}
	w.lost(r, len(e.path), old, old&^kinds)
	for t, kinds := range kindsIn {
		if old&kinds != 0 && !e.set.any(kinds) {
			w.counts[t].Paths--
		}
	}
}

// lost counts what a watcher has no more on a path of so many bytes.
func (w *Watches) lost(r *watcher, length int, old, now kindSet) {
	for t, kinds := range kindsIn {
		if old&kinds != 0 && now&kinds == 0 {
			w.counts[t].Watches--
			r.live[t]--
		}
	}
	if now == 0 {
		r.entries--
		r.charge -= watchCharge + length
	}
}

// forgetPath frees the number of a path, whose hash is h, if nobody watches it.
func (w *Watches) forgetPath(h uint64, p nodeID) {
	if w.paths.at(p).set.n > 0 {
		return
	}
	w.paths.remove(h, p)
	w.watched.Store(int32(w.paths.n))
	if w.paths.shrink() {
		for _, r := range w.watchers {
			r.paths = nil // all void
		}
	}
}
