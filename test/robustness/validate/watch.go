package validate

import (
	"fmt"
	"path"
	"strings"

	"github.com/paddock-io/paddock/test/robustness/history"
)

// Types of events. Source: Watcher.Event.EventType.
const (
	nodeCreated     = 1
	nodeDeleted     = 2
	dataChanged     = 3
	childrenChanged = 4
)

// connections returns each connection's frames, in the order of arrival.
func (c *checker) connections() map[int][]*history.Wire {
	conns := map[int][]*history.Wire{}
	for i := range c.h.Wire {
		w := &c.h.Wire[i]
		conns[w.Conn] = append(conns[w.Conn], w)
	}
	return conns
}

// watcher is what a server must have in its watch tables for one connection.
type watcher struct {
	*checker
	data  map[string]int64 // one-shot watches of a znode: the first zxid that must fire them
	child map[string]int64 // the same for its children
	again *history.Rearm   // a setWatches that is under way
	keep  []string         // znodes with a persistent watch
	below []string         // znodes with a recursive one
}

// never is the zxid of a change that has not been seen.
const never = int64(1<<63 - 1)

// watch plays each connection against the rules for one-shot watches.
func (c *checker) watch() {
	for _, frames := range c.connections() {
		w := &watcher{checker: c, data: map[string]int64{}, child: map[string]int64{}}
		for _, f := range frames {
			switch f.Frame {
			case history.Rearmed:
				again := *f.Rearm // it gets shorter; the history keeps its own
				w.again = &again
			case history.Reply:
				w.reply(f)
			case history.Event:
				w.event(f)
			}
		}
	}
}

// changed returns the first change of a znode after a zxid.
func (w *watcher) changed(path string, after int64) int64 {
	if zxid, ok := w.next(path, after, nil); ok {
		return zxid
	}
	return never
}

// childChanged returns the first change of a znode's children after a zxid. Those
// of the sequential parents are looked up among all changes.
func (w *watcher) childChanged(parent string, after int64) int64 {
	for _, ch := range w.all {
		if ch.zxid > after && ch.kind != history.Set && path.Dir(ch.path) == parent {
			return ch.zxid
		}
	}
	return never
}

// reply checks that nothing is left that should have fired before it, and notes
// the watches that it confirms.
func (w *watcher) reply(f *history.Wire) {
	if f.Op == "setWatches" || f.Op == "setWatches2" {
		w.rearmed(f)
	}
	if f.Zxid > 0 {
		w.overdue(w.data, f)
		w.overdue(w.child, f)
	}
	found := f.Err == 0
	switch f.Op {
	case "getData":
		if f.Watch && found {
			w.data[f.Path] = w.changed(f.Path, f.Zxid)
		}
	case "exists":
		if f.Watch {
			w.data[f.Path] = w.changed(f.Path, f.Zxid)
		}
	case "getChildren", "getChildren2":
		if f.Watch && found {
			w.child[f.Path] = w.childChanged(f.Path, f.Zxid)
		}
	case "addWatch":
		if f.Mode == 0 {
			w.keep = append(w.keep, f.Path)
		} else {
			w.below = append(w.below, f.Path)
		}
	}
}

func (w *watcher) overdue(table map[string]int64, f *history.Wire) {
	for path, due := range table {
		if due <= f.Zxid {
			w.violate(path, "%s\n\tcame before the event of the change of %s at %#x", frame(f), path, due)
			delete(table, path)
		}
	}
}

// rearmed takes over what a setWatches has left again. What had changed since
// must have been told before its reply.
func (w *watcher) rearmed(f *history.Wire) {
	r := w.again
	w.again = nil
	if r == nil || f.Err != 0 {
		return
	}
	for _, p := range r.Data {
		if due := w.changed(p, r.Relative); due <= f.Zxid {
			w.violate(p, "%s\n\tdoes not tell that %s has changed at %#x, behind %#x", frame(f), p, due, r.Relative)
		}
		w.data[p] = w.changed(p, f.Zxid)
	}
	for _, p := range r.Exist { // what was there and has gone again is not told
		w.data[p] = w.changed(p, f.Zxid)
	}
	for _, p := range r.Child {
		if due := w.childChanged(p, r.Relative); due <= f.Zxid {
			w.violate(p, "%s\n\tdoes not tell that children of %s have changed at %#x, behind %#x", frame(f), p, due, r.Relative)
		}
		w.child[p] = w.childChanged(p, f.Zxid)
	}
	w.keep, w.below = append(w.keep, r.Persist...), append(w.below, r.Recursive...)
}

// event uses up the watches that it is for; without any it should not be.
func (w *watcher) event(f *history.Wire) {
	if f.Zxid < 0 {
		w.missed(f)
		return
	}
	_, data := w.data[f.Path]
	_, child := w.child[f.Path]
	waiting := false
	switch f.Type {
	case nodeCreated, dataChanged:
		waiting = data
		delete(w.data, f.Path)
	case nodeDeleted:
		waiting = data || child
		delete(w.data, f.Path)
		delete(w.child, f.Path)
	case childrenChanged:
		waiting = child
		delete(w.child, f.Path)
	}
	if !waiting && !w.stays(f) {
		w.violate(f.Path, "%s\n\tis for a watch that is not there, or has fired already", frame(f))
	}
}

// missed handles what a setWatches tells of the time before it.
func (w *watcher) missed(f *history.Wire) {
	if w.again != nil {
		lists := []*[]string{&w.again.Data, &w.again.Exist}
		if f.Type == childrenChanged {
			lists = []*[]string{&w.again.Child}
		}
		if f.Type == nodeDeleted {
			lists = append(lists, &w.again.Child)
		}
		for _, l := range lists {
			for i, p := range *l {
				if p == f.Path {
					*l = append(append([]string(nil), (*l)[:i]...), (*l)[i+1:]...)
					return
				}
			}
		}
	}
	w.violate(f.Path, "%s\n\ttells of something missed that nobody asked for", frame(f))
}

// stays reports whether a persistent watch is there for an event.
func (w *watcher) stays(f *history.Wire) bool {
	for _, p := range w.keep {
		if p == f.Path {
			return true
		}
	}
	for _, p := range w.below {
		if f.Type != childrenChanged && under(p, f.Path) {
			return true
		}
	}
	return false
}

// under reports whether a path is root or lies below it.
func under(root, path string) bool {
	return root == "/" || path == root || strings.HasPrefix(path, root+"/")
}

func frame(f *history.Wire) string {
	what := fmt.Sprintf("reply to %s", f.Op)
	if f.Frame == history.Event {
		what = "event " + map[int32]string{1: "NodeCreated", 2: "NodeDeleted", 3: "NodeDataChanged", 4: "NodeChildrenChanged"}[f.Type]
	}
	return fmt.Sprintf("%s %s to client %d (session %#x, connection %d, at %v, zxid %#x)", what, f.Path, f.Client, int64(f.Session), f.Conn, f.At, f.Zxid)
}
