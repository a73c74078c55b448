package quorum

import (
	"bytes"
	"encoding/binary"
	"log/slog"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/paddock-io/paddock/internal/wire"
	"github.com/paddock-io/paddock/internal/zab"
	"github.com/paddock-io/paddock/proto"
)

// logBook keeps log lines that many goroutines write.
type logBook struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (b *logBook) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.Write(p)
}

func (b *logBook) has(s string) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return strings.Contains(b.text.String(), s)
}

func (b *logBook) logger() *slog.Logger { return slog.New(slog.NewTextHandler(b, nil)) }

// observerInfo is an OBSERVERINFO with data of its own making.
func observerInfo(data []byte) []byte {
	b := wire.AppendPacket(nil, 16, data)
	binary.BigEndian.PutUint64(b[4:], 0)
	return b
}

// TestRefusedLearners: who cannot be a learner is refused with a reason in the log, at the leader and at a follower's
// port for observers, and the ensemble goes on.
func TestRefusedLearners(t *testing.T) {
	v := &target{t: t, servers: ensembleOf(t, 3)}
	var books [3]logBook
	port := listenLow(t)
	_, text, _ := net.SplitHostPort(port.Addr().String())
	port.Close()
	for i, s := range v.servers {
		s.opts.Logger = books[i].logger()
		s.opts.InitTimeout = 15 * testTick
		if i > 0 { // the three share an address, and so only one of them can have the port
			continue
		}
		n, err := net.LookupPort("tcp", text)
		if err != nil {
			t.Fatal(err)
		}
		s.opts.ObserverMasterPort = n
	}
	for _, s := range v.servers {
		s.start()
	}
	v.leader, _ = leaderOf(t, v.servers)
	v.leader.session(7)
	v.epoch = v.leader.peer.Status().Epoch
	for _, s := range v.servers {
		v.elections = append(v.elections, s.peer.Metrics().Elections.Load())
	}
	at := func(s *server) *logBook { return &books[s.opts.Self-1] }
	self := func(s *server) []byte {
		return wire.AppendMessage(nil, zab.FollowerInfo{ID: s.opts.Self, Observer: true}, false)
	}
	long := func(v ...int64) (b []byte) {
		for _, n := range v {
			b = binary.BigEndian.AppendUint64(b, uint64(n))
		}
		return b
	}
	for name, tc := range map[string]struct {
		packet []byte
		reason string
	}{
		"before 3.4: an id alone":    {observerInfo(long(9)), "malformed quorum packet of type 16"},
		"before 3.4: an old version": {observerInfo(append(long(9), 0, 0, 0, 1)), "is older than 0x10000 (ZooKeeper before 3.4)"},
		"its own id":                 {self(v.leader), "has the leader's own id"},
		"another configuration":      {wire.AppendMessage(nil, zab.FollowerInfo{ID: 9, ConfigVersion: 7, Observer: true}, false), "has a newer configuration"},
		"an epoch out of range":      {wire.AppendMessage(nil, zab.FollowerInfo{ID: 9, AcceptedEpoch: 1<<31 - 1, Observer: true}, false), "cannot have accepted epoch 2147483647"},
	} {
		nc := v.leader.connect()
		if _, err := nc.Write(tc.packet); err != nil {
			t.Fatal(err)
		}
		closes(t, name, nc)
		eventually(t, name+": the reason is logged", func() bool { return at(v.leader).has(tc.reason) })
	}
	if feeder := v.servers[0]; feeder != v.leader {
		nc, err := net.Dial("tcp", net.JoinHostPort("127.0.0.1", text))
		if err != nil {
			t.Fatal(err)
		}
		defer nc.Close()
		if _, err := nc.Write(wire.AppendMessage(nil, zab.FollowerInfo{ID: 2}, false)); err != nil {
			t.Fatal(err)
		}
		closes(t, "a voter on the port for observers", nc)
		eventually(t, "it is logged", func() bool { return at(feeder).has("is no observer, and this is the port for observers") })
	}

	// 3.4 says no version of its configuration, and is served, as in Java.
	l := v.leader.learner()
	if _, err := l.nc.Write(observerInfo(append(long(9), 0, 1, 0, 0))); err != nil {
		t.Fatal(err)
	}
	if m := l.next(); m != (zab.LeaderInfo{Epoch: v.epoch}) {
		t.Errorf("a learner of 3.4 is told %+v", m)
	}
	l.nc.Close()
	eventually(t, "the links are gone", func() bool { return v.leader.peer.Status().Learners == 2 })
	v.untouched()
}

