package server

import (
	"slices"
	"time"

	"github.com/paddock-io/paddock/internal/tree"
	"github.com/paddock-io/paddock/jute"
	"github.com/paddock-io/paddock/proto"
)

// configPath is the znode that reconfig changes.
const configPath = "/zookeeper/config"

// Apply applies committed transactions, in zxid order: to the tree, and from
// there watch events, replies to the clients of this server and the reads that
// waited behind them, as far as there are units for those, into the outboxes. A tree that is not what the leader
// predicted is counted, and logged the first time, while this server serves: on the way there it may come from a leader's
// fuzzy snapshot, and only with UPTODATE has it passed what that held too early. Source: DataTree.compareDigest.
func (s *Server) Apply(txns []*proto.Txn) {
	s.batchAt = s.now()
	s.applying = true
	mismatches, first, digest := int64(0), (*proto.Txn)(nil), int64(0)
	serving := s.period.Load() != nil
	s.refill(len(txns))
	s.tree.FetchTxns(txns)
	s.tree.Lock()
	for _, txn := range txns {
		s.tree.Apply(txn, &s.result)
		if s.result.DigestMismatch && serving {
			if mismatches++; first == nil {
				first, digest = txn, s.tree.Digest()
			}
		}
		s.answer(txn)
	}
	s.tree.Unlock()
	s.applying = false
	s.endBatch()
	if mismatches == 0 {
		return
	}
	s.counters.mismatches.Add(mismatches)
	if !s.mismatchTold { // whatever resets the counter
		s.mismatchTold = true
		s.log.Error("the tree is not what its digest says", "zxid", first.Zxid.String(), "type", first.Type.String(),
			"session", first.Session.String(), "cxid", first.Cxid, "expected", first.Digest.Tree, "digest", digest)
	}
}

// Synced answers the oldest sync of a session, and the reads behind it. If that
// is an earlier connection's, nobody waits for it: what has confirmed it may be
// older than the sync that this connection has sent since, with the same xid.
func (s *Server) Synced(id proto.SessionID, cxid int32) {
	s.batchAt = s.now()
	s.tree.Lock() // as in Apply: sessions keep their connections, and lanes their entries; see orphan
	s.mu.RLock()
	sess := s.sessions[id]
	s.mu.RUnlock()
	orphan := len(sess.orphans) > 0 && s.adoptSync(id, cxid)
	if c := sess.conn; c != nil && !orphan {
		c.mu.Lock()
		s.refill(max(c.lane.synced(cxid), 1))
		s.advance(c)
		c.wake()
		s.schedule(c)
		c.mu.Unlock()
	}
	s.tree.Unlock()
	s.endBatch()
}

// Revalidated answers the connection that wants to resume a session.
func (s *Server) Revalidated(id proto.SessionID, conn uint64, valid bool) {
	s.mu.RLock()
	c := s.sessions[id].conn
	s.mu.RUnlock()
	if c == nil || c.id != conn {
		return
	}
	c.mu.Lock()
	if c.phase == phaseWaiting && !c.opening {
		c.answerConnect(valid, &s.batch)
		s.schedule(c)
	}
	c.mu.Unlock()
	s.endBatch()
}

// SessionMoved ends the connection of a session that is another server's now.
// What it has written is answered to nobody.
func (s *Server) SessionMoved(id proto.SessionID) {
	s.mu.RLock()
	c := s.sessions[id].conn
	s.mu.RUnlock()
	if c != nil {
		s.end(c, errMoved)
		s.endBatch()
	}
}

// endBatch hands over what the quorum's goroutine has produced. Holds no leaf
// lock.
func (s *Server) endBatch() {
	s.account(&s.batch)
	s.flushDirty()
	s.leaveOver()
}

// account counts what came of requests in lanes.
func (s *Server) account(t *tally) {
	t.bytes = 0
	if s.limited {
		if s.throttle != nil {
			s.throttle.done(int(t.answered))
		}
		s.forgoBytes(t.large)
		t.large = 0
	}
	s.counters.add(t)
}

// answer replies to the client whose request became txn, if it is connected
// here, and ends connections whose session has ended.
func (s *Server) answer(txn *proto.Txn) {
	s.mu.RLock()
	sess, ok := s.sessions[txn.Session]
	s.mu.RUnlock()
	if !ok {
		return
	}
	orphan := len(sess.orphans) > 0 && s.adopt(txn)
	answered := false
	if c := sess.conn; c != nil && !orphan {
		answered = s.answerConn(c, txn)
	}
	if txn.Type == proto.OpCloseSession {
		s.mu.Lock()
		s.forgo(s.sessions[txn.Session].orphans)
		delete(s.sessions, txn.Session)
		s.mu.Unlock()
		if sess.conn != nil && !answered {
			s.endSession(sess.conn)
		}
	}
}

// adopt reports whether txn was the request of an earlier connection of its
// session. Such requests are applied in order; those before the one that
// matches have been lost on the way.
func (s *Server) adopt(txn *proto.Txn) bool {
	if txn.Type == proto.OpCreateSession {
		return false // nobody's request: a local session becomes global
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	sess := s.sessions[txn.Session]
	i := slices.IndexFunc(sess.orphans, func(o orphan) bool { return !o.sync && o.xid == txn.Cxid && answers(txn, o.op) })
	if i < 0 {
		return false
	}
	s.forgo(sess.orphans[:i+1])
	sess.orphans = sess.orphans[i+1:]
	s.putSession(txn.Session, sess)
	return true
}

// adoptSync is adopt for the answer to a sync, of which none is lost. Writes
// before it may still be undecided.
func (s *Server) adoptSync(id proto.SessionID, cxid int32) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	sess := s.sessions[id]
	i := slices.IndexFunc(sess.orphans, func(o orphan) bool { return o.sync })
	if i < 0 || sess.orphans[i].xid != cxid {
		return false
	}
	s.forgo(sess.orphans[i : i+1])
	sess.orphans = slices.Delete(sess.orphans, i, i+1)
	s.putSession(id, sess)
	return true
}

