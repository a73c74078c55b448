package server

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/netip"
	"slices"
	"syscall"
	"time"

	"github.com/paddock-io/paddock/internal/tree"
	"github.com/paddock-io/paddock/proto"
)

// Listen starts accepting clients on a TCP address and returns the address with
// the port that was chosen.
func (s *Server) Listen(addr string) (net.Addr, error) {
	var lc net.ListenConfig
	l, err := lc.Listen(s.ctx, "tcp", addr)
	if err != nil {
		return nil, fmt.Errorf("listen for clients: %w", err)
	}
	if sc, ok := l.(syscall.Conn); ok && s.opts.Backlog > 0 {
		if err := setBacklog(sc, s.opts.Backlog); err != nil {
			l.Close()
			return nil, fmt.Errorf("set backlog of %s: %w", l.Addr(), err)
		}
	}
	return l.Addr(), s.Accept(l)
}

// Accept starts accepting clients from l, which the server closes in the end.
func (s *Server) Accept(l net.Listener) error {
	if _, ok := l.(syscall.Conn); ok { // others are not the system's, and are not polled
		s.mu.Lock()
		s.startPoller()
		s.mu.Unlock()
	}
	if !s.start(func() { s.acceptLoop(l) }) {
		l.Close()
		return net.ErrClosed
	}
	s.mu.Lock()
	s.listeners = append(s.listeners, l)
	closing := s.closing
	s.mu.Unlock()
	if closing {
		l.Close()
	}
	return nil
}

// StopListening closes all ports but the one at keep, if there is one. Connections
// stay.
func (s *Server) StopListening(keep net.Addr) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.listeners = slices.DeleteFunc(s.listeners, func(l net.Listener) bool {
		if keep != nil && l.Addr().String() == keep.String() {
			return false
		}
		l.Close()
		return true
	})
}

// acceptLoop ends when the listener is closed. Other errors, such as too many
// open files, pass: it tries again after a while.
func (s *Server) acceptLoop(l net.Listener) {
	const first, longest = 5 * time.Millisecond, time.Second
	delay := first
	for {
		nc, err := l.Accept()
		switch {
		case err == nil:
			delay = first
			s.receive(nc)
			continue
		case errors.Is(err, net.ErrClosed):
			return
		}
		s.log.Warn("cannot accept clients", "address", l.Addr().String(), "err", err, "retry", delay)
		ctx, cancel := context.WithTimeout(s.ctx, delay)
		<-ctx.Done()
		cancel()
		if s.ctx.Err() != nil {
			return
		}
		delay = min(2*delay, longest)
	}
}

// admit starts serving a client's connection, or closes it if there are too many.
func (s *Server) admit(nc net.Conn, remote netip.AddrPort) {
	s.mu.Lock()
	why := ""
	switch {
	case s.closing:
		why = "server stopped"
	case s.opts.MaxClientConns > 0 && s.connsFrom(remote.Addr()) >= s.opts.MaxClientConns:
		why = "too many connections from this address"
	case s.opts.MaxConns > 0 && s.open >= s.opts.MaxConns:
		why = "too many connections"
	}
	if why != "" {
		s.mu.Unlock()
		s.counters.rejected.Add(1)
		s.log.Info("connection rejected", "remote", remote, "reason", why)
		if tc, ok := nc.(*net.TCPConn); ok {
			// The end of the stream and then a reset, which leaves nothing behind
			// here. Source: NIOServerCnxnFactory.fastCloseSock.
			tc.CloseWrite()
			tc.SetLinger(0)
		}
		nc.Close()
		return
	}
	c := newConn(s, nc, remote.Port())
	s.register(c, remote.Addr())
	s.readers.Add(1) // until it has ended, which is not when its readLoop has
	go c.readLoop(nil)
	s.mu.Unlock()
	s.counters.accepted.Add(1)
}

// remoteOf returns the client's address, the zero value if it is not TCP.
func remoteOf(nc net.Conn) netip.AddrPort {
	if a, ok := nc.RemoteAddr().(*net.TCPAddr); ok {
		ap := a.AddrPort()
		return netip.AddrPortFrom(ap.Addr().Unmap(), ap.Port())
	}
	return netip.AddrPort{}
}

// register gives c a slot and its origin. Holds s.mu.
func (s *Server) register(c *conn, addr netip.Addr) {
	c.id = s.nextConn.Add(1)
	c.origin = s.arriveFrom(addr)
	c.ids = c.origin.ids
	c.admitted = s.admits(c.ids)
	if n := len(s.freeSlots); n > 0 {
		c.slot, s.freeSlots = s.freeSlots[n-1], s.freeSlots[:n-1]
	} else {
		c.slot = tree.WatcherID(len(s.conns))
		s.conns = append(s.conns, nil)
	}
	s.conns[c.slot] = c
	s.open++
}

// forget undoes register and detaches c from its session.
func (s *Server) forget(c *conn) {
	c.settleDown()
	s.detach(c)
	// Nobody leaves a watch for c any more: readLoop is here, nobody catches up on
	// c, and Apply finds its lane empty. The tree is not locked, since there may be a million of them.
	s.tree.Watches().RemoveWatcher(c.slot)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.conns[c.slot] = nil
	s.freeSlots = append(s.freeSlots, c.slot)
	s.open--
	s.leaveTo(c.origin)
}

