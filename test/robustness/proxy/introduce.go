package proxy

import (
	"fmt"
	"io"
	"net"
	"time"

	"github.com/paddock-io/paddock/proto"
)

// introduceTimeout is how long a dialler may take to introduce itself.
const introduceTimeout = 5 * time.Second

// Introduce makes the link one to an election port. Whoever dials there says
// first at which address it wants to be dialled back, which would lead around
// the proxies; addr takes the place of that address. It must be called before
// Start.
func (l *Link) Introduce(addr string) {
	l.greet = func(nc net.Conn) ([]byte, error) { return readdress(nc, addr) }
}

// readdress reads an initial message and returns it with another address.
func readdress(nc net.Conn, addr string) ([]byte, error) {
	if err := nc.SetReadDeadline(time.Now().Add(introduceTimeout)); err != nil {
		return nil, err
	}
	var b []byte
	for {
		size, err := proto.InitialMessageSize(b)
		if err != nil {
			return nil, err
		}
		if size == len(b) {
			break
		}
		had := len(b)
		b = append(b, make([]byte, size-had)...)
		if _, err := io.ReadFull(nc, b[had:]); err != nil {
			return nil, fmt.Errorf("read the initial message: %w", err)
		}
	}
	m, err := proto.DecodeInitialMessage(b)
	if err != nil {
		return nil, err
	}
	m.Addrs = []string{addr}
	return m.Append(nil), nc.SetReadDeadline(time.Time{})
}
