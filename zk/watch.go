package zk

import "context"

// Event is what a watch reports: one-shot watches once, persistent ones again
// and again.
type Event struct {
	Type EventType
	Path string // of the znode that changed
	Zxid Zxid   // of the change; -1 if the server does not tell
	// Err is nil for a change. If the watch ended by something else it is
	// ErrSessionExpired, ErrAuthFailed, ErrClosed, or the Code with which a
	// server refused it after a reconnect, and Type is EventNone.
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
	w.conn.watches.once.remove(w)
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

func (w *Watch) place() *watchKey { return &w.key }