// detach leaves to the session what an ended connection has in flight, so that
// transactions and syncs that answer it are not taken for the answers to a later
// connection's requests. It may be called again.
func (s *Server) detach(c *conn) {
	s.tree.RLock()
	defer s.tree.RUnlock()
	s.orphan(c)
}

// orphan is detach for those who hold the tree's lock: Apply must not run at the
// same time. It works on the lane without conn.mu, and might see a write in
// neither place, or in both.
func (s *Server) orphan(c *conn) {
	c.mu.Lock()
	left, old := c.lane.undecided(), c.lane
	c.lane = &noLane
	id, period := c.session, c.period
	c.mu.Unlock()
	s.counters.outstanding.Add(int64(-old.n))
	s.hemmed.Add(int64(-old.hemmed))
	if s.throttle != nil {
		s.throttle.done(old.n)
	}

	s.mu.Lock()
	defer s.mu.Unlock()
	sess, ok := s.sessions[id]
	if !ok || s.closing || period != s.period.Load() {
		left = nil // and nobody will hear of them again
	}
	s.forgoBytes(old.large - sum(left))
	if !ok {
		return
	}
	if sess.conn == c {
		sess.conn = nil
	}
	sess.orphans = append(sess.orphans, left...)
	s.putSession(id, sess)
}

// forgo gives back what orphans took that nobody will hear of again.
func (s *Server) forgo(list []orphan) { s.forgoBytes(sum(list)) }

func (s *Server) forgoBytes(large int) {
	if large != 0 {
		s.large.Add(int64(-large))
	}
}

func sum(list []orphan) (large int) {
	for _, o := range list {
		large += o.large
	}
	return large
}

// putSession stores a session unless there is nothing to say about it. Holds
// s.mu.
func (s *Server) putSession(id proto.SessionID, sess session) {
	if sess.conn == nil && len(sess.orphans) == 0 {
		delete(s.sessions, id)
	} else {
		s.sessions[id] = sess
	}
}

// reapLoop closes connections that have been silent for too long.
func (s *Server) reapLoop() {
	interval := min(maxReapInterval, s.opts.MinSessionTimeout/4)
	if t := s.opts.SessionlessTimeout; t > 0 {
		interval = min(t, interval)
	}
	t := time.NewTicker(max(interval, minReapInterval))
	defer t.Stop()
	for {
		select {
		case <-t.C:
			s.reap(s.now())
		case <-s.ctx.Done():
			return
		}
	}
}

// reap closes connections without a session after SessionlessTimeout, and
// others when they have been silent for as long as their session may be. In
// both cases the client is gone or wedged; its session, if it has not moved to
// another server, ends in the quorum's time. One that waits for this server is not
// silent. Source: NIOServerCnxnFactory's
// connection expirer.
func (s *Server) reap(now int64) {
	var list, tired []*conn
	stalled := s.stalled(now)
	s.mu.RLock()
	for _, c := range s.conns {
		if c == nil {
			continue
		}
		if c.waiting.Load() {
			c.seen.Store(now)
			c.touch()
			continue
		}
		silent := time.Duration(now - c.seen.Load())
		c.mu.Lock()
		switch timeout := time.Duration(c.timeoutMs) * time.Millisecond; {
		case c.phase == phaseClosed: // counted before; its goroutine has yet to leave the list
		case timeout == 0 && silent > s.opts.SessionlessTimeout && s.opts.SessionlessTimeout > 0:
			s.counters.sessionless.Add(1)
			c.abort(errSessionless)
			list = append(list, c)
		case timeout > 0 && silent > timeout:
			s.counters.idle.Add(1)
			c.abort(errSilent)
			list = append(list, c)
		case timeout > 0 && stalled:
			c.abort(errStalled)
			list = append(list, c)
		case c.tired(silent):
			tired = append(tired, c)
		}
		c.mu.Unlock()
	}
	s.mu.RUnlock()
	if stalled && len(list) > 0 {
		s.log.Warn("the goroutine that orders writes stands still; clients are sent to other servers", "clients", len(list))
	}
	for _, c := range list {
		c.closeSocket()
	}
	for _, c := range tired {
		c.calmDown()
	}
}

// stalled reports whether the quorum's goroutine has not been heard of for so
// long that other servers have gone on without this one.
func (s *Server) stalled(now int64) bool {
	limit := int64(s.opts.StallTimeout)
	return limit > 0 && s.period.Load() != nil && now-s.reported.Load() > limit
}

// logEnd says why a connection ended: at debug level if that is usual.
func (s *Server) logEnd(c *conn) {
	c.mu.Lock()
	reason, id := c.reason, c.session
	c.mu.Unlock()
	level := slog.LevelInfo
	for _, usual := range []error{io.EOF, errDone, errWord, errStopped, errEnded, errReplaced, errNotServing, errMoved, syscall.ECONNRESET} {
		if errors.Is(reason, usual) {
			level = slog.LevelDebug
		}
	}
	if !s.log.Enabled(context.Background(), level) {
		return
	}
	s.log.Log(context.Background(), level, "connection closed", "remote", c.remote(), "session", id.String(), "reason", reason)
}
