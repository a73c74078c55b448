package quorum

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/paddock-io/paddock/internal/ensemble"
	"github.com/paddock-io/paddock/proto"
)

// Peers are dialled at the addresses of the membership in force, and then at those of a proposed one.
func TestVotePeers(t *testing.T) {
	parse := func(text string) ensemble.Ensemble {
		e, err := ensemble.Parse(text)
		if err != nil {
			t.Fatal(err)
		}
		return e
	}
	pair := ensemble.Settled(parse("server.1=a:1:2\nserver.2=b:1:2\nversion=5"))
	pair.See(parse("server.2=c:1:3\nserver.3=d:1:2\nversion=6"))
	if got, want := fmt.Sprint(votePeers(&pair)), "[{1 [a:2]} {2 [b:2 c:3]} {3 [d:2]}]"; got != want {
		t.Errorf("%s, want %s", got, want)
	}
	pair.Commit(pair.LastSeen)
	if got, want := fmt.Sprint(votePeers(&pair)), "[{2 [c:3]} {3 [d:2]}]"; got != want {
		t.Errorf("%s, want %s", got, want)
	}
}

// The election port moves: connections stay, new ones come to the new port, and peers are told of that one.
func TestElectionPortMoves(t *testing.T) {
	free := func() string {
		ln, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		defer ln.Close()
		return ln.Addr().String()
	}
	old, fresh, other := free(), free(), free()
	heard := make(chan proto.PeerID, 16)
	receive := func(from proto.PeerID, _ proto.Notification) { heard <- from }
	one, err := newVoteNet(voteOptions{Self: 1, Listen: []string{old}, Advertise: []string{old}, BindRetries: 1, Receive: receive, Peers: []voteServer{{ID: 2, Addrs: []string{other}}}})
	if err != nil {
		t.Fatal(err)
	}
	defer one.Close()
	two, err := newVoteNet(voteOptions{Self: 2, Listen: []string{other}, Advertise: []string{other}, BindRetries: 1, Receive: receive, Peers: []voteServer{{ID: 1, Addrs: []string{old}}}})
	if err != nil {
		t.Fatal(err)
	}
	defer two.Close()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	await := func(from proto.PeerID) {
		t.Helper()
		select {
		case got := <-heard:
			if got != from {
				t.Errorf("heard of %d, want %d", got, from)
			}
		case <-ctx.Done():
			t.Fatalf("nothing is heard of %d", from)
		}
	}
	note := proto.Notification{State: proto.PeerLooking, Version: proto.NotificationVersion}
	two.Send(1, note)
	await(2)
	if err := one.Move([]string{fresh}, []string{fresh}); err != nil {
		t.Fatal(err)
	}
	one.Send(2, note) // on the connection that was open
	await(1)
	if nc, err := net.Dial("tcp", old); err == nil {
		nc.Close()
		t.Error("the old port is open")
	}
	third := []string{free()}
	three, err := newVoteNet(voteOptions{Self: 3, Listen: third, Advertise: third, BindRetries: 1, Peers: []voteServer{{ID: 1, Addrs: []string{fresh}}}})
	if err != nil {
		t.Fatal(err)
	}
	defer three.Close()
	three.Send(1, note)
	await(3)
	if !slices.Equal(one.advertise, []string{fresh}) {
		t.Errorf("peers are told of %v", one.advertise)
	}
	if err := one.Move([]string{other}, []string{other}); err == nil {
		t.Error("a port that is taken was bound")
	}
}

// portBook is where ports are opened: one address of it is down, and a port that is open everywhere is in nobody else's
// hands.
type portBook struct {
	mu   sync.Mutex
	open map[string]*bookedPort // by address
	log  []string
}

type bookedPort struct {
	net.Listener
	m    *portBook
	addr string
	done chan struct{}
}

func (m *portBook) listen(_, addr string) (net.Listener, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if strings.HasPrefix(addr, "down:") {
		return nil, syscall.EADDRNOTAVAIL
	}
	for taken := range m.open {
		if taken == addr || samePort(taken, addr) && (strings.HasPrefix(taken, ":") || strings.HasPrefix(addr, ":")) {
			return nil, syscall.EADDRINUSE
		}
	}
	m.open[addr] = &bookedPort{m: m, addr: addr, done: make(chan struct{})}
	m.log = append(m.log, "+"+addr)
	return m.open[addr], nil
}

