package replica

import (
	"fmt"
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/paddock-io/paddock/internal/election"
	"github.com/paddock-io/paddock/internal/ensemble"
	"github.com/paddock-io/paddock/internal/prep"
	"github.com/paddock-io/paddock/internal/tree"
	"github.com/paddock-io/paddock/internal/zab"
	"github.com/paddock-io/paddock/proto"
)

// bench drives one replica by hand.
type bench struct {
	t    *testing.T
	r    *Replica
	tree *tree.Tree
	now  time.Duration
	res  tree.Result
}

const benchTick = 2 * time.Second

// newBench returns server 2 of three, looking.
func newBench(t *testing.T, options ...func(*Options)) *bench {
	t.Helper()
	return newBenchOver(t, tree.New(), options...)
}

func newBenchOver(t *testing.T, over *tree.Tree, options ...func(*Options)) *bench {
	t.Helper()
	ens, err := ensemble.Parse("server.1=a:1:2:participant;3\nserver.2=b:1:2:participant;3\nserver.3=c:1:2:participant;3\nversion=0")
	if err != nil {
		t.Fatal(err)
	}
	opts := Options{Self: 2, Ensemble: ens, Tick: benchTick, InitTimeout: 10 * time.Second, SyncTimeout: 4 * time.Second, Prep: prep.Options{Digest: true}}
	for _, o := range options {
		o(&opts)
	}
	b := &bench{t: t, tree: over}
	b.r = New(opts, b.tree, &zab.History{}, zab.Durable{})
	b.run(b.r.Start(0, 1_700_000_000_000, nil))
	return b
}

// step runs one event, applies what is to be applied, and returns the actions
// without election notices and notes.
func (b *bench) step(ev Event) []Action { return b.run(b.r.Step(b.now, ev, nil)) }

func (b *bench) run(actions []Action) []Action {
	out := []Action{}
	for _, a := range actions {
		switch a := a.(type) {
		case Apply:
			b.tree.Apply(a.Txn, &b.res)
			b.r.Step(b.now, Applied{a.Txn.Zxid}, nil)
		case SetLast:
			b.tree.SetLastZxid(a.Zxid)
		case SendVote, Note:
			continue
		}
		out = append(out, a)
	}
	return out
}

// elect ends the election as if the voters had agreed.
func (b *bench) elect(leader proto.PeerID) []Action {
	return b.run(b.r.absorb(b.now, 0, b.r.decided(b.now, election.Decided{Vote: election.Vote{Leader: leader}}, nil)))
}

func (b *bench) message(link LinkID, m zab.Message) []Action { return b.step(Message{link, m}) }

// follow joins the elected leader, with an empty history in epoch 1, on link 1.
func (b *bench) follow() {
	b.step(Connected{Link: 1, Dialed: true})
	b.message(1, zab.LeaderInfo{Epoch: 1})
	b.step(EpochSaved{zab.AcceptedEpoch, 1})
	b.message(1, zab.Diff{})
	b.message(1, zab.NewLeader{Epoch: 1})
	b.step(EpochSaved{zab.CurrentEpoch, 1})
	b.message(1, zab.UpToDate{})
}

// newFollower returns server 2 as a follower of 3 in epoch 1, on link 1.
func newFollower(t *testing.T, options ...func(*Options)) *bench {
	b := newBench(t, options...)
	b.elect(3)
	b.follow()
	if b.r.role != zab.RoleFollower {
		t.Fatalf("no follower: %+v", b.r.Status())
	}
	return b
}

// newLeader returns server 2 as the leader in epoch 1, followed by 1 and 3 on
// links 1 and 3.
func newLeader(t *testing.T, options ...func(*Options)) *bench {
	b := newBench(t, options...)
	b.elect(2)
	for _, id := range []int64{1, 3} {
		b.step(Connected{Link: LinkID(id), Dialed: false})
		b.message(LinkID(id), zab.FollowerInfo{ID: proto.PeerID(id)})
	}
	b.step(EpochSaved{zab.AcceptedEpoch, 1})
	b.message(1, zab.AckEpoch{})
	b.message(3, zab.AckEpoch{})
	b.step(EpochSaved{zab.CurrentEpoch, 1})
	b.message(1, zab.Ack{Zxid: proto.MakeZxid(1, 0)})
	b.message(3, zab.Ack{Zxid: proto.MakeZxid(1, 0)})
	if b.r.role != zab.RoleLeader {
		t.Fatalf("no leader: %+v", b.r.Status())
	}
	return b
}

func request(id proto.SessionID, cxid int32, op proto.OpCode, body proto.Request) *Request {
	q := &Request{}
	q.Session, q.Cxid, q.Op, q.Body = id, cxid, op, body
	if body != nil {
		q.Raw = body.Append(nil)
	}
	return q
}

