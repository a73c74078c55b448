package zab

import (
	"fmt"
	"math/rand"
	"slices"
	"strings"
	"testing"

	"github.com/paddock-io/paddock/internal/ensemble"
	"github.com/paddock-io/paddock/proto"
)

func historyOf(t *testing.T, base, txns string) *History {
	w := words{t: t, line: base + " " + txns}
	h := &History{}
	h.Reset(w.zxid(base))
	for _, txn := range w.list(txns) {
		h.Add(txn)
	}
	return h
}

func showPlan(p Plan) string {
	s := [...]string{"DIFF", "TRUNC", "SNAP"}[p.Kind]
	if p.Kind == SyncTrunc {
		s += " " + dot(p.To)
	}
	for _, t := range p.Txns {
		s += " " + dot(t.Zxid)
	}
	return s
}

// TestPlan has a row for every way in which LearnerHandler.syncFollower can
// decide without an on-disk log.
func TestPlan(t *testing.T) {
	for _, tc := range []struct {
		name, base, txns, peer string
		want                   string
	}{
		{"equal", "4.0", "4.1-4.3", "4.3", "DIFF"},
		{"equal, nothing kept", "4.3", "", "4.3", "DIFF"},
		{"both fresh", "0.0", "", "0.0", "DIFF"},
		{"equal, the start of an epoch", "5.0", "", "5.0", "DIFF"},
		{"ahead in this epoch", "4.0", "4.1-4.3", "4.4", "TRUNC 4.3"},
		{"ahead in a later epoch", "4.0", "4.1-4.3", "6.2", "TRUNC 4.3"},
		{"ahead, nothing kept", "4.3", "", "4.5", "TRUNC 4.3"},
		{"ahead of a fresh server", "0.0", "", "1.1", "TRUNC 0.0"},
		{"ahead by an epoch's start", "4.0", "4.1-4.3", "5.0", "SNAP"},
		{"missing the last", "4.0", "4.1-4.3", "4.2", "DIFF 4.3"},
		{"missing all that is kept", "4.1", "4.2-4.3", "4.1", "DIFF 4.2 4.3"},
		{"missing more", "4.1", "4.2-4.3", "4.0", "SNAP"},
		{"missing more, an epoch back", "4.1", "4.2-4.3", "3.9", "SNAP"},
		{"fresh, everything kept", "0.0", "1.1-1.2,2.1", "0.0", "DIFF 1.1 1.2 2.1"},
		{"fresh, something gone", "1.1", "1.2,2.1", "0.0", "SNAP"},
		{"untrusted empty directory", "0.0", "1.1-1.2", "-1", "SNAP"},
		{"other end of an older epoch", "3.0", "3.1-3.5,4.1-4.2", "3.7", "SNAP"},
		{"the last of an older epoch", "3.0", "3.1-3.5,4.1-4.2", "3.5", "DIFF 4.1 4.2"},
		{"start of the newest epoch", "3.0", "3.1-3.5,4.1-4.2", "4.0", "DIFF 4.1 4.2"},
		{"start of an epoch in between, without transactions", "3.0", "3.1-3.5,6.1", "5.0", "DIFF 6.1"},
		{"start of the oldest epoch", "3.0", "3.1-3.2", "3.0", "DIFF 3.1 3.2"},
		{"start of an epoch before the base", "4.2", "4.3", "4.0", "SNAP"},
		// A hole can only be where a history began; it must not be bridged.
		{"unknown in a known epoch", "4.0", "4.1-4.2,4.5-4.6", "4.3", "TRUNC 4.2 4.5 4.6"},
	} {
		if got := showPlan(historyOf(t, tc.base, tc.txns).Plan(words{t: t}.zxid(tc.peer))); got != tc.want {
			t.Errorf("%s: history (%s, %s], peer at %s: %s, want %s", tc.name, tc.base, tc.txns, tc.peer, got, tc.want)
		}
	}
}

func TestHistoryAdd(t *testing.T) {
	h := historyOf(t, "4.1", "4.2-4.4")
	h.Add(txnAt(proto.MakeZxid(4, 4))) // replay over a fuzzy snapshot repeats
	h.Add(txnAt(proto.MakeZxid(4, 1)))
	if got := showPlan(h.Plan(proto.MakeZxid(4, 1))); got != "DIFF 4.2 4.3 4.4" {
		t.Error(got)
	}
	if h.bytes != 3*len("raw") {
		t.Errorf("%d bytes are counted", h.bytes)
	}
}

