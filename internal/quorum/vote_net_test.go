package quorum

import (
	"errors"
	"log/slog"
	"net"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/paddock-io/paddock/proto"
)

func TestVotesGoBothWays(t *testing.T) {
	a := openVotePort(t, 1, listenLoopback(t), nil)
	b := openVotePort(t, 2, listenLoopback(t), servers(a))
	a.net.SetPeers(servers(a, b)) // itself does not matter
	for round := int64(1); round < 20; round++ {
		from, to := a, b
		if round%2 == 0 {
			from, to = b, a
		}
		from.net.Send(to.net.opts.Self, noteOfRound(round))
		to.expect(from.net.opts.Self, round)
	}
	a.net.Send(1, noteOfRound(1))  // to itself: nobody
	a.net.Send(99, noteOfRound(1)) // to nobody
}

// Both dial at the same time; one connection survives and nothing is lost.
func TestVotesCrossing(t *testing.T) {
	for range 20 {
		a := openVotePort(t, 1, listenLoopback(t), nil)
		b := openVotePort(t, 2, listenLoopback(t), servers(a))
		a.net.SetPeers(servers(b))
		done := make(chan struct{})
		go func() {
			defer close(done)
			a.net.Send(2, noteOfRound(1))
		}()
		b.net.Send(1, noteOfRound(2))
		<-done
		a.expect(2, 2)
		b.expect(1, 1)
		a.net.Close()
		b.net.Close()
	}
}

func TestVotesAfterRestart(t *testing.T) {
	for name, ids := range map[string][2]proto.PeerID{
		"of the larger id":  {1, 2},
		"of the smaller id": {2, 1},
	} {
		t.Run(name, func(t *testing.T) {
			stays := openVotePort(t, ids[0], listenLoopback(t), nil)
			leaves := openVotePort(t, ids[1], listenLoopback(t), servers(stays))
			stays.net.SetPeers(servers(leaves))
			stays.net.Send(ids[1], noteOfRound(1))
			leaves.expect(ids[0], 1)
			leaves.net.Close()
			stays.net.Send(ids[1], noteOfRound(2)) // into a dead connection, or refused

			ln, err := net.Listen("tcp", leaves.addr)
			if err != nil {
				t.Skip("the port was taken by somebody else: ", err)
			}
			again := openVotePort(t, ids[1], ln, servers(stays))
			again.net.Send(ids[0], noteOfRound(3))
			stays.expect(ids[1], 3)
			again.expect(ids[0], 2)
		})
	}
}

func TestNewestVoteWins(t *testing.T) {
	addr := freeAddr(t)
	p := openVotePort(t, 2, listenLoopback(t), []voteServer{{1, []string{addr}}})
	p.net.Send(1, noteOfRound(1))
	p.expectReach(1, false)
	p.net.Send(1, noteOfRound(2))
	p.net.Send(1, noteOfRound(3))
	p.expectReach(1, false) // each refusal is reported

	ln, err := net.Listen("tcp", addr)
	if err != nil {
		t.Skip("the port was taken by somebody else: ", err)
	}
	defer ln.Close()
	w := acceptWire(t, ln)
	w.expect(append(hello(2, p.addr), frameOf(noteOfRound(3))...))
	p.expectReach(1, true)
	p.net.Send(1, noteOfRound(4))
	w.expect(frameOf(noteOfRound(4)))
}

func TestLastVoteIsRepeatedOnANewConnection(t *testing.T) {
	p := openVotePort(t, 2, listenLoopback(t), []voteServer{{3, []string{freeAddr(t)}}})
	p.net.Send(3, noteOfRound(5))
	first := dialWire(t, p.addr)
	first.send(hello(3, "127.0.0.1:1"))
	first.expect(frameOf(noteOfRound(5)))
	second := dialWire(t, p.addr)
	second.send(hello(3, "127.0.0.1:1"))
	second.expect(frameOf(noteOfRound(5)))
	first.expectEnd()

	// Not when the election is over, unless it is an answer to somebody who looks.
	p.net.Settled()
	third := dialWire(t, p.addr)
	third.send(hello(3, "127.0.0.1:1"))
	second.expectEnd()
	answer := noteOfRound(6)
	answer.State = proto.PeerFollowing
	p.net.Send(3, answer)
	third.expect(frameOf(answer))
	fourth := dialWire(t, p.addr)
	fourth.send(hello(3, "127.0.0.1:1"))
	fourth.expect(frameOf(answer))
}

