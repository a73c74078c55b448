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

// SessionEnded ends the connection of a local session: at once if the session
// has expired, or with the reply to the client's closeSession, when its turn has
// come. Writes of the session may still be under way; nobody waits for them.
func (s *Server) SessionEnded(id proto.SessionID, cxid int32, expired bool) {
	s.batchAt = s.now()
	s.mu.Lock()
	c := s.sessions[id].conn
	if c == nil || expired {
		delete(s.sessions, id)
	}
	s.mu.Unlock()
	switch {
	case c == nil:
		return
	case expired:
		s.end(c, errEnded)
	default:
		// The lane is worked on as in Apply, see detach.
		s.tree.Lock()
		c.mu.Lock()
		c.lane.closed(cxid)
		c.mu.Unlock()
		s.advance(c)
		s.tree.Unlock()
	}
	s.endBatch()
}

// closeLocal answers the closeSession of a local session, which is the
// connection's last reply.
func (s *Server) closeLocal(c *conn, q *call, t *tally) {
	s.mu.Lock()
	if s.sessions[c.session].conn == c {
		delete(s.sessions, c.session)
	}
	s.mu.Unlock()
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

// closed marks the closing of the session as ready. It is always the last
// request of its connection.
func (l *lane) closed(xid int32) {
	if e := l.tail; e != nil && e.op == proto.OpCloseSession && e.state == stateWrite && e.xid == xid {
		e.state = stateReady
	}
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