func (d *bookedPort) Accept() (net.Conn, error) {
	<-d.done
	return nil, net.ErrClosed
}

func (d *bookedPort) Close() error {
	d.m.mu.Lock()
	defer d.m.mu.Unlock()
	if d.m.open[d.addr] == d {
		delete(d.m.open, d.addr)
		d.m.log = append(d.m.log, "-"+d.addr)
		close(d.done)
	}
	return nil
}

// did returns what was opened and closed since the last call.
func (m *portBook) did() string {
	m.mu.Lock()
	defer m.mu.Unlock()
	s := strings.Join(m.log, " ")
	m.log = nil
	return s
}

// The ports for learners and observers go where the membership wants them: what stays is not touched, the new ones are
// open before the old ones are closed unless only the address differs, and who does not vote feeds nobody.
func TestPortsMove(t *testing.T) {
	member := func(spec string) ensemble.Member {
		m, err := ensemble.ParseServer("1", spec)
		if err != nil {
			t.Fatal(err)
		}
		return m
	}
	m := &portBook{open: map[string]*bookedPort{}}
	p := &Peer{opts: Options{Self: 1, Listen: m.listen, ObserverMasterPort: 9, BindRetries: 1}, log: slog.New(slog.DiscardHandler)}
	p.netCtx, p.endNet = context.WithCancel(t.Context())
	defer func() { p.endNet(); p.wg.Wait() }()
	var err error
	if p.ports.lns, err = p.bindPorts(p.portsOf(member("a:1:2|b:1:2")), nil); err != nil {
		t.Fatal(err)
	}
	p.wg.Go(p.closeOnStop)
	steps := []struct{ spec, want string }{
		{"a:1:2|b:1:2", "+a:1 +b:1 +a:9 +b:9"},
		{"b:1:2|a:1:2;5", ""},
		{"a:1:2|c:3:2", "-b:9 +c:3 +c:9 -b:1"},
		{"a:1:2|c:3:2:observer", "-a:9 -c:9"},
		{"a:4:2|down:4:2", "+a:4 +a:9 -a:1 -c:3"},
		{"down:4:2|a:4:2:observer", "-a:9"},
	}
	for i, s := range steps {
		if i > 0 {
			if err := p.moveListeners(p.portsOf(member(s.spec))); err != nil {
				t.Errorf("%s: %v", s.spec, err)
			}
		}
		if got := m.did(); got != s.want {
			t.Errorf("to %s: %s, want %s", s.spec, got, s.want)
		}
	}
	p.opts.ListenAll = true // in the way of what is open
	if err := p.moveListeners(p.portsOf(member("a:4:2:observer"))); err != nil || m.did() != "-a:4 +:4" {
		t.Errorf("everywhere: %v", err)
	}
	p.opts.ListenAll = false
	if _, err := m.listen("", "a:7"); err != nil {
		t.Fatal(err)
	}
	m.did()
	if err := p.moveListeners(p.portsOf(member("a:7:2:observer"))); err == nil || m.did() != "" {
		t.Errorf("a port that is taken: %v", err)
	}
	if err := p.moveListeners(p.portsOf(member("down:8:2:observer"))); err == nil {
		t.Error("no address is there, and that was enough")
	}
}

// Whether others could mend this server's data is a matter of who votes now, not of the role that it began with.
func TestMendable(t *testing.T) {
	for text, want := range map[string]bool{
		"server.1=a:1:2":                          false,
		"server.1=a:1:2\nserver.2=b:1:2":          true,
		"server.1=a:1:2:observer\nserver.2=b:1:2": true,
		"server.1=a:1:2\nserver.2=b:1:2:observer": false,
		"server.2=b:1:2\nserver.3=c:1:2:observer": true, // it was removed
	} {
		e, err := ensemble.Parse(text + "\nversion=1")
		if err != nil {
			t.Fatal(err)
		}
		p := &Peer{opts: Options{Self: 1}}
		pair := ensemble.Settled(e)
		p.members.Store(&pair)
		if p.mendable() != want {
			t.Errorf("%q: %v", text, !want)
		}
	}
}
