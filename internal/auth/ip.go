package auth

import (
	"net/netip"
	"strconv"

	"github.com/paddock-io/paddock/proto"
)

// ipProvider adds the identity that every connection has anyway. Source:
// IPAuthenticationProvider.
type ipProvider struct{}

func (ipProvider) Scheme() string { return "ip" }

func (ipProvider) Authenticate(remote netip.Addr, _ []byte) ([]proto.ID, error) {
	return []proto.ID{IP(remote)}, nil
}

// IP returns the identity of a connection from addr.
func IP(addr netip.Addr) proto.ID { return proto.ID{Scheme: "ip", ID: JavaAddr(addr)} }

// JavaAddr writes an address as InetAddress.getHostAddress does: IPv4 dotted,
// also if mapped into IPv6; IPv6 as eight groups without compression, with
// the zone if there is one. An invalid address gives "".
func JavaAddr(addr netip.Addr) string {
	addr = addr.Unmap()
	if !addr.IsValid() {
		return ""
	}
	if addr.Is4() {
		return addr.String()
	}
	b := make([]byte, 0, 48)
	groups := addr.As16()
	for i := 0; i < len(groups); i += 2 {
		if i > 0 {
			b = append(b, ':')
		}
		b = strconv.AppendUint(b, uint64(groups[i])<<8|uint64(groups[i+1]), 16)
	}
	if zone := addr.Zone(); zone != "" {
		b = append(append(b, '%'), zone...)
	}
	return string(b)
}
