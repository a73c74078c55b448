package main

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"time"
)

// splitter reads one message from r, all its bytes, and says in a word what it is.
// It is made anew for each direction of each connection, and may keep state between messages.
type splitter func(r io.Reader) (message []byte, comment string, err error)

// relay listens on a port, passes every connection on to another, and records what passes.
type relay struct {
	listener net.Listener
	target   string
	patience time.Duration // how long to try to reach the target
	split    func(fromDialer bool) splitter

	mu          sync.Mutex
	transcripts []*transcript // one per connection that was opened, in order
	open        map[net.Conn]bool
}

// newRelay starts a relay from listen (host:port) to target.
func newRelay(listen, target string, patience time.Duration, split func(fromDialer bool) splitter) (*relay, error) {
	l, err := net.Listen("tcp", listen)
	if err != nil {
		return nil, fmt.Errorf("relay to %s: %w", target, err)
	}
	r := &relay{listener: l, target: target, patience: patience, split: split, open: map[net.Conn]bool{}}
	go r.serve()
	return r, nil
}

func (r *relay) serve() {
	for {
		from, err := r.listener.Accept()
		if err != nil {
			return
		}
		to, err := r.dialTarget()
		if err != nil {
			from.Close() // the server is down; a dialer learns it this way a little later than usual
			continue
		}
		t := &transcript{}
		r.mu.Lock()
		r.transcripts = append(r.transcripts, t)
		r.open[from], r.open[to] = true, true
		r.mu.Unlock()
		go r.pass(t, toListener, to, from, r.split(true))
		go r.pass(t, toDialer, from, to, r.split(false))
	}
}

// dialTarget connects to the target. A Java learner that is refused tries again, one whose connection
// breaks goes back to the election; so a relay with patience waits for a leader that does not listen yet.
func (r *relay) dialTarget() (net.Conn, error) {
	for deadline := time.Now().Add(r.patience); ; time.Sleep(20 * time.Millisecond) {
		to, err := net.Dial("tcp", r.target)
		if err == nil || time.Now().After(deadline) {
			return to, err
		}
	}
}

// pass moves one direction. It records before it forwards, so a reply never precedes its request.
func (r *relay) pass(t *transcript, direction string, to, from net.Conn, split splitter) {
	in := bufio.NewReader(from)
	for {
		message, comment, err := split(in)
		if len(message) > 0 && err == nil {
			t.add(direction, message, comment)
		}
		if err != nil {
			if errors.Is(err, io.EOF) {
				t.note("%s closes", map[string]string{toListener: "dialer", toDialer: "listener"}[direction])
			}
			break
		}
		if _, err := to.Write(message); err != nil {
			break
		}
	}
	to.Close()
	from.Close()
	r.mu.Lock()
	delete(r.open, to)
	delete(r.open, from)
	r.mu.Unlock()
}

// cut closes every open connection.
func (r *relay) cut() {
	r.mu.Lock()
	defer r.mu.Unlock()
	for c := range r.open {
		c.Close()
	}
}

// recorded returns the transcripts so far and forgets them.
func (r *relay) recorded() []*transcript {
	r.mu.Lock()
	defer r.mu.Unlock()
	ts := r.transcripts
	r.transcripts = nil
	return ts
}

func (r *relay) close() {
	r.listener.Close()
	r.cut()
}

// maxMessage bounds what a splitter reads at once; a recorder that lost its place would ask for more.
const maxMessage = 64 << 20

// splitFrames is a stream of int32 length and payload, as on the client port in both directions.
func splitFrames(r io.Reader) ([]byte, string, error) {
	m := &message{r: r}
	m.skip(int64(m.int()))
	return m.taken, "", m.err
}

// splitClient is splitFrames with the number of each request's operation as a comment.
func splitClient(fromDialer bool) splitter {
	connected := !fromDialer
	return func(r io.Reader) ([]byte, string, error) {
		frame, _, err := splitFrames(r)
		const length, xid, op = 4, 4, 4
		switch {
		case !connected:
			connected = true
			return frame, "connect", err
		case fromDialer && len(frame) >= length+xid+op:
			return frame, fmt.Sprintf("operation %d", int32(binary.BigEndian.Uint32(frame[length+xid:]))), err
		}
		return frame, "", err
	}
}

// message reads the parts of one message and keeps every byte. The first error sticks.
type message struct {
	r     io.Reader
	taken []byte
	err   error
}

// skip takes n bytes and returns them.
func (m *message) skip(n int64) []byte {
	if m.err == nil && (n < 0 || n > maxMessage) {
		m.err = fmt.Errorf("%d bytes at once: lost the place", n)
	}
	if m.err != nil {
		return nil
	}
	b := make([]byte, n)
	if _, err := io.ReadFull(m.r, b); err != nil {
		if len(m.taken) > 0 && err == io.EOF {
			err = io.ErrUnexpectedEOF
		}
		m.err = err
		return nil
	}
	m.taken = append(m.taken, b...)
	return b
}

func (m *message) int() int32  { return int32(m.uint(4)) }
func (m *message) long() int64 { return int64(m.uint(8)) }

func (m *message) uint(n int64) uint64 {
	var v uint64
	for _, b := range m.skip(n) {
		v = v<<8 | uint64(b)
	}
	return v
}

// buffer takes a length and that many bytes; nil for -1.
func (m *message) buffer() []byte {
	n := m.int()
	if n == -1 {
		return nil
	}
	return m.skip(int64(n))
}