// During an election a connection that ends may have taken a vote with it, and its peer too.
func TestLastVoteIsRepeatedWhenAConnectionEnds(t *testing.T) {
	ln := listenLoopback(t)
	p := openVotePort(t, 2, listenLoopback(t), []voteServer{{1, []string{ln.Addr().String()}}})
	p.net.Send(1, noteOfRound(1))
	w := acceptWire(t, ln)
	w.expect(append(hello(2, p.addr), frameOf(noteOfRound(1))...))
	w.Close()
	w = acceptWire(t, ln)
	w.expect(append(hello(2, p.addr), frameOf(noteOfRound(1))...))
	ln.Close()
	w.Close()
	p.expectReach(1, false)
}

func TestSettledGivesUpOnThoseThatRefuse(t *testing.T) {
	p := openVotePort(t, 2, listenLoopback(t), []voteServer{{1, []string{freeAddr(t)}}})
	p.net.Send(1, noteOfRound(1))
	p.expectReach(1, false)
	p.net.Settled()
	p.waitFor("the dialer to give up", func() bool {
		return !p.net.lines[1].dialing && p.net.lines[1].next == nil
	})
}

// Bytes as ZooKeeper 3.8.0 reads and writes them.
const (
	javaHello = "ffffffff ffff0000 00000000 00000003 0000000e 3132372e 302e302e 313a3338 3838"
	javaVote  = `000000c5 00000000 00000000 00000003 00000000 00000000 00000000 00000001
		00000000 00000000 00000002 00000099 73657276 65722e31 3d7a6b31 3a323838
		383a3338 38383a70 61727469 63697061 6e743b30 2e302e30 2e303a32 3138310a
		73657276 65722e32 3d7a6b32 3a323838 383a3338 38383a70 61727469 63697061
		6e743b30 2e302e30 2e303a32 3138310a 73657276 65722e33 3d7a6b33 3a323838
		383a3338 38383a70 61727469 63697061 6e743b30 2e302e30 2e303a32 3138310a
		76657273 696f6e3d 30`
)

func TestJavaPeerWithLargerID(t *testing.T) {
	p := openVotePort(t, 2, listenLoopback(t), []voteServer{{3, []string{freeAddr(t)}}})
	w := dialWire(t, p.addr)
	w.send(fromHex(t, javaHello))
	w.send(fromHex(t, javaVote))
	got := <-p.notes
	if got.from != 3 || got.note.Leader != 3 || got.note.Round != 1 || !strings.HasPrefix(got.note.Config, "server.1=zk1") {
		t.Errorf("got %v", got)
	}
	p.net.Send(3, got.note)
	w.expect(fromHex(t, javaVote))
	p.expectReach(3, true)
}

func TestJavaPeerWithSmallerID(t *testing.T) {
	own, told := listenLoopback(t), listenLoopback(t)
	for name, tc := range map[string]struct {
		ln        net.Listener // where it is dialled back
		advertise string
		peers     []voteServer
	}{
		"at its configured address":           {own, "127.0.0.1:1", []voteServer{{1, []string{own.Addr().String()}}}},
		"at its configured, for a wildcard":   {own, "0.0.0.0:3888", []voteServer{{1, []string{own.Addr().String()}}}},
		"at the one it tells, if ours fails":  {told, told.Addr().String(), []voteServer{{1, []string{freeAddr(t)}}}},
		"at the one it tells, as a stranger":  {told, told.Addr().String(), nil},
		"among several it tells, as stranger": {told, "0.0.0.0:1|[::]:1|junk|" + told.Addr().String(), nil},
	} {
		t.Run(name, func(t *testing.T) {
			p := openVotePort(t, 2, listenLoopback(t), tc.peers)
			w := dialWire(t, p.addr)
			w.send(hello(1, tc.advertise))
			w.expectEnd()
			back := acceptWire(t, tc.ln)
			back.expect(hello(2, p.addr))
			back.send(fromHex(t, javaVote))
			p.expect(1, 1)
			p.net.Send(1, noteOfRound(9))
			back.expect(frameOf(noteOfRound(9)))
		})
	}
}

