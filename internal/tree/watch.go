package tree

import (
	"cmp"
	"slices"
	"sync"

	"github.com/paddock-io/paddock/proto"
)

// WatchKind is a kind of watch. All kinds so far are one-shot: firing removes
// them.
type WatchKind uint8

// Kinds of watches.
const (
	WatchData     WatchKind = iota // exists and getData
	WatchChildren                  // getChildren
	watchKinds    = iota
)

// Event is a change that somebody watched.
type Event struct {
	Type proto.EventType
	Path string // of the znode that changed
	Zxid proto.Zxid
	// ACL of the znode at Path; of a deleted one, the last. A watcher without
	// READ permission by it must not be told.
	ACL []proto.ACL
}

// Sink gets the events of a tree.
type Sink interface {
	// Notify is called under the tree's Lock, once per event, and must not
	// block. The event and the list of watchers are valid during the call. A
	// watcher may have been removed already if the caller of RemoveWatcher
	// does not hold the tree's lock.
	Notify(ev *Event, to []WatcherID)
}

// Watches is the table of who watches what. Its methods may be called with or
// without the tree's lock. Register a watch under the RLock of the read that
// asked for it.
//
// A path is named by a number, so that a watch costs a slot in the set of its
// path and one number in the list of its watcher. Fired watches leave their
// number in the list; it is cleaned up when such numbers prevail.
type Watches struct {
	mu       sync.Mutex // a leaf: taken below the tree's lock, nothing is called under it
	index    map[string]uint32
	paths    []watchedPath
	free     []uint32 // unused elements of paths
	watchers map[WatcherID]*watcher
	counts   [watchKinds]WatchCounts

	fired []WatcherID // for fire; owned by the goroutine that holds the tree's Lock
	event Event       // the same; keeps the event off the heap
}

// WatchCounts sums up one kind of watches.
type WatchCounts struct{ Watchers, Paths, Watches int }

type watchedPath struct {
	path string
	sets [watchKinds]idSet // Invariant: not all empty while path is in the index
}

type watcher struct {
	live [watchKinds]int32
	// Every path the watcher has a watch on, and maybe more, in no order and
	// maybe more than once.
	paths []uint32
}

func (w *watcher) total() (n int) {
	for _, k := range w.live {
		n += int(k)
	}
	return n
}

func (w *Watches) init() {
	w.index = make(map[string]uint32)
	w.watchers = make(map[WatcherID]*watcher)
}

// Add registers a watch; a second one of the same kind, path and watcher makes
// no difference. path is kept, and need not exist.
func (w *Watches) Add(kind WatchKind, path string, id WatcherID) {
	w.mu.Lock()
	defer w.mu.Unlock()
	p := w.intern(path)
	set := &w.paths[p].sets[kind]
	if !set.add(id) {
		return
	}
	r := w.watchers[id]
	if r == nil {
		r = new(watcher)
		w.watchers[id] = r
	}
	if len(r.paths) >= 2*r.total()+8 {
		w.tidy(r, id)
	}
	r.paths = append(r.paths, p)
	c := &w.counts[kind]
	c.Watches++
	if r.live[kind]++; r.live[kind] == 1 {
		c.Watchers++
	}
	if set.n == 1 {
		c.Paths++
	}
}

// intern returns the number of path.
func (w *Watches) intern(path string) uint32 {
	p, ok := w.index[path]
	if ok {
		return p
	}
	if n := len(w.free); n > 0 {
		p, w.free = w.free[n-1], w.free[:n-1]
	} else {
		p = uint32(len(w.paths))
		w.paths = append(w.paths, watchedPath{})
	}
	w.paths[p].path = path
	w.index[path] = p
	return p
}

// tidy drops the numbers of paths that the watcher no longer watches.
func (w *Watches) tidy(r *watcher, id WatcherID) {
	slices.Sort(r.paths)
	r.paths = slices.Compact(r.paths)
	r.paths = slices.DeleteFunc(r.paths, func(p uint32) bool {
		for k := range w.paths[p].sets {
			if w.paths[p].sets[k].has(id) {
				return false
			}
		}
		return true
	})
}

// Has reports whether there is such a watch.
func (w *Watches) Has(kind WatchKind, path string, id WatcherID) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	p, ok := w.index[path]
	return ok && w.paths[p].sets[kind].has(id)
}

// Remove removes a watch and reports whether it was there.
func (w *Watches) Remove(kind WatchKind, path string, id WatcherID) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	p, ok := w.index[path]
	if !ok || !w.paths[p].sets[kind].remove(id) {
		return false
	}
	w.removed(kind, p, id)
	w.forgetPath(p)
	return true
}

// RemoveWatcher removes all watches of one watcher.
func (w *Watches) RemoveWatcher(id WatcherID) {
	w.mu.Lock()
	defer w.mu.Unlock()
	r := w.watchers[id]
	if r == nil {
		return
	}
	for _, p := range r.paths {
		for k := range w.paths[p].sets {
			if w.paths[p].sets[k].remove(id) {
				w.removed(WatchKind(k), p, id)
			}
		}
		w.forgetPath(p)
	}
}

