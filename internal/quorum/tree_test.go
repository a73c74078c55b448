package quorum

import (
	"bufio"
	"fmt"
	"net"
	"testing"
	"time"

	"github.com/paddock-io/paddock/internal/persist"
	"github.com/paddock-io/paddock/internal/replica"
	"github.com/paddock-io/paddock/internal/storage"
	"github.com/paddock-io/paddock/internal/tree"
	"github.com/paddock-io/paddock/internal/wire"
	"github.com/paddock-io/paddock/internal/zab"
	"github.com/paddock-io/paddock/proto"
)

// idle returns a peer over a tree of n znodes that does not run, for actions
// one by one.
func idle(t *testing.T, n int32) (*server, *Peer) {
	t.Helper()
	s := standalone(t)
	s.start()
	allServe(t, s)
	s.session(7)
	s.write(7, 1, n)
	s.halt()
	if err := s.open(); err != nil {
		t.Fatal(err)
	}
	p := s.peer
	p.sm, p.loop.links = s.sm, map[zab.LinkID]*link{}
	return s, p
}

// work runs what is queued for the disk, and returns what the loop is told.
func (p *Peer) work(t *testing.T) []replica.Event {
	t.Helper()
	p.runDisk(t)
	return p.inbox.take(nil)
}

// TestReload: half a SNAP is taken back from the disk, under the same pointer.
func TestReload(t *testing.T) {
	s, p := idle(t, 3)
	defer s.store.Close()
	z, want := s.digest()
	held := p.Tree()
	p.run([]replica.Action{replica.Install{Zxid: 99, State: tree.New()}})
	if got, d := s.digest(); got != 99 || d == want {
		t.Fatalf("installed: %s, %x", got, d)
	}
	p.run([]replica.Action{replica.Reload{}})
	if events := p.work(t); len(events) != 1 || events[0] != (replica.Reloaded{Last: z}) {
		t.Fatalf("%v", events)
	}
	p.swapTree()
	if got, d := s.digest(); got != z || d != want || p.Tree() != held {
		t.Errorf("reloaded: %s, %x", got, d)
	}
}

// TestSaveSnapshotDiscards: what a leader's snapshot replaces must not come
// back from our own log after a restart.
func TestSaveSnapshotDiscards(t *testing.T) {
	s, p := idle(t, 5)
	fresh := tree.New()
	p.run([]replica.Action{replica.Install{Zxid: 2, State: fresh}, replica.SaveSnapshot{Zxid: 2}})
	if events := p.work(t); len(events) != 1 || events[0] != (replica.SnapshotSaved{Zxid: 2}) {
		t.Fatalf("%v", events)
	}
	// The log goes on behind the snapshot.
	txn := &proto.Txn{TxnHeader: proto.TxnHeader{Zxid: 3, Type: proto.OpCreate}, Body: &proto.CreateTxn{Path: "/new", ACL: proto.OpenACL, ParentCversion: 1}}
	txn.Encode(0)
	p.run([]replica.Action{replica.Append{Txn: txn}})
	if events := p.work(t); len(events) != 1 || events[0] != (replica.Persisted{Zxid: 3}) {
		t.Fatalf("%v", events)
	}
	s.store.Close()
	if err := s.open(); err != nil {
		t.Fatal(err)
	}
	defer s.store.Close()
	if z, _ := s.digest(); z != 3 || s.peer.Tree().NodeCount() != 6 {
		t.Errorf("restarted at %s with %d znodes", z, s.peer.Tree().NodeCount())
	}
}

// TestTruncateRefused: a log that does not reach back leaves all as it was,
// and the replica sees that.
func TestTruncateRefused(t *testing.T) {
	s, p := idle(t, 5)
	defer s.store.Close()
	z, want := s.digest()
	p.run([]replica.Action{replica.Truncate{Zxid: 1000}})
	if events := p.work(t); len(events) != 1 || events[0] != (replica.Truncated{Asked: 1000, Last: z}) {
		t.Fatalf("%v", events)
	}
	p.swapTree()
	if got, d := s.digest(); got != z || d != want {
		t.Errorf("now %s, %x", got, d)
	}
}