func create(id proto.SessionID, cxid int32, path string) *Request {
	return request(id, cxid, proto.OpCreate, &proto.CreateRequest{Path: path, ACL: proto.OpenACL})
}

func forward(q *Request) *zab.Forward {
	return &zab.Forward{Session: q.Session, Cxid: q.Cxid, Op: q.Op, Raw: q.Raw, Body: q.Body}
}

// appended returns the transactions that the actions append.
func appended(actions []Action) (v []*proto.Txn) {
	for _, a := range actions {
		if p, ok := a.(Append); ok {
			v = append(v, p.Txn)
		}
	}
	return v
}

// propose has the leader order one request, decides it, and returns the error
// that the transaction carries.
func (b *bench) propose(out []Action) proto.ErrCode {
	b.t.Helper()
	txns := appended(out)
	if len(txns) != 1 {
		b.t.Fatalf("%d transactions were proposed: %v", len(txns), out)
	}
	b.step(Persisted{txns[0].Zxid})
	b.message(1, zab.Ack{Zxid: txns[0].Zxid})
	b.message(3, zab.Ack{Zxid: txns[0].Zxid})
	if e, ok := txns[0].Body.(*proto.ErrorTxn); ok {
		return e.Err
	}
	return proto.OK
}

func sent[M zab.Message](actions []Action) (v []M) {
	for _, a := range actions {
		if s, ok := a.(Send); ok {
			if m, ok := s.Msg.(M); ok {
				v = append(v, m)
			}
		}
	}
	return v
}

func expect(t *testing.T, what string, got []Action, want ...Action) {
	t.Helper()
	if len(got) != len(want) || len(want) > 0 && !reflect.DeepEqual(got, want) {
		t.Errorf("%s: %v, want %v", what, show(got), show(want))
	}
}

func show(actions []Action) string {
	s := ""
	for _, a := range actions {
		s += fmt.Sprintf("\n\t%T%+v", a, a)
	}
	return s
}

// TestNoVoteBeforeTheDiskIsQuiet: a role that ends leaves writes behind; the
// next vote tells what is durable, so it waits for them.
func TestNoVoteBeforeTheDiskIsQuiet(t *testing.T) {
	b := newLeader(t)
	b.propose(b.step(request(7, 0, proto.OpCreateSession, &proto.CreateSessionRequest{Timeout: 9000})))
	b.step(create(7, 1, "/a"))
	b.step(create(7, 2, "/b"))
	b.step(Disconnected{1, "x"})
	b.step(Disconnected{3, "x"})
	b.now = benchTick
	out := b.r.Step(b.now, Tick{}, nil)
	want := []Action{StopServing{"a quorum of followers is gone"}}
	if got := b.run(out); !reflect.DeepEqual(got, want) {
		t.Fatalf("the role ended with %v", show(got))
	}
	quiet := func(what string, out []Action) {
		t.Helper()
		if len(out) != 0 {
			t.Errorf("%s: %v", what, show(out))
		}
	}
	if s := b.r.Status(); !s.Looking || s.Role != zab.RoleNone || s.Leading {
		t.Errorf("draining: %+v", s)
	}
	quiet("a vote while draining", b.r.Step(b.now, Vote{1, proto.Notification{State: proto.PeerLooking, Leader: 1}}, nil))
	quiet("a request while draining", b.r.Step(b.now, create(7, 3, "/c"), nil))
	quiet("half of the log", b.r.Step(b.now, Persisted{proto.MakeZxid(1, 2)}, nil))
	out = b.r.Step(b.now, Persisted{proto.MakeZxid(1, 3)}, nil)
	if a, ok := out[0].(Apply); !ok || a.Txn.Zxid != proto.MakeZxid(1, 2) {
		t.Fatalf("the undecided tail is not applied first: %v", show(out))
	}
	votes := 0
	for _, a := range out {
		if v, ok := a.(SendVote); ok {
			votes++
			if v.Note.Zxid != proto.MakeZxid(1, 3) || v.Note.PeerEpoch != 1 {
				t.Errorf("voted with %+v", v.Note)
			}
		}
	}
	if votes != 2 {
		t.Errorf("%d votes are sent", votes)
	}
}

// TestEpochWriteDelaysTheVote is the same for the epoch files.
func TestEpochWriteDelaysTheVote(t *testing.T) {
	b := newBench(t)
	b.elect(3)
	b.step(Connected{Link: 1, Dialed: true})
	b.message(1, zab.LeaderInfo{Epoch: 4})
	expect(t, "the link breaks", b.step(Disconnected{1, "x"}))
	if b.r.state != draining {
		t.Fatalf("state %d", b.r.state)
	}
	b.step(EpochSaved{zab.AcceptedEpoch, 4})
	if b.r.state != looking || b.r.disk.AcceptedEpoch != 4 {
		t.Fatalf("state %d, %+v", b.r.state, b.r.disk)
	}
}

