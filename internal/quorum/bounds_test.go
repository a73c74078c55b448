package quorum

import (
	"errors"
	"io"
	"net"
	"testing"
	"time"

	"github.com/paddock-io/paddock/internal/replica"
	"github.com/paddock-io/paddock/internal/zab"
	"github.com/paddock-io/paddock/proto"
)

// TestSubmitWaits: a full queue stops the caller, and lets it go when the
// server stops.
func TestSubmitWaits(t *testing.T) {
	q := newRequestQueue(2, func() {})
	for range 2 {
		if err := q.put(&replica.Request{}); err != nil {
			t.Fatal(err)
		}
	}
	done := make(chan error)
	go func() { done <- q.put(&replica.Request{}) }()
	select {
	case err := <-done:
		t.Fatalf("a third went into a queue of two: %v", err)
	case <-time.After(20 * time.Millisecond):
	}
	if v := q.take(nil, 1); len(v) != 1 {
		t.Fatal(len(v))
	}
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	if v := q.take(nil, -3); len(v) != 0 || q.len() != 2 {
		t.Errorf("took %d, %d are left", len(v), q.len())
	}
	go func() { done <- q.put(&replica.Request{}) }()
	select {
	case err := <-done:
		t.Fatalf("went into a full queue: %v", err)
	case <-time.After(20 * time.Millisecond):
	}
	q.drop()
	if err := <-done; err != nil || q.len() > 1 {
		t.Errorf("after drop: %v, %d queued", err, q.len())
	}
	for q.len() < 2 {
		_ = q.put(&replica.Request{})
	}
	go func() { done <- q.put(&replica.Request{}) }()
	q.close()
	if err := <-done; !errors.Is(err, ErrNotServing) {
		t.Errorf("after close: %v", err)
	}
}

// TestInboxIsBounded: link readers wait, completions do not.
func TestInboxIsBounded(t *testing.T) {
	in := newInbox()
	for range maxInbox {
		in.putBounded(replica.Persisted{})
	}
	done := make(chan bool)
	go func() { done <- in.putBounded(replica.Persisted{Zxid: 1}) }()
	in.put(replica.Persisted{Zxid: 2})
	select {
	case <-done:
		t.Fatal("the inbox is not bounded")
	case <-time.After(20 * time.Millisecond):
	}
	if v := in.take(nil); len(v) != maxInbox+1 {
		t.Errorf("%d events", len(v))
	}
	if !<-done {
		t.Error("refused")
	}
	<-in.wake
	for range maxInbox {
		in.put(replica.Persisted{})
	}
	go func() { done <- in.putBounded(replica.Persisted{}) }()
	in.close()
	if <-done {
		t.Error("taken after the end")
	}
}

// TestLinkBudget: a learner that does not read is let go, not waited for.
func TestLinkBudget(t *testing.T) {
	s := standalone(t)
	if err := s.open(); err != nil {
		t.Fatal(err)
	}
	defer s.store.Close()
	here, there := net.Pipe()
	defer there.Close()
	l := newLink(s.peer, 5, here, true)
	l.budget = 10_000
	done := make(chan struct{})
	go func() { l.run(); close(done) }()
	big := &proto.Txn{Raw: make([]byte, 1000)}
	for i := range 30 { // the writer has taken some of them
		l.put(zab.Proposal{Txn: big})
		if i == 3 {
			l.wakeUp()
		}
	}
	<-done
	events := s.peer.inbox.take(nil)
	if len(events) != 1 || events[0] != (replica.Disconnected{Link: 5, Reason: "its queue is full"}) {
		t.Errorf("%v", events)
	}
	if l.mu.Lock(); len(l.queue) > 10 {
		t.Errorf("%d messages are queued", len(l.queue))
	}
	l.mu.Unlock()
}

// TestLinkEnds: how a link ended is told, unless this side hung up.
func TestLinkEnds(t *testing.T) {
	for name, tc := range map[string]struct {
		do   func(l *link, there net.Conn)
		want string
	}{
		"closed":    {func(l *link, c net.Conn) { c.Close() }, "connection closed"},
		"truncated": {func(l *link, c net.Conn) { c.Write(make([]byte, 10)); c.Close() }, io.ErrUnexpectedEOF.Error()},
		"hung up":   {func(l *link, c net.Conn) { l.close() }, ""},
		"a large first packet": {func(l *link, c net.Conn) { c.Write(append(appendHead(nil, pktFollowerInfo, 0, 2000), 1)) },
			"data of packet type 11: malformed quorum packet: length 2000 is beyond the limit of 1024"},
	} {
		s := standalone(t)
		if err := s.open(); err != nil {
			t.Fatal(err)
		}
		here, there := net.Pipe()
		l := newLink(s.peer, 5, here, true)
		done := make(chan struct{})
		go func() { l.run(); close(done) }()
		tc.do(l, there)
		select {
		case <-done:
		case <-time.After(patience):
			t.Fatalf("%s: the link stays open", name)
		}
		got := ""
		for _, ev := range s.peer.inbox.take(nil) {
			got = ev.(replica.Disconnected).Reason
		}
		if got != tc.want {
			t.Errorf("%s: %q, want %q", name, got, tc.want)
		}
		there.Close()
		s.store.Close()
	}
}