func TestHistoryTruncate(t *testing.T) {
	for _, tc := range []struct{ to, last, base string }{
		{"4.9", "4.4", "4.1"},
		{"4.4", "4.4", "4.1"},
		{"4.3", "4.3", "4.1"},
		{"4.1", "4.1", "4.1"},
		{"4.0", "4.0", "4.0"}, // before the base: nothing is known any more
		{"3.7", "3.7", "3.7"},
	} {
		h := historyOf(t, "4.1", "4.2-4.4")
		h.Truncate(words{t: t}.zxid(tc.to))
		if dot(h.Last()) != tc.last || dot(h.Base()) != tc.base || h.bytes != 3*len(h.txns) {
			t.Errorf("after Truncate(%s): (%s, %s], %d bytes in %d", tc.to, dot(h.Base()), dot(h.Last()), h.bytes, len(h.txns))
		}
	}
}

// TestHistoryEvicts checks the limits in number and in bytes, and that the
// base moves with what goes.
func TestHistoryEvicts(t *testing.T) {
	h := &History{MaxTxns: 16}
	h.Reset(proto.MakeZxid(1, 0))
	for i := range uint32(1000) {
		h.Add(txnAt(proto.MakeZxid(1, i+1)))
		if len(h.txns) > 16 || h.bytes != 3*len(h.txns) || h.txns[0].Zxid != h.Base()+1 {
			t.Fatalf("after %d: %d kept, %d bytes, (%s, %s]", i+1, len(h.txns), h.bytes, dot(h.Base()), dot(h.Last()))
		}
	}
	if len(h.txns) < 14 {
		t.Errorf("only %d are kept", len(h.txns))
	}
	h.Reset(7)
	if h.MaxTxns != 16 || h.Last() != 7 || h.bytes != 0 {
		t.Errorf("after Reset: %+v", h)
	}

	h = &History{}
	big := make([]byte, 1<<20)
	for i := range uint32(600) {
		h.Add(&proto.Txn{TxnHeader: proto.TxnHeader{Zxid: proto.MakeZxid(1, i+1)}, Raw: big})
	}
	// Few large ones are kept, as Java keeps 500 of any size.
	if len(h.txns) > historyMin || len(h.txns) < historyMin/2 {
		t.Errorf("%d large transactions are kept", len(h.txns))
	}
}

// TestPlanStays: what is added and forgotten later does not show in a plan.
func TestPlanStays(t *testing.T) {
	h := &History{MaxTxns: 32}
	z := proto.MakeZxid(1, 0)
	for len(h.txns) != 30 {
		z++
		h.Add(txnAt(z))
	}
	plan := h.Plan(z - 2)
	for i := range proto.Zxid(100) {
		h.Add(txnAt(z + 1 + i))
	}
	if got, want := showPlan(plan), "DIFF "+dot(z-1)+" "+dot(z); got != want {
		t.Fatalf("the plan changed: %s, want %s", got, want)
	}
}

// TestPlanAgainstModel compares with the plain reading of the rules: the peer
// must end with the leader's transactions.
func TestPlanAgainstModel(t *testing.T) {
	rng := rand.New(rand.NewSource(1))
	for range 20_000 {
		all, z := []proto.Zxid{}, proto.MakeZxid(1, 0)
		for range rng.Intn(12) {
			if z++; rng.Intn(4) == 0 {
				z = proto.MakeZxid(z.Epoch()+1+int64(rng.Intn(2)), 1)
			}
			all = append(all, z)
		}
		cut := rng.Intn(len(all) + 1)
		h := &History{}
		h.Reset(proto.MakeZxid(1, 0))
		if cut > 0 {
			h.Reset(all[cut-1])
		}
		for _, z := range all[cut:] {
			h.Add(txnAt(z))
		}
		// The peer shares a prefix and may have a tail of its own.
		share := rng.Intn(len(all) + 1)
		peer := slices.Clone(all[:share])
		last := proto.MakeZxid(1, 0)
		if share > 0 {
			last = peer[share-1]
		}
		for range rng.Intn(3) {
			if last++; share < len(all) && last == all[share] {
				last-- // it would be the leader's transaction
				break
			}
			peer = append(peer, last)
		}
		if got := followPlan(peer, h.Plan(last)); got != nil && !slices.Equal(got, all) {
			t.Fatalf("leader %v of which %v are kept, peer %v: %s gives %v", showAll(all), showAll(all[cut:]), showAll(peer), showPlan(h.Plan(last)), showAll(got))
		}
	}
}