// TestGroupCommit: a run of appends is synced once and reported once; what is
// between waits for the sync before it.
func TestGroupCommit(t *testing.T) {
	s, p := idle(t, 1)
	defer s.store.Close()
	z, _ := s.digest()
	var actions []replica.Action
	for i := range proto.Zxid(10) {
		txn := &proto.Txn{TxnHeader: proto.TxnHeader{Zxid: z + 1 + i, Type: proto.OpError}, Body: &proto.ErrorTxn{Err: -1}}
		txn.Encode(0)
		actions = append(actions, replica.Append{Txn: txn})
		if i == 4 {
			actions = append(actions, replica.SaveEpoch{Kind: zab.CurrentEpoch, Epoch: 0})
		}
	}
	if _, err := s.store.LoadEpochs(z); err != nil {
		t.Fatal(err)
	}
	p.run(actions)
	got := fmt.Sprint(p.work(t))
	want := fmt.Sprint([]replica.Event{replica.Persisted{Zxid: z + 5}, replica.EpochSaved{Kind: zab.CurrentEpoch}, replica.Persisted{Zxid: z + 10}})
	if got != want {
		t.Errorf("%s, want %s", got, want)
	}
}

// TestSnapshotEndsWithTheRole: what a role leaves undecided is applied after
// it, and must not get into a snapshot (ZOOKEEPER-1549).
func TestSnapshotEndsWithTheRole(t *testing.T) {
	do := func(a replica.Action) func(p *Peer) { return func(p *Peer) { p.run([]replica.Action{a}) } }
	for name, end := range map[string]func(p *Peer){
		"StopServing":  do(replica.StopServing{}),
		"Truncate":     do(replica.Truncate{Zxid: 1}),
		"SaveSnapshot": do(replica.SaveSnapshot{Zxid: 1}),
		"Install":      do(replica.Install{Zxid: 1, State: tree.New()}),
		"shutdown":     (*Peer).shutdown,
	} {
		s, p := idle(t, 100)
		held := p.Tree()
		held.Lock() // the dump waits
		snap := startSnapshot(s.store, held, &p.durable, p.log, p.opts.Metrics)
		p.loop.snap = snap
		done := make(chan bool)
		go func() { end(p); done <- snap.running() }()
		select {
		case <-done:
			t.Errorf("%s does not wait for the end of the snapshot", name)
			held.Unlock()
		case <-time.After(20 * time.Millisecond):
			held.Unlock()
			if <-done || name != "shutdown" && p.loop.snap != nil {
				t.Errorf("%s: the snapshot goes on", name)
			}
		}
		<-snap.done
		s.store.Close()
	}
}

// recorder is a StateMachine that remembers what it was told.
type recorder struct {
	machine
	calls []string
}

func (r *recorder) Apply(txns []*proto.Txn) {
	for _, t := range txns {
		r.calls = append(r.calls, "apply "+t.Zxid.String())
	}
	r.machine.Apply(txns)
}
func (r *recorder) Synced(proto.SessionID, int32) { r.calls = append(r.calls, "synced") }
func (r *recorder) Revalidated(proto.SessionID, uint64, bool) {
	r.calls = append(r.calls, "revalidated")
}

func (r *recorder) SessionOpened(proto.SessionID)             { r.calls = append(r.calls, "opened") }
func (r *recorder) SessionEnded(proto.SessionID, int32, bool) { r.calls = append(r.calls, "ended") }
func (r *recorder) SessionMoved(proto.SessionID)              { r.calls = append(r.calls, "moved") }
func (r *recorder) StopServing(reason string)                 { r.calls = append(r.calls, "stop "+reason) }

// TestActionsKeepTheirOrder: an answer comes behind what was decided before it.
func TestActionsKeepTheirOrder(t *testing.T) {
	s, p := idle(t, 1)
	defer s.store.Close()
	r := &recorder{machine: machine{tree: p.Tree()}}
	p.sm = r
	z, _ := s.digest()
	apply := func(i proto.Zxid) replica.Action {
		txn := &proto.Txn{TxnHeader: proto.TxnHeader{Zxid: z + i, Type: proto.OpError}, Body: &proto.ErrorTxn{Err: -1}}
		txn.Encode(0)
		return replica.Apply{Txn: txn}
	}
	p.run([]replica.Action{
		apply(1), apply(2),
		replica.Synced{},
		apply(3),
		replica.Revalidated{},
		apply(4),
		replica.Send{Link: 9},
		replica.SessionOpened{},
		apply(5),
		replica.SessionEnded{},
		apply(6),
		replica.SessionMoved{},
		apply(7),
		replica.StopServing{Reason: "x"},
		apply(8),
	})
	p.endBatch()
	want := fmt.Sprintf("[apply %s apply %s synced apply %s revalidated apply %s opened apply %s ended apply %s moved apply %s stop x apply %s]",
		z+1, z+2, z+3, z+4, z+5, z+6, z+7, z+8)
	if got := fmt.Sprint(r.calls); got != want {
		t.Errorf("%s, want %s", got, want)
	}
}

