package zk

import (
	"slices"
	"time"
)

// Confirmed returns when the newest request that a server has answered was sent,
// pings and the opening of connections included; zero before the first. The
// servers count the session's timeout from when they have heard of the client
// last, which is no earlier. So until Timeout has passed since then nobody else
// can have seen the session end, however late the answer came.
//
// There is one gap, in ZooKeeper as here: a follower that is cut off from its
// leader answers pings until it notices, which may take its syncLimit, and cannot
// tell the leader of them.
func (c *Conn) Confirmed() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.confirmed
}

// sentMark says when a batch of requests was sent, by the last one of them.
type sentMark struct {
	xid int32
	at  time.Time
}

// sending notes that everything encoded so far is about to be written; c.mu is
// held. Auths have no number and do without a mark.
func (c *Conn) sending(l *link) {
	if n := len(l.marks); n > 0 && l.marks[n-1].xid == c.xid || l.pending.n == 0 {
		return // nothing new
	}
	l.marks = append(l.marks, sentMark{c.xid, time.Now()})
}

// answered is told of the reply to a request; c.mu is held. Replies come in the
// order of requests, so the rest of the batch has been answered before.
func (c *Conn) answered(l *link, xid int32) {
	if len(l.marks) > 0 && l.marks[0].xid == xid {
		c.confirm(l.marks[0].at)
		l.marks = slices.Delete(l.marks, 0, 1) // in place: there are few
	}
}

// maxPings bounds how many pings are remembered. A server that has answered none
// of so many is one that answers none at all.
const maxPings = 16

func (c *Conn) pinging(l *link) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(l.pings) < maxPings {
		l.pings = append(l.pings, time.Now())
	}
	if len(l.out) == 0 { // nothing was sent for a while
		l.out = nil
	}
}

func (c *Conn) ponged(l *link) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(l.pings) > 0 {
		c.confirm(l.pings[0])
		l.pings = slices.Delete(l.pings, 0, 1)
	}
}

func (c *Conn) confirm(at time.Time) {
	if at.After(c.confirmed) {
		c.confirmed = at
	}
}
