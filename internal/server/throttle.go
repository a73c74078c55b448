package server

import (
	"sync"
	"time"

	"github.com/paddock-io/paddock/proto"
)

// RequestThrottle bounds how many requests are at work at a time. Above that
// they wait, each connection's first one in a queue and the rest unread. The
// zero value bounds nothing. Source: RequestThrottler, Request.
type RequestThrottle struct {
	MaxRequests int // 0 means no bound
	// StallTime is how often the first in the queue looks whether it is stale;
	// 0 means 100 ms.
	StallTime time.Duration
	// DropStale closes the connection of a request that is found stale: with
	// StaleConnection if its client has gone, with StaleLatency if it is older
	// than its session's timeout.
	DropStale, StaleConnection, StaleLatency bool
	// OpWaitTime refuses operations that have waited longer, with
	// ErrThrottledOp; 0 refuses none. Times are taken in whole milliseconds.
	OpWaitTime time.Duration
}

const defaultStallTime = 100 * time.Millisecond

// throttle counts the requests at work, and lets others in in the order in
// which they came.
//
// A request is at work from enter until done: while its readLoop has it, and
// as long as it is in a lane. Its lock is a leaf.
type throttle struct {
	opts RequestThrottle

	mu          sync.Mutex
	atWork      int
	first, last *ticket // the queue
}

// ticket is a connection's place in the queue.
type ticket struct {
	turn       chan struct{} // of capacity 1: something has changed for the first one
	prev, next *ticket
	queued     bool
}

// newThrottle returns nil if nothing is bounded.
func newThrottle(o RequestThrottle) *throttle {
	if o.MaxRequests <= 0 {
		return nil
	}
	setDefault(&o.StallTime, defaultStallTime)
	return &throttle{opts: o}
}

// enter lets a request in, if its turn has come, and otherwise leaves it in the
// queue, into which it puts it if need be. first says that it is the first.
func (t *throttle) enter(k *ticket) (in, first bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if !k.queued {
		k.queued, k.prev = true, t.last
		if t.last == nil {
			t.first = k
		} else {
			t.last.next = k
		}
		t.last = k
	}
	if t.first != k {
		return false, false
	}
	if t.atWork >= t.opts.MaxRequests {
		return false, true
	}
	t.atWork++
	t.remove(k)
	return true, true
}

// leave gives up a place in the queue.
func (t *throttle) leave(k *ticket) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if k.queued {
		t.remove(k)
	}
}

// remove takes k out of the queue and tells the one that is now the first.
func (t *throttle) remove(k *ticket) {
	if k.prev == nil {
		t.first = k.next
	} else {
		k.prev.next = k.next
	}
	if k.next == nil {
		t.last = k.prev
	} else {
		k.next.prev = k.prev
	}
	wasFirst := k.prev == nil
	k.prev, k.next, k.queued = nil, nil, false
	if wasFirst {
		t.wake()
	}
}

func (t *throttle) wake() {
	if t.first == nil {
		return
	}
	select {
	case t.first.turn <- struct{}{}:
	default:
	}
}

// add counts a request that is at work without having been let in.
func (t *throttle) add() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.atWork++
}

