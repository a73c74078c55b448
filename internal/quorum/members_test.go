package quorum

import (
	"context"
	"fmt"
	"net"
	"slices"
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
