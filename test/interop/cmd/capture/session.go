package main

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"time"
)

// session is a raw connection to a client port that records what passes. Its methods panic with a
// captureError, which a case does not handle: a golden that did not go as planned is not written.
type session struct {
	*transcript
	nc       net.Conn
	xid      int32
	id       int64
	password []byte
}

// captureError is what ends a case.
type captureError struct{ err error }

func must(err error, doing string) {
	if err != nil {
		panic(captureError{fmt.Errorf("%s: %w", doing, err)})
	}
}

// replyTimeout bounds the wait for a reply or a close.
const replyTimeout = 20 * time.Second

// dial opens a connection and nothing more.
func dial(t *transcript, addr string) *session {
	nc, err := net.Dial("tcp", addr)
	must(err, "dial")
	must(nc.SetDeadline(time.Now().Add(replyTimeout)), "set deadline")
	return &session{transcript: t, nc: nc}
}

// handshake is a ConnectRequest.
type handshake struct {
	lastZxid  int64
	timeoutMs int32
	id        int64
	password  []byte
	legacy    bool // without the trailing read-only byte, as clients before 3.4 and go-zookeeper send it
	readOnly  bool
}

func (h handshake) record() record {
	r := record{}.int(0).long(h.lastZxid).int(h.timeoutMs).long(h.id).buffer(h.password)
	if h.legacy {
		return r
	}
	return r.bool(h.readOnly)
}

var noPassword = make([]byte, 16)

// connect opens a new session, under the comment.
func connect(t *transcript, addr, comment string) *session {
	s := dial(t, addr)
	s.handshake(handshake{timeoutMs: 10000, password: noPassword}, comment)
	return s
}

// handshake sends a ConnectRequest and takes the ConnectResponse.
func (s *session) handshake(h handshake, comment string) {
	s.send(h.record(), comment)
	reply := s.receive("")
	if len(reply) < 36 {
		panic(captureError{fmt.Errorf("connect response of %d bytes", len(reply))})
	}
	s.id = int64(binary.BigEndian.Uint64(reply[8:]))
	s.password = reply[20:36]
}

// send sends a frame.
func (s *session) send(payload []byte, comment string) {
	frame := append(record{}.int(int32(len(payload))), payload...)
	s.add(toListener, frame, comment)
	_, err := s.nc.Write(frame)
	must(err, "send "+comment)
}

// receive takes a frame and returns its payload.
func (s *session) receive(comment string) []byte {
	frame, _, err := splitFrames(s.nc)
	must(err, "receive "+comment)
	s.add(toDialer, frame, comment)
	return frame[4:]
}

// ask sends a request with the next xid and takes one frame.
func (s *session) ask(op int32, body record, comment string) []byte {
	s.xid++
	return s.askAs(s.xid, op, body, comment)
}

// askAs is ask with an xid of the caller's.
func (s *session) askAs(xid, op int32, body record, comment string) []byte {
	s.send(append(record{}.int(xid).int(op), body...), comment)
	return s.receive("")
}

// expectClose waits for the server to close without another frame.
func (s *session) expectClose() {
	if b, err := io.ReadAll(s.nc); len(b) > 0 {
		panic(captureError{fmt.Errorf("%d bytes instead of a close", len(b))})
	} else if err != nil && !isReset(err) {
		panic(captureError{fmt.Errorf("wait for the close: %w", err)})
	}
	s.note("listener closes")
	s.nc.Close()
}

// isReset says whether err is a reset, by which a server closes that had unread bytes.
func isReset(err error) bool {
	var op *net.OpError
	return errors.As(err, &op) && !op.Timeout()
}

// drop closes the connection and leaves the session to expire.
func (s *session) drop() {
	s.note("dialer closes")
	s.nc.Close()
}

// close closes the session in good form.
func (s *session) close() {
	s.ask(opCloseSession, nil, "closeSession")
	s.expectClose()
}

// zxid is the header's zxid of a reply.
func zxid(reply []byte) int64 { return int64(binary.BigEndian.Uint64(reply[4:])) }

// code is the header's error code of a reply.
func code(reply []byte) int32 { return int32(binary.BigEndian.Uint32(reply[12:])) }
