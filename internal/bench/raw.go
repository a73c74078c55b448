package bench

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
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
	in      replies
	timeout time.Duration // as the server has granted it
	id      proto.SessionID
	passwd  []byte
}

// maxRawFrame bounds a reply, in bytes.
const maxRawFrame = 64 << 20

// dialRaw opens a session at one server.
func dialRaw(ctx context.Context, addr string, timeout time.Duration, buffer int) (*rawSession, error) {
	return presentRaw(ctx, addr, &proto.ConnectRequest{Timeout: int32(timeout.Milliseconds()), Passwd: make([]byte, 16)}, buffer)
}

// presentRaw opens the session that req asks for, a new one or one that was, at
// one server.
func presentRaw(ctx context.Context, addr string, req *proto.ConnectRequest, buffer int) (*rawSession, error) {
	var d net.Dialer
	nc, err := d.DialContext(ctx, "tcp", addr)
	if err != nil {
		return nil, err
	}
	s := &rawSession{nc: nc, in: replies{from: nc, buf: make([]byte, max(buffer, leastBuffer))}}
	stop := context.AfterFunc(ctx, func() { nc.Close() })
	defer stop()
	if err := s.handshake(req); err != nil {
		nc.Close()
		return nil, fmt.Errorf("open a session at %s: %w", addr, err)
	}
	return s, nil
}

// errRefused says that a server has not given the session that was asked for.
var errRefused = errors.New("the server has refused it")

func (s *rawSession) handshake(req *proto.ConnectRequest) error {
	req.HasReadOnly = true
	frame := req.Append(make([]byte, 4, 64))
	binary.BigEndian.PutUint32(frame, uint32(len(frame)-4))
	if _, err := s.nc.Write(frame); err != nil {
		return err
	}
	var resp proto.ConnectResponse
	if err := s.connectResponse(&resp); err != nil {
		return err
	}
	if resp.SessionID == 0 {
		return errRefused
	}
	s.timeout = time.Duration(resp.Timeout) * time.Millisecond
	s.id, s.passwd = resp.SessionID, bytes.Clone(resp.Passwd)
	return nil
}

// connectResponse reads the first frame. No more than that is read: nothing
// follows it that was not asked for.
func (s *rawSession) connectResponse(resp *proto.ConnectResponse) error {
	frame := make([]byte, 4, 64)
	if _, err := io.ReadFull(s.nc, frame); err != nil {
		return err
	}
	n := int(binary.BigEndian.Uint32(frame))
	if n > cap(frame) {
		return fmt.Errorf("a connect response of %d bytes", n)
	}
	frame = frame[:n]
	if _, err := io.ReadFull(s.nc, frame); err != nil {
		return err
	}
	d := jute.NewDecoder(frame)
	resp.Decode(&d)
	if err := d.Err(); err != nil {
		return fmt.Errorf("decode connect response: %w", err)
	}
	return nil
}

// startFrame appends the beginning of a request; endFrame is to be called when
// its body is appended.
func startFrame(b []byte, xid int32, op proto.OpCode) []byte {
	return proto.RequestHeader{Xid: xid, Op: op}.Append(append(b, 0, 0, 0, 0))
}

// endFrame fills in the length of the frame that began at start.
func endFrame(b []byte, start int) []byte {
	binary.BigEndian.PutUint32(b[start:], uint32(len(b)-start-4))
	return b
}

// pingFrame asks for a sign of life. The answer is a reply header alone.
var pingFrame = endFrame(startFrame(nil, proto.XidPing, proto.OpPing), 0)

func (s *rawSession) ping() error {
	_, err := s.nc.Write(pingFrame)
	return err
}

// closeXid is the xid of a session's last request: no other comes that far.
const closeXid = math.MaxInt32

// close ends the session; the server's answer is waited for, so that what
// comes after is not disturbed by what it costs to end it.
func (s *rawSession) close(patience time.Duration) error {
	defer s.nc.Close()
	if err := s.nc.SetDeadline(time.Now().Add(patience)); err != nil {
		return err
	}
	if _, err := s.nc.Write(endFrame(startFrame(nil, closeXid, proto.OpCloseSession), 0)); err != nil {
		return err
	}
	for {
		h, _, err := s.in.next()
		if err != nil || h.Xid == closeXid {
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
	if err := s.ask(get.Append(startFrame(nil, 1, proto.OpGetData))); err != nil {
		return fmt.Errorf("get / at %s: %w", addr, err)
	}
	return nil
}

// ask makes one request, given as far as its body goes, and waits for the reply.
func (s *rawSession) ask(frame []byte) error {
	if _, err := s.nc.Write(endFrame(frame, 0)); err != nil {
		return err
	}
	h, _, err := s.in.next()
	if err == nil && h.Err != proto.OK {
		err = h.Err
	}
	return err
}
