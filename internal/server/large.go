package server

import (
	"encoding/binary"
	"errors"
)

// Large requests are bounded in their sum, from their arrival to their reply.
// A connection whose request goes beyond is closed. Source:
// ZooKeeperServer.checkRequestSizeWhenReceivingMessage,
// checkRequestSizeWhenMessageReceived, requestFinished.

var errLarge = errors.New("too many bytes of large requests")

// isLarge reports whether a request of n bytes is to be counted.
func (s *Server) isLarge(n int) bool {
	return s.opts.LargeRequestThreshold > 0 && n > s.opts.LargeRequestThreshold
}

// announce looks at the length of the next frame, once, when it has arrived:
// is there room for the rest?
func (c *conn) announce() error {
	b := c.sock.rest()
	if c.announced || len(b) < 4 {
		return nil
	}
	c.announced = true
	// A length out of bounds is the business of next.
	if n := int(int32(binary.BigEndian.Uint32(b))); n <= c.srv.opts.MaxFrame && c.srv.isLarge(n) &&
		c.srv.large.Load()+int64(n) > int64(c.srv.opts.LargeRequestMaxBytes) {
		c.srv.counters.largeRejected.Add(1)
		return errLarge
	}
	return nil
}

// takeLarge counts a request with n bytes behind its header, if it is large.
func (c *conn) takeLarge(n int) error {
	s := c.srv
	if !s.isLarge(n) {
		return nil
	}
	if s.large.Add(int64(n)) > int64(s.opts.LargeRequestMaxBytes) {
		s.large.Add(int64(-n))
		s.counters.largeRejected.Add(1)
		return errLarge
	}
	c.held.large = n
	return nil
}
