package quorum

import (
	"strings"
	"testing"

	"github.com/paddock-io/paddock/internal/zab"
	"github.com/paddock-io/paddock/proto"
)

// fed starts three servers that keep little for learners in memory, and writes n transactions.
func fed(t *testing.T, n int32, options func(*Options)) *target {
	v := &target{t: t, servers: ensembleOf(t, 3)}
	for _, s := range v.servers {
		s.opts.InitTimeout, s.opts.History = 15*testTick, 8
		options(&s.opts)
		s.start()
	}
	v.leader, _ = leaderOf(t, v.servers)
	v.leader.session(7)
	v.epoch = v.leader.peer.Status().Epoch
	v.write(n)
	// It takes two of three logs, and not the leader's own, to decide.
	if err := v.leader.peer.durable.wait(t.Context(), proto.MakeZxid(v.epoch, uint32(n)+1)); err != nil {
		t.Fatal(err)
	}
	for _, s := range v.servers {
		v.elections = append(v.elections, s.peer.Metrics().Elections.Load())
	}
	return v
}

// TestDiffFromLogs: what is not in memory any more comes from the logs, if it is less than the share of a snapshot that
// it may be, and without a hole to what is.
func TestDiffFromLogs(t *testing.T) {
	for name, tc := range map[string]struct {
		factor float64
		diff   bool
	}{"much is allowed": {1e6, true}, "little is allowed": {0.01, false}, "none is allowed": {-1, false}} {
		t.Run(name, func(t *testing.T) {
			v := fed(t, 60, func(o *Options) { o.SnapshotSizeFactor = tc.factor })
			l := v.leader.learner()
			l.send(zab.FollowerInfo{ID: 9, Observer: true})
			l.next()
			last := proto.MakeZxid(v.epoch, 3)
			l.send(zab.AckEpoch{CurrentEpoch: v.epoch, LastZxid: last})
			switch m := l.next().(type) {
			case zab.Snap:
				if tc.diff {
					t.Fatal("a snapshot comes")
				}
				return
			case zab.Diff:
				if !tc.diff {
					t.Fatal("a DIFF comes")
				}
			default:
				t.Fatalf("%+v", m)
			}
			for {
				switch m := l.next().(type) {
				case zab.Proposal:
					if m.Txn.Zxid != last+1 {
						t.Fatalf("%s comes behind %s", m.Txn.Zxid, last)
					}
					last++
				case zab.Commit:
				case zab.NewLeader:
					if last.Counter() != 61 { // the session, and what was written
						t.Errorf("the history ends at %s", last)
					}
					if n := v.leader.peer.Metrics().LogDiffs.Load(); n != 1 {
						t.Errorf("%d DIFFs from logs are counted", n)
					}
					v.untouched()
					return
				default:
					t.Fatalf("%+v", m)
				}
			}
		})
	}
}

// TestHistoryAsAsked: so many transactions as were asked for are in memory, and few more.
func TestHistoryAsAsked(t *testing.T) {
	v := fed(t, 60, func(o *Options) { o.History, o.SnapshotSizeFactor = 20, -1 })
	for behind, diff := range map[uint32]bool{20: true, 30: false} {
		l := v.leader.learner()
		l.send(zab.FollowerInfo{ID: 9, Observer: true})
		l.next()
		l.send(zab.AckEpoch{CurrentEpoch: v.epoch, LastZxid: proto.MakeZxid(v.epoch, 61-behind)})
		if _, ok := l.next().(zab.Diff); ok != diff {
			t.Errorf("a DIFF to who misses %d: %v", behind, ok)
		}
		l.nc.Close()
	}
}

// TestStalledSnapshot: a learner that stops reading in the middle of its snapshot is let go, and the others go on.
func TestStalledSnapshot(t *testing.T) {
	v := fed(t, 10, func(o *Options) { o.SnapshotSizeFactor = -1 })
	large := strings.Repeat("x", 900_000)
	for range 30 { // more than the buffers of a connection hold
		v.cxid++
		if err := v.leader.create(7, v.cxid, large); err != nil {
			t.Fatal(err)
		}
	}
	l := v.leader.learner()
	l.send(zab.FollowerInfo{ID: 9, Observer: true})
	l.next()
	l.send(zab.AckEpoch{})
	if m, ok := l.next().(zab.Snap); !ok {
		t.Fatalf("%+v", m)
	}
	v.write(5)
	eventually(t, "it is let go", func() bool { return v.leader.peer.Status().Learners == 2 })
	v.untouched()
}
