package replica

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/paddock-io/paddock/internal/zab"
	"github.com/paddock-io/paddock/proto"
)

const reapWall = 1_700_000_000_000 // at time 0

// newReapingLeader returns a leader with a reaper, of an ensemble where the
// clock of a bench is the wall clock.
func newReapingLeader(t *testing.T, o ReapOptions, more ...func(*Options)) *bench {
	return newLeader(t, append(more, func(opts *Options) {
		opts.Reap, opts.Prep.ExtendedTypes = o, true
	})...)
}

// plant puts znodes into the tree that no leader proposed.
func (b *bench) plant(bodies ...proto.TxnBody) {
	b.t.Helper()
	for _, body := range bodies {
		x := &proto.Txn{TxnHeader: proto.TxnHeader{Session: 7, Time: reapWall + b.now.Milliseconds()}, Body: body}
		if b.tree.Apply(x, &b.res); b.res.Err != proto.OK {
			b.t.Fatalf("%+v: %v", body, b.res.Err)
		}
	}
}

func container(path string) proto.TxnBody {
	return &proto.CreateContainerTxn{Path: path, ACL: proto.OpenACL, ParentCversion: -1}
}

func child(path string) proto.TxnBody {
	return &proto.CreateTxn{Path: path, ACL: proto.OpenACL, ParentCversion: -1}
}

func without(path string) proto.TxnBody { return &proto.DeleteTxn{Path: path} }

func aging(path string, ttl time.Duration) proto.TxnBody {
	return &proto.CreateTTLTxn{Path: path, ACL: proto.OpenACL, ParentCversion: -1, TTL: ttl.Milliseconds()}
}

// emptied returns the life of a container up to the point where it may go.
func emptied(path string) []proto.TxnBody {
	return []proto.TxnBody{container(path), child(path + "/x"), without(path + "/x")}
}

// tick runs one and returns what the reaper proposes.
func (b *bench) tick() (asked []*proto.Txn) {
	b.t.Helper()
	for _, link := range []LinkID{1, 3} {
		b.message(link, zab.Ping{})
	}
	for _, x := range appended(b.step(Tick{Wall: reapWall + b.now.Milliseconds()})) {
		if x.Session != 0 || x.Cxid != 0 {
			b.t.Errorf("the reaper proposes %+v", x.TxnHeader)
		}
		asked = append(asked, x)
	}
	return asked
}

// decide lets a quorum have a transaction.
func (b *bench) decide(x *proto.Txn) {
	b.step(Persisted{x.Zxid})
	b.message(1, zab.Ack{Zxid: x.Zxid})
	b.message(3, zab.Ack{Zxid: x.Zxid})
}

// reapUntil ticks as often as the replica wants it, decides what is proposed,
// and returns it with its time in milliseconds.
func (b *bench) reapUntil(end time.Duration) (log []string) {
	b.t.Helper()
	for ; ; b.now = max(b.r.Deadline(), b.now+time.Millisecond) {
		if b.now > end {
			b.now = end
			return log
		}
		for _, x := range b.tick() {
			line := fmt.Sprintf("%d ", b.now.Milliseconds())
			switch body := x.Body.(type) {
			case *proto.DeleteTxn:
				line += body.Path
			case *proto.ErrorTxn:
				line += body.Err.Name()
			}
			log = append(log, line)
			b.decide(x)
		}
	}
}

// TestReaper: who may go does, in the next pass, no faster than allowed.
func TestReaper(t *testing.T) {
	b := newReapingLeader(t, ReapOptions{Interval: time.Minute, PerMinute: 600})
	b.plant(emptied("/used")...)
	b.plant(container("/new"), container("/full"), child("/full/x"), aging("/short", 90*time.Second), aging("/long", time.Hour), aging("/kids", time.Millisecond), child("/kids/x"))
	b.plant(emptied("/used2")...)
	if got := b.reapUntil(59999 * time.Millisecond); len(got) > 0 {
		t.Errorf("before the first pass: %v", got)
	}
	if got, want := b.reapUntil(119*time.Second), []string{"60000 /used2", "60100 /used"}; !slices.Equal(got, want) {
		t.Errorf("the first pass: %v, want %v", got, want)
	}
	b.plant(without("/full/x"), without("/kids/x"))
	if got, want := b.reapUntil(179*time.Second), []string{"120000 /short", "120100 /full", "120200 /kids"}; !slices.Equal(got, want) {
		t.Errorf("the second pass: %v, want %v", got, want)
	}
	if got := b.reapUntil(600 * time.Second); len(got) > 0 {
		t.Errorf("later: %v", got)
	}
	// The hour of /long is over, but a write renews it.
	b.now = time.Hour - time.Second
	b.reapUntil(b.now)
	b.plant(&proto.SetDataTxn{Path: "/long", Version: 1})
	if got := b.reapUntil(2*time.Hour - 2*time.Second); len(got) > 0 {
		t.Errorf("renewed: %v", got)
	}
	if got := b.reapUntil(2*time.Hour + time.Minute); len(got) != 1 {
		t.Errorf("not renewed any more: %v", got)
	}
	if left := append(b.tree.Containers(), b.tree.TTLs()...); !slices.Equal(left, []string{"/new"}) {
		t.Errorf("left are %v", left)
	}
}

