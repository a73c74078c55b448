package golden

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"time"
)

// Session is a raw connection to a client port that records what passes. Its methods panic when
// something does not go as planned; Catch turns that into an error.
type Session struct {
	*Transcript
	ID       int64  // of the last handshake; 0 when it was refused
	Password []byte // 16 bytes
	nc       net.Conn
	xid      int32
	ended    bool // the server has closed
}

// caseError is the panic that ends a case.
type caseError struct{ err error }

// Catch runs f and returns the error that ended it.
func Catch(f func()) (err error) {
	defer func() {
		switch r := recover().(type) {
		case nil:
		case caseError:
			err = r.err
		default:
			panic(r)
		}
	}()
	f()
	return nil
}

// Must ends the case when err is not nil.
func Must(err error, doing string) {
	if err != nil {
		panic(caseError{fmt.Errorf("%s: %w", doing, err)})
	}
}

// replyTimeout bounds the wait for a reply or a close.
const replyTimeout = 20 * time.Second

// Dial opens a connection and nothing more.
func Dial(t *Transcript, addr string) *Session {
	nc, err := net.Dial("tcp", addr)
	Must(err, "dial")
	Must(nc.SetDeadline(time.Now().Add(replyTimeout)), "set deadline")
	return &Session{Transcript: t, nc: nc}
}

// Handshake is a ConnectRequest.
type Handshake struct {
	LastZxid  int64
	TimeoutMs int32
	ID        int64 // 0 asks for a new session
	Password  []byte
	Legacy    bool // without the trailing read-only byte, as clients before 3.4 and go-zookeeper send it
	ReadOnly  bool
}

// Record is the request as it is sent.
func (h Handshake) Record() Record {
	r := Record{}.Int(0).Long(h.LastZxid).Int(h.TimeoutMs).Long(h.ID).Buffer(h.Password)
	if h.Legacy {
		return r
	}
	return r.Bool(h.ReadOnly)
}

// NoPassword is what clients send when they ask for a new session.
var NoPassword = make([]byte, 16)

// Connect opens a new session, under the comment.
func Connect(t *Transcript, addr, comment string) *Session {
	return ConnectFor(t, addr, 10000, comment)
}

// ConnectFor is Connect with a session timeout of the caller's, which the server may shorten.
func ConnectFor(t *Transcript, addr string, timeoutMs int32, comment string) *Session {
	s := Dial(t, addr)
	s.Handshake(Handshake{TimeoutMs: timeoutMs, Password: NoPassword}, comment)
	return s
}

// Handshake sends a ConnectRequest and takes the ConnectResponse.
func (s *Session) Handshake(h Handshake, comment string) {
	s.Send(h.Record(), comment)
	reply := s.Receive("")
	if len(reply) < 36 {
		panic(caseError{fmt.Errorf("connect response of %d bytes", len(reply))})
	}
	s.ID = int64(binary.BigEndian.Uint64(reply[8:]))
	s.Password = reply[20:36]
}

// Send sends a frame.
func (s *Session) Send(payload []byte, comment string) {
	frame := append(Record{}.Int(int32(len(payload))), payload...)
	s.Add(ToListener, frame, comment)
	_, err := s.nc.Write(frame)
	Must(err, "send "+comment)
}

// Raw sends bytes as they are, which may be several frames.
func (s *Session) Raw(b []byte) {
	s.Add(ToListener, b, "")
	_, err := s.nc.Write(b)
	Must(err, "send")
}

// Receive takes a frame and returns its payload.
func (s *Session) Receive(comment string) []byte {
	frame, _, err := SplitFrames(s.nc)
	Must(err, "receive "+comment)
	s.Add(ToDialer, frame, comment)
	return frame[4:]
}

// Ask sends a request with the next xid and takes one frame.
func (s *Session) Ask(op int32, body Record, comment string) []byte {
	s.xid++
	return s.AskAs(s.xid, op, body, comment)
}

// AskAs is Ask with an xid of the caller's.
func (s *Session) AskAs(xid, op int32, body Record, comment string) []byte {
	s.Send(append(Record{}.Int(xid).Int(op), body...), comment)
	return s.Receive("")
}

// TryAsk is Ask where the server may close instead of answering; it returns false then.
func (s *Session) TryAsk(op int32, body Record, comment string) ([]byte, bool) {
	s.xid++
	s.Send(append(Record{}.Int(s.xid).Int(op), body...), comment)
	frame, _, err := SplitFrames(s.nc)
	if errors.Is(err, io.EOF) || err != nil && isReset(err) {
		s.Note(listenerCloses)
		s.ended = true
		return nil, false
	}
	Must(err, "receive "+comment)
	s.Add(ToDialer, frame, "")
	return frame[4:], true
}

// Ended says whether the server was seen to close.
func (s *Session) Ended() bool { return s.ended }

// ExpectClose waits for the server to close without another frame.
func (s *Session) ExpectClose() { s.expectClose(listenerCloses) }

// expectClose is ExpectClose under another comment.
func (s *Session) expectClose(comment string) {
	if b, err := io.ReadAll(s.nc); len(b) > 0 {
		panic(caseError{fmt.Errorf("%d bytes instead of a close", len(b))})
	} else if err != nil && !isReset(err) {
		panic(caseError{fmt.Errorf("wait for the close: %w", err)})
	}
	s.Note("%s", comment)
	s.ended = true
	s.nc.Close()
}

// isReset says whether err is a reset, by which a server closes that had unread bytes.
func isReset(err error) bool {
	var op *net.OpError
	return errors.As(err, &op) && !op.Timeout()
}

// Drop closes the connection and leaves the session to expire.
func (s *Session) Drop() {
	s.Note(dialerCloses)
	s.nc.Close()
}

// Close closes the session in good form.
func (s *Session) Close() {
	s.Ask(OpCloseSession, nil, "closeSession")
	s.ExpectClose()
}

// zxid is the header's zxid of a reply.
func zxid(reply []byte) int64 { return int64(binary.BigEndian.Uint64(reply[4:])) }