// followPlan does what a learner does; nil means that a snapshot replaces all.
func followPlan(peer []proto.Zxid, p Plan) []proto.Zxid {
	switch p.Kind {
	case SyncSnap:
		return nil
	case SyncTrunc:
		peer = slices.DeleteFunc(peer, func(z proto.Zxid) bool { return z > p.To })
	}
	got := append([]proto.Zxid{}, peer...)
	for _, t := range p.Txns {
		got = append(got, t.Zxid)
	}
	return got
}

func showAll(v []proto.Zxid) string {
	s := ""
	for _, z := range v {
		s += " " + dot(z)
	}
	return fmt.Sprintf("[%s]", s)
}

// TestHeldBackIsBounded: a learner for which too much piles up during its
// snapshot is let go, and the others are served.
func TestHeldBackIsBounded(t *testing.T) {
	script := `leader self=1 voters=1,2,3 version=0 accepted=4 current=4 base=4.2
start
connect 1
info 1 id=2 accepted=4
saved accepted 5
ackepoch 1 current=4 last=4.2
saved current 5
ack 1 5.0
connect 2
info 2 id=3 accepted=4
ackepoch 2 current=4 last=4.1`
	m := &machine{t: t}
	for line := range strings.Lines(script) {
		m.run(strings.TrimSpace(line))
	}
	big := make([]byte, 1<<20)
	for i := range 300 {
		z, _, _ := m.leader.NextZxid(nil)
		m.leader.Propose(0, &proto.Txn{TxnHeader: proto.TxnHeader{Zxid: z}, Raw: big}, nil)
		m.leader.Persisted(0, z, nil)
		out := m.leader.Message(0, 1, Ack{z}, nil)
		if i == maxHeldBytes>>20 {
			want := []Action{Send{1, Commit{z}}, Hangup{2, "too much is written while its snapshot is under way"}}
			if !slices.Equal(out[:2], want) || len(out) != 4 {
				t.Fatalf("%d: %v", i, out)
			}
		} else if len(out) != 2 {
			t.Fatalf("%d: %v", i, out)
		}
	}
}

// A sync is answered right behind the last commit it waits for: the learner
// takes a later commit for a write that came after the sync.
func TestSyncIsAnsweredBetweenCommits(t *testing.T) {
	e, err := ensemble.Parse("server.1=a:1:2\nserver.2=b:1:2\nserver.3=c:1:2\nversion=0")
	if err != nil {
		t.Fatal(err)
	}
	l := BecomeLeader(Options{Self: 1, Ensemble: e, InitTimeout: 1, SyncTimeout: 1, Tick: 1}, Durable{}, &History{})
	l.Start(0, nil)
	l.Connected(0, 7)
	l.Message(0, 7, FollowerInfo{ID: 2}, nil)
	l.EpochSaved(0, AcceptedEpoch, 1, nil)
	l.Message(0, 7, AckEpoch{}, nil)
	l.EpochSaved(0, CurrentEpoch, 1, nil)
	l.Message(0, 7, Ack{proto.MakeZxid(1, 0)}, nil)
	one, two := proto.MakeZxid(1, 1), proto.MakeZxid(1, 2)
	l.Propose(0, &proto.Txn{TxnHeader: proto.TxnHeader{Zxid: one}}, nil)
	l.Sync(7, nil)
	l.Propose(0, &proto.Txn{TxnHeader: proto.TxnHeader{Zxid: two}}, nil)
	l.Message(0, 7, Ack{two}, nil)
	var order []string
	for _, a := range l.Persisted(0, two, nil) { // decides both at once
		if s, ok := a.(Send); ok {
			order = append(order, fmt.Sprintf("%T", s.Msg))
		}
	}
	if got := strings.Join(order, " "); got != "zab.Commit zab.Sync zab.Commit" {
		t.Errorf("sent %s", got)
	}
}

func TestPlanOfTooMuchIsASnapshot(t *testing.T) {
	h := &History{}
	for i := range 20 {
		h.Add(&proto.Txn{TxnHeader: proto.TxnHeader{Zxid: proto.MakeZxid(1, uint32(i+1))}, Raw: make([]byte, 4<<20)})
	}
	if p := h.Plan(0); p.Kind != SyncSnap {
		t.Errorf("80 MiB: kind %v", p.Kind)
	}
	if p := h.Plan(proto.MakeZxid(1, 15)); p.Kind != SyncDiff || len(p.Txns) != 5 {
		t.Errorf("20 MiB: kind %v of %d", p.Kind, len(p.Txns))
	}
}
