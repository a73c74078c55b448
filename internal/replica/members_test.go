package replica

import (
	"fmt"
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
	return &proto.Txn{TxnHeader: proto.TxnHeader{Zxid: proto.Zxid(e.Version), Type: proto.OpReconfig}, Raw: []byte("raw"),
		Body: &proto.SetDataTxn{Path: "/zookeeper/config", Data: []byte(e.Text()), Version: -1}}
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
		opts := Options{Self: 2, Ensemble: voters(t, z(4, 0), 1, 2, 3), LastSeen: voters(t, test.seen, 2, 3, 4), Reconfig: true,
			Tick: benchTick, InitTimeout: 5 * benchTick, SyncTimeout: 2 * benchTick}
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
	newer := voters(t, proto.MakeZxid(3, 0), 1, 3, 4)
	for _, enabled := range []bool{true, false} {
		b := newBench(t, func(o *Options) { o.Reconfig = enabled })
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
			t.Errorf("enabled %v: adopted %v, %+v, votes to %v", enabled, adopted, p, to)
		}
	}
}
