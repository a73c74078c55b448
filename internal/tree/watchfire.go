package tree

import (
	"strings"

	"github.com/paddock-io/paddock/proto"
)

// fire tells the sink about a change. Watches that fire once are gone
// afterwards, even if the sink keeps the event from a watcher.
func (t *Tree) fire(typ proto.EventType, path string, z proto.Zxid, acl []proto.ACL) {
	if t.watches.watched.Load() == 0 { // a watch that must be seen was added before the lock was taken
		return
	}
	to := t.watches.take(typ, path)
	if len(to) == 0 || t.sink == nil {
		return
	}
	t.watches.event = Event{Type: typ, Path: path, Zxid: z, ACL: acl}
	t.sink.Notify(&t.watches.event, to)
}

// trigger says which kinds of watches an event fires, and which of those it
// uses up. A deletion triggers the data table and then the child table, which
// does not tell again those whom the first has told; as all get the same event,
// it is one trigger here. Source: DataTree.createNode, DataTree.deleteNode,
// DataTree.setData.
func trigger(typ proto.EventType) (fires, spends kindSet) {
	switch typ {
	case proto.EventNodeChildrenChanged:
		return kindsIn[ChildWatches], WatchChildren.set()
	case proto.EventNodeDeleted:
		return allKinds, WatchData.set() | WatchChildren.set()
	default:
		return kindsIn[DataWatches], WatchData.set()
	}
}

// take uses up the watches that an event at path fires and returns who is to be
// told, each watcher once: those at path itself and, unless it is about
// children, those who watch an ancestor recursively. Source:
// WatchManager.triggerWatch.
func (w *Watches) take(typ proto.EventType, path string) []WatcherID {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.fired = w.fired[:0]
	fires, spends := trigger(typ)
	sets := 0
	if w.recursive.n > 0 && fires&WatchRecursive.set() != 0 {
		sets = w.above(path)
	}
	h := w.paths.index.hash(path)
	if p := w.paths.find(h, path); p != 0 && w.paths.at(p).set.any(fires) {
		sets++
		w.at(h, p, fires, spends)
	}
	if sets > 1 {
		w.unique()
	}
	return w.fired
}

// above adds those who watch a proper ancestor of path recursively, and returns
// how many sets of them it has added.
func (w *Watches) above(path string) (sets int) {
	h := w.chain.root(path)
	for at := 1; at < len(path); {
		if p := w.recursive.find(h, path[:max(at-1, 1)]); p != 0 {
			sets++
			w.matched = w.recursive.at(p).set.appendTo(w.matched[:0], allKinds)
			for _, e := range w.matched {
				w.fired = append(w.fired, e.id())
			}
		}
		i := strings.IndexByte(path[at:], '/')
		if i < 0 {
			break
		}
		h = w.chain.below(h, path[at:at+i])
		at += i + 1
	}
	return sets
}

// at adds those who watch p, whose hash is h.
func (w *Watches) at(h uint64, p nodeID, fires, spends kindSet) {
	e := w.paths.at(p)
	var before [watchTables]bool
	for t, kinds := range kindsIn {
		before[t] = e.set.any(kinds)
	}
	w.matched = e.set.appendTo(w.matched[:0], fires)
	for _, m := range w.matched {
		w.fired = append(w.fired, m.id())
		if m.kinds()&spends != 0 {
			w.lost(w.watchers[m.id()], len(e.path), m.kinds(), m.kinds()&^spends)
		}
	}
	switch {
	case !e.set.any(spends):
		return
	case !e.set.any(allKinds &^ spends):
		e.set = watchSet{}
	default:
		for _, m := range w.matched {
			e.set.remove(m.id(), spends)
		}
	}
	for t, kinds := range kindsIn {
		if before[t] && !e.set.any(kinds) {
			w.counts[t].Paths--
		}
	}
	w.forgetPath(h, p)
}

// unique keeps the first mention of every watcher.
func (w *Watches) unique() {
	w.stamp++
	kept := w.fired[:0]
	for _, id := range w.fired {
		if r := w.watchers[id]; r.stamp != w.stamp {
			r.stamp = w.stamp
			kept = append(kept, id)
		}
	}
	w.fired = kept
}
