package server

import (
	"context"
	"time"
)

// await is block for a readLoop that cannot go on because of the server. Meanwhile
// what the client sends, its pings too, lies unread, so that reap counts it as
// alive; and what has been answered so far goes out.
func (c *conn) await(ready func(c *conn) bool) bool {
	c.mu.Lock()
	now := c.phase < phaseEnding && ready(c)
	c.mu.Unlock()
	if now {
		return true
	}
	c.unlockTree()
	c.flush()
	if c.askSync() != nil {
		return false
	}
	c.keep()
	defer c.kept()
	return c.block(ready)
}

// keep says that c waits for the server, until kept, and not for its client. A
// client that wants nothing more is not alive for that.
func (c *conn) keep() {
	if !c.deaf {
		c.waiting.Store(true)
	}
}

func (c *conn) kept() {
	c.waiting.Store(false)
	c.seen.Store(c.srv.now())
	c.sign()
}

// reserve waits for a place before the quorum.
func (c *conn) reserve() error {
	c.keep()
	defer c.kept()
	return c.srv.opts.Proposer.Reserve(whileOpen{c})
}

// whileOpen is a context that is done when the connection is closed, which is also
// when the time of serving ends. Most connections never need its channel.
type whileOpen struct{ c *conn }

// Done returns a channel that conn.abort closes.
func (w whileOpen) Done() <-chan struct{} {
	w.c.mu.Lock()
	defer w.c.mu.Unlock()
	if w.c.done == nil {
		w.c.done = make(chan struct{})
		if w.c.phase == phaseClosed {
			close(w.c.done)
		}
	}
	return w.c.done
}

func (w whileOpen) Err() error {
	w.c.mu.Lock()
	defer w.c.mu.Unlock()
	if w.c.phase == phaseClosed {
		return context.Canceled
	}
	return nil
}

func (whileOpen) Deadline() (time.Time, bool) { return time.Time{}, false }
func (whileOpen) Value(any) any               { return nil }