// This server's id is the smaller one: it introduces itself, hangs up, and waits for the peer to dial.
func TestJavaPeerIsAskedToDial(t *testing.T) {
	ln := listenLoopback(t)
	p := openVotePort(t, 2, listenLoopback(t), []voteServer{{3, []string{ln.Addr().String()}}})
	p.net.Send(3, noteOfRound(1))
	w := acceptWire(t, ln)
	w.expect(hello(2, p.addr))
	w.expectEnd()
	p.net.Send(3, noteOfRound(2)) // no reason to ask again so soon
	ln.(*net.TCPListener).SetDeadline(time.Now().Add(4 * dialPauseKick))
	if nc, err := ln.Accept(); err == nil {
		t.Errorf("asked again from %v", nc.RemoteAddr())
	}
	back := dialWire(t, p.addr)
	back.send(hello(3, ln.Addr().String()))
	back.expect(frameOf(noteOfRound(2)))
	p.waitFor("the dialer to end", func() bool { return !p.net.lines[3].dialing })
}

func TestObserversWithoutID(t *testing.T) {
	ln := listenLoopback(t)
	p := openVotePort(t, 2, listenLoopback(t), nil)
	for want := proto.PeerID(-1); want > -4; want-- {
		w := dialWire(t, p.addr)
		w.send(hello(proto.AnonymousObserver, ln.Addr().String()))
		back := acceptWire(t, ln)
		back.expect(hello(2, p.addr))
		back.send(frameOf(noteOfRound(1)))
		p.expect(want, 1)
	}
}

func TestBadPeersOnlyLoseTheirConnection(t *testing.T) {
	good := []voteServer{{3, []string{freeAddr(t)}}}
	p := openVotePort(t, 2, listenLoopback(t), good, func(o *voteOptions) { o.HandshakeTimeout = 200 * time.Millisecond })
	peer := dialWire(t, p.addr)
	peer.send(hello(3, "127.0.0.1:1"))
	peer.send(frameOf(noteOfRound(1)))
	p.expect(3, 1)

	negative := hello(5, "a:1")
	negative[8] = 0x80
	long := hello(5, "a:1")
	long[17] = 1
	for name, sent := range map[string][]byte{
		"http":              []byte("GET / HTTP/1.1\r\nHost: x\r\n\r\n"),
		"nothing":           nil,
		"half a hello":      hello(5, "a:1")[:9],
		"own id":            hello(2, "a:1"),
		"negative id":       negative,
		"endless address":   long,
		"frame of 0":        append(hello(5, "a:1"), 0, 0, 0, 0),
		"negative frame":    append(hello(5, "a:1"), 0xff, 0xff, 0xff, 0xff),
		"frame of 512K + 1": append(hello(5, "a:1"), 0, 8, 0, 1),
	} {
		w := dialWire(t, p.addr)
		w.send(sent)
		w.expectEnd()
		t.Log(name)
	}

	p.net.mu.Lock()
	if p.net.lines[2] != nil {
		t.Error("this server has a line to itself")
	}
	p.net.mu.Unlock()

	w := dialWire(t, p.addr) // a notification that makes no sense is skipped
	w.send(hello(5, "a:1"))
	w.send([]byte{0, 0, 0, 1, 7})
	w.send(frameOf(noteOfRound(8)))
	p.expect(5, 8)

	peer.send(frameOf(noteOfRound(2)))
	p.expect(3, 2)
}

func TestSilentConnectionsDoNotKeepPeersOut(t *testing.T) {
	p := openVotePort(t, 2, listenLoopback(t), nil, func(o *voteOptions) { o.HandshakeTimeout = time.Hour })
	first := dialWire(t, p.addr)
	for range maxGreeting + 20 {
		dialWire(t, p.addr)
	}
	first.expectEnd()
	peer := dialWire(t, p.addr)
	peer.send(hello(3, "127.0.0.1:1"))
	peer.send(frameOf(noteOfRound(1)))
	p.expect(3, 1)
	p.net.mu.Lock()
	defer p.net.mu.Unlock()
	if n := len(p.net.greeting); n > maxGreeting {
		t.Errorf("%d connections may be silent", n)
	}
}