// endSession ends the connection of a session that is over. If that asks just
// now to resume the session, it gets its answer: the quorum's will be the same,
// but later than this server forgets the session.
func (s *Server) endSession(c *conn) {
	c.mu.Lock()
	if c.phase == phaseWaiting && !c.opening {
		c.answerConnect(false, &s.batch)
	} else {
		c.abort(errEnded)
	}
	s.schedule(c)
	c.mu.Unlock()
}

// end closes a connection from the quorum's goroutine.
func (s *Server) end(c *conn, reason error) {
	c.mu.Lock()
	c.abort(reason)
	s.schedule(c)
	c.mu.Unlock()
}

// answerConn reports whether c was waiting for txn.
func (s *Server) answerConn(c *conn, txn *proto.Txn) bool {
	c.mu.Lock()
	if c.phase == phaseWaiting {
		defer c.mu.Unlock()
		return s.answerOpening(c, txn)
	}
	e := c.lane.head
	if c.phase > phaseOpen {
		c.lane.applied(txn)
	}
	if c.phase == phaseOpen && c.lane.due() && c.lane.applied(txn) {
		s.overtaken(c)
		c.mu.Unlock()
		return true
	}
	if c.phase != phaseOpen || e == nil || e.state != stateWrite || e.xid != txn.Cxid || !answers(txn, e.op) {
		c.mu.Unlock()
		return false
	}
	if moved(txn) {
		c.abort(errMoved)
		s.schedule(c)
		c.mu.Unlock()
		return true
	}
	s.replyWrite(c, e, txn)
	s.answered(c, e, &s.batch, s.batchAt)
	if e.op == proto.OpCloseSession && c.phase == phaseOpen {
		c.phase = phaseEnding
	}
	s.pop(c)
	if c.phase == phaseOpen && c.lane.due() {
		s.advance(c)
	}
	c.wake()
	s.schedule(c)
	c.mu.Unlock()
	return true
}

// answers reports whether txn can be what a request for op has become: the
// opening of a session, and its closing by the server, have a cxid of 0, as a
// client's request may have.
func answers(txn *proto.Txn, op proto.OpCode) bool {
	switch txn.Type {
	case proto.OpError:
		return true
	case proto.OpCreateSession:
		return false
	}
	return (txn.Type == proto.OpCloseSession) == (op == proto.OpCloseSession)
}

// answerOpening handles the transaction that opens c's session. Holds c.mu, in
// phaseWaiting.
func (s *Server) answerOpening(c *conn, txn *proto.Txn) bool {
	if !c.opening {
		return false
	}
	switch txn.Type {
	case proto.OpCreateSession:
		c.answerConnect(true, &s.batch)
	case proto.OpError:
		c.abort(errNoSession)
	default:
		return false
	}
	s.schedule(c)
	return true
}

// moved reports whether a request was refused because its session now belongs
// to a connection elsewhere; the client is not told, but cut off. Source:
// FinalRequestProcessor.processRequest.
func moved(txn *proto.Txn) bool {
	switch body := txn.Body.(type) {
	case *proto.ErrorTxn:
		return body.Err == proto.ErrSessionMoved
	case *proto.MultiTxn:
		for _, sub := range body.Subs {
			if e, ok := sub.Body.(*proto.ErrorTxn); ok && e.Err == proto.ErrSessionMoved {
				return true
			}
		}
	}
	return false
}

// answered counts the reply to e, at this time since the server's start. Holds
// c.mu.
func (s *Server) answered(c *conn, e *entry, t *tally, now int64) {
	d := time.Duration(now - e.at)
	c.stats.observe(d, 1)
	c.stats.LastResponse = time.Duration(now)
	s.counters.observe(t, d, 1)
	t.answered++
	t.large += e.large
}

// replyWrite queues the reply to a write from what applying it gave. Holds
// c.mu and the tree's Lock.
func (s *Server) replyWrite(c *conn, e *entry, txn *proto.Txn) {
	res := &s.result
	err := s.localErr(c, e, res.Err)
	if txn.Type == proto.OpMulti {
		err = proto.OK // failure is in the results
	}
	b := c.start(replySize(res))
	b = c.header(b, &e.call, s.tree.LastZxid(), err)
	if err == proto.OK {
		b = s.appendResult(b, e.op, res)
	}
	c.finish(b, &s.batch)
}

// replySize is a guess that is seldom too small.
func replySize(res *tree.Result) int {
	n := 20 + proto.StatSize + len(res.Path) + proto.MultiHeaderSize
	for i := range res.Multi {
		n += proto.MultiHeaderSize + 4 + len(res.Multi[i].Path) + proto.StatSize
	}
	return n
}

// appendResult appends the body of the reply to a write.
func (s *Server) appendResult(b []byte, op proto.OpCode, res *tree.Result) []byte {
	switch op {
	case proto.OpCreate:
		return jute.AppendString(b, res.Path)
	case proto.OpCreate2, proto.OpCreateContainer, proto.OpCreateTTL:
		return res.Stat.Append(jute.AppendString(b, res.Path))
	case proto.OpSetData, proto.OpSetACL:
		return res.Stat.Append(b)
	case proto.OpMulti:
		return proto.AppendMultiResults(b, res.Multi)
	case proto.OpReconfig:
		if n, ok := s.tree.Get(configPath); ok {
			st := n.Stat()
			return st.Append(jute.AppendBuffer(b, n.Data()))
		}
	}
	return b
}
