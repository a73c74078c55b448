package quorum

import (
	"encoding/hex"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/paddock-io/paddock/proto"
)

// patience is how long a test waits for what must come.
const patience = 20 * time.Second

// votePort is an election port under test, with what it reported.
type votePort struct {
	t     *testing.T
	net   *voteNet
	addr  string
	notes chan voteFrom
	reach chan voteReach
}

type voteFrom struct {
	from proto.PeerID
	note proto.Notification
}

type voteReach struct {
	id proto.PeerID
	ok bool
}

func listenLoopback(t testing.TB) net.Listener {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { ln.Close() })
	return ln
}

// freeAddr returns an address that refuses connections, and on which a test may listen later.
func freeAddr(t *testing.T) string {
	ln := listenLoopback(t)
	defer ln.Close()
	return ln.Addr().String()
}

// openVotePort starts a voteNet on ln. change may set further options.
func openVotePort(t *testing.T, self proto.PeerID, ln net.Listener, peers []voteServer, change ...func(*voteOptions)) *votePort {
	t.Helper()
	p := &votePort{
		t: t, addr: ln.Addr().String(),
		notes: make(chan voteFrom, 1000), reach: make(chan voteReach, 1000),
	}
	opts := voteOptions{
		Self: self, Advertise: []string{p.addr}, Peers: peers, listeners: []net.Listener{ln},
		Receive:   func(from proto.PeerID, n proto.Notification) { p.notes <- voteFrom{from, n} },
		Reachable: func(id proto.PeerID, ok bool) { p.reach <- voteReach{id, ok} },
	}
	for _, c := range change {
		c(&opts)
	}
	var err error
	if p.net, err = newVoteNet(opts); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.net.Close)
	return p
}

// expect waits for a notification of round from a peer, passing over older ones.
func (p *votePort) expect(from proto.PeerID, round int64) {
	p.t.Helper()
	timeout := time.After(patience)
	for {
		select {
		case got := <-p.notes:
			if got.from == from && got.note.Round == round {
				return
			}
			if got.from != from || got.note.Round > round {
				p.t.Fatalf("round %d from %d, want round %d from %d", got.note.Round, got.from, round, from)
			}
		case <-timeout:
			p.t.Fatalf("nothing of round %d came from %d", round, from)
		}
	}
}

// expectReach waits for a report about a peer.
func (p *votePort) expectReach(id proto.PeerID, ok bool) {
	p.t.Helper()
	timeout := time.After(patience)
	for {
		select {
		case got := <-p.reach:
			if got == (voteReach{id, ok}) {
				return
			}
		case <-timeout:
			p.t.Fatalf("no report that %d is reachable: %v", id, ok)
		}
	}
}

// waitFor polls a condition on what voteNet.mu guards.
func (p *votePort) waitFor(what string, done func() bool) {
	p.t.Helper()
	for deadline := time.Now().Add(patience); ; p.net.sleep(time.Millisecond, nil) {
		p.net.mu.Lock()
		ok := done()
		p.net.mu.Unlock()
		if ok {
			return
		}
		if time.Now().After(deadline) {
			p.t.Fatalf("waiting in vain for %s", what)
		}
	}
}

func noteOfRound(round int64) proto.Notification {
	return proto.Notification{State: proto.PeerLooking, Leader: 3, Round: round, Version: 2, Config: "version=0"}
}

func servers(ports ...*votePort) []voteServer {
	var s []voteServer
	for _, p := range ports {
		s = append(s, voteServer{p.net.opts.Self, []string{p.addr}})
	}
	return s
}

// rawEnd is the raw end of a connection to or from an election port.
type rawEnd struct {
	t *testing.T
	net.Conn
}

func dialWire(t *testing.T, addr string) rawEnd {
	t.Helper()
	nc, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	return newWire(t, nc)
}

func acceptWire(t *testing.T, ln net.Listener) rawEnd {
	t.Helper()
	ln.(*net.TCPListener).SetDeadline(time.Now().Add(patience))
	nc, err := ln.Accept()
	if err != nil {
		t.Fatal(err)
	}
	return newWire(t, nc)
}

func newWire(t *testing.T, nc net.Conn) rawEnd {
	t.Cleanup(func() { nc.Close() })
	nc.SetDeadline(time.Now().Add(patience))
	return rawEnd{t, nc}
}

func (w rawEnd) send(b []byte) {
	w.t.Helper()
	if _, err := w.Write(b); err != nil {
		w.t.Fatal(err)
	}
}

// expect reads exactly these bytes.
func (w rawEnd) expect(want []byte) {
	w.t.Helper()
	got := make([]byte, len(want))
	n, err := io.ReadFull(w, got)
	if err != nil || string(got) != string(want) {
		w.t.Fatalf("got  %x, %v\nwant %x", got[:n], err, want)
	}
}

// expectEnd waits for the other side to hang up.
func (w rawEnd) expectEnd() {
	w.t.Helper()
	if n, err := io.Copy(io.Discard, w); n > 0 {
		w.t.Errorf("%d bytes before the end", n)
	} else if err, ok := err.(net.Error); ok && err.Timeout() {
		w.t.Error("the connection stays open")
	}
}

func hello(id proto.PeerID, addr string) []byte {
	return proto.InitialMessage{Peer: id, Addrs: []string{addr}}.Append(nil)
}

func frameOf(n proto.Notification) []byte { return n.AppendFrame(nil) }

func fromHex(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(strings.Join(strings.Fields(s), ""))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func (v voteFrom) String() string { return fmt.Sprintf("from %d: %+v", v.from, v.note) }
