package replica

import (
	"slices"
	"testing"
	"time"

	"github.com/paddock-io/paddock/internal/zab"
	"github.com/paddock-io/paddock/proto"
)

// distrusted returns server 2, whose history must not be trusted, looking.
func distrusted(t *testing.T) *bench {
	b := newBench(t)
	b.r.hist.Reset(-1)
	b.r.disk = zab.Durable{AcceptedEpoch: 4, CurrentEpoch: 3, LastZxid: -1}
	b.r.appended, b.r.persisted = -1, -1
	b.run(b.r.look(b.now, nil))
	return b
}

// vote returns what the server proposes to the others, nothing if it does not.
func (b *bench) vote(actions []Action) (v []proto.Notification) {
	for _, a := range actions {
		if s, ok := a.(SendVote); ok {
			v = append(v, s.Note)
		}
	}
	return v
}

// TestMendedWhileLooking: the tree is reloaded, and then the vote is worth what
// the history is.
func TestMendedWhileLooking(t *testing.T) {
	b := distrusted(t)
	expect(t, "mended", b.step(Mended{Accepted: 7, Current: 5}), Reload{})
	last := proto.MakeZxid(5, 9)
	votes := b.vote(b.r.Step(b.now, Reloaded{Last: last}, nil))
	if len(votes) == 0 || votes[0].Zxid != last || votes[0].PeerEpoch != 5 || b.r.disk.AcceptedEpoch != 7 {
		t.Errorf("votes %+v, disk %+v", votes, b.r.disk)
	}
}

// TestMendedWhileLearning: the leader's snapshot is on its way. If it does not
// come to its end, the mended history counts.
func TestMendedWhileLearning(t *testing.T) {
	for _, saved := range []bool{false, true} {
		b := distrusted(t)
		b.elect(3)
		b.step(Connected{Link: 1, Dialed: true})
		b.message(1, zab.LeaderInfo{Epoch: 8})
		out := b.step(EpochSaved{Kind: zab.AcceptedEpoch, Epoch: 8})
		expect(t, "ackepoch", out, Send{Link: 1, Msg: zab.AckEpoch{CurrentEpoch: 3, LastZxid: -1}})
		b.message(1, zab.Snap{Zxid: proto.MakeZxid(7, 2)})
		expect(t, "mended", b.step(Mended{Accepted: 8, Current: 5}))
		b.message(1, zab.NewLeader{Epoch: 8})
		if saved {
			b.step(SnapshotSaved{Zxid: proto.MakeZxid(7, 2)})
			b.step(EpochSaved{Kind: zab.CurrentEpoch, Epoch: 8})
		}
		out = b.step(Disconnected{Link: 1, Reason: "gone"})
		if !saved {
			out = b.step(SnapshotSaved{Zxid: proto.MakeZxid(7, 2)}) // of the old role
		}
		reloads := false
		for _, a := range out {
			_, is := a.(Reload)
			reloads = reloads || is
		}
		b.now += time.Minute
		if saved && (reloads || b.r.hist.Last() != proto.MakeZxid(7, 2)) {
			t.Errorf("saved: reloads %v, history up to %s", reloads, b.r.hist.Last())
		}
	}
}

// TestMendedBeyondTheLeader: the promise that was lost is found to be for a newer
// epoch than the one that is being joined, which therefore must not be joined.
func TestMendedBeyondTheLeader(t *testing.T) {
	for _, saved := range []bool{false, true} {
		b := distrusted(t)
		b.elect(3)
		b.step(Connected{Link: 1, Dialed: true})
		b.message(1, zab.LeaderInfo{Epoch: 8})
		if saved {
			b.step(EpochSaved{Kind: zab.AcceptedEpoch, Epoch: 8})
		}
		out := b.step(Mended{Accepted: 9, Current: 5})
		if !saved {
			out = append(out, b.step(EpochSaved{Kind: zab.AcceptedEpoch, Epoch: 9})...)
		}
		if !slices.Contains(out, Action(Reload{})) || b.r.disk.AcceptedEpoch != 9 {
			t.Errorf("saved %v: %+v, accepted %d", saved, out, b.r.disk.AcceptedEpoch)
		}
		for _, a := range out {
			if s, ok := a.(Send); ok {
				t.Errorf("saved %v: sends %+v", saved, s)
			}
		}
	}
}

// TestMendedBeforeSync: the role ends before the leader has sent anything.
func TestMendedBeforeSync(t *testing.T) {
	b := distrusted(t)
	b.elect(3)
	b.step(Connected{Link: 1, Dialed: true})
	expect(t, "mended", b.step(Mended{Accepted: 7, Current: 5}))
	b.now = b.r.Deadline()
	if out := b.step(Tick{}); !slices.Contains(out, Action(Reload{})) {
		t.Fatalf("the leader is silent: %+v", out)
	}
	b.step(Reloaded{Last: proto.MakeZxid(5, 9)})
	if b.r.disk.LastZxid != proto.MakeZxid(5, 9) || b.r.disk.CurrentEpoch != 5 {
		t.Errorf("looks with %+v", b.r.disk)
	}
}

// TestLooksAsARestartWould: a server that got its history back, from a leader that was
// gone before its epoch became current here, stands for the epoch of that history.
func TestLooksAsARestartWould(t *testing.T) {
	b := distrusted(t)
	b.r.hist.Reset(proto.MakeZxid(7, 20))
	out := b.r.look(b.now, nil)
	if n, ok := out[0].(Note); !ok || n.Epoch != 7 || b.r.disk.CurrentEpoch != 7 {
		t.Errorf("looks with %+v, current epoch %d", out[0], b.r.disk.CurrentEpoch)
	}
}
