package server

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"time"

	"github.com/paddock-io/paddock/internal/proxyproto"
)

const (
	// headerPatience is how long a balancer may take for its header.
	headerPatience = 5 * time.Second
	// maxHeaders is how many connections may be without the header that is due.
	// They do not count as connections yet.
	maxHeaders = 1024
)

// fromBalancer reports whether connections from an address begin with a header
// that tells whom they are for.
func (s *Server) fromBalancer(addr netip.Addr) bool {
	for _, p := range s.opts.Balancers {
		if p.Contains(addr) {
			return true
		}
	}
	return false
}

// receive starts serving a connection that has been accepted, for the client
// that a balancer names if it is from one.
func (s *Server) receive(nc net.Conn) {
	remote := remoteOf(nc)
	if !s.fromBalancer(remote.Addr()) {
		s.admit(nc, remote)
		return
	}
	if s.headers.Add(1) > maxHeaders || !s.start(func() { s.introduce(nc, remote) }) {
		s.headers.Add(-1)
		s.counters.rejected.Add(1)
		hangUp(nc)
	}
}

// introduce reads the header and admits the client. A balancer that speaks for
// nobody, as for its checks, is the client itself.
func (s *Server) introduce(nc net.Conn, balancer netip.AddrPort) {
	stop := context.AfterFunc(s.ctx, func() { nc.Close() })
	client, err := readHeader(nc, balancer)
	s.headers.Add(-1)
	if !stop() || err != nil {
		hangUp(nc)
		s.counters.rejected.Add(1)
		s.log.Info("connection rejected", "remote", balancer, "reason", err)
		return
	}
	s.admit(nc, client)
}

// readHeader returns the client's address, without reading a byte of the client's.
func readHeader(nc net.Conn, balancer netip.AddrPort) (client netip.AddrPort, err error) {
	if err := nc.SetReadDeadline(time.Now().Add(headerPatience)); err != nil {
		return client, fmt.Errorf("set deadline: %w", err)
	}
	h, err := proxyproto.Read(nc)
	if err != nil {
		return client, err
	}
	if err := nc.SetReadDeadline(time.Time{}); err != nil {
		return client, fmt.Errorf("set deadline: %w", err)
	}
	if !h.Known() {
		return balancer, nil
	}
	return h.Source, nil
}
