package quorum

import (
	"bufio"
	"encoding/binary"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"testing"
	"time"

	"github.com/paddock-io/paddock/internal/persist"
	"github.com/paddock-io/paddock/internal/wire"
	"github.com/paddock-io/paddock/internal/zab"
	"github.com/paddock-io/paddock/proto"
)

// target is three serving servers with a session, and what they were like
// before anything hostile came.
type target struct {
	t         *testing.T
	servers   []*server
	leader    *server
	epoch     int64
	elections []int64
	cxid      int32
}

func newTarget(t *testing.T, edits ...func(*Options)) *target {
	v := &target{t: t, servers: ensembleOf(t, 3)}
	for _, s := range v.servers {
		s.opts.InitTimeout = 15 * testTick
		for _, edit := range edits {
			edit(&s.opts)
		}
		s.start()
	}
	v.leader, _ = leaderOf(t, v.servers)
	v.leader.session(7)
	v.epoch = v.leader.peer.Status().Epoch
	for _, s := range v.servers {
		v.elections = append(v.elections, s.peer.Metrics().Elections.Load())
	}
	return v
}

// write has the session create n znodes.
func (v *target) write(n int32) {
	v.t.Helper()
	v.leader.write(7, v.cxid+1, n)
	v.cxid += n
}

// untouched checks that the same leader leads on, in the same epoch, and that
// its followers have never looked away.
func (v *target) untouched() {
	v.t.Helper()
	if st := v.leader.peer.Status(); !v.leader.leads() || st.Epoch != v.epoch || st.Synced != 2 {
		v.t.Fatalf("the ensemble was disturbed: %+v", st)
	}
	v.write(3)
	sameTrees(v.t, v.servers...)
	for i, s := range v.servers {
		if n := s.peer.Metrics().Elections.Load(); n != v.elections[i] {
			v.t.Errorf("server %d has looked for a leader %d times more", s.opts.Self, n-v.elections[i])
		}
	}
}

func (s *server) connect() net.Conn {
	s.t.Helper()
	nc, err := net.Dial("tcp", s.quorumAddr())
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { nc.Close() })
	if err := nc.SetDeadline(time.Now().Add(patience)); err != nil {
		s.t.Fatal(err)
	}
	return nc
}

// closes reads until the other side closes.
func closes(t *testing.T, what string, nc net.Conn) {
	t.Helper()
	if _, err := io.Copy(io.Discard, nc); err != nil {
		if ne, ok := err.(net.Error); ok && ne.Timeout() {
			t.Errorf("%s: the connection stays open", what)
		}
	}
}

// TestGarbage throws everything at the quorum ports that is not a learner.
func TestGarbage(t *testing.T) {
	v := newTarget(t)
	servers, leader := v.servers, v.leader
	rng := rand.New(rand.NewPCG(1, 2))
	random := make([]byte, 1<<16)
	for i := range random {
		random[i] = byte(rng.Uint32())
	}
	info := wire.AppendMessage(nil, zab.FollowerInfo{ID: 9}, false)
	huge := binary.BigEndian.AppendUint32(wire.AppendMessage(nil, zab.FollowerInfo{}, false)[:12], 60<<20)
	for name, b := range map[string][]byte{
		"nothing, then closed":            nil,
		"random bytes":                    random,
		"a text protocol":                 []byte("GET / HTTP/1.1\r\nHost: x\r\n\r\n"),
		"half a packet":                   info[:20],
		"data of 2 GiB":                   fromHex(t, "0000000b 00000000 00000000 7fffffff 00000000"),
		"negative data":                   fromHex(t, "0000000b 00000000 00000000 fffffffe 00000000"),
		"a large first packet":            append(huge, make([]byte, 2000)...),
		"ACK first":                       wire.AppendMessage(nil, zab.Ack{Zxid: 1}, false),
		"ACKEPOCH first":                  wire.AppendMessage(nil, zab.AckEpoch{}, false),
		"FOLLOWERINFO twice":              append(info[:len(info):len(info)], info...),
		"the leader's own id":             wire.AppendMessage(nil, zab.FollowerInfo{ID: leader.opts.Self}, false),
		"a newer configuration":           wire.AppendMessage(nil, zab.FollowerInfo{ID: 9, ConfigVersion: 1 << 40}, false),
		"an impossible epoch":             wire.AppendMessage(nil, zab.FollowerInfo{ID: 1, AcceptedEpoch: 1<<31 - 1}, false),
		"a negative epoch":                wire.AppendMessage(nil, zab.FollowerInfo{ID: 1, AcceptedEpoch: -2}, false),
		"PROPOSAL from a learner":         append(info[:len(info):len(info)], fromHex(t, "00000002 00000000 00000005 00000001 78 ffffffff")...),
		"REQUEST before it is served":     append(info[:len(info):len(info)], wire.AppendMessage(nil, &zab.Forward{Session: 7, Op: proto.OpDelete}, false)...),
		"ACK before NEWLEADER":            append(info[:len(info):len(info)], wire.AppendMessage(nil, zab.Ack{Zxid: proto.MakeZxid(1, 0)}, false)...),
		"PING that is cut":                fromHex(t, "00000005 00000000 00000000 00000005 0000000000 ffffffff"),
		"unknown packets, then a bad one": fromHex(t, "00000063 00000000 00000000 ffffffff ffffffff 00000063 00000000 00000000 fffffff0"),
	} {
		for _, s := range servers {
			nc := s.connect()
			if _, err := nc.Write(b); err != nil {
				t.Logf("%s: %v", name, err)
			}
			if err := nc.(*net.TCPConn).CloseWrite(); err != nil {
				t.Logf("%s: %v", name, err)
			}
			closes(t, name, nc)
		}
	}
	v.untouched()
	eventually(t, "the links are gone", func() bool { return leader.peer.Status().Learners == 2 })
	if _, ok := leader.peer.Tree().Get("/zookeeper"); !ok {
		t.Error("the tree has changed")
	}
}