// removed keeps the counts after id was taken from the set of kind at p.
func (w *Watches) removed(kind WatchKind, p uint32, id WatcherID) {
	c := &w.counts[kind]
	c.Watches--
	if w.paths[p].sets[kind].n == 0 {
		c.Paths--
	}
	w.lost(kind, id)
}

// lost takes one watch off a watcher's count.
func (w *Watches) lost(kind WatchKind, id WatcherID) {
	r := w.watchers[id]
	if r.live[kind]--; r.live[kind] == 0 {
		w.counts[kind].Watchers--
		if r.total() == 0 {
			delete(w.watchers, id)
		}
	}
}

// forgetPath frees the number of a path that nobody watches.
func (w *Watches) forgetPath(p uint32) {
	e := &w.paths[p]
	for k := range e.sets {
		if e.sets[k].n != 0 {
			return
		}
	}
	if q, ok := w.index[e.path]; !ok || q != p {
		return // freed already
	}
	delete(w.index, e.path)
	*e = watchedPath{}
	w.free = append(w.free, p)
}

// Counts returns how many watchers, paths and watches of a kind there are.
func (w *Watches) Counts(kind WatchKind) WatchCounts {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.counts[kind]
}

// PathWatchers is a path with everybody who watches it, by ascending id.
type PathWatchers struct {
	Path     string
	Watchers []WatcherID
}

// ByPath returns all watches of a kind, sorted by path.
func (w *Watches) ByPath(kind WatchKind) []PathWatchers {
	w.mu.Lock()
	defer w.mu.Unlock()
	all := make([]PathWatchers, 0, w.counts[kind].Paths)
	for path, p := range w.index {
		if set := &w.paths[p].sets[kind]; set.n > 0 {
			ids := set.appendTo(make([]WatcherID, 0, set.n))
			slices.Sort(ids)
			all = append(all, PathWatchers{path, ids})
		}
	}
	slices.SortFunc(all, func(a, b PathWatchers) int { return cmp.Compare(a.Path, b.Path) })
	return all
}

// WatcherPaths is a watcher with the paths it watches, sorted.
type WatcherPaths struct {
	Watcher WatcherID
	Paths   []string
}

// ByWatcher returns all watches of a kind, by ascending id of the watcher.
func (w *Watches) ByWatcher(kind WatchKind) []WatcherPaths {
	paths := make(map[WatcherID][]string)
	for _, pw := range w.ByPath(kind) {
		for _, id := range pw.Watchers {
			paths[id] = append(paths[id], pw.Path)
		}
	}
	all := make([]WatcherPaths, 0, len(paths))
	for id, list := range paths {
		all = append(all, WatcherPaths{id, list})
	}
	slices.SortFunc(all, func(a, b WatcherPaths) int { return cmp.Compare(a.Watcher, b.Watcher) })
	return all
}

// take removes the watches that an event at path fires and returns whose they
// were: data watches for all but changed children; child watches for changed
// children and deletion, which tells a watcher of both only once. Source:
// DataTree.createNode, DataTree.deleteNode, DataTree.setData.
func (w *Watches) take(typ proto.EventType, path string) []WatcherID {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.fired = w.fired[:0]
	p, ok := w.index[path]
	if !ok {
		return nil
	}
	sets := &w.paths[p].sets
	if typ == proto.EventNodeDeleted && sets[WatchData].n > 0 {
		w.fired = w.takeKind(WatchData, p, w.fired)
		n := len(w.fired)
		for _, id := range w.fired[:n] {
			if sets[WatchChildren].remove(id) {
				w.removed(WatchChildren, p, id)
			}
		}
	}
	if typ != proto.EventNodeChildrenChanged {
		w.fired = w.takeKind(WatchData, p, w.fired)
	}
	if typ == proto.EventNodeChildrenChanged || typ == proto.EventNodeDeleted {
		w.fired = w.takeKind(WatchChildren, p, w.fired)
	}
	w.forgetPath(p)
	return w.fired
}

// takeKind empties the set of kind at p into dst.
func (w *Watches) takeKind(kind WatchKind, p uint32, dst []WatcherID) []WatcherID {
	set := &w.paths[p].sets[kind]
	if set.n == 0 {
		return dst
	}
	from := len(dst)
	dst = set.appendTo(dst)
	*set = idSet{}
	c := &w.counts[kind]
	c.Paths--
	c.Watches -= len(dst) - from
	for _, id := range dst[from:] {
		w.lost(kind, id)
	}
	return dst
}

// fire tells the sink about a change. The watches are gone afterwards, even if
// the sink keeps the event from a watcher.
func (t *Tree) fire(typ proto.EventType, path string, z proto.Zxid, acl []proto.ACL) {
	to := t.watches.take(typ, path)
	if len(to) == 0 || t.sink == nil {
		return
	}
	t.watches.event = Event{Type: typ, Path: path, Zxid: z, ACL: acl}
	t.sink.Notify(&t.watches.event, to)
}
