package admin

import (
	"context"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/paddock-io/paddock/internal/config"
	"github.com/paddock-io/paddock/internal/ensemble"
	"github.com/paddock-io/paddock/internal/quorum"
	"github.com/paddock-io/paddock/internal/replica"
	"github.com/paddock-io/paddock/internal/server"
	"github.com/paddock-io/paddock/internal/storage"
	"github.com/paddock-io/paddock/internal/tree"
	"github.com/paddock-io/paddock/internal/zab"
	"github.com/paddock-io/paddock/proto"
)

var (
	_ Server = (*server.Server)(nil)
	_ Peer   = (*quorum.Peer)(nil)
)

type fakeServer struct {
	role                  zab.Role
	stats                 server.Stats
	conns                 []server.ConnInfo
	sessions              map[tree.WatcherID]proto.SessionID
	statsReset, connReset bool
}

func (s *fakeServer) Role() replica.Role             { return s.role }
func (s *fakeServer) Stats() server.Stats            { return s.stats }
func (s *fakeServer) Connections() []server.ConnInfo { return s.conns }
func (s *fakeServer) ResetStats()                    { s.statsReset = true }
func (s *fakeServer) ResetConnStats()                { s.connReset = true }
func (s *fakeServer) SessionOf(id tree.WatcherID) (proto.SessionID, bool) {
	session, ok := s.sessions[id]
	return session, ok
}

type fakePeer struct {
	status   replica.Status
	members  ensemble.Ensemble
	expiries []replica.Expiry
	local    []replica.Expiry
	tree     *tree.Tree
	metrics  quorum.Metrics
}

func (p *fakePeer) Status() replica.Status      { return p.status }
func (p *fakePeer) Ensemble() ensemble.Ensemble { return p.members }
func (p *fakePeer) Expiries(context.Context) (global, local []replica.Expiry) {
	return p.expiries, p.local
}
func (p *fakePeer) Tree() *tree.Tree         { return p.tree }
func (p *fakePeer) Metrics() *quorum.Metrics { return &p.metrics }

type fakeSizes [3]int64

func (s *fakeSizes) Sizes() (last, least, most int64) { return s[0], s[1], s[2] }
func (s *fakeSizes) Reset()                           { *s = fakeSizes{-1, -1, -1} }

// world is what Words reads of.
type world struct {
	src    Source
	server *fakeServer
	peer   *fakePeer
}

// newWorld is a server in which nothing has happened, alone or as a member of
// an ensemble.
func newWorld(t *testing.T, role zab.Role, members string, self int64) *world {
	t.Helper()
	dir := t.TempDir()
	w := &world{
		server: &fakeServer{role: role, sessions: map[tree.WatcherID]proto.SessionID{}},
		peer:   &fakePeer{tree: tree.New()},
	}
	cfg := &config.Config{
		DataDir: dir, DataLogDir: dir, ClientPort: 2181, ClientPortListenBacklog: -1,
		TickTime: 2 * time.Second, MinSessionTimeout: 4 * time.Second, MaxSessionTimeout: 40 * time.Second,
		MaxClientCnxns: 60, InitLimit: 10, SyncLimit: 5, Standalone: members == "", MyID: self, DigestEnabled: true,
	}
	if members != "" {
		e, err := ensemble.Parse(members)
		if err != nil {
			t.Fatal(err)
		}
		w.peer.members = e
		w.peer.status = replica.Status{Role: role, Leading: role == zab.RoleLeader, Leader: 3, Phase: zab.Broadcast}
	}
	w.src = Source{
		Config: cfg, Server: w.server, Peer: w.peer, Store: new(storage.Metrics),
		Proposals: &fakeSizes{-1, -1, -1},
		Version:   javaVersion, Started: time.Now(),
	}
	return w
}

func (w *world) answer(word string) string {
	var b strings.Builder
	New(w.src).Answer(word, &b)
	return b.String()
}

// apply applies a transaction with the next zxid.
func (w *world) apply(session proto.SessionID, typ proto.OpCode, body proto.TxnBody) {
	t := w.peer.tree
	t.Lock()
	defer t.Unlock()
	t.Apply(&proto.Txn{
		TxnHeader: proto.TxnHeader{Session: session, Zxid: t.LastZxid() + 1, Type: typ}, Body: body,
	}, new(tree.Result))
}

// open opens a session that leaves one ephemeral znode.
func (w *world) open(id proto.SessionID, path string) {
	w.apply(id, proto.OpCreateSession, &proto.CreateSessionTxn{Timeout: 30000})
	w.apply(id, proto.OpCreate, &proto.CreateTxn{Path: path, Data: []byte("x"), ACL: proto.OpenACL, Ephemeral: true, ParentCversion: -1})
	w.peer.expiries = append(w.peer.expiries, replica.Expiry{ID: id, In: 30 * time.Second})
}

// connect adds the connection of a session, with the watches of capture.py.
func (w *world) connect(id proto.SessionID, watcher tree.WatcherID, paths ...string) {
	w.server.sessions[watcher] = id
	w.server.conns = append(w.server.conns, server.ConnInfo{
		Remote: netip.MustParseAddrPort(fmt.Sprintf("127.0.0.1:%d", 40000+watcher)), Opened: w.src.Started,
		PacketsReceived: 6, PacketsSent: 6, Session: id, Timeout: 30 * time.Second,
		ConnStats: server.ConnStats{LastOp: proto.OpGetChildren2, LastCxid: 5, LastZxid: 3, Replies: 6},
	})
	watches := w.peer.tree.Watches()
	for _, path := range paths {
		watches.Add(tree.WatchData, path, watcher)
	}
	watches.Add(tree.WatchChildren, "/", watcher)
}

// probe adds the connection that sends the word.
func (w *world) probe() {
	w.server.conns = append(w.server.conns, server.ConnInfo{
		Remote: netip.MustParseAddrPort("127.0.0.1:50000"), Opened: w.src.Started, PacketsReceived: 1,
		ConnStats: server.ConnStats{LastOp: proto.OpNotification, LastCxid: -1},
	})
}

// javaAnswer is what Java said, by testdata/capture.py.
func javaAnswer(t *testing.T, situation, word string) string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("testdata", "java", situation, word+".txt"))
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}