// TestTreeIsReloadedAfterHalfASnap: what came by SNAP is not on disk, so it
// must be out of the tree before the next vote (ZOOKEEPER-3642).
func TestTreeIsReloadedAfterHalfASnap(t *testing.T) {
	for _, saving := range []bool{false, true} {
		b := newBench(t)
		b.elect(3)
		b.step(Connected{Link: 1, Dialed: true})
		b.message(1, zab.LeaderInfo{Epoch: 4})
		b.step(EpochSaved{zab.AcceptedEpoch, 4})
		b.message(1, zab.Snap{Zxid: proto.MakeZxid(3, 9), State: tree.New()})
		if saving {
			expect(t, "NEWLEADER", b.message(1, zab.NewLeader{Epoch: 4}), SaveSnapshot{Zxid: proto.MakeZxid(3, 9)})
		}
		out := b.step(Disconnected{1, "x"})
		if saving {
			expect(t, "the link breaks while saving", out)
			// The snapshot arrives on disk after all: the tree is what the disk holds.
			b.step(SnapshotSaved{proto.MakeZxid(3, 9)})
			if b.r.state != looking || b.r.disk.LastZxid != proto.MakeZxid(3, 9) {
				t.Errorf("saved late: state %d, last %s", b.r.state, b.r.disk.LastZxid)
			}
			continue
		}
		expect(t, "the link breaks", out, Reload{})
		b.step(Reloaded{0})
		if b.r.state != looking || b.r.disk.LastZxid != 0 {
			t.Errorf("reloaded: state %d, last %s", b.r.state, b.r.disk.LastZxid)
		}
	}
}

func TestTruncatedWithoutLeader(t *testing.T) {
	b := newBench(t)
	for i := range uint32(3) {
		b.r.hist.Add(&proto.Txn{TxnHeader: proto.TxnHeader{Zxid: proto.MakeZxid(1, i+1)}})
	}
	b.r.disk.LastZxid = proto.MakeZxid(1, 3)
	b.elect(3)
	b.step(Connected{Link: 1, Dialed: true})
	b.message(1, zab.LeaderInfo{Epoch: 4})
	b.step(EpochSaved{zab.AcceptedEpoch, 4})
	expect(t, "TRUNC", b.message(1, zab.Trunc{Zxid: proto.MakeZxid(1, 1)}), Truncate{Zxid: proto.MakeZxid(1, 1)})
	expect(t, "the link breaks", b.step(Disconnected{1, "x"}))
	b.step(Truncated{proto.MakeZxid(1, 1), proto.MakeZxid(1, 1)})
	if b.r.state != looking || b.r.disk.LastZxid != proto.MakeZxid(1, 1) {
		t.Errorf("state %d, last %s", b.r.state, b.r.disk.LastZxid)
	}
}

// TestDeserted: a leader whose voters look for another gives up at once.
func TestDeserted(t *testing.T) {
	b := newBench(t)
	for _, id := range []proto.PeerID{1, 3} {
		b.step(Vote{id, proto.Notification{State: proto.PeerLooking, Leader: 3, Round: 1, Version: 2}})
	}
	if b.r.state != learning {
		t.Fatalf("state %d after the votes", b.r.state)
	}
	b.step(Vote{3, proto.Notification{State: proto.PeerLooking, Leader: 1, Round: 2, Version: 2}})
	if b.r.state != looking {
		t.Errorf("state %d: the leader looks for another, and we wait for it", b.r.state)
	}
}

