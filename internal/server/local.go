package server

import (
	"github.com/paddock-io/paddock/proto"
)

// SessionOpened answers the connection that has asked for a new session, if the
// session is a local one. No transaction will.
func (s *Server) SessionOpened(id proto.SessionID) {
	s.mu.RLock()
	c := s.sessions[id].conn
	s.mu.RUnlock()
	if c == nil {
		return
	}
	c.mu.Lock()
	if c.phase == phaseWaiting && c.opening {
		c.answerConnect(true, &s.batch)
		s.schedule(c)
	}
	c.mu.Unlock()
	s.endBatch()
}

// SessionEnded ends the connection of a local session: with the reply to the
// closeSession that ended it, when its turn has come, or at once if that was not
// a request of this connection. Writes of the session may still be under way;
// nobody waits for them.
func (s *Server) SessionEnded(id proto.SessionID, cxid int32, expired bool) {
	s.batchAt = s.now()
	s.mu.RLock()
	c := s.sessions[id].conn
	s.mu.RUnlock()
	if c == nil || expired || !s.closeInTurn(c, cxid) {
		s.mu.Lock()
		s.forgo(s.sessions[id].orphans)
		delete(s.sessions, id)
		s.mu.Unlock()
		if c != nil {
			s.endSession(c)
		}
	}
	s.endBatch()
}

// closeInTurn answers a closeSession of c as soon as what is before it has been
// answered. It reports false if c has not sent it.
func (s *Server) closeInTurn(c *conn, xid int32) bool {
	s.tree.Lock() // the lane is worked on as in Apply, see orphan
	defer s.tree.Unlock()
	s.refill(1)
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.lane.closed(xid) {
		return false
	}
	s.advance(c)
	c.wake()
	s.schedule(c)
	return true
}

// closed marks the closing of the session as ready. It is always the last
// request of its connection.
func (l *lane) closed(xid int32) bool {
	e := l.tail
	if e == nil || e.op != proto.OpCloseSession || e.xid != xid {
		return false
	}
	e.state = stateReady
	return true
}

// closeLocal answers the closeSession of a local session, with which the
// connection ends.
func (s *Server) closeLocal(c *conn, q *call, t *tally) {
	b, ok := c.reply(q, s.tree.LastZxid(), 0)
	if !ok {
		return
	}
	c.finish(b, t)
	if c.phase == phaseOpen {
		c.phase = phaseEnding
	}
	c.mu.Unlock()
}

// createsEphemeral reports whether a request is one of those for which
// ZooKeeper makes a local session global, a multi aside. Source:
// QuorumZooKeeperServer.checkUpgradeSession.
func createsEphemeral(op proto.OpCode, body proto.Request) bool {
	c, ok := body.(*proto.CreateRequest)
	return ok && (op == proto.OpCreate || op == proto.OpCreate2) && c.Flags.IsEphemeral()
}

// localErr is the error to answer where the leader has refused e with err. Only
// this server knows that the session is not unknown but local. Source:
// FinalRequestProcessor.processRequest.
func (s *Server) localErr(c *conn, e *entry, err proto.ErrCode) proto.ErrCode {
	if err != proto.ErrSessionExpired || !e.ephemeral || s.opts.UpgradeSessions {
		return err
	}
	if _, global := s.tree.SessionTimeout(c.session); global {
		return err
	}
	return proto.ErrEphemeralOnLocalSession
}
