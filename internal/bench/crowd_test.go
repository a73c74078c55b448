package bench

import (
	"encoding/binary"
	"io"
	"net"
	"sync/atomic"
	"testing"
	"time"

	"github.com/paddock-io/paddock/proto"
)

// TestKeeperPingsWhenDue: a session is pinged every third of its timeout, and
// counts as lost when something else than the answer comes.
func TestKeeperPingsWhenDue(t *testing.T) {
	start := time.Now()
	client, server := tcpPair(t)
	s := &rawSession{nc: client, in: replies{from: client, buf: make([]byte, 64)}, timeout: 30 * time.Second}
	k := keeper{queue: []kept{{s: s, due: start.Add(10 * time.Second)}}}
	var lost atomic.Int64
	k.pingDue(start.Add(9*time.Second), &lost)
	for _, at := range []time.Duration{10, 20, 30} {
		k.pingDue(start.Add(at*time.Second), &lost)
		k.pingDue(start.Add((at+9)*time.Second), &lost) // none is due here
		frame := make([]byte, len(pingFrame))
		if _, err := io.ReadFull(server, frame); err != nil || string(frame) != string(pingFrame) {
			t.Fatalf("after %d s: %x (%v)", at, frame, err)
		}
		answer(t, server, proto.XidPing)
	}
	if len(k.queue) != 1 || lost.Load() != 0 || !k.queue[0].due.Equal(start.Add(40*time.Second)) {
		t.Fatalf("queue %+v, %d lost", k.queue, lost.Load())
	}
	k.pingDue(start.Add(40*time.Second), &lost)
	answer(t, server, 7)
	k.pingDue(start.Add(50*time.Second), &lost)
	if len(k.queue) != 0 || lost.Load() != 1 {
		t.Errorf("after a wrong answer: queue %+v, %d lost", k.queue, lost.Load())
	}
}

// tcpPair returns both ends of a connection.
func tcpPair(t *testing.T) (client, server net.Conn) {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	if client, err = net.Dial("tcp", ln.Addr().String()); err != nil {
		t.Fatal(err)
	}
	if server, err = ln.Accept(); err != nil {
		t.Fatal(err)
	}
	for _, nc := range []net.Conn{client, server} {
		nc.SetDeadline(time.Now().Add(time.Minute)) // a test that waits in vain fails
		t.Cleanup(func() { nc.Close() })
	}
	return client, server
}

func answer(t *testing.T, nc net.Conn, xid int32) {
	t.Helper()
	frame := proto.ReplyHeader{Xid: xid}.Append(make([]byte, 4))
	binary.BigEndian.PutUint32(frame, uint32(len(frame)-4))
	if _, err := nc.Write(frame); err != nil {
		t.Fatal(err)
	}
}

// TestLeaveSkipsPings: answers to pings come between those to requests, and are
// not taken for them.
func TestLeaveSkipsPings(t *testing.T) {
	client, server := tcpPair(t)
	s := &rawSession{nc: client, in: replies{from: client, buf: make([]byte, 64)}}
	for _, xid := range []int32{proto.XidPing, 1, proto.XidPing, 2, 99} {
		answer(t, server, xid)
	}
	if err := s.leave([]string{"/a", "/b"}); err != nil {
		t.Fatal(err)
	}
	if h, _, err := s.in.next(); err != nil || h.Xid != 99 {
		t.Errorf("the next answer is to %d (%v), want 99", h.Xid, err)
	}
}
