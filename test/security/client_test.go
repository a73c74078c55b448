package security

import (
	"encoding/binary"
	"errors"
	"io"
	"net"
	"testing"
	"time"

	"github.com/paddock-io/paddock/jute"
	"github.com/paddock-io/paddock/proto"
)

// patience bounds how long a test waits for what must happen.
const patience = 30 * time.Second

// client is one connection, used by one goroutine. It knows nothing of what may
// be sent.
type client struct {
	t      *testing.T
	nc     net.Conn
	xid    int32
	events []proto.WatcherEvent // that came ahead of the replies so far
}

// reply is the answer to one request.
type reply struct {
	err    proto.ErrCode
	body   []byte
	closed bool // the server closed the connection instead
}

func (s *server) dial(t *testing.T) *client {
	t.Helper()
	nc, err := net.Dial("tcp", s.addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { nc.Close() })
	nc.SetDeadline(time.Now().Add(patience))
	return &client{t: t, nc: nc}
}

// open returns a connection with a session and the identities of these digest
// credentials.
func (s *server) open(t *testing.T, credentials ...string) *client {
	t.Helper()
	c := s.dial(t)
	req := proto.ConnectRequest{Timeout: 30_000, Passwd: make([]byte, 16)}
	c.send(req.Append(nil))
	if _, err := c.frame(); err != nil {
		t.Fatalf("connect: %v", err)
	}
	for _, text := range credentials {
		c.auth("digest", text)
	}
	return c
}

func (c *client) auth(scheme, credentials string) {
	c.t.Helper()
	p := proto.AuthPacket{Scheme: scheme, Auth: []byte(credentials)}
	if r := c.call(proto.OpAuth, p.Append(nil)); r.closed || r.err != proto.OK {
		c.t.Fatalf("auth %s: %+v", scheme, r)
	}
}

func (c *client) send(payload []byte) error {
	_, err := c.nc.Write(append(jute.AppendInt(nil, int32(len(payload))), payload...))
	return err
}

func (c *client) frame() ([]byte, error) {
	var head [4]byte
	if _, err := io.ReadFull(c.nc, head[:]); err != nil {
		return nil, err
	}
	b := make([]byte, binary.BigEndian.Uint32(head[:]))
	_, err := io.ReadFull(c.nc, b)
	return b, err
}

// call sends a request and waits for its reply or the end of the connection.
// Events on the way are kept.
func (c *client) call(op proto.OpCode, record []byte) reply {
	c.t.Helper()
	c.xid++
	h := proto.RequestHeader{Xid: c.xid, Op: op}
	if err := c.send(append(h.Append(nil), record...)); err != nil {
		return reply{closed: true}
	}
	for {
		b, err := c.frame()
		if err != nil {
			if ne := net.Error(nil); errors.As(err, &ne) && ne.Timeout() {
				c.t.Fatalf("%s is not answered", op)
			}
			return reply{closed: true}
		}
		d := jute.NewDecoder(b)
		var h proto.ReplyHeader
		h.Decode(&d)
		if h.Xid != proto.XidNotification {
			return reply{err: h.Err, body: b[16:]}
		}
		var ev proto.WatcherEvent
		ev.Decode(&d)
		c.events = append(c.events, ev)
	}
}

// must is call for what has to succeed.
func (c *client) must(op proto.OpCode, req proto.Request) []byte {
	c.t.Helper()
	r := c.call(op, req.Append(nil))
	if r.closed || r.err != proto.OK {
		c.t.Fatalf("%s: %+v", op, r)
	}
	return r.body
}

func (c *client) create(path string, acl ...proto.ACL) {
	c.t.Helper()
	c.must(proto.OpCreate, &proto.CreateRequest{Path: path, Data: []byte("x"), ACL: acl})
}

// settle returns once everything that the server had to say so far is in
// c.events.
func (c *client) settle() {
	c.t.Helper()
	if r := c.call(proto.OpPing, nil); r.closed {
		c.t.Fatal("the connection is closed")
	}
}
