package fake

import (
	"encoding/binary"
	"io"
	"net"

	"github.com/paddock-io/paddock/jute"
	"github.com/paddock-io/paddock/proto"
)

// kind is a table of watches; the one-shot ones come first.
type kind int

const (
	data kind = iota
	child
	persistent
	recursive
)

type watch struct {
	kind kind
	path string
}

type conn struct {
	srv  *Server
	nc   net.Conn
	wake chan struct{} // has room for one; closed when readLoop has ended

	// Guarded by srv.mu.
	session proto.SessionID
	watches map[watch]bool
	ids     []proto.ID // presented by auth
	out     []byte
	last    bool // close after sending out
}

func (c *conn) readLoop() {
	defer close(c.wake)
	defer c.forget()
	for first := true; ; first = false {
		frame, err := readFrame(c.nc)
		if first && string(frame) == "isro" {
			c.sayWhetherReadOnly()
			return
		}
		if err != nil || !c.handle(frame, first) {
			return
		}
	}
}

func (c *conn) forget() {
	c.srv.mu.Lock()
	defer c.srv.mu.Unlock()
	delete(c.srv.conns, c)
	c.watches = nil
	if !c.last {
		c.nc.Close()
	}
}

// readFrame returns a frame without its length, or the four-letter word isro.
func readFrame(r io.Reader) ([]byte, error) {
	var head [4]byte
	if _, err := io.ReadFull(r, head[:]); err != nil || string(head[:]) == "isro" {
		return head[:], err
	}
	frame := make([]byte, binary.BigEndian.Uint32(head[:]))
	_, err := io.ReadFull(r, frame)
	return frame, err
}

func (c *conn) sayWhetherReadOnly() {
	c.srv.mu.Lock()
	defer c.srv.mu.Unlock()
	c.out, c.last = []byte("rw"), true
	if c.srv.readOnly {
		c.out = []byte("ro")
	}
	c.wake <- struct{}{}
}

// writeLoop exists because a pipe holds nothing: replies and events must not
// wait for the client to read while the server is locked.
func (c *conn) writeLoop() {
	for range c.wake {
		c.srv.mu.Lock()
		out := c.out
		c.out = nil
		last := c.last
		c.srv.mu.Unlock()
		if _, err := c.nc.Write(out); err != nil || last {
			c.nc.Close()
		}
	}
	c.nc.Close()
}

// send queues a frame; srv.mu is held.
func (c *conn) send(payload []byte) {
	c.out = binary.BigEndian.AppendUint32(c.out, uint32(len(payload)))
	c.out = append(c.out, payload...)
	select {
	case c.wake <- struct{}{}:
	default:
	}
}

// handle answers one frame; false ends the connection.
func (c *conn) handle(frame []byte, first bool) bool {
	c.srv.mu.Lock()
	defer c.srv.mu.Unlock()
	d := jute.NewDecoder(frame)
	if first {
		return c.connect(&d)
	}
	var h proto.RequestHeader
	h.Decode(&d)
	req, err := decodeRequest(h.Op, d.Rest())
	fate := Pass
	if c.srv.hook != nil {
		fate = c.srv.hook(h.Op, req)
	}
	switch {
	case fate == DropBefore:
		return false
	case fate == Silent:
		return true
	case err != nil, fate == Refuse:
		c.send(proto.ReplyHeader{Xid: h.Xid, Zxid: c.srv.zxid, Err: proto.ErrMarshalling}.Append(nil))
		return true
	}
	body, code := c.execute(h.Op, req)
	if fate == DropAfter {
		return false
	}
	reply := proto.ReplyHeader{Xid: h.Xid, Zxid: c.srv.zxid, Err: code}
	if h.Op == proto.OpAuth {
		reply.Zxid = 0
	}
	c.send(append(reply.Append(nil), body...))
	c.last = h.Op == proto.OpCloseSession || h.Op == proto.OpAuth && code != proto.OK
	return !c.last
}

func (c *conn) connect(d *jute.Decoder) bool {
	s := c.srv
	var req proto.ConnectRequest
	req.Decode(d)
	id := req.SessionID
	if d.Err() != nil || req.LastZxidSeen > s.zxid || s.readOnly && (!req.ReadOnly || s.sessions[id]) {
		return false
	}
	resp := proto.ConnectResponse{
		Timeout: req.Timeout, HasReadOnly: req.HasReadOnly, ReadOnly: s.readOnly, Passwd: make([]byte, 16),
	}
	switch {
	case s.readOnly && id == 0: // means nothing to any other server
		c.session, resp.SessionID = 0x7ead, 0x7ead
		c.send(resp.Append(nil))
		return true
	case id == 0:
		s.nextID++
		s.zxid++
		id = s.nextID
		s.sessions[id] = true
	}
	if !s.sessions[id] {
		resp.Timeout, c.last = 0, true
		c.send(resp.Append(nil))
		return false
	}
	passwd := proto.Password(id)
	c.session, resp.SessionID, resp.Passwd = id, id, passwd[:]
	c.send(resp.Append(nil))
	return true
}
