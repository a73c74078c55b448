package bench

import (
	"bufio"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"time"

	"github.com/paddock-io/paddock/jute"
	"github.com/paddock-io/paddock/proto"
)

// rawSession is a session and its one connection, without anything that a
// client keeps beside: thousands of them cost the load program next to nothing,
// so that what is measured is the server. It does not reconnect.
type rawSession struct {
	nc      net.Conn
	in      *bufio.Reader
	timeout time.Duration // as the server has granted it
	frame   []byte        // of the last reply; reused
}

// maxRawFrame bounds a reply, in bytes.
const maxRawFrame = 64 << 20

// dialRaw opens a session at one server.
func dialRaw(ctx context.Context, addr string, timeout time.Duration, buffer int) (*rawSession, error) {
	var d net.Dialer
	nc, err := d.DialContext(ctx, "tcp", addr)
	if err != nil {
		return nil, err
	}
	s := &rawSession{nc: nc, in: bufio.NewReaderSize(nc, buffer)}
	stop := context.AfterFunc(ctx, func() { nc.Close() })
	defer stop()
	if err := s.handshake(timeout); err != nil {
		nc.Close()
		return nil, fmt.Errorf("open a session at %s: %w", addr, err)
	}
	return s, nil
}

func (s *rawSession) handshake(timeout time.Duration) error {
	req := proto.ConnectRequest{Timeout: int32(timeout.Milliseconds()), Passwd: make([]byte, 16), HasReadOnly: true}
	if err := s.write(req.Append(make([]byte, 4, 64))); err != nil {
		return err
	}
	p, err := s.read()
	if err != nil {
		return err
	}
	var resp proto.ConnectResponse
	d := jute.NewDecoder(p)
	resp.Decode(&d)
	if err := d.Err(); err != nil {
		return fmt.Errorf("decode connect response: %w", err)
	}
	if resp.SessionID == 0 {
		return errors.New("the server has refused it")
	}
	s.timeout = time.Duration(resp.Timeout) * time.Millisecond
	return nil
}

// write sends a frame whose first four bytes are left for its length.
func (s *rawSession) write(frame []byte) error {
	binary.BigEndian.PutUint32(frame, uint32(len(frame)-4))
	_, err := s.nc.Write(frame)
	return err
}

// read returns the next frame; it is valid until the next call.
func (s *rawSession) read() ([]byte, error) {
	var length [4]byte
	if _, err := io.ReadFull(s.in, length[:]); err != nil {
		return nil, err
	}
	n := binary.BigEndian.Uint32(length[:])
	if n > maxRawFrame {
		return nil, fmt.Errorf("a frame of %d bytes", n)
	}
	if int(n) > cap(s.frame) {
		s.frame = make([]byte, n)
	}
	s.frame = s.frame[:n]
	_, err := io.ReadFull(s.in, s.frame)
	return s.frame, err
}

// reply reads the next frame's header; body is what follows it.
func (s *rawSession) reply() (h proto.ReplyHeader, body []byte, err error) {
	p, err := s.read()
	if err != nil {
		return h, nil, err
	}
	d := jute.NewDecoder(p)
	h.Decode(&d)
	return h, d.Rest(), d.Err()
}

// appendRequest appends a frame with its length.
func appendRequest(b []byte, xid int32, op proto.OpCode, body func([]byte) []byte) []byte {
	start := len(b)
	b = proto.RequestHeader{Xid: xid, Op: op}.Append(append(b, 0, 0, 0, 0))
	if body != nil {
		b = body(b)
	}
	binary.BigEndian.PutUint32(b[start:], uint32(len(b)-start-4))
	return b
}

// pingFrame asks for a sign of life. The answer is a reply header alone.
var pingFrame = appendRequest(nil, proto.XidPing, proto.OpPing, nil)

func (s *rawSession) ping() error {
	_, err := s.nc.Write(pingFrame)
	return err
}

// close ends the session; the server's answer is waited for, so that what
// comes after is not disturbed by what it costs to end it.
func (s *rawSession) close(patience time.Duration) error {
	defer s.nc.Close()
	if err := s.nc.SetDeadline(time.Now().Add(patience)); err != nil {
		return err
	}
	if _, err := s.nc.Write(appendRequest(nil, 1<<30, proto.OpCloseSession, nil)); err != nil {
		return err
	}
	for {
		h, _, err := s.reply()
		if err != nil || h.Xid == 1<<30 {
			return err
		}
	}
}

// Probe opens a session at one server, reads the root through it and ends it.
// It succeeds only if the server serves: opening a session is a write that a
// quorum has taken.
func Probe(ctx context.Context, addr string) error {
	s, err := dialRaw(ctx, addr, 30*time.Second, 512)
	if err != nil {
		return err
	}
	defer s.close(5 * time.Second)
	stop := context.AfterFunc(ctx, func() { s.nc.Close() })
	defer stop()
	get := proto.PathWatchRequest{Path: "/"}
	if _, err := s.nc.Write(appendRequest(nil, 1, proto.OpGetData, get.Append)); err != nil {
		return fmt.Errorf("get / at %s: %w", addr, err)
	}
	h, _, err := s.reply()
	switch {
	case err != nil:
		return fmt.Errorf("get / at %s: %w", addr, err)
	case h.Err != proto.OK:
		return fmt.Errorf("get / at %s: %w", addr, h.Err)
	}
	return nil
}
