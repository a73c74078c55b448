package server

import "sync"

// backlog holds connections with reads that are due and that the quorum's
// goroutine has left over. A few goroutines, which exist only while there are any,
// go round: each takes a connection, answers a part of what is due, and puts it
// behind the others if that was not all. Its lock is a leaf.
//
// Invariant: a connection is in the list, or with one of the goroutines, if and
// only if conn.behind is set and Server.left does not have it.
type backlog struct {
	mu      sync.Mutex
	list    []*conn // oldest first
	working int     // goroutines
}

// put adds connections and returns how many more goroutines there shall be, of at
// most so many.
func (b *backlog) put(list []*conn, most int) (more int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.list = append(b.list, list...)
	more = max(min(most-b.working, len(b.list)), 0)
	b.working += more
	return more
}

// take removes the oldest connection. Without one it returns nil, and the caller
// counts as working no longer.
func (b *backlog) take() *conn {
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.list) == 0 {
		b.list = nil
		b.working--
		return nil
	}
	c := b.list[0]
	b.list[0] = nil
	b.list = b.list[1:]
	return c
}

// drop takes back that one more goroutine works, and forgets what it had to do.
func (b *backlog) drop() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.working--
	b.list = nil
}

// leaveOver puts into the backlog what the quorum's goroutine has left.
func (s *Server) leaveOver() {
	if len(s.left) == 0 {
		return
	}
	for range s.backlog.put(s.left, cap(s.heavy)) {
		if !s.start(s.work) { // closing: the connections have ended, or will in a moment
			s.backlog.drop()
		}
	}
	clear(s.left)
	s.left = s.left[:0]
}

// work is a goroutine of the backlog.
func (s *Server) work() {
	for {
		c := s.backlog.take()
		if c == nil {
			return
		}
		if s.catchUp(c) {
			s.backlog.put([]*conn{c}, 0)
		}
	}
}

// catchUp answers some of what is due in c's lane and reports whether more is.
// For the order of replies and events it is as if c's readLoop read, under an
// RLock that is let go of after turnUnits.
func (s *Server) catchUp(c *conn) (more bool) {
	var t tally
	now := s.now()
	s.tree.RLock()
	c.mu.Lock()
	c.busy = true
	for left := turnUnits; left > 0 && c.phase == phaseOpen && c.lane.due(); {
		e := c.lane.head
		u, f := s.appraise(&e.call)
		left -= u
		e.found = f
		s.answerHead(c, e, &t, now)
	}
	more = c.phase == phaseOpen && c.lane.due()
	c.busy, c.behind = false, more
	c.wake()
	c.mu.Unlock()
	s.tree.RUnlock()
	s.account(&t)
	c.flush()
	return more
}

// settleDown waits until nobody catches up on c, which has ended.
func (c *conn) settleDown() {
	c.mu.Lock()
	for c.busy {
		wait := make(chan struct{})
		c.wait = wait
		c.mu.Unlock()
		<-wait
		c.mu.Lock()
	}
	c.mu.Unlock()
}
