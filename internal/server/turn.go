package server

import (
	"github.com/paddock-io/paddock/internal/tree"
	"github.com/paddock-io/paddock/jute"
	"github.com/paddock-io/paddock/proto"
)

// Reads that were parked behind a write come due when it is applied, on the
// quorum's goroutine and under the tree's Lock, where each keeps all clients of
// all servers waiting. So they are answered there only as far as there are units
// for them: units of cost and not of time, so that equal histories give equal
// answers. There are three sources:
//
//   - the purse, for all connections together. Each decided request puts
//     something in, and it holds only so much;
//   - for a read that is hemmed in, with a write of its connection behind it that
//     is before the quorum already, what it was expected to cost. The sum of this
//     over all connections has a limit, and a write that would go beyond it is not
//     submitted until the reads before it have been answered (conn.hem);
//   - for such a read, if it has become dearer since, more of the purse, down to a
//     debt.
//
// Where there is nothing, backlog's goroutines go on with the lane, under the
// RLock. That is right for a read that nothing hems in: it comes behind all that
// its connection has asked before and ahead of all that comes later, and that the
// state that it sees is a newer one is nothing a client could object to. It is
// also tried with one that is hemmed in and has become too dear. If the write
// behind that comes to be applied first, the connection ends; rather than an
// answer that has seen the future, or none in its turn.
//
// Invariant: what advance does between two refills is at most purseMax, hemmedMax
// and purseDebt in all.
const (
	readUnits    = 8       // of a read of one short znode; a unit is some 50 ns
	decidedUnits = 1 << 9  // what a decided request puts into the purse
	purseMax     = 1 << 16 // some 3 ms
	purseDebt    = 1 << 18
	hemmedMax    = 1 << 16
	// manyUnits is for what may name many znodes: nobody has looked what they are,
	// so that the backlog gets it, and no write hems it in.
	manyUnits = max(hemmedMax, purseMax) + 1
	// turnUnits is how much is read under one RLock in the backlog, and above which
	// a list of children is heavy.
	turnUnits = 1 << 12
)

// refill says that so many requests have been decided.
func (s *Server) refill(decided int) {
	s.purse = min(s.purse+decided*decidedUnits, purseMax)
}

// units is what a parked read costs at most, by the tree of this moment: its
// znode is found, its ACL looked at entry by entry, and bytes are copied. The caller
// holds the tree's lock.
func (s *Server) units(q *call) int {
	u, _ := s.appraise(q)
	return u
}

// appraise is units, and tells what was found on the way.
func (s *Server) appraise(q *call) (u int, f finding) {
	u = readUnits + len(q.record)>>8
	switch q.op {
	case proto.OpExists, proto.OpGetData, proto.OpGetChildren, proto.OpGetChildren2, proto.OpGetACL:
	case proto.OpMultiRead, proto.OpSetWatches, proto.OpSetWatches2:
		return manyUnits, f
	case proto.OpWhoAmI:
		return u + len(q.ids), f
	default:
		return u, f
	}
	d := jute.NewDecoder(q.record)
	path, ok := pathOf(&d)
	if !ok {
		return u, f
	}
	n, ok := s.tree.Get(path)
	f = finding{made: true, ok: ok, node: n}
	if !ok {
		return u, f
	}
	acl := n.ACL()
	u += tree.LookCost(acl, q.ids)
	switch q.op {
	case proto.OpGetData:
		u += len(n.Data()) >> 8
	case proto.OpGetChildren, proto.OpGetChildren2:
		u += 2 * n.NumChildren()
	case proto.OpGetACL:
		u += tree.LookCost(acl, q.ids) + 2*len(acl)
	}
	return u, f
}

// expect is units for a read that waits in c's lane, with what the writes before
// it may add. Holds c.mu and the tree's lock.
func (c *conn) expect(q *call) int {
	u := c.srv.units(q)
	switch q.op {
	case proto.OpGetData:
		u += c.lane.written >> 8
	case proto.OpGetChildren, proto.OpGetChildren2:
		u += 2*c.lane.writes + c.lane.written>>5 // a multi may have many creates
	}
	return u
}

// appraise finds out what the reads at the end of c's lane may cost, which matters
// only once a write is to hem them in.
func (c *conn) appraise() {
	c.mu.Lock()
	known := c.lane.unseen == nil
	c.mu.Unlock()
	if known {
		return
	}
	c.srv.tree.RLock()
	defer c.srv.tree.RUnlock()
	c.mu.Lock()
	defer c.mu.Unlock()
	for e := c.lane.unseen; e != nil; e = e.next {
		if e.units == 0 {
			e.units = c.expect(&e.call)
			c.lane.loose += e.units
		}
	}
	c.lane.unseen = nil
}

// hem counts the reads in c's lane as hemmed in by a write, which the caller then
// pushes. It returns false if it must not yet: there is no room for more of them,
// or those that are due are left to the backlog. Holds c.mu.
func (c *conn) hem() bool {
	n := int64(c.lane.loose)
	switch {
	case n == 0:
		return true
	case c.behind:
		return false
	case c.srv.hemmed.Add(n) > hemmedMax:
		c.srv.hemmed.Add(-n)
		return false
	}
	return true
}

// spend takes what e, which is due in c's lane, costs, and reports whether there
// was enough. Holds c.mu.
func (s *Server) spend(c *conn, e *entry, cost int) bool {
	least := 0
	if c.lane.writes > 0 {
		if cost -= e.units; cost <= 0 {
			return true
		}
		least = -purseDebt
	}
	if s.purse-cost < least {
		return false
	}
	s.purse -= cost
	return true
}

// advance answers what is due at the head of c's lane, and leaves to the backlog
// what there are no units for. It runs on the quorum's goroutine, under the tree's
// Lock. Holds c.mu, which it lets go of for each read.
func (s *Server) advance(c *conn) {
	for c.phase == phaseOpen && c.lane.due() {
		e := c.lane.head
		u, f := s.appraise(&e.call)
		if !s.spend(c, e, u) {
			if !c.behind {
				c.behind = true
				s.left = append(s.left, c)
			}
			return
		}
		e.found = f
		s.answerHead(c, e, &s.batch, s.batchAt)
	}
}

// answerHead answers e, which is due at the head of c's lane. The caller holds the
// tree's lock, and c.mu, which it lets go of for a moment.
func (s *Server) answerHead(c *conn, e *entry, t *tally, now int64) {
	if e.state == stateSettled {
		c.answerSettled(&e.call, e.header, e.last, t)
	} else {
		c.mu.Unlock()
		s.execute(c, &e.call, t)
		c.mu.Lock()
	}
	if c.lane.head != e { // its session has been taken over, for which an RLock suffices; see orphan
		return
	}
	s.answered(c, e, t, now)
	s.pop(c)
}

// pop removes the head of c's lane. Holds c.mu.
func (s *Server) pop(c *conn) {
	if n := c.lane.pop(); n != 0 {
		s.hemmed.Add(int64(-n))
	}
}

// overtaken ends a connection of which a write has been applied before the reads
// ahead of it could be answered. Holds c.mu.
func (s *Server) overtaken(c *conn) {
	s.counters.lateReads.Add(1)
	c.abort(errLate)
	s.schedule(c)
}