// TestOutstandingIsBounded: no more requests are taken than may be undecided.
func TestOutstandingIsBounded(t *testing.T) {
	s, p := idle(t, 1)
	defer s.store.Close()
	p.opts.MaxOutstanding = 3
	p.run(p.replica.Start(0, 0, nil))
	for range 5 {
		q := &replica.Request{}
		q.Session, q.Op = 7, proto.OpDelete
		q.Body = &proto.DeleteRequest{Path: "/nowhere"}
		if err := p.requests.reserve(t.Context()); err != nil {
			t.Fatal(err)
		}
		p.requests.put(q)
	}
	for i, want := range []int{2, 2} {
		if p.batch(); p.requests.len() != want || p.replica.Pending() != 3 {
			t.Errorf("batch %d: %d wait, %d are undecided", i, p.requests.len(), p.replica.Pending())
		}
	}
	if err := p.disk.ops.Work(p.disk.take(nil)); err != nil {
		t.Fatal(err)
	}
	if p.batch(); p.requests.len() != 0 || p.replica.Pending() != 2 {
		t.Errorf("decided: %d wait, %d are undecided", p.requests.len(), p.replica.Pending())
	}
}

// TestSnapshotInABatch: what is queued before a dump is sent once, and what is
// behind it, behind it.
func TestSnapshotInABatch(t *testing.T) {
	s, p := idle(t, 3)
	defer s.store.Close()
	here, there := net.Pipe()
	l := newLink(p, 5, here, true)
	done := make(chan struct{})
	go func() { l.run(); close(done) }()
	l.put(zab.LeaderInfo{Epoch: 3})
	l.put(snapshotItem(51))
	l.put(zab.NewLeader{Epoch: 3, Config: "x"})
	l.wakeUp()
	h := &learner{t, there, bufio.NewReader(there)}
	if m := h.next(); m != (zab.LeaderInfo{Epoch: 3}) {
		t.Fatalf("%+v", m)
	}
	if m, ok := h.next().(zab.Snap); !ok || m.Zxid != 51 {
		t.Fatalf("%+v", m)
	}
	if _, err := persist.ReadTree(h.br); err != nil {
		t.Fatal(err)
	}
	if m := h.next(); m != (zab.NewLeader{Epoch: 3, Config: "x"}) {
		t.Fatalf("%+v", m)
	}
	there.Close()
	<-done
	if events := p.inbox.take(nil); len(events) != 2 || events[0] != replica.Event(replica.SnapshotSent{Link: 5}) {
		t.Errorf("%v", events)
	}
}

// TestSnapshotIsHeard: while a snapshot arrives slowly the loop is told, and
// what follows it on the link is read from the right byte.
func TestSnapshotIsHeard(t *testing.T) {
	s, p := idle(t, 50)
	defer s.store.Close()
	p.opts.Tick = time.Nanosecond
	here, there := net.Pipe()
	l := newLink(p, 5, here, false)
	done := make(chan struct{})
	go func() { l.run(); close(done) }()

	w := &chunks{nc: there}
	w.Write(wire.AppendMessage(nil, zab.Snap{Zxid: 51}, true))
	if err := storage.WriteSnapshotStream(w, &persist.Source{Tree: p.Tree()}); err != nil {
		t.Fatal(err)
	}
	w.Write(storage.AppendSnapshotStreamEnd(nil))
	w.Write(wire.AppendMessage(nil, zab.Commit{Zxid: 52}, true))
	there.Close()
	<-done
	if w.err != nil {
		t.Fatal(w.err)
	}
	heard, rest := 0, []replica.Event{}
	for _, ev := range p.inbox.take(nil) {
		if ev == replica.Event(replica.Heard{Link: 5}) {
			heard++
		} else {
			rest = append(rest, ev)
		}
	}
	if heard < 3 {
		t.Errorf("heard %d times", heard)
	}
	if len(rest) != 3 || rest[1] != replica.Event(replica.Message{Link: 5, Msg: zab.Commit{Zxid: 52}}) {
		t.Fatalf("%v", rest)
	}
	m := rest[0].(replica.Message).Msg.(zab.Snap)
	if _, want := s.digest(); m.Zxid != 51 || m.State.(*tree.Tree).Digest() != want {
		t.Errorf("%+v", m)
	}
}

// chunks writes in small pieces.
type chunks struct {
	nc  net.Conn
	err error
}

func (c *chunks) Write(b []byte) (int, error) {
	for rest := b; len(rest) > 0 && c.err == nil; {
		n := min(len(rest), 300)
		_, c.err = c.nc.Write(rest[:n])
		rest = rest[n:]
	}
	return len(b), c.err
}
