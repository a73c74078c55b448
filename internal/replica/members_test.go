package replica

import (
	"fmt"
	"slices"
	"testing"

	"github.com/paddock-io/paddock/internal/ensemble"
	"github.com/paddock-io/paddock/internal/tree"
	"github.com/paddock-io/paddock/internal/zab"
	"github.com/paddock-io/paddock/proto"
)

func voters(t *testing.T, version proto.Zxid, ids ...int) ensemble.Ensemble {
	t.Helper()
	text := ""
	for _, id := range ids {
		text += fmt.Sprintf("server.%d=h%d:1:2:participant;3\n", id, id)
	}
	e, err := ensemble.Parse(fmt.Sprintf("%sversion=%x", text, int64(version)))
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func changeTo(e ensemble.Ensemble) *proto.Txn {
	return &proto.Txn{
		TxnHeader: proto.TxnHeader{Zxid: proto.Zxid(e.Version), Type: proto.OpReconfig}, Raw: []byte("raw"),
		Body: &proto.SetDataTxn{Path: "/zookeeper/config", Data: []byte(e.Text()), Version: -1},
	}
}

// A proposed membership counts only if this server may have acknowledged it.
func TestForgetUnpromised(t *testing.T) {
	z := proto.MakeZxid
	for _, test := range []struct {
		name       string
		seen, last proto.Zxid
		current    int64
		forgotten  bool
	}{
		{"its transaction is in the log", z(5, 7), z(5, 7), 5, false},
		{"and others behind it", z(5, 7), z(5, 9), 5, false},
		{"its transaction was not logged", z(5, 7), z(5, 6), 5, true},
		{"nor its leader's history", z(5, 7), z(4, 9), 4, true},
		{"it came with a later leader's history", z(5, 7), z(5, 6), 6, false},
		{"it is the first version of an epoch", z(5, 0), z(4, 9), 5, false},
		{"the history is damaged", z(5, 7), -1, 5, false},
	} {
		opts := Options{
			Self: 2, Ensemble: voters(t, z(4, 0), 1, 2, 3), LastSeen: voters(t, test.seen, 2, 3, 4), Reconfig: true,
			Tick: benchTick, InitTimeout: 5 * benchTick, SyncTimeout: 2 * benchTick,
		}
		hist := &zab.History{}
		hist.Reset(test.last)
		r := New(opts, tree.New(), hist, zab.Durable{AcceptedEpoch: test.current, CurrentEpoch: test.current, LastZxid: test.last})
		forgotten, votes := false, 0
		for _, a := range r.Start(0, 0, nil) {
			switch a := a.(type) {
			case SeeConfig:
				forgotten = a.Config.Version == int64(z(4, 0))
			case SendVote:
				votes++
			}
		}
		p := r.Members()
		if forgotten != test.forgotten || p.Pending() == test.forgotten || votes != map[bool]int{true: 2, false: 3}[forgotten] {
			t.Errorf("%s: forgotten %v, pending %v, %d votes", test.name, forgotten, p.Pending(), votes)
		}
	}
}

// A follower that is named leads without an election, once the disk is quiet; who comes earlier waits.
func TestNamedToLead(t *testing.T) {
	b := newFollower(t, func(o *Options) { o.Reconfig = true })
	next := voters(t, proto.MakeZxid(1, 1), 1, 2, 4)
	b.message(1, zab.Proposal{Txn: changeTo(next)})
	if out := b.step(Connected{Link: 7}); len(out) > 0 {
		t.Errorf("an early link: %+v", out)
	}
	if out := b.message(7, zab.FollowerInfo{ID: 1, AcceptedEpoch: 1, ConfigVersion: next.Version}); len(out) > 0 {
		t.Errorf("an early learner: %+v", out)
	}
	out := b.message(1, zab.CommitActivate{Zxid: proto.MakeZxid(1, 1), Leader: 2})
	kinds := ""
	for _, a := range out {
		kinds += fmt.Sprintf("%T ", a)
	}
	if kinds != "zab.Apply zab.CommitConfig zab.Hangup replica.StopServing " {
		t.Errorf("at the commit: %s", kinds)
	}
	if st := b.r.Status(); st.Leading {
		t.Error("it leads before its log is durable")
	}
	b.step(Persisted{proto.MakeZxid(1, 1)})
	if st := b.r.Status(); !st.Leading || st.Leader != 2 {
		t.Errorf("it does not lead: %+v", st)
	}
	out = b.step(Connected{Link: 8})
	out = append(out, b.message(8, zab.FollowerInfo{ID: 4})...)
	if r := b.r; r.leader.Epoch() != 2 { // servers 1 and 2 are a quorum
		t.Errorf("epoch %d, %+v", r.leader.Epoch(), out)
	}
	if p := b.r.Members(); p.Committed.Version != next.Version || p.Pending() {
		t.Errorf("membership %+v", p)
	}
}

// Without a change that is under way a learner is told at once that nobody leads here.
func TestNoEarlyLinkAtAFollower(t *testing.T) {
	b := newFollower(t, func(o *Options) { o.Reconfig = true })
	if out := b.step(Connected{Link: 7}); len(out) != 1 {
		t.Errorf("%+v", out)
	}
}

// Whoever looks for a leader takes over a newer membership and begins anew; not where it may not change.
func TestAdoptNewer(t *testing.T) {
	newer := voters(t, proto.MakeZxid(3, 0), 1, 2, 4)
	for _, test := range []struct {
		reconfig bool
		known    proto.Zxid // version of what the data shows
	}{{true, 0}, {true, proto.MakeZxid(3, 0)}, {false, 0}, {true, proto.MakeZxid(3, 1)}} {
		enabled := test.reconfig && int64(test.known) <= newer.Version
		recovered := tree.New()
		recovered.SetConfig([]byte(voters(t, test.known, 1, 2, 5).Text()), test.known, 0)
		b := newBenchOver(t, recovered, func(o *Options) { o.Reconfig = test.reconfig })
		round := b.r.vote.Round()
		out := b.r.Step(0, Vote{From: 1, Note: proto.Notification{State: proto.PeerLooking, Leader: 1, Round: round, Version: 2, Config: newer.Text()}}, nil)
		adopted, to := false, map[proto.PeerID]bool{}
		for _, a := range out {
			switch a := a.(type) {
			case CommitConfig:
				adopted = a.Config.Version == newer.Version
			case SendVote:
				to[a.To] = true
			}
		}
		p := b.r.Members()
		if adopted != enabled || (p.Committed.Version == newer.Version) != enabled || to[4] != enabled || (b.r.vote.Round() > round) != enabled {
			t.Errorf("%+v: adopted %v, %+v, votes to %v", test, adopted, p, to)
		}
	}
}

// TestAdoptBeforeDeciding: a vote that brings a newer membership and would complete the election under the older one.
func TestAdoptBeforeDeciding(t *testing.T) {
	newer := voters(t, proto.MakeZxid(3, 0), 1, 2, 4, 5)
	b := newBench(t, func(o *Options) { o.Reconfig = true })
	b.r.Step(0, Reachable{Peer: 3}, nil)
	vote := proto.Notification{State: proto.PeerLooking, Leader: 2, Zxid: b.r.disk.LastZxid, PeerEpoch: b.r.disk.CurrentEpoch, Round: b.r.vote.Round(), Version: 2, Config: newer.Text()}
	b.r.Step(0, Vote{From: 1, Note: vote}, nil)
	if p := b.r.Members(); p.Committed.Version != newer.Version || b.r.state != looking {
		t.Errorf("it goes by version %x, state %v", p.Committed.Version, b.r.state)
	}
}

func members(t *testing.T, text string, version proto.Zxid) ensemble.Ensemble {
	t.Helper()
	e, err := ensemble.Parse(fmt.Sprintf("%sversion=%x", text, int64(version)))
	if err != nil {
		t.Fatal(err)
	}
	return e
}

// TestChangeThroughAFollower: observers hear of a change from the follower that feeds them, before it leaves them if
// it does; and who comes later is told the new membership.
func TestChangeThroughAFollower(t *testing.T) {
	z := proto.MakeZxid(1, 1)
	begin := func(next ensemble.Ensemble) (*bench, *proto.Txn) {
		b := newFollower(t, feeding, func(o *Options) { o.Reconfig = true })
		b.join(7, 5)
		txn := changeTo(next)
		b.message(1, zab.Proposal{Txn: txn})
		b.step(Persisted{z})
		return b, txn
	}
	next := voters(t, z, 1, 2, 3, 4)
	b, txn := begin(next)
	expect(t, "a server is added", b.message(1, zab.CommitActivate{Zxid: z, Leader: 3}),
		Apply{Txn: txn}, CommitConfig{Config: next}, Send{Link: 7, Msg: zab.InformActivate{Txn: txn, Leader: 3}})
	b.step(Connected{Link: 8, Master: true})
	b.message(8, zab.FollowerInfo{ID: 6, Observer: true})
	out := b.message(8, zab.AckEpoch{LastZxid: z})
	expect(t, "who comes later", out[len(out)-1:], Send{Link: 8, Msg: zab.NewLeader{Epoch: 1, Config: next.Text()}})
	late := &proto.Txn{TxnHeader: proto.TxnHeader{Zxid: z + 1}, Body: &proto.ErrorTxn{}, Raw: []byte("raw")}
	b.message(1, zab.Proposal{Txn: late})
	expect(t, "what follows", b.message(1, zab.Commit{Zxid: z + 1}), Apply{Txn: late},
		Send{Link: 7, Msg: zab.Inform{Txn: late}}, Send{Link: 8, Msg: zab.Proposal{Txn: late}}, Send{Link: 8, Msg: zab.Commit{Zxid: z + 1}})

	const changed = "the membership has changed"
	next = members(t, "server.1=a:1:2\nserver.2=b:1:2:observer\nserver.3=c:1:2\nserver.4=d:1:2\n", z)
	b, txn = begin(next)
	expect(t, "the follower is to observe", b.message(1, zab.CommitActivate{Zxid: z, Leader: 3}),
		Apply{Txn: txn}, CommitConfig{Config: next}, Hangup{Link: 1, Reason: changed},
		Send{Link: 7, Msg: zab.InformActivate{Txn: txn, Leader: 3}}, StopServing{changed}, Hangup{Link: 7, Reason: changed},
		Dial{Leader: 4, Master: true}) // of 1 and 4, the second: place 2+1
	expect(t, "nobody is fed any more", b.step(Connected{Link: 9, Master: true}), Hangup{Link: 9, Reason: "no observers are fed here"})
}

// TestObserverThatIsToVote: fed by a follower so far, it follows the leader itself, and feeds others.
func TestObserverThatIsToVote(t *testing.T) {
	z := proto.MakeZxid(1, 1)
	b := newBench(t, feeding, func(o *Options) {
		o.Reconfig, o.Observer = true, true
		o.Ensemble = members(t, "server.1=a:1:2\nserver.2=b:1:2:observer\nserver.3=c:1:2\n", 0)
	})
	synchronise := func(link LinkID) []Action {
		b.step(Connected{Link: link, Dialed: true})
		b.message(link, zab.LeaderInfo{Epoch: 1})
		b.step(EpochSaved{zab.AcceptedEpoch, 1})
		b.message(link, zab.Diff{Zxid: b.r.hist.Last()})
		b.message(link, zab.NewLeader{Epoch: 1})
		b.step(EpochSaved{zab.CurrentEpoch, 1})
		return b.message(link, zab.UpToDate{})
	}
	expect(t, "an observer", b.elect(3), Dial{Leader: 1, Master: true})
	synchronise(1)
	next := voters(t, z, 1, 2, 3)
	txn := changeTo(next)
	const changed = "the membership has changed"
	expect(t, "it is to vote", b.message(1, zab.InformActivate{Txn: txn, Leader: 3}), SeeConfig{Config: next}, Append{Txn: txn},
		Apply{Txn: txn}, CommitConfig{Config: next}, Hangup{Link: 1, Reason: changed}, StopServing{changed})
	expect(t, "its log is durable", b.step(Persisted{z}), Dial{Leader: 3})
	if b.step(Connected{Link: 9, Master: true}); len(b.r.early) != 1 {
		t.Errorf("%d observers wait until it follows", len(b.r.early))
	}
	if out := synchronise(2); !slices.Contains(out, Action(Serve{Role: zab.RoleFollower, Epoch: 1})) {
		t.Errorf("it does not follow: %s", show(out))
	}
	expect(t, "the observer that waits", b.message(9, zab.FollowerInfo{ID: 5, Observer: true}), Send{Link: 9, Msg: zab.LeaderInfo{Epoch: 1}})
}

// TestEarlyLearnerAtAFeeder: a learner that has heard that this server is to lead is none of its observers.
func TestEarlyLearnerAtAFeeder(t *testing.T) {
	b := newBench(t, feeding, func(o *Options) {
		o.Reconfig = true
		o.LastSeen = voters(t, proto.MakeZxid(1, 0), 1, 2)
	})
	b.elect(3)
	b.step(Connected{Link: 7})
	b.step(Connected{Link: 8, Master: true})
	b.follow()
	if m := b.r.master; m == nil || m.Has(7) || !m.Has(8) || b.r.earlyIndex(7) != 0 {
		t.Errorf("the learner waits at %d, and %+v are fed", b.r.earlyIndex(7), m.Links())
	}
}
