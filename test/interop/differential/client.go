package differential

import (
	"bufio"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"time"

	"github.com/paddock-io/paddock/test/interop/golden"
)

// Limits of what a client takes.
const (
	replyTimeout = 20 * time.Second
	maxReply     = 16 << 20 // bytes of a frame
)

// pingXid is the xid of every reply to a ping, whatever the ping's was.
const pingXid = -2

// client is one connection to one server.
type client struct {
	nc      net.Conn
	r       *bufio.Reader
	session int   // the number of its session, -1 before there is one
	seen    int64 // the raw zxid of the newest reply
}

func dial(addr string) (*client, error) {
	nc, err := net.Dial("tcp", addr)
	if err != nil {
		return nil, fmt.Errorf("dial: %w", err)
	}
	return &client{nc: nc, r: bufio.NewReader(nc), session: -1}, nil
}

// appendFrame appends a length and the payload's parts.
func appendFrame(b []byte, parts ...[]byte) []byte {
	n := 0
	for _, p := range parts {
		n += len(p)
	}
	b = binary.BigEndian.AppendUint32(b, uint32(n))
	for _, p := range parts {
		b = append(b, p...)
	}
	return b
}

// appendPing appends the frame of a ping.
func appendPing(b []byte) []byte {
	return appendFrame(b, golden.Record{}.Int(pingXid).Int(golden.OpPing))
}

// write sends bytes. What goes wrong shows when the client reads.
func (c *client) write(b []byte) {
	_, _ = c.nc.Write(b)
}

// read returns the payload of the next frame. When there is none, it returns nil and what kind of end
// that is.
func (c *client) read(timeout time.Duration) ([]byte, kind) {
	_ = c.nc.SetReadDeadline(time.Now().Add(timeout))
	var length [4]byte
	_, err := io.ReadFull(c.r, length[:])
	if err == nil {
		n := binary.BigEndian.Uint32(length[:])
		if n <= maxReply {
			payload := make([]byte, n)
			if _, err = io.ReadFull(c.r, payload); err == nil {
				return payload, reply
			}
		}
	}
	if ne, ok := err.(net.Error); ok && ne.Timeout() {
		return nil, silent
	}
	return nil, closed
}

func (c *client) close() { _ = c.nc.Close() }