// TestEarlyLinks: a learner that decided before this server did is kept, with
// what it said.
func TestEarlyLinks(t *testing.T) {
	b := newBench(t)
	expect(t, "connect", b.step(Connected{Link: 1, Dialed: false}))
	expect(t, "info", b.message(1, zab.FollowerInfo{ID: 1}))
	out := b.elect(2)
	if len(b.r.early) != 0 || !slices.Equal(out, []Action{SaveEpoch{Kind: zab.AcceptedEpoch, Epoch: 1}}) {
		t.Errorf("elected: %v", show(out))
	}

	b = newBench(t)
	b.step(Connected{Link: 1, Dialed: false})
	b.step(Connected{Link: 2, Dialed: false})
	b.step(Disconnected{1, "x"})
	expect(t, "elected another", b.elect(3), Hangup{Link: 2, Reason: "not the leader; server 3 is"}, Dial{Leader: 3})
	expect(t, "connect to a learner", b.step(Connected{Link: 3, Dialed: false}), Hangup{Link: 3, Reason: "not leading"})
	b.step(Connected{Link: 4, Dialed: true})
	expect(t, "second dial", b.step(Connected{Link: 5, Dialed: true}), Hangup{Link: 5, Reason: "not wanted any more"})

	b = newBench(t)
	expect(t, "a dial of another term", b.step(Connected{Link: 9, Dialed: true}), Hangup{Link: 9, Reason: "not leading"})
	for i := range LinkID(maxEarlyLinks) {
		expect(t, "connect", b.step(Connected{Link: i + 10, Dialed: false}))
	}
	expect(t, "one too many", b.step(Connected{Link: 999, Dialed: false}), Hangup{Link: 999, Reason: "not leading"})
	for range 2 * maxEarlyMsgs {
		b.message(10, zab.FollowerInfo{ID: 1})
	}
	if n := len(b.r.early[0].msgs); n != maxEarlyMsgs {
		t.Errorf("%d messages are kept", n)
	}
	if d := b.r.Deadline(); d > benchTick {
		t.Errorf("deadline %v", d)
	}
	b.now = benchTick
	dropped := 0
	for _, a := range b.step(Tick{}) {
		if _, ok := a.(Hangup); ok {
			dropped++
		}
	}
	if dropped != maxEarlyLinks || len(b.r.early) != 0 {
		t.Errorf("%d links are dropped after a tick, %d left", dropped, len(b.r.early))
	}
}

// TestHeard: bytes of a long message give the leader time.
func TestHeard(t *testing.T) {
	b := newBench(t)
	b.step(Heard{1})
	b.elect(3)
	b.step(Connected{Link: 1, Dialed: true})
	b.now = 9 * time.Second
	b.step(Heard{1})
	b.step(Heard{2})
	b.now = 18 * time.Second
	expect(t, "tick", b.step(Tick{}))
	b.now = 19 * time.Second
	b.step(Tick{})
	if b.r.state != looking {
		t.Errorf("state %d", b.r.state)
	}
}

func TestStandalone(t *testing.T) {
	b := newBench(t, func(o *Options) { o.Standalone, o.Ensemble = true, ensemble.Ensemble{} })
	if b.r.role != zab.RoleStandalone {
		t.Fatalf("%+v", b.r.Status())
	}
	expect(t, "a link", b.step(Connected{Link: 1, Dialed: false}), Hangup{Link: 1, Reason: "not leading"})
	expect(t, "a vote", b.step(Vote{1, proto.Notification{}}))
	expect(t, "reachable", b.step(Reachable{1, true}))
	out := b.step(request(5, 0, proto.OpCreateSession, &proto.CreateSessionRequest{Timeout: 9000}))
	txns := appended(out)
	if len(txns) != 1 || b.r.Pending() != 1 {
		t.Fatal(show(out))
	}
	expect(t, "persisted", b.step(Persisted{txns[0].Zxid}), Apply{Txn: txns[0]})
	if b.r.Pending() != 0 || b.r.Status().Sessions != 1 {
		t.Errorf("%+v", b.r.Status())
	}
}

// TestLeaderHangsUp: whoever followed looks around at once.
func TestLeaderHangsUp(t *testing.T) {
	b := newLeader(t)
	out := b.run(b.r.absorb(0, 0, b.r.endRole(0, "why", nil)))
	expect(t, "the end", out, StopServing{"why"}, Hangup{Link: 1, Reason: "why"}, Hangup{Link: 3, Reason: "why"})
}

// TestVoteAfterEstablished: those who look are told the new epoch, or votes of
// one leader would not agree (QuorumPeer.updateElectionVote).
func TestVoteAfterEstablished(t *testing.T) {
	b := newBench(t)
	for _, id := range []proto.PeerID{1, 3} {
		b.step(Vote{id, proto.Notification{State: proto.PeerLooking, Leader: 3, Round: 1, Version: 2}})
	}
	b.step(Connected{Link: 1, Dialed: true})
	b.message(1, zab.LeaderInfo{Epoch: 6})
	b.step(EpochSaved{zab.AcceptedEpoch, 6})
	b.message(1, zab.Diff{})
	b.message(1, zab.NewLeader{Epoch: 6})
	b.step(EpochSaved{zab.CurrentEpoch, 6})
	b.message(1, zab.UpToDate{})
	out := b.r.Step(b.now, Vote{1, proto.Notification{State: proto.PeerLooking, Leader: 1, Round: 1, Version: 2}}, nil)
	if len(out) != 1 {
		t.Fatal(show(out))
	}
	if v := out[0].(SendVote); v.Note.PeerEpoch != 6 || v.Note.Leader != 3 || v.Note.State != proto.PeerFollowing {
		t.Errorf("%+v", v.Note)
	}
}