// done says that n requests are not at work any more.
func (t *throttle) done(n int) {
	if n == 0 {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.atWork -= n; t.atWork < 0 {
		panic("server: more requests ended than began")
	}
	t.wake()
}

// admit waits in readLoop until q may be worked on, and turns it into a refusal
// if that took too long. What came before q is written first. An error ends the
// connection. Holds no lock.
func (c *conn) admit(q *call) error {
	s, o := c.srv, &c.srv.throttle.opts
	if c.ticket == nil {
		c.ticket = &ticket{turn: make(chan struct{}, 1)}
	}
	in, first := s.throttle.enter(c.ticket)
	now, stale := s.now(), false
	if in {
		// It may have waited behind others of its connection.
		stale = c.late(q, now) || (c.gone || now-q.at > int64(time.Millisecond)) && c.left(q)
	} else {
		c.endBurst(q.at)
		in, now, stale = c.queue(q, first)
	}
	c.held.slot = in
	switch {
	case !in && !stale:
		return errDone
	case stale && o.DropStale:
		s.counters.staleDropped.Add(1)
		return errStale
	case stale:
		s.counters.stale.Add(1)
	}
	waited := time.Duration(now - q.at).Milliseconds()
	if limit := o.OpWaitTime.Milliseconds(); limit > 0 && waited > limit && throttlable(q.op) {
		s.counters.throttledOps.Add(1)
		q.throttled = true
	}
	return nil
}

// throttlable reports whether an operation may be refused for having waited.
// Source: Request.isThrottlable.
func throttlable(op proto.OpCode) bool {
	return op != proto.OpPing && op != proto.OpCloseSession && op != proto.OpCreateSession
}

// queue waits in the queue until c is let in, or q is stale and will be dropped,
// or the connection ends. As long as it waits the client counts as alive.
func (c *conn) queue(q *call, first bool) (in bool, now int64, stale bool) {
	s, t := c.srv, c.srv.throttle
	defer t.leave(c.ticket)
	timer := time.NewTimer(c.stall(first))
	defer timer.Stop()
	for {
		over, open := c.pause(c.ticket.turn, timer.C)
		now = s.now()
		c.seen.Store(now)
		c.sign()
		if c.period.ctx.Err() != nil {
			return false, now, false
		}
		stale = c.late(q, now) || c.left(q)
		if !open || stale && t.opts.DropStale {
			return false, now, stale
		}
		wasFirst := first
		if in, first = t.enter(c.ticket); in {
			return true, now, stale
		}
		if over || first && !wasFirst {
			timer.Reset(c.stall(first))
		}
	}
}

// stall begins a time of waiting and returns its length: for the first in the
// queue StallTime, for others as long as the session does not need a sign of
// life.
func (c *conn) stall(first bool) time.Duration {
	if !first {
		return time.Duration(c.timeoutMs) * time.Millisecond / 4
	}
	c.srv.counters.throttleWaits.Add(1)
	return c.srv.throttle.opts.StallTime
}

// left reports whether q's client has gone, if that matters. Source:
// Request.isStale.
func (c *conn) left(q *call) bool {
	if !c.srv.throttle.opts.StaleConnection || q.op == proto.OpCloseSession {
		return false
	}
	if !c.gone {
		c.mu.Lock()
		ended := c.phase >= phaseEnding
		c.mu.Unlock()
		c.gone = ended || c.sock.peerClosed()
	}
	return c.gone
}

// late reports whether q is older than its session's timeout, if that matters.
// Source: Request.isStale.
func (c *conn) late(q *call, now int64) bool {
	return c.srv.throttle.opts.StaleLatency && q.op != proto.OpCloseSession &&
		time.Duration(now-q.at).Milliseconds() > int64(c.timeoutMs)
}

// pause waits until a value comes from turn or timer, which is over then, or
// something happens to the connection. It returns whether that is still open.
func (c *conn) pause(turn <-chan struct{}, timer <-chan time.Time) (over, open bool) {
	c.mu.Lock()
	if c.phase >= phaseEnding {
		c.mu.Unlock()
		return false, false
	}
	wait := make(chan struct{})
	c.wait = wait
	c.mu.Unlock()
	select {
	case <-turn:
	case <-timer:
		over = true
	case <-wait:
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.wait == wait {
		c.wait = nil
	}
	return over, c.phase < phaseEnding
}

// held is what the request that readLoop works on takes of the limits. What
// goes on in a lane takes it along.
type held struct {
	slot  bool // of the throttle
	large int  // bytes of a large request
}

// release gives back what c.held has and no lane has taken.
func (c *conn) release() {
	if c.held.slot {
		c.srv.throttle.done(1)
	}
	if c.held.large > 0 {
		c.srv.large.Add(int64(-c.held.large))
	}
	c.held = held{}
}

// handOver gives an entry that goes into the lane what its request has taken.
func (c *conn) handOver(e *entry) {
	if t := c.srv.throttle; t != nil && !c.held.slot {
		t.add() // an auth packet, which nothing stops
	}
	e.large = c.held.large
	c.held = held{}
}
