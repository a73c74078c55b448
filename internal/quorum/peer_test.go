package quorum

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net"
	"os"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/paddock-io/paddock/internal/ensemble"
	"github.com/paddock-io/paddock/internal/replica"
	"github.com/paddock-io/paddock/internal/storage"
	"github.com/paddock-io/paddock/internal/storage/vfs"
	"github.com/paddock-io/paddock/internal/tree"
	"github.com/paddock-io/paddock/internal/zab"
	"github.com/paddock-io/paddock/proto"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// machine is a StateMachine: a tree, and clients that wait for their
// transactions.
type machine struct {
	tree *tree.Tree
	role atomic.Int32

	mu      sync.Mutex
	res     tree.Result
	waiting map[answerKey]chan proto.ErrCode // closed when the role ends
	synced  map[answerKey]chan struct{}
	alive   []replica.Touch
}

type answerKey struct {
	id   proto.SessionID
	cxid int32
}

func (m *machine) Apply(txns []*proto.Txn) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.tree.Lock()
	defer m.tree.Unlock()
	for _, t := range txns {
		m.tree.Apply(t, &m.res)
		err := proto.OK
		if e, ok := t.Body.(*proto.ErrorTxn); ok {
			err = e.Err
		}
		k := answerKey{t.Session, t.Cxid}
		if c := m.waiting[k]; c != nil {
			c <- err
			delete(m.waiting, k)
		}
	}
}

func (m *machine) Synced(id proto.SessionID, cxid int32) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if c := m.synced[answerKey{id, cxid}]; c != nil {
		close(c)
	}
}

func (m *machine) Revalidated(proto.SessionID, uint64, bool) {}
func (m *machine) SessionOpened(proto.SessionID)             {}
func (m *machine) SessionEnded(proto.SessionID, int32, bool) {}
func (m *machine) SessionMoved(proto.SessionID)              {}
func (m *machine) Serve(role replica.Role)                   { m.role.Store(int32(role)) }
func (m *machine) StopServing(string) {
	m.role.Store(int32(zab.RoleNone))
	m.mu.Lock()
	defer m.mu.Unlock()
	for k, c := range m.waiting {
		close(c)
		delete(m.waiting, k)
	}
}

func (m *machine) Touched(dst []replica.Touch) []replica.Touch {
	m.mu.Lock()
	defer m.mu.Unlock()
	return append(dst, m.alive...)
}

// server is a Peer under test over a file system in memory that outlives it.
type server struct {
	t     *testing.T
	opts  Options
	fs    vfs.FS
	mem   *vfs.Mem
	store *storage.Store
	peer  *Peer
	sm    *machine
	stop  context.CancelFunc
	done  chan error
}

const testTick = 200 * time.Millisecond

func standalone(t *testing.T) *server {
	mem := vfs.NewMem()
	return &server{t: t, mem: mem, fs: mem, opts: Options{
		Standalone: true, Tick: testTick,
		InitTimeout: 50 * testTick, SyncTimeout: 25 * testTick,
	}}
}