func TestStrangersAreBounded(t *testing.T) {
	member := voteServer{1000, []string{freeAddr(t)}}
	p := openVotePort(t, 2, listenLoopback(t), []voteServer{member})
	var open []rawEnd
	for id := proto.PeerID(10); len(open) < maxStrangers; id++ {
		w := dialWire(t, p.addr)
		w.send(hello(id, "127.0.0.1:1"))
		w.send(frameOf(noteOfRound(1)))
		p.expect(id, 1)
		open = append(open, w)
	}
	w := dialWire(t, p.addr)
	w.send(hello(999, "127.0.0.1:1"))
	w.expectEnd()
	w = dialWire(t, p.addr)
	w.send(hello(member.ID, "127.0.0.1:1"))
	w.send(frameOf(noteOfRound(1)))
	p.expect(member.ID, 1)
	p.net.mu.Lock()
	strangers := p.net.strangers()
	p.net.mu.Unlock()
	if strangers != maxStrangers {
		t.Errorf("%d strangers", strangers)
	}
	for _, w := range open { // those that leave are forgotten
		w.Close()
	}
	p.waitFor("strangers that left to be forgotten", func() bool { return p.net.strangers() == 0 })

	w = dialWire(t, p.addr) // so is one that cannot be dialled back
	w.send(hello(1, freeAddr(t)))
	p.expectReach(1, false)
	p.waitFor("the stranger to be forgotten", func() bool { return p.net.strangers() == 0 })
}

func TestSendDoesNotWaitForAPeerThatDoesNotRead(t *testing.T) {
	p := openVotePort(t, 2, listenLoopback(t), nil)
	w := dialWire(t, p.addr)
	w.send(hello(3, "127.0.0.1:1"))
	w.send(frameOf(noteOfRound(1)))
	p.expect(3, 1)
	big := noteOfRound(2)
	big.Config = strings.Repeat("x", 400<<10)
	for range 200 {
		p.net.Send(3, big)
	}
	big.Config = strings.Repeat("x", proto.MaxNotification) // too long for any peer: goes without
	p.net.Send(3, big)
	p.net.Close()
}

func TestPortInUse(t *testing.T) {
	addr := listenLoopback(t).Addr().String()
	stop := make(chan struct{})
	close(stop)
	for name, opts := range map[string]voteOptions{
		"tried once":               {BindRetries: 1},
		"tried for ever, stopped":  {Stop: stop},
		"second of two":            {BindRetries: 1, Listen: []string{freeAddr(t), addr}},
		"name that does not exist": {BindRetries: 1, Listen: []string{"no-such-host.invalid:1"}},
	} {
		if opts.Listen == nil {
			opts.Listen = []string{addr}
		}
		_, err := newVoteNet(opts)
		var bad *BindError
		if !errors.As(err, &bad) || bad.Addr != opts.Listen[len(opts.Listen)-1] || bad.Attempts != 1 {
			t.Errorf("%s: %v", name, err)
		}
	}
	n, err := newVoteNet(voteOptions{Listen: []string{"127.0.0.1:0"}})
	if err != nil {
		t.Fatal(err)
	}
	n.Close()
}

func TestDialable(t *testing.T) {
	in := []string{
		"zk1:3888", "", "0.0.0.0:3888", "[::]:3888", "[0:0:0:0:0:0:0:0]:1", ":3888", "zk1", "zk1:0", "zk1:65536",
		"zk1:x", "[::1]:3888", "10.0.0.1:1",
	}
	want := []string{"zk1:3888", "[::1]:3888", "10.0.0.1:1"}
	if got := dialable(in); !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

// TestPeerElsewhere: a peer that tells another election address than is configured is named in the log, once the ports
// leave no doubt.
func TestPeerElsewhere(t *testing.T) {
	for _, c := range []struct {
		configured, told []string
		differ           bool
	}{
		{[]string{"zk1:3888"}, []string{"10.0.0.1:3888"}, false},
		{[]string{"zk1:3888"}, []string{"zk1:3889"}, true},
		{[]string{"zk1:3888", "[::1]:3890"}, []string{"zk1:1", "10.0.0.1:3890"}, false},
		{nil, []string{"zk1:3889"}, false},
		{[]string{"zk1:3888"}, nil, false},
	} {
		if differ(c.configured, c.told) != c.differ {
			t.Errorf("%q and %q: %v", c.configured, c.told, !c.differ)
		}
	}
	lines := make(chan string, 100)
	p := openVotePort(t, 2, listenLoopback(t), []voteServer{{3, []string{"127.0.0.1:1"}}}, func(o *voteOptions) {
		o.Logger = slog.New(slog.NewTextHandler(writeFunc(func(b []byte) { lines <- string(b) }), nil))
	})
	dialWire(t, p.addr).send(hello(3, "127.0.0.1:2"))
	p.expectReach(3, true)
	if line := <-lines; !strings.Contains(line, "another election address") || !strings.Contains(line, "127.0.0.1:2") {
		t.Error(line)
	}
}

type writeFunc func([]byte)

func (f writeFunc) Write(b []byte) (int, error) {
	f(b)
	return len(b), nil
}
