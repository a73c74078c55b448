package server

import (
	"crypto/subtle"
	"fmt"
	"time"

	"github.com/paddock-io/paddock/internal/prep"
	"github.com/paddock-io/paddock/internal/replica"
	"github.com/paddock-io/paddock/internal/zab"
	"github.com/paddock-io/paddock/jute"
	"github.com/paddock-io/paddock/proto"
)

// firstSession returns the id of the first session that a server makes: its own
// id in the top byte, then 40 bits of a clock in milliseconds. Java takes the
// time since the machine's start; that of day is as good, and does not repeat
// ids when a machine is reset. Source: SessionTrackerImpl.initializeNextSessionId.
func firstSession(serverID, ms int64) int64 {
	return int64(uint64(ms)<<24>>8 | uint64(serverID)<<56)
}

// newSessionID returns an id that no session has had. Neither 0 nor the mark of
// containers is one.
func (s *Server) newSessionID() proto.SessionID {
	for {
		id := proto.SessionID(s.nextSession.Add(1) - 1)
		if id != 0 && id != proto.ContainerOwner {
			return id
		}
	}
}

// handshake handles the connect request and waits until the session is open. An
// error ends the connection; nil with c.deaf set means that its last reply is
// on its way. The order of the checks is that of
// ZooKeeperServer.processConnectRequest.
func (c *conn) handshake(frame []byte, now int64) error {
	s := c.srv
	var req proto.ConnectRequest
	d := jute.NewDecoder(frame)
	req.Decode(&d)
	if err := d.Err(); err != nil {
		return fmt.Errorf("connect request: %w", err)
	}
	p := s.period.Load()
	if p == nil {
		return errNotServing
	}
	if !s.connects.admit(time.Duration(now), s.opts.ConnThrottle.cost(req.SessionID != 0, s.opts.LocalSessions)) {
		s.counters.rejected.Add(1)
		return errThrottled
	}
	s.counters.connects.Add(1)
	if err := s.admissible(p, &req); err != nil {
		return err
	}
	c.legacy, c.period, c.readOnly = !req.HasReadOnly, p, p.role == zab.RoleReadOnly
	timeoutMs := s.clampTimeout(req.Timeout)

	id := req.SessionID
	if id == 0 {
		id = s.newSessionID()
	}
	if !c.bind(id, timeoutMs, req.SessionID == 0, now) {
		return errNotServing
	}
	if err := c.askQuorum(&req, id, timeoutMs); err != nil {
		return err
	}
	c.sock.compact() // what has been read is no longer needed, and waiting may take a while
	c.sock.size = readBufferSize
	open := c.block(func(c *conn) bool { return c.phase != phaseWaiting })
	c.release()
	c.deaf = !open
	return nil
}

// admissible says why a client is turned away without an answer, nil if it is
// not.
func (s *Server) admissible(p *period, req *proto.ConnectRequest) error {
	readOnly := p.role == zab.RoleReadOnly
	if readOnly && !req.ReadOnly {
		return errNotReadOnly
	}
	s.tree.RLock()
	last := s.tree.LastZxid()
	_, global := s.tree.SessionTimeout(req.SessionID)
	s.tree.RUnlock()
	switch {
	case req.LastZxidSeen > last:
		return fmt.Errorf("%w: %s, here %s", errAhead, req.LastZxidSeen, last)
	case readOnly && global:
		return errGlobal
	}
	return nil
}

// clampTimeout returns the session timeout that a client gets who asks for one.
func (s *Server) clampTimeout(wantMs int32) int32 {
	t := max(time.Duration(wantMs)*time.Millisecond, s.opts.MinSessionTimeout)
	return int32(min(t, s.opts.MaxSessionTimeout) / time.Millisecond)
}