// TestSilentConnections: more of them than there is room for; the leader does not
// hear of them, they are let go soon, and a server can join again.
func TestSilentConnections(t *testing.T) {
	v := newTarget(t)
	servers, leader := v.servers, v.leader
	var conns []net.Conn
	for range 300 {
		conns = append(conns, leader.connect())
	}
	inbound := func() int {
		leader.peer.netMu.Lock()
		defer leader.peer.netMu.Unlock()
		return leader.peer.inbound
	}
	eventually(t, "as many as there is room for", func() bool { return inbound() == maxInbound })
	v.untouched()
	if n := leader.peer.Status().Learners; n != 2 {
		t.Errorf("%d links", n)
	}
	for i, nc := range conns {
		closes(t, fmt.Sprint("silent connection ", i), nc)
	}
	v.untouched()
	_, others := leaderOf(t, servers)
	others[0].halt()
	others[0].start()
	allServe(t, others[0])
	sameTrees(t, servers...)
}

// learner is a learner made by hand.
type learner struct {
	t  *testing.T
	nc net.Conn
	br *bufio.Reader
}

func (s *server) learner() *learner {
	nc := s.connect()
	return &learner{s.t, nc, bufio.NewReader(nc)}
}

func (l *learner) send(m zab.Message) {
	l.t.Helper()
	if _, err := l.nc.Write(wire.AppendMessage(nil, m, false)); err != nil {
		l.t.Fatal(err)
	}
}

// next reads the next message but pings.
func (l *learner) next() zab.Message {
	l.t.Helper()
	for {
		p, err := wire.ReadPacket(l.br, 1<<20)
		if err != nil {
			l.t.Fatal(err)
		}
		m, err := wire.FromLeader(p)
		if err != nil {
			l.t.Fatal(err)
		}
		if _, ok := m.(zab.Ping); !ok {
			return m
		}
	}
}

// TestStalledHandshakes: at every step, a learner that stops is dropped after
// initLimit, and others are not kept waiting.
func TestStalledHandshakes(t *testing.T) {
	v := newTarget(t)
	leader := v.leader
	steps := []func(l *learner){
		func(l *learner) {},
		func(l *learner) { l.send(zab.FollowerInfo{ID: 9, Observer: true}) },
		func(l *learner) { l.next(); l.send(zab.AckEpoch{LastZxid: 0}) },
	}
	for n := range steps {
		l := leader.learner()
		for _, step := range steps[:n+1] {
			step(l)
		}
		closes(t, fmt.Sprint("stalled at step ", n), l.nc)
	}
	v.untouched()
}