func TestReaperOfUnusedContainers(t *testing.T) {
	b := newReapingLeader(t, ReapOptions{Interval: time.Second, PerMinute: 10000}, func(o *Options) { o.Prep.NeverUsedMs = 5000 })
	b.plant(container("/new"))
	if got, want := b.reapUntil(10*time.Second), []string{"6000 /new"}; !slices.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
}

// TestReaperLeavesTTLsAlone while extended types are off.
func TestReaperLeavesTTLsAlone(t *testing.T) {
	b := newReapingLeader(t, ReapOptions{Interval: time.Second, PerMinute: 10000})
	b.r.opts.Prep.ExtendedTypes = false
	b.plant(aging("/short", time.Millisecond))
	b.plant(emptied("/used")...)
	if got, want := b.reapUntil(10*time.Second), []string{"1000 /used"}; !slices.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
}

// TestReaperRace: what is proposed and not applied counts.
func TestReaperRace(t *testing.T) {
	b := newReapingLeader(t, ReapOptions{Interval: time.Second, PerMinute: 10000})
	b.openSession(7, 0)
	b.plant(emptied("/used")...)
	b.step(create(7, 1, "/used/again")) // undecided
	if got, want := b.reapUntil(1500*time.Millisecond), []string{"1000 Directory not empty"}; !slices.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
}

// TestReaperSpreads: without a pace to keep, a pass still neither proposes nor
// looks at much at a time, and waits for what it has proposed.
func TestReaperSpreads(t *testing.T) {
	b := newReapingLeader(t, ReapOptions{Interval: time.Minute, PerMinute: 100_000})
	for i := range 40 {
		b.plant(emptied(fmt.Sprintf("/used%d", i))...)
	}
	b.now = time.Minute
	first := b.tick()
	if len(first) != reapAsks {
		t.Fatalf("%d deletions at once", len(first))
	}
	b.now += time.Second
	if more := b.tick(); len(more) > 0 {
		t.Fatalf("%d more, though none is decided", len(more))
	}
	b.decide(first[0])
	b.now += reapRest
	if more := b.tick(); len(more) != 1 {
		t.Fatalf("%d more, though one is decided", len(more))
	}
	for _, x := range first[1:] {
		b.decide(x)
	}
	b.now += reapRest - 1
	if more := b.tick(); len(more) > 0 {
		t.Fatalf("%d without a rest", len(more))
	}

	b = newReapingLeader(t, ReapOptions{Interval: time.Minute, PerMinute: 10000})
	const many = 3*reapLooks + 1
	for i := range many {
		b.plant(aging(fmt.Sprintf("/n%d", i), time.Hour))
	}
	b.now = time.Minute
	for step := 1; step <= 4; step++ {
		b.tick()
		if want := max(many-step*reapLooks, 0); b.r.reaper.at != want {
			t.Fatalf("after step %d %d are left to look at, want %d", step, b.r.reaper.at, want)
		}
		if want := b.now + reapRest; step < 4 && b.r.reaper.deadline() != want {
			t.Fatalf("step %d at %v, the next at %v", step, b.now, b.r.reaper.deadline())
		}
		b.now += reapRest
	}
	if got := b.r.reaper.deadline(); got != 2*time.Minute {
		t.Errorf("the next pass at %v", got)
	}
}

// TestReaperOfANewTerm starts over, and there is none without leading.
func TestReaperOfANewTerm(t *testing.T) {
	o := ReapOptions{Interval: time.Minute, PerMinute: 10000}
	b := newReapingLeader(t, o)
	b.now = 59 * time.Second
	b.r.serve(b.now, Serve{Role: zab.RoleLeader, Epoch: 1})
	if got := b.r.reaper.deadline(); got != 119*time.Second {
		t.Errorf("the first pass at %v", got)
	}
	b.r.endRole(b.now, "test", nil)
	if b.r.reaper != nil {
		t.Error("it outlives the role")
	}
	if f := newFollower(t, func(opts *Options) { opts.Reap = o }); f.r.reaper != nil {
		t.Error("a follower has one")
	}
	for _, off := range []ReapOptions{{}, {Interval: time.Minute}, {PerMinute: 1}} {
		if newReaper(off, 0) != nil {
			t.Errorf("%+v makes one", off)
		}
	}
}

// TestReaperPace: as ContainerManager.getMinIntervalMs.
func TestReaperPace(t *testing.T) {
	for perMinute, want := range map[int]time.Duration{1: time.Minute, 10000: 6 * time.Millisecond, 60000: time.Millisecond, 60001: 0, 70: 857 * time.Millisecond} {
		if got := newReaper(ReapOptions{Interval: 1, PerMinute: perMinute}, 0).pace; got != want {
			t.Errorf("%d a minute: %v, want %v", perMinute, got, want)
		}
	}
}
