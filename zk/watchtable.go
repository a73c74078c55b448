package zk

import (
	"slices"

	"github.com/paddock-io/paddock/proto"
)

// watchKind is the list of setWatches that a watch goes into.
// Source: ZKWatchManager.
type watchKind uint8

const (
	dataWatch       watchKind = iota + 1 // getData, and exists of a znode
	existWatch                           // exists of a missing znode
	childWatch                           // getChildren
	persistentWatch                      // addWatch
	recursiveWatch                       // addWatch, for a znode and all below it
)

type watchKey struct {
	kind watchKind // 0: not registered
	path string    // the server's path
}

// watcher is a kind of watch that a list holds.
type watcher interface {
	comparable
	place() *watchKey // guarded by Conn.mu
}

// watchLists holds watches by what they watch.
type watchLists[W watcher] map[watchKey][]W

func (t watchLists[W]) add(w W, key watchKey) {
	*w.place() = key
	t[key] = append(t[key], w)
}

func (t watchLists[W]) remove(w W) {
	key := *w.place()
	if key.kind == 0 {
		return
	}
	list := t[key]
	if i := slices.Index(list, w); i >= 0 {
		list = slices.Delete(list, i, i+1)
	}
	if len(list) == 0 {
		delete(t, key)
	} else {
		t[key] = list
	}
	w.place().kind = 0
}

// take removes the watches at key and appends them to out.
func (t watchLists[W]) take(key watchKey, out []W) []W {
	for _, w := range t[key] {
		w.place().kind = 0
		out = append(out, w)
	}
	delete(t, key)
	return out
}

func (t watchLists[W]) takeAll() (out []W) {
	for key := range t {
		out = t.take(key, out)
	}
	return out
}

// watchTable holds the registered watches; guarded by Conn.mu.
type watchTable struct {
	once    watchLists[*Watch]
	lasting watchLists[*PersistentWatch]
	// longest is no less than the length of any recursive watch's path, so that
	// the ancestors of a long path need not all be looked up.
	longest int
}

func newWatchTable() watchTable {
	return watchTable{once: watchLists[*Watch]{}, lasting: watchLists[*PersistentWatch]{}}
}

func (t *watchTable) addLasting(w *PersistentWatch, key watchKey) {
	t.lasting.add(w, key)
	if key.kind == recursiveWatch {
		t.longest = max(t.longest, len(key.path))
	}
}

// take removes the one-shot watches that an event ends and appends them to out.
// Source: ZKWatchManager.materialize.
func (t *watchTable) take(typ EventType, path string, out []*Watch) []*Watch {
	switch typ {
	case EventNodeCreated, EventNodeDataChanged:
		out = t.once.take(watchKey{dataWatch, path}, out)
		out = t.once.take(watchKey{existWatch, path}, out)
	case EventNodeChildrenChanged:
		out = t.once.take(watchKey{childWatch, path}, out)
	case EventNodeDeleted:
		out = t.once.take(watchKey{dataWatch, path}, out)
		out = t.once.take(watchKey{existWatch, path}, out)
		out = t.once.take(watchKey{childWatch, path}, out)
	}
	return out
}

// reached appends the persistent watches that an event is for to out. Recursive
// ones do not hear of changed children, only of the children themselves.
// Source: ZKWatchManager.addPersistentWatches.
func (t *watchTable) reached(typ EventType, path string, out []*PersistentWatch) []*PersistentWatch {
	if len(t.lasting) == 0 || typ < EventNodeCreated || typ > EventNodeChildrenChanged {
		return out
	}
	out = append(out, t.lasting[watchKey{persistentWatch, path}]...)
	if typ == EventNodeChildrenChanged || t.longest == 0 {
		return out
	}
	out = append(out, t.lasting[watchKey{recursiveWatch, path}]...)
	if path == "/" {
		return out
	}
	out = append(out, t.lasting[watchKey{recursiveWatch, "/"}]...)
	for i := 1; i < len(path) && i <= t.longest; i++ {
		if path[i] == '/' && path[:i] != "/" {
			out = append(out, t.lasting[watchKey{recursiveWatch, path[:i]}]...)
		}
	}
	return out
}

