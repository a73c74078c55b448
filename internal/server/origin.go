package server

import (
	"net/netip"

	"github.com/paddock-io/paddock/internal/auth"
	"github.com/paddock-io/paddock/proto"
)

// origin is what the connections from one address have in common.
type origin struct {
	addr  netip.Addr // the zero value for what is not TCP
	ids   []proto.ID // what a client is by its address alone; immutable
	conns int        // below Server.mu
}

// remote is the client's address.
func (c *conn) remote() netip.AddrPort { return netip.AddrPortFrom(c.origin.addr, c.port) }

// connsFrom returns how many connections from an address are open. Holds s.mu.
func (s *Server) connsFrom(addr netip.Addr) int {
	if o := s.origins[addr]; o != nil {
		return o.conns
	}
	return 0
}

// arriveFrom counts one more. Holds s.mu.
func (s *Server) arriveFrom(addr netip.Addr) *origin {
	o := s.origins[addr]
	if o == nil {
		o = &origin{addr: addr, ids: []proto.ID{auth.IP(addr)}}
		s.origins[addr] = o
	}
	o.conns++
	return o
}

// leaveTo counts one less. Holds s.mu.
func (s *Server) leaveTo(o *origin) {
	if o.conns--; o.conns == 0 {
		delete(s.origins, o.addr)
	}
}