// listenLow listens on a port below those that the system gives to outgoing
// connections, which might take it while its server is down.
func listenLow(t *testing.T) net.Listener {
	t.Helper()
	for range 100 {
		ln, err := net.Listen("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(15_000+rand.IntN(17_000))))
		if err == nil {
			return ln
		}
	}
	t.Fatal("no port is free")
	return nil
}

// ensembleOf prepares n voters on loopback ports that were free a moment ago.
func ensembleOf(t *testing.T, n int) []*server {
	t.Helper()
	text := ""
	var held []net.Listener // until every port is chosen, or one might be chosen twice
	for i := range n {
		q, e := listenLow(t), listenLow(t)
		held = append(held, q, e)
		_, qp, _ := net.SplitHostPort(q.Addr().String())
		_, ep, _ := net.SplitHostPort(e.Addr().String())
		text += fmt.Sprintf("server.%d=127.0.0.1:%s:%s:participant\n", i+1, qp, ep)
	}
	for _, ln := range held {
		ln.Close()
	}
	ens, err := ensemble.Parse(text + "version=0")
	if err != nil {
		t.Fatal(err)
	}
	var v []*server
	for i := range n {
		s := standalone(t)
		s.opts.Standalone, s.opts.Self, s.opts.Ensemble = false, proto.PeerID(i+1), ens
		v = append(v, s)
	}
	return v
}

func (s *server) quorumAddr() string {
	m, _ := s.opts.Ensemble.Member(int64(s.opts.Self))
	return net.JoinHostPort(m.QuorumAddrs[0].Host, strconv.Itoa(m.QuorumAddrs[0].Port))
}

// open recovers the directory without running.
func (s *server) open() error {
	var err error
	if s.store, err = storage.Open(storage.Options{FS: s.fs, DataDir: "/data", PreallocBytes: -1}); err != nil {
		return err
	}
	opts := s.opts
	if testing.Verbose() && opts.Logger == nil {
		opts.Logger = slog.New(slog.NewTextHandler(os.Stderr, nil)).With("id", opts.Self)
	}
	if s.peer, err = New(opts, s.store); err != nil {
		s.store.Close()
		return err
	}
	s.sm = &machine{tree: s.peer.Tree(), waiting: map[answerKey]chan proto.ErrCode{}, synced: map[answerKey]chan struct{}{}}
	return nil
}

func (s *server) start() {
	s.t.Helper()
	if err := s.open(); err != nil {
		s.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	s.stop, s.done = cancel, make(chan error, 1)
	go func() { s.done <- s.peer.Run(ctx, s.sm) }()
	s.t.Cleanup(func() {
		if s.done != nil {
			s.halt()
		}
	})
}

// halt stops the server as a signal would.
func (s *server) halt() {
	s.t.Helper()
	s.stop()
	if err := s.wait(); err != nil {
		s.t.Errorf("server %d: %v", s.opts.Self, err)
	}
}

// wait returns how Run ended.
func (s *server) wait() error {
	s.t.Helper()
	select {
	case err := <-s.done:
		s.done = nil
		s.stop()
		s.store.Close()
		s.peer.netMu.Lock()
		defer s.peer.netMu.Unlock()
		if n := len(s.peer.conns); n > 0 {
			s.t.Errorf("server %d: %d links outlive Run", s.opts.Self, n)
		}
		return err
	case <-time.After(patience):
		s.t.Fatalf("server %d does not end", s.opts.Self)
		return nil
	}
}

// eventually waits until ok holds.
func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for end := time.After(patience); !ok(); {
		select {
		case <-tick.C:
		case <-end:
			t.Fatalf("not within %v: %s", patience, what)
		}
	}
}

func (s *server) serves() bool { return s.sm.role.Load() != int32(zab.RoleNone) }
func (s *server) leads() bool  { return s.sm.role.Load() == int32(zab.RoleLeader) }

func allServe(t *testing.T, servers ...*server) {
	t.Helper()
	eventually(t, "everybody serves", func() bool {
		for _, s := range servers {
			if !s.serves() {
				return false
			}
		}
		return true
	})
}

func leaderOf(t *testing.T, servers []*server) (leader *server, others []*server) {
	t.Helper()
	allServe(t, servers...)
	for _, s := range servers {
		if s.leads() {
			leader = s
		} else {
			others = append(others, s)
		}
	}
	if leader == nil {
		t.Fatal("nobody leads")
	}
	return leader, others
}

// errLost is the outcome of a request whose server lost its role.
var errLost = errors.New("connection lost")

// do submits a request and waits for its transaction.
func (s *server) do(id proto.SessionID, cxid int32, op proto.OpCode, body proto.Request) error {
	q := &replica.Request{}
	q.Session, q.Cxid, q.Op, q.Body = id, cxid, op, body
	if body != nil {
		q.Raw = body.Append(nil)
	}
	k, c := answerKey{id, cxid}, make(chan proto.ErrCode, 1)
	s.sm.mu.Lock()
	s.sm.waiting[k] = c
	s.sm.mu.Unlock()
	if err := s.peer.Reserve(context.Background()); err != nil {
		return err
	}
	s.peer.Submit(q)
	select {
	case err, ok := <-c:
		switch {
		case !ok:
			return errLost
		case err != proto.OK:
			return fmt.Errorf("error %d", err)
		}
		return nil
	case <-time.After(patience):
		return fmt.Errorf("no answer to %d of session %s", cxid, id)
	}
}

// session opens a session that stays alive.
func (s *server) session(id proto.SessionID) {
	s.t.Helper()
	if err := s.do(id, 0, proto.OpCreateSession, &proto.CreateSessionRequest{Timeout: 60_000}); err != nil {
		s.t.Fatalf("open a session: %v", err)
	}
}

func (s *server) create(id proto.SessionID, cxid int32, data string) error {
	return s.do(id, cxid, proto.OpCreate, &proto.CreateRequest{Path: fmt.Sprintf("/s%d-%d", id, cxid), Data: []byte(data), ACL: proto.OpenACL})
}

// write creates n znodes.
func (s *server) write(id proto.SessionID, from, n int32) {
	s.t.Helper()
	for i := range n {
		if err := s.create(id, from+i, "x"); err != nil {
			s.t.Fatalf("write %d: %v", from+i, err)
		}
	}
}

func (s *server) digest() (proto.Zxid, int64) {
	t := s.peer.Tree()
	t.RLock()
	defer t.RUnlock()
	return t.LastZxid(), t.Digest()
}

func sameTrees(t *testing.T, servers ...*server) {
	t.Helper()
	eventually(t, "the trees are the same", func() bool {
		_, want := servers[0].digest()
		for _, s := range servers {
			if _, d := s.digest(); d != want {
				return false
			}
		}
		return true
	})
}

func TestThreePeers(t *testing.T) {
	servers := ensembleOf(t, 3)
	for _, s := range servers {
		s.start()
	}
	leaderOf(t, servers)
	var wg sync.WaitGroup
	for i, s := range servers {
		id := proto.SessionID(i+1) << 56
		s.session(id)
		wg.Go(func() {
			for cxid := range int32(100) {
				if err := s.create(id, cxid+1, "x"); err != nil {
					t.Errorf("server %d: %v", s.opts.Self, err)
					return
				}
			}
		})
	}
	wg.Wait()
	sameTrees(t, servers...)
	for _, s := range servers {
		eventually(t, "nothing is pending", func() bool { return s.peer.Status().Outstanding == 0 })
	}
	if n := servers[0].peer.Metrics().Commits.Load(); n < 303 {
		t.Errorf("%d commits", n)
	}

	// A sync at a follower comes behind everything.
	_, others := leaderOf(t, servers)
	f := others[0]
	k, c := answerKey{1 << 56, 500}, make(chan struct{})
	f.sm.mu.Lock()
	f.sm.synced[k] = c
	f.sm.mu.Unlock()
	q := &replica.Request{}
	q.Session, q.Cxid, q.Op = k.id, k.cxid, proto.OpSync
	if err := f.peer.Reserve(t.Context()); err != nil {
		t.Fatal(err)
	}
	f.peer.Submit(q)
	select {
	case <-c:
	case <-time.After(patience):
		t.Fatal("no answer to sync")
	}
}

// TestLeaderStops: the others go on, and the old one follows when it is back.
func TestLeaderStops(t *testing.T) {
	servers := ensembleOf(t, 3)
	for _, s := range servers {
		s.start()
	}
	leader, others := leaderOf(t, servers)
	leader.session(7)
	leader.write(7, 1, 5)
	leader.halt()
	eventually(t, "a new leader", func() bool { return others[0].leads() || others[1].leads() })
	allServe(t, others...)
	others[0].session(8)
	others[0].write(8, 1, 5)
	leader.start()
	allServe(t, servers...)
	sameTrees(t, servers...)
}

// TestSnapThenRestart: a server that missed more than the leader keeps gets a
// snapshot, which it holds after a restart.
func TestSnapThenRestart(t *testing.T) {
	servers := ensembleOf(t, 3)
	for _, s := range servers {
		s.opts.History = 20
		s.start()
	}
	leader, others := leaderOf(t, servers)
	late := others[0]
	late.halt()
	leader.session(7)
	leader.write(7, 1, 100)
	late.start()
	allServe(t, late)
	sameTrees(t, leader, late)
	if n := leader.peer.Metrics().Snaps.Load(); n != 1 {
		t.Errorf("%d snapshots were sent", n)
	}
	leader.write(7, 101, 5)
	sameTrees(t, leader, late)
	late.halt()
	before, want := late.digest()
	if err := late.open(); err != nil {
		t.Fatal(err)
	}
	if z, d := late.digest(); z != before || d != want {
		t.Errorf("restarted at %s with digest %x, was %s, %x", z, d, before, want)
	}
	late.store.Close()
	late.start()
	allServe(t, late)
	leader.write(7, 106, 5)
	sameTrees(t, servers...)
}

// appendTail adds transactions to a stopped server's log that no leader knows.
func (s *server) appendTail(n int) {
	s.t.Helper()
	if err := s.open(); err != nil {
		s.t.Fatal(err)
	}
	z, _ := s.digest()
	for i := range n {
		txn := &proto.Txn{
			TxnHeader: proto.TxnHeader{Session: 9, Cxid: int32(i), Zxid: z + proto.Zxid(i) + 1, Type: proto.OpCreate},
			Body:      &proto.CreateTxn{Path: fmt.Sprintf("/tail%d", i), ACL: proto.OpenACL, ParentCversion: 99},
		}
		txn.Encode(0)
		if err := s.store.Log().Append(storage.Entry{Zxid: txn.Zxid, Payload: txn.Raw}); err != nil {
			s.t.Fatal(err)
		}
	}
	if err := s.store.Log().Flush(); err != nil {
		s.t.Fatal(err)
	}
	s.store.Close()
}

// TestTrunc: a tail that nobody else has is cut off, tree and files.
func TestTrunc(t *testing.T) {
	servers := ensembleOf(t, 3)
	for _, s := range servers {
		s.start()
	}
	leader, others := leaderOf(t, servers)
	leader.session(7)
	leader.write(7, 1, 10)
	sameTrees(t, servers...)
	for _, s := range servers {
		s.halt()
	}
	odd := others[0]
	odd.appendTail(3)
	rest := []*server{leader, others[1]}
	for _, s := range rest {
		s.start()
	}
	leader, _ = leaderOf(t, rest)
	odd.start()
	allServe(t, odd)
	if n := leader.peer.Metrics().Truncs.Load(); n != 1 {
		t.Errorf("%d were told to truncate", n)
	}
	leader.session(8)
	leader.write(8, 1, 3)
	sameTrees(t, servers...)
	odd.halt()
	if err := odd.open(); err != nil {
		t.Fatal(err)
	}
	defer odd.store.Close()
	if _, ok := odd.peer.Tree().Get("/tail0"); ok {
		t.Error("the tail is back after a restart")
	}
	if _, d := odd.digest(); true {
		if _, want := leader.digest(); d != want {
			t.Errorf("digest %x after a restart, want %x", d, want)
		}
	}
}

// TestSnapshotUnderWrites: snapshots go on beside writes, and a crash at any
// moment loses nothing that was acknowledged.
func TestSnapshotUnderWrites(t *testing.T) {
	s := standalone(t)
	s.opts.SnapCount = 100
	s.start()
	allServe(t, s)
	const writers, each = 4, 300
	var wg sync.WaitGroup
	var crashed *vfs.Mem
	var acked [writers]int32
	for w := range writers {
		id := proto.SessionID(w + 1)
		s.session(id)
		wg.Go(func() {
			for cxid := range int32(each) {
				if err := s.create(id, cxid+1, "some data"); err != nil {
					t.Error(err)
					return
				}
				if w == 0 && cxid == each/2 {
					crashed = s.mem.CrashClone(rand.New(rand.NewPCG(1, 2)))
					acked[w] = cxid + 1
				}
			}
		})
	}
	wg.Wait()
	eventually(t, "snapshots", func() bool { return s.peer.Metrics().Snapshots.Load() >= 2 })
	s.halt()
	logs := 0
	files, err := s.mem.List("/data/version-2")
	for _, f := range files {
		if strings.HasPrefix(f, "log.") {
			logs++
		}
	}
	if err != nil || logs < 2 {
		t.Errorf("%d log files beside the snapshots; none could be purged: %v, %v", logs, files, err)
	}
	z, want := s.digest()
	again := standalone(t)
	again.fs = s.mem
	if err := again.open(); err != nil {
		t.Fatal(err)
	}
	if got, d := again.digest(); got != z || d != want {
		t.Errorf("restarted at %s with digest %x, was %s, %x", got, d, z, want)
	}
	again.store.Close()

	after := standalone(t)
	after.fs = crashed
	if err := after.open(); err != nil {
		t.Fatal(err)
	}
	defer after.store.Close()
	for cxid := range acked[0] {
		if _, ok := after.peer.Tree().Get(fmt.Sprintf("/s1-%d", cxid+1)); !ok {
			t.Fatalf("the acknowledged /s1-%d is lost in a crash", cxid+1)
		}
	}
}