// removed is a watch that was removed, with what it hears last.
type removed struct {
	deliver func(Event)
	typ     EventType
}

// remove takes out the watches of one type. Source: ZKWatchManager.removeWatcher.
func (t *watchTable) remove(typ WatcherType, path string) (out []removed) {
	once := func(kind watchKind, last EventType) {
		for _, w := range t.once.take(watchKey{kind, path}, nil) {
			out = append(out, removed{w.deliver, last})
		}
	}
	lasting := func(kind watchKind) {
		for _, w := range t.lasting.take(watchKey{kind, path}, nil) {
			out = append(out, removed{w.finish, EventPersistentWatchRemoved})
		}
	}
	if typ == WatcherData || typ == WatcherAny {
		once(dataWatch, EventDataWatchRemoved)
		once(existWatch, EventDataWatchRemoved)
	}
	if typ == WatcherChildren || typ == WatcherAny {
		once(childWatch, EventChildWatchRemoved)
	}
	if typ == WatcherPersistent || typ == WatcherAny {
		lasting(persistentWatch)
	}
	if typ == WatcherPersistentRecursive || typ == WatcherAny {
		lasting(recursiveWatch)
	}
	return out
}

// setWatchesBytes is how much path text goes into one setWatches, so that no
// number of watches makes a frame that a server refuses.
// Source: ClientCnxn.SET_WATCHES_MAX_LENGTH.
const setWatchesBytes = 128 << 10

// requests returns the setWatches requests that leave all watches again on a
// new connection.
func (t *watchTable) requests(relative Zxid) []*proto.SetWatchesRequest {
	var out []*proto.SetWatchesRequest
	size := setWatchesBytes
	next := func(path string) *proto.SetWatchesRequest {
		if size += len(path) + 4; size > setWatchesBytes {
			out = append(out, &proto.SetWatchesRequest{RelativeZxid: relative})
			size = len(path) + 4
		}
		return out[len(out)-1]
	}
	for key := range t.once {
		switch r := next(key.path); key.kind {
		case dataWatch:
			r.Data = append(r.Data, key.path)
		case existWatch:
			r.Exist = append(r.Exist, key.path)
		case childWatch:
			r.Child = append(r.Child, key.path)
		}
	}
	for key := range t.lasting {
		r := next(key.path)
		r.V2 = true
		if key.kind == recursiveWatch {
			r.Recursive = append(r.Recursive, key.path)
		} else {
			r.Persist = append(r.Persist, key.path)
		}
	}
	return out
}

// takeRefused removes the watches that a setWatches was to leave again.
func (t *watchTable) takeRefused(r *proto.SetWatchesRequest) (once []*Watch, lasting []*PersistentWatch) {
	for kind, paths := range map[watchKind][]string{
		dataWatch: r.Data, existWatch: r.Exist, childWatch: r.Child, persistentWatch: r.Persist, recursiveWatch: r.Recursive,
	} {
		for _, path := range paths {
			once = t.once.take(watchKey{kind, path}, once)
			lasting = t.lasting.take(watchKey{kind, path}, lasting)
		}
	}
	return once, lasting
}

// watchKindOf returns which kind of one-shot watch a reply registered, if any.
// Source: ZooKeeper.ExistsWatchRegistration and its siblings.
func watchKindOf(op proto.OpCode, err Code) (watchKind, bool) {
	switch {
	case op == proto.OpExists && err == ErrNoNode:
		return existWatch, true
	case err != proto.OK:
		return 0, false
	case op == proto.OpExists, op == proto.OpGetData:
		return dataWatch, true
	case op == proto.OpGetChildren, op == proto.OpGetChildren2:
		return childWatch, true
	}
	return 0, false
}
