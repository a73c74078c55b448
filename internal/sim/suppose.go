package sim

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"

	"github.com/paddock-io/paddock/internal/ensemble"
	"github.com/paddock-io/paddock/internal/persist"
	"github.com/paddock-io/paddock/internal/replica"
	"github.com/paddock-io/paddock/internal/storage"
	"github.com/paddock-io/paddock/internal/zab"
	"github.com/paddock-io/paddock/proto"
)

// Faults strike at few of the moments at which they would do harm. At some of
// the others it is asked what a power failure would do: the disks as they would
// be are recovered by the real code, on copies, and judged.

// comeback is what a server would have after a power failure.
type comeback struct {
	id      int
	epochs  storage.Epochs
	last    proto.Zxid
	trusted bool // it may vote
	whole   bool // it holds everything that was decided
	members ensemble.Pair
}

// suppose is what a server would come back with if the power failed now.
func (s *Server) suppose() (comeback, error) {
	store, err := s.drive.copyAfterCut()
	if err != nil {
		return comeback{}, err
	}
	rec, disk, damage, err := persist.Open(store)
	if err != nil {
		return comeback{}, err
	}
	c := comeback{id: s.id, members: s.w.pairOn(s.drive.conf.crashed(uint64(s.gen))), last: rec.Last, epochs: storage.Epochs{Accepted: disk.AcceptedEpoch, Current: disk.CurrentEpoch}}
	if damage != nil {
		return c, nil
	}
	s.w.Supposed++
	s.w.check.recovered(s.w, s, rec)
	c.trusted = rec.Last >= 0
	c.whole = c.trusted && holds(rec, s.w.check.newest)
	return c, nil
}

// copyAfterCut opens a copy of the disk as a power failure now would leave it.
func (d *drive) copyAfterCut() (*storage.Store, error) {
	mem := d.mem.CrashClone(rand.New(rand.NewPCG(d.s.w.rng.Uint64(), 2)))
	return storage.Open(storage.Options{FS: mem, DataDir: dataDir, LogDir: d.logs(), PreallocBytes: 32 << 10, NoAutoCreateDB: true, Logger: quiet})
}

// holds reports whether a history has the transaction z in it.
func holds(rec *persist.Recovered, z proto.Zxid) bool {
	return rec.Last == z || rec.Last > z && (z <= rec.Hist.Base() || rec.Hist.Plan(z).Kind == zab.SyncDiff)
}

// powerFailure objects if a power failure of all servers at this moment could
// cost what was decided: if some quorum could elect a server that lacks it.
// without, if not nil, is a server that would not be trusted then.
func (w *World) powerFailure(without *Server) error {
	var back []comeback
	for _, s := range w.servers {
		if !s.mayVote() {
			continue
		}
		c, err := s.suppose()
		switch {
		case err != nil:
			return fmt.Errorf("after a power failure now server %d would not start: %w", s.id, err)
		case c.trusted && s != without:
			back = append(back, c)
		}
	}
	for _, c := range back {
		if c.whole || !c.members.Committed.IsVoter(int64(c.id)) {
			continue
		}
		votes := func(id int64) bool {
			return slices.ContainsFunc(back, func(o comeback) bool { return int64(o.id) == id && (o.id == c.id || !o.beats(c)) })
		}
		if c.members.Quorum(votes) {
			return fmt.Errorf("after a power failure now server %d could lead with %s of epoch %d, though %s was decided: %+v",
				c.id, c.last, c.epochs.Current, w.check.newest, back)
		}
	}
	return nil
}

// beats reports whether a server with this history would not vote for o.
func (c comeback) beats(o comeback) bool {
	return c.epochs.Current > o.epochs.Current || c.epochs.Current == o.epochs.Current && c.last > o.last
}

// How often it is asked, so that it costs little: one in so many.
const (
	decisionsAsked = 200
	acksAsked      = 100
	epochsAsked    = 4
	joinsAsked     = 2
	startsAsked    = 3
)

// promise checks what a server is about to say: what it promises must survive a
// power failure that comes now. A link
// knows what was said on it.
func (k *checks) promise(w *World, s *Server, a replica.Send) {
	l := w.byID[a.Link]
	if l == nil {
		return
	}
	var broken func(comeback) bool // nil: it is not asked, or nothing is promised
	oneIn := 1
	switch m := a.Msg.(type) {
	case zab.LeaderInfo:
		l.epoch = m.Epoch
		oneIn, broken = epochsAsked, func(c comeback) bool { return c.epochs.Accepted < m.Epoch }
	case zab.Diff:
		l.due = m.Zxid
	case zab.Trunc:
		l.due = m.Zxid
	case zab.Proposal:
		if !l.complete {
			l.due = max(l.due, m.Txn.Zxid)
		}
	case zab.NewLeader:
		l.complete = true
	case zab.AckEpoch:
		if m.CurrentEpoch != zab.NoEpoch && !s.drive.wiped {
			to := &l.ends[1-l.side(s)]
			k.promises[promise{s.id, l.epoch}] = promisedTo{to.s.id, to.gen}
		}
		oneIn, broken = epochsAsked, func(c comeback) bool { return c.epochs.Accepted < l.epoch }
	case zab.Acks:
		oneIn, broken = acksAsked, func(c comeback) bool { return c.last < m.Last }
	case zab.Ack:
		switch {
		case m.Zxid.Counter() != 0:
			oneIn, broken = acksAsked, func(c comeback) bool { return c.last < m.Zxid }
		case !l.acked:
			l.acked = true
			oneIn, broken = joinsAsked, func(c comeback) bool { return c.epochs.Current < m.Zxid.Epoch() || c.last < l.due }
		}
	}
	if broken == nil || !w.chance(oneIn) {
		return
	}
	c, err := s.suppose()
	if err != nil {
		w.fail("server %d says %T, and would not start after a power failure now: %v", s.id, a.Msg, err)
	} else if broken(c) {
		w.fail("server %d says %T%+v (epoch %d, history up to %s), but a power failure now would leave it with %s, epochs %+v", s.id, a.Msg, a.Msg, l.epoch, l.due, c.last, c.epochs)
	}
}

// reads checks what a start has read, by which the server will promise: a power
// failure right now must not take it away.
func (k *checks) reads(w *World, s *Server, disk zab.Durable) {
	if !w.chance(startsAsked) {
		return
	}
	c, err := s.suppose()
	if err != nil || c.epochs.Accepted < disk.AcceptedEpoch || c.epochs.Current < disk.CurrentEpoch || c.last < disk.LastZxid {
		w.fail("server %d starts with %+v, but a power failure now would leave it with %s, epochs %+v: %v", s.id, disk, c.last, c.epochs, err)
	}
}

// complaints are words with which a server ends a link because of what came on
// it. Between servers that do what they should nobody has a reason.
var complaints = []string{
	"unexpected", "out of order", "second FOLLOWERINFO", "own id", "cannot have accepted", "does not follow", "does not match",
	"before synchronisation", "ACK before NEWLEADER", "never sent", "NEWLEADER of epoch",
}

// complains objects to a server that has a reason to complain of another.
func (k *checks) complains(w *World, s *Server, reason string) {
	for _, words := range complaints {
		if strings.Contains(reason, words) {
			w.fail("server %d complains of a peer: %s", s.id, reason)
		}
	}
}