// TestRefusedElectionPeers: the same on the election port.
func TestRefusedElectionPeers(t *testing.T) {
	hello := func(version, id int64, addr string) []byte {
		b := binary.BigEndian.AppendUint64(nil, uint64(version))
		b = binary.BigEndian.AppendUint64(b, uint64(id))
		return append(binary.BigEndian.AppendUint32(b, uint32(len(addr))), addr...)
	}
	for name, tc := range map[string]struct {
		bytes  []byte
		reason string
	}{
		"an unknown version": {hello(-65530, 9, "h:1"), "version -65530"},
		"no address":         {hello(-65536, 9, ""), "address of 0 bytes"},
		"a huge address":     {hello(-65536, 9, strings.Repeat("h", 5000)), "address of 5000 bytes"},
		"this server's id":   {hello(-65536, 5, "h:1"), "it has the id of this server; every server needs its own"},
		"a negative id":      {hello(-65536, -3, "h:1"), "it has a negative id"},
		"3.4 with our id":    {binary.BigEndian.AppendUint64(nil, 5), "it has the id of this server"},
		"half a message":     {hello(-65536, 9, "h:1")[:12], "read the initial message"},
	} {
		var book logBook
		n, err := newVoteNet(voteOptions{Self: 5, Listen: []string{"127.0.0.1:0"}, HandshakeTimeout: time.Minute, Logger: book.logger()})
		if err != nil {
			t.Fatal(err)
		}
		nc, err := net.Dial("tcp", n.listeners[0].Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		if _, err := nc.Write(tc.bytes); err != nil {
			t.Fatal(err)
		}
		if err := nc.(*net.TCPConn).CloseWrite(); err != nil {
			t.Logf("%s: %v", name, err) // it may be closed already
		}
		closes(t, name, nc)
		eventually(t, name+": the reason is logged", func() bool { return book.has(tc.reason) })
		nc.Close()
		n.Close()
	}
}

// TestSilentElectionPeer: a connection that does not introduce itself in time is closed (quorumCnxnTimeoutMs).
func TestSilentElectionPeer(t *testing.T) {
	n, err := newVoteNet(voteOptions{Self: 5, Listen: []string{"127.0.0.1:0"}, HandshakeTimeout: 50 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	defer n.Close()
	nc, err := net.Dial("tcp", n.listeners[0].Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer nc.Close()
	if err := nc.SetDeadline(time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	closes(t, "silent", nc)
}

// TestOldElectionPeer: a server of 3.4 introduces itself by its id alone, and votes without a configuration.
func TestOldElectionPeer(t *testing.T) {
	got := make(chan proto.Notification, 1)
	n, err := newVoteNet(voteOptions{
		Self: 5, Listen: []string{"127.0.0.1:0"}, Peers: []voteServer{{ID: 9}},
		Receive: func(_ proto.PeerID, m proto.Notification) { got <- m },
	})
	if err != nil {
		t.Fatal(err)
	}
	defer n.Close()
	nc, err := net.Dial("tcp", n.listeners[0].Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer nc.Close()
	b := binary.BigEndian.AppendUint64(nil, 9)
	b = append(b, 0, 0, 0, 40)                         // a frame of 3.4.6's length
	b = append(b, 0, 0, 0, 0)                          // LOOKING
	for _, v := range []uint64{9, 0x100000002, 3, 1} { // leader, zxid, round, epoch
		b = binary.BigEndian.AppendUint64(b, v)
	}
	b = append(b, 0, 0, 0, 1) // its version, which means nothing
	if _, err := nc.Write(b); err != nil {
		t.Fatal(err)
	}
	select {
	case m := <-got:
		if m.Leader != 9 || m.Zxid != 0x100000002 || m.Round != 3 || m.PeerEpoch != 1 || m.Config != "" {
			t.Errorf("%+v", m)
		}
	case <-time.After(patience):
		t.Error("its vote does not come")
	}
}
