package zk

import (
	"context"
	"slices"

	"github.com/paddock-io/paddock/proto"
)

// Event is what a watch reports, once.
type Event struct {
	Type EventType
	Path string // of the znode that changed
	Zxid Zxid   // of the change; -1 if the server does not tell
	// Err is nil for a change. If the watch ended without one it is
	// ErrSessionExpired, ErrAuthFailed or ErrClosed, and Type is EventNone.
	Err error
}

// Watch waits for one event of a znode. It survives reconnects: a change that
// happened meanwhile is reported when a server is found again. It ends with its
// event, with Stop, or with the session.
type Watch struct {
	conn *Conn
	path string // as the caller wrote it
	ch   chan Event
	fn   func(Event) // instead of ch
	key  watchKey    // guarded by Conn.mu; set when registered
}

// C returns the channel that carries the event and is closed after it; Stop
// closes nothing.
func (w *Watch) C() <-chan Event { return w.ch }

// Path returns the path as given to the call that made the watch.
func (w *Watch) Path() string { return w.path }

// Wait returns the event. If the watch ended without one, or ctx did, it
// returns the reason as an error.
func (w *Watch) Wait(ctx context.Context) (Event, error) {
	select {
	case ev, ok := <-w.ch:
		if !ok {
			return Event{}, ErrClosed
		}
		return ev, ev.Err
	case <-ctx.Done():
		return Event{}, ctx.Err()
	}
}

// Stop forgets the watch: unless its event has already come, none will. The
// server is not told and drops its part when the znode changes.
func (w *Watch) Stop() {
	if w == nil || w.conn == nil {
		return
	}
	w.conn.mu.Lock()
	defer w.conn.mu.Unlock()
	w.conn.watches.remove(w)
}

// deliver reports ev. Invariant: called at most once, by whoever took the
// watch out of the table.
func (w *Watch) deliver(ev Event) {
	if w.fn != nil {
		w.fn(ev)
		return
	}
	w.ch <- ev // has room for one
	close(w.ch)
}

// watchKind is the list of setWatches that a watch goes into.
// Source: ZKWatchManager.
type watchKind uint8

const (
	dataWatch  watchKind = iota + 1 // getData, and exists of a znode
	existWatch                      // exists of a missing znode
	childWatch                      // getChildren
)

type watchKey struct {
	kind watchKind // 0: not registered
	path string    // the server's path
}

// watchTable holds the registered watches; guarded by Conn.mu.
type watchTable map[watchKey][]*Watch

func (t watchTable) add(w *Watch, kind watchKind, path string) {
	w.key = watchKey{kind, path}
	t[w.key] = append(t[w.key], w)
}

func (t watchTable) remove(w *Watch) {
	if w.key.kind == 0 {
		return
	}
	list := t[w.key]
	if i := slices.Index(list, w); i >= 0 {
		list = slices.Delete(list, i, i+1)
	}
	if len(list) == 0 {
		delete(t, w.key)
	} else {
		t[w.key] = list
	}
	w.key.kind = 0
}

// take removes and returns the watches that an event ends.
// Source: ZKWatchManager.materialize.
func (t watchTable) take(typ EventType, path string) []*Watch {
	var out []*Watch
	pull := func(kinds ...watchKind) {
		for _, kind := range kinds {
			key := watchKey{kind, path}
			for _, w := range t[key] {
				w.key.kind = 0
				out = append(out, w)
			}
			delete(t, key)
		}
	}
	switch typ {
	case EventNodeCreated, EventNodeDataChanged:
		pull(dataWatch, existWatch)
	case EventNodeChildrenChanged:
		pull(childWatch)
	case EventNodeDeleted:
		pull(dataWatch, existWatch, childWatch)
	}
	return out
}

// takeAll removes and returns every watch.
func (t watchTable) takeAll() []*Watch {
	var out []*Watch
	for key, list := range t {
		for _, w := range list {
			w.key.kind = 0
		}
		out = append(out, list...)
		delete(t, key)
	}
	return out
}

// setWatchesBytes is how much path text goes into one setWatches, so that no
// number of watches makes a frame that a server refuses.
// Source: ClientCnxn.SET_WATCHES_MAX_LENGTH.
const setWatchesBytes = 128 << 10

// requests returns the setWatches requests that leave all watches again on a
// new connection.
func (t watchTable) requests(relative Zxid) []*proto.SetWatchesRequest {
	var out []*proto.SetWatchesRequest
	size := setWatchesBytes
	for key := range t {
		if size += len(key.path) + 4; size > setWatchesBytes {
			out = append(out, &proto.SetWatchesRequest{RelativeZxid: relative})
			size = len(key.path) + 4
		}
		r := out[len(out)-1]
		switch key.kind {
		case dataWatch:
			r.Data = append(r.Data, key.path)
		case existWatch:
			r.Exist = append(r.Exist, key.path)
		case childWatch:
			r.Child = append(r.Child, key.path)
		}
	}
	return out
}

// watchKindOf returns which kind of watch a reply registered, if any.
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
