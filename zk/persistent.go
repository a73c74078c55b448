package zk

import (
	"context"
	"sync"

	"github.com/paddock-io/paddock/proto"
)

// AddWatchMode is how far a persistent watch reaches.
type AddWatchMode = proto.AddWatchMode

// Modes. Source: AddWatchMode.
const (
	// WatchPersistent is for one znode: its creation, deletion and changes of
	// its data, and the creation and deletion of its children.
	WatchPersistent = proto.AddWatchPersistent
	// WatchPersistentRecursive is for a znode and all below it: creation,
	// deletion and change of data of each. EventNodeChildrenChanged is not
	// reported, as the children themselves are.
	WatchPersistentRecursive = proto.AddWatchPersistentRecursive
)

// kindOf returns the list that a watch of this mode goes into.
func kindOf(m AddWatchMode) watchKind {
	if m == WatchPersistentRecursive {
		return recursiveWatch
	}
	return persistentWatch
}

// PersistentWatch reports every change that it is for, in order, until it is
// stopped or removed or the session ends. It needs no znode to be there.
//
// It survives reconnects, but not without a gap: ZooKeeper does not tell a
// persistent watch what happened while there was no connection. Nor does the
// watch keep more than Options.WatchBacklog events for a reader that lags
// behind. Both are reported, as an event of type EventGap: before it something
// may be missing, after it everything is reported again. Whoever keeps a copy of
// what is watched reads it once after AddWatch and again after each gap; what
// such a read does not show will come as an event. It may show changes whose
// events are still to come, which Event.Zxid and Stat.Mzxid tell.
type PersistentWatch struct {
	conn *Conn
	path string // as the caller wrote it
	mode AddWatchMode
	key  watchKey // guarded by Conn.mu; set while registered

	callMu sync.Mutex  // held while fn runs
	fn     func(Event) // instead of ch

	mu    sync.Mutex // leaf lock
	ch    chan Event // the last but one place is for a gap, the last for the end
	gap   bool       // the newest event in ch is a gap
	ended bool
}

func (w *PersistentWatch) place() *watchKey { return &w.key }

// AddWatch leaves a persistent watch and returns once the server has it.
func (c *Conn) AddWatch(ctx context.Context, path string, mode AddWatchMode) (*PersistentWatch, error) {
	op := AddWatchOp(path, mode)
	op.watch = true
	return c.addWatch(ctx, op)
}

// AddWatchFunc is AddWatch for a watch that calls fn instead of having a
// channel; there is no backlog then, and no gap but those of reconnects. fn
// runs on the goroutine that reads replies, in the order of arrival among them;
// it must neither block nor call a method of Conn that does (Conn.Go does not).
func (c *Conn) AddWatchFunc(ctx context.Context, path string, mode AddWatchMode, fn func(Event)) (*PersistentWatch, error) {
	return c.addWatch(ctx, AddWatchOp(path, mode).OnEvent(fn))
}

func (c *Conn) addWatch(ctx context.Context, op Op) (*PersistentWatch, error) {
	k := c.newCall(op)
	w := k.lasting
	if _, _, err := c.wait(ctx, nil, k); err != nil {
		w.Stop() // the request may still be under way
		return nil, err
	}
	return w, nil
}

// newPersistentWatch returns a watch for op that is not registered yet.
func (c *Conn) newPersistentWatch(op Op) *PersistentWatch {
	w := &PersistentWatch{conn: c, path: op.path, mode: AddWatchMode(op.version), fn: op.onEvent}
	if w.fn == nil {
		w.ch = make(chan Event, c.opts.WatchBacklog+2)
	}
	return w
}

// C returns the channel that carries the events. It is closed after the last
// one, which has an Err or the type EventPersistentWatchRemoved, and by Stop.
func (w *PersistentWatch) C() <-chan Event { return w.ch }

// Path returns the path as given to AddWatch.
func (w *PersistentWatch) Path() string { return w.path }

// Mode returns how far the watch reaches.
func (w *PersistentWatch) Mode() AddWatchMode { return w.mode }

// Next returns the next event. If the watch ended or ctx did, it returns the
// reason as an error: ErrClosed after Stop and Conn.Close, ErrNoWatcher after
// Conn.RemoveWatches.
func (w *PersistentWatch) Next(ctx context.Context) (Event, error) {
	select {
	case ev, ok := <-w.ch:
		switch {
		case !ok:
			return Event{}, ErrClosed
		case ev.Type == EventPersistentWatchRemoved:
			return ev, ErrNoWatcher
		}
		return ev, ev.Err
	case <-ctx.Done():
		return Event{}, ctx.Err()
	}
}

// Stop ends the watch; no event comes after it, and C is closed. If it was the
// Conn's last of its mode on this path, the server is told without waiting for
// the answer. A function of AddWatchFunc that is running goes on to its end.
func (w *PersistentWatch) Stop() {
	if w == nil || w.conn == nil {
		return
	}
	w.mu.Lock()
	if !w.ended && w.ch != nil {
		close(w.ch)
	}
	w.ended = true
	w.mu.Unlock()

	c := w.conn
	c.mu.Lock()
	defer c.mu.Unlock()
	if key := w.key; key.kind != 0 { // otherwise its reply finds it ended
		c.watches.lasting.remove(w)
		c.unwatch(key)
	}
}

func (w *PersistentWatch) hasEnded() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.ended
}

// deliver reports ev, or notes that something is missing; it does not block.
func (w *PersistentWatch) deliver(ev Event) {
	if w.fn != nil {
		w.callMu.Lock()
		defer w.callMu.Unlock()
		if !w.hasEnded() {
			w.fn(ev)
		}
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.ended {
		return
	}
	if cap(w.ch)-len(w.ch) <= 2 {
		ev = Event{Type: EventGap, Path: w.path, Zxid: -1}
	}
	isGap := ev.Type == EventGap
	if isGap && w.gap && len(w.ch) > 0 {
		return // the reader has yet to see the newest event, which says the same
	}
	w.gap = isGap
	w.ch <- ev // Invariant: there is room; only this method and finish send
}

// finish reports the last event.
func (w *PersistentWatch) finish(ev Event) {
	if w.fn != nil {
		w.deliver(ev)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if !w.ended && w.ch != nil {
		w.ch <- ev
		close(w.ch)
	}
	w.ended = true
}

// unwatch tells the server that nobody wants the events of key any more, if so;
// c.mu is held. A server that cannot be told goes on sending them, to no effect.
func (c *Conn) unwatch(key watchKey) {
	l := c.link
	if l == nil || c.gone() != nil || len(c.watches.lasting[key]) > 0 || l.pending.n >= c.opts.MaxInFlight {
		return
	}
	typ := WatcherPersistent
	if key.kind == recursiveWatch {
		typ = WatcherPersistentRecursive
	}
	for i := range l.pending.n {
		k := l.pending.at(i)
		if k.lasting != nil && kindOf(k.lasting.mode) == key.kind && k.op.full(c.root) == key.path {
			return // another one is about to be left, and would go too
		}
	}
	op := RemoveWatchesOp(key.path, typ)
	op.rooted = true
	k := c.newCall(op)
	k.done = func(Result) {}
	c.push(l, k)
}
