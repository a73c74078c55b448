package server

import (
	"github.com/paddock-io/paddock/proto"
)

// A server that looks for a leader may serve clients that want to read only.
// Nothing that is written there would survive, so whatever would have to be
// decided by a quorum is refused in its turn. Sessions are local, if there are
// any. Source: ReadOnlyZooKeeperServer, ReadOnlyRequestProcessor.

// refuseSession answers the opening of a session where there can be none. As in
// Java, the answer is a reply header instead of a connect response, which no
// client can read, and the connection is left alone until the client gives up.
func (c *conn) refuseSession() {
	c.srv.tree.RLock()
	last := c.srv.tree.LastZxid()
	c.srv.tree.RUnlock()
	c.mu.Lock()
	if c.phase == phaseWaiting {
		h := proto.ReplyHeader{Zxid: last, Err: proto.ErrNotReadOnly}
		c.finish(h.Append(c.start(16)), c.burst)
	}
	c.mu.Unlock()
	c.flush()
}

// acceptSession resumes a session that this server knows nothing of, as Java
// does where sessions are not kept locally: with the right password its client
// may read. Source: LearnerSessionTracker.touchSession.
func (c *conn) acceptSession() {
	c.mu.Lock()
	if c.phase == phaseWaiting {
		c.answerConnect(true, c.burst)
	}
	c.mu.Unlock()
}

// readOnlyRefuses answers what a read-only server does not do. Closing a
// session is such a thing, unless it is a local one.
func (c *conn) readOnlyRefuses(q *call) bool {
	switch q.op {
	case proto.OpCreate, proto.OpCreate2, proto.OpCreateContainer, proto.OpCreateTTL, proto.OpDelete,
		proto.OpDeleteContainer, proto.OpSetData, proto.OpSetACL, proto.OpMulti, proto.OpReconfig, proto.OpSync:
	case proto.OpCloseSession:
		if c.srv.opts.LocalSessions {
			return false
		}
	default:
		return false
	}
	c.lockTree()
	c.settle(q, c.srv.tree.LastZxid(), proto.ErrNotReadOnly, false)
	return true
}