// TestLearnerByHand follows a leader from FOLLOWERINFO to INFORM, and then
// breaks the rules.
func TestLearnerByHand(t *testing.T) {
	v := newTarget(t)
	leader := v.leader
	l := leader.learner()
	l.send(zab.FollowerInfo{ID: 9, Observer: true})
	if m := l.next(); m != (zab.LeaderInfo{Epoch: v.epoch}) {
		t.Fatalf("%+v", m)
	}
	l.send(zab.AckEpoch{LastZxid: 0})
	if m, ok := l.next().(zab.Diff); !ok {
		t.Fatalf("%+v", m)
	}
	z := proto.MakeZxid(v.epoch, 1)
	p, ok := l.next().(zab.Proposal)
	if !ok || p.Txn.Zxid != z || p.Txn.Type != proto.OpCreateSession {
		t.Fatalf("%+v", p)
	}
	if m := l.next(); m != (zab.Commit{Zxid: z}) {
		t.Fatalf("%+v", m)
	}
	if m, ok := l.next().(zab.NewLeader); !ok || m.Epoch != v.epoch || m.Config != leader.opts.Ensemble.Text() {
		t.Fatalf("%+v", m)
	}
	l.send(zab.Ack{Zxid: proto.MakeZxid(v.epoch, 0)})
	if m := l.next(); m != (zab.UpToDate{}) {
		t.Fatalf("%+v", m)
	}
	v.write(1)
	if m, ok := l.next().(zab.Inform); !ok || m.Txn.Zxid != z+1 {
		t.Fatalf("%+v", m)
	}
	// Sessions and requests are served from now on.
	l.send(zab.Revalidate{ID: 12345, TimeoutMs: 1000})
	if m := l.next(); m != (zab.Revalidated{ID: 12345}) {
		t.Fatalf("%+v", m)
	}
	l.send(&zab.Forward{Session: 12345, Cxid: 1, Op: proto.OpSync})
	if m := l.next(); m != (zab.Sync{}) {
		t.Fatalf("%+v", m)
	}
	l.send(&zab.Forward{Session: 12345, Cxid: 2, Op: proto.OpDelete, Raw: []byte{1}})
	if m, ok := l.next().(zab.Inform); !ok || m.Txn.Type != proto.OpError {
		t.Fatalf("%+v", m)
	}
	l.send(zab.Ack{Zxid: z}) // an observer has no say
	closes(t, "ACK from an observer", l.nc)
	v.untouched()
}

// TestSnapByHand reads a SNAP stream as a learner does.
func TestSnapByHand(t *testing.T) {
	servers := ensembleOf(t, 3)
	for _, s := range servers {
		s.opts.History = 5
		s.start()
	}
	leader, _ := leaderOf(t, servers)
	leader.session(7)
	leader.write(7, 1, 30)
	l := leader.learner()
	l.send(zab.FollowerInfo{ID: 9, Observer: true})
	l.next()
	l.send(zab.AckEpoch{LastZxid: 0})
	m, ok := l.next().(zab.Snap)
	if !ok || m.Zxid.Counter() != 31 {
		t.Fatalf("%+v", m)
	}
	tr, err := persist.ReadTree(l.br)
	if err != nil {
		t.Fatal(err)
	}
	if _, want := leader.digest(); tr.Digest() != want || tr.SessionCount() != 1 {
		t.Errorf("digest %x, want %x; %d sessions", tr.Digest(), want, tr.SessionCount())
	}
	if m, ok := l.next().(zab.NewLeader); !ok {
		t.Errorf("%+v", m)
	}
}

// join takes a learner made by hand to where it is served.
func (l *learner) join(info zab.FollowerInfo, last proto.Zxid) {
	l.t.Helper()
	l.send(info)
	epoch := l.next().(zab.LeaderInfo).Epoch
	l.send(zab.AckEpoch{LastZxid: last})
	for {
		switch l.next().(type) {
		case zab.NewLeader:
			l.send(zab.Ack{Zxid: proto.MakeZxid(epoch, 0)})
		case zab.UpToDate:
			return
		}
	}
}

// TestLargeRequest: a learner may forward more than any client may send. The
// log's reader has a limit, and a leader that logged more would end.
func TestLargeRequest(t *testing.T) {
	v := newTarget(t, func(o *Options) { o.SyncTimeout = 150 * testTick }) // the packet may take long
	l := v.leader.learner()
	l.join(zab.FollowerInfo{ID: 9, Observer: true}, 0)
	l.send(&zab.Forward{Session: 77, Op: proto.OpCreateSession, Raw: (&proto.CreateSessionRequest{Timeout: 60_000}).Append(nil)})
	if m, ok := l.next().(zab.Inform); !ok || m.Txn.Type != proto.OpCreateSession {
		t.Fatalf("%+v", m)
	}
	const packet = 64 << 20
	create := &proto.CreateRequest{Path: "/large", ACL: proto.OpenACL, Data: make([]byte, packet-16-len((&proto.CreateRequest{Path: "/large", ACL: proto.OpenACL}).Append(nil)))}
	l.send(&zab.Forward{Session: 77, Cxid: 1, Op: proto.OpCreate, Raw: create.Append(nil)})
	if m, ok := l.next().(zab.Inform); !ok || m.Txn.Type != proto.OpError {
		t.Fatalf("%+v", m)
	}
	v.untouched()
}