// bind makes c the connection of a session on this server and closes the one
// that was. That happens before the password is known to be right, as in Java.
// It returns false if c has been closed meanwhile.
func (c *conn) bind(id proto.SessionID, timeoutMs int32, opening bool, now int64) bool {
	s := c.srv
	c.mu.Lock()
	if c.phase != phaseNew {
		c.mu.Unlock()
		return false
	}
	c.phase, c.session, c.timeoutMs = phaseWaiting, id, timeoutMs
	c.opening, c.waitedAt = opening, now
	c.seen.Store(now)
	c.mu.Unlock()

	if old := s.replace(id, c); old != nil {
		old.closeSocket()
	}
	return true
}

// replace makes c the connection of a session and returns the one that was,
// whose socket is still to be closed. The tree's lock is held all the time: a
// transaction that came between would find c, which did not ask for it, and
// be taken for undecided when the old connection is detached.
func (s *Server) replace(id proto.SessionID, c *conn) (old *conn) {
	s.tree.RLock()
	defer s.tree.RUnlock()
	s.mu.Lock()
	sess := s.sessions[id]
	old = sess.conn
	sess.conn = c
	s.sessions[id] = sess
	s.mu.Unlock()
	if old != nil {
		old.mu.Lock()
		old.abort(errReplaced)
		old.mu.Unlock()
		s.orphan(old)
	}
	return old
}

// askQuorum opens a new session or asks whether an old one is alive. With a
// wrong password there is nothing to ask.
func (c *conn) askQuorum(req *proto.ConnectRequest, id proto.SessionID, timeoutMs int32) error {
	s, ctx := c.srv, c.period.ctx
	if req.SessionID == 0 && c.readOnly && !s.opts.LocalSessions {
		c.refuseSession()
		return nil
	}
	if req.SessionID == 0 {
		if s.throttle != nil {
			if err := c.admit(&call{op: proto.OpCreateSession, at: c.waitedAt, ids: c.ids}); err != nil {
				return err
			}
		}
		body := &proto.CreateSessionRequest{Timeout: timeoutMs}
		return c.submitOpening(&replica.Request{
			Request: prep.Request{Session: id, Op: proto.OpCreateSession, Body: body},
			Raw:     body.Append(nil),
		})
	}
	s.counters.revalidations.Add(1)
	want := proto.Password(id)
	if subtle.ConstantTimeCompare(req.Passwd, want[:]) != 1 {
		s.log.Info("wrong session password", "remote", c.remote(), "session", id.String())
		c.mu.Lock()
		if c.phase == phaseWaiting {
			c.answerConnect(false, c.burst)
		}
		c.mu.Unlock()
		return nil
	}
	if c.readOnly && !s.opts.LocalSessions {
		c.acceptSession()
		return nil
	}
	return s.opts.Proposer.Revalidate(ctx, id, timeoutMs, c.id)
}

// submitOpening puts the opening of c's session before the quorum, unless c has
// ended.
func (c *conn) submitOpening(r *replica.Request) error {
	p := c.srv.opts.Proposer
	if err := p.Reserve(whileOpen{c}); err != nil {
		return err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.phase != phaseWaiting {
		p.Release()
		return errDone
	}
	p.Submit(r)
	return nil
}

// answerConnect queues the connect response and lets the readLoop go on; if the
// session is not valid, the connection ends with it. Holds c.mu, in
// phaseWaiting.
func (c *conn) answerConnect(valid bool, t *tally) {
	resp := proto.ConnectResponse{HasReadOnly: !c.legacy, ReadOnly: c.readOnly}
	var passwd [16]byte
	if valid {
		passwd = proto.Password(c.session)
		resp.Timeout, resp.SessionID = c.timeoutMs, c.session
	}
	resp.Passwd = passwd[:]
	b := c.start(37)
	c.stats.LastOp = proto.OpCreateSession
	c.push(resp.Append(b), t)
	d := time.Duration(c.srv.now() - c.waitedAt)
	c.stats.observe(d, 1)
	c.srv.counters.observe(t, d, 1)
	if c.phase == phaseWaiting { // and not closed by finish
		c.phase = phaseOpen
		if !valid {
			c.phase = phaseEnding
		}
	}
	c.wake()
}
