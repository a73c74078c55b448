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

	"github.com/paddock-io/paddock/test/interop/golden"
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
	transcripts []*golden.Transcript // one per connection that was opened, in order
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
		t := &golden.Transcript{}
		r.mu.Lock()
		r.transcripts = append(r.transcripts, t)
		r.open[from], r.open[to] = true, true
		r.mu.Unlock()
		go r.pass(t, golden.ToListener, to, from, r.split(true))
		go r.pass(t, golden.ToDialer, from, to, r.split(false))
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
func (r *relay) pass(t *golden.Transcript, direction string, to, from net.Conn, split splitter) {
	in := bufio.NewReader(from)
	for {
		message, comment, err := split(in)
		if len(message) > 0 && err == nil {
			t.Add(direction, message, comment)
		}
		if err != nil {
			if errors.Is(err, io.EOF) {
				t.Note("%s closes", map[string]string{golden.ToListener: "dialer", golden.ToDialer: "listener"}[direction])
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
func (r *relay) recorded() []*golden.Transcript {
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

// splitClient is golden.SplitFrames with the number of each request's operation as a comment.
func splitClient(fromDialer bool) splitter {
	connected := !fromDialer
	return func(r io.Reader) ([]byte, string, error) {
		frame, _, err := golden.SplitFrames(r)
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
