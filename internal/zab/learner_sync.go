package zab

import (
	"fmt"
	"slices"
	"time"

	"github.com/paddock-io/paddock/proto"
)

func (f *Learner) leaderInfo(m LeaderInfo, out []Action) []Action {
	if f.state != awaitingEpoch {
		return f.resign("LEADERINFO out of order", out)
	}
	f.epoch = m.Epoch
	switch {
	case m.Epoch > maxEpoch: // having accepted it, we could never follow anybody else
		return f.resign(fmt.Sprintf("there is no epoch %d", m.Epoch), out)
	case m.Epoch < f.disk.AcceptedEpoch && !f.mayBreakPromise(m.Epoch):
		reason := fmt.Sprintf("the leader's epoch %d is older than the accepted epoch %d", m.Epoch, f.disk.AcceptedEpoch)
		if f.disk.CurrentEpoch > m.Epoch {
			reason += ", and than the history here: is it of another ensemble?"
		}
		return f.resign(reason, out)
	case m.Epoch <= f.disk.AcceptedEpoch:
		f.state = awaitingSync
		return append(out, Send{f.link, AckEpoch{NoEpoch, f.disk.LastZxid}})
	}
	f.state = savingAccepted
	return append(out, SaveEpoch{AcceptedEpoch, m.Epoch})
}

// mayBreakPromise reports whether an epoch older than the accepted one may be
// followed all the same: the promise of a server without a vote counts for no quorum, and no leader
// takes it into account that such a server cannot follow it. Where the leader of the
// newer epoch was never established, it would wait for epochs to go by. ZooKeeper's waits.
func (f *Learner) mayBreakPromise(epoch int64) bool {
	counts := !f.opts.Observer && f.members.IsVoter(int64(f.opts.Self))
	return !counts && epoch > 0 && epoch >= f.disk.CurrentEpoch
}

// EpochSaved tells that an epoch file is on disk.
func (f *Learner) EpochSaved(now time.Duration, kind EpochKind, epoch int64, out []Action) []Action {
	switch {
	case f.resigned || epoch != f.epoch:
		return out
	case kind == AcceptedEpoch && f.state == savingAccepted:
		f.disk.AcceptedEpoch, f.state = epoch, awaitingSync
		out = append(out, Send{f.link, AckEpoch{f.disk.CurrentEpoch, f.disk.LastZxid}})
	case kind == CurrentEpoch && f.state == savingCurrent:
		f.disk.CurrentEpoch, f.state = epoch, awaitingUpToDate
		f.deadline = now + f.opts.InitTimeout
		out = append(out, Send{f.link, Ack{proto.MakeZxid(f.epoch, 0)}})
	default:
		return out
	}
	return f.unstash(now, out)
}

// beginSync handles the first packet of synchronisation.
func (f *Learner) beginSync(m Message, out []Action) []Action {
	if f.state != awaitingSync {
		return f.resign(fmt.Sprintf("%T out of order", m), out)
	}
	f.state, f.queued = syncing, f.disk.LastZxid
	switch m := m.(type) {
	case Snap:
		if m.Zxid < 0 || m.Zxid.Epoch() > f.epoch { // no recovery would find a file of such a name
			return f.resign(fmt.Sprintf("SNAP as of %s in epoch %d", m.Zxid, f.epoch), out)
		}
		f.inMemory, f.snapped = true, true
		f.queued, f.applied = m.Zxid, m.Zxid
		f.hist.Reset(m.Zxid)
		return append(out, Install(m))
	case Trunc:
		f.state = truncating
		return append(out, Truncate(m))
	}
	return out
}

// Truncated tells that log and tree end at last. They must end where the
// leader said; anything else means that the histories differ in a way that
// only a new synchronisation from last can mend.
func (f *Learner) Truncated(now time.Duration, asked, last proto.Zxid, out []Action) []Action {
	if f.state != truncating || f.resigned {
		return out
	}
	f.disk.LastZxid = last
	f.hist.Truncate(last)
	f.appended, f.persisted, f.applied, f.queued = last, last, last, last
	if last != asked {
		return f.resign(fmt.Sprintf("told to truncate to %s, but the log ends at %s", asked, last), out)
	}
	f.state = syncing
	return f.unstash(now, out)
}

// proposal takes a transaction. There are no holes (Learner, 3.9.4, which looks
// inside an epoch only): our own recovery would refuse a log with one. Only the
// first one of a synchronisation may repeat what we have.
func (f *Learner) proposal(t *proto.Txn, out []Action) []Action {
	if f.state < syncing {
		return f.resign("PROPOSAL before synchronisation", out)
	}
	z := t.Zxid
	repeats := f.state == syncing && !f.anyProposal && z > 0 && z.Counter() != 0 && z <= f.queued
	if !repeats && !f.follows(z) || z.Epoch() > f.epoch {
		return f.resign(fmt.Sprintf("proposal %s does not follow %s in epoch %d", z, f.queued, f.epoch), out)
	}
	if out = f.seeProposed(t, out); f.resigned {
		return out
	}
	f.anyProposal, f.queued = true, z
	f.pending = append(f.pending, t)
	if f.state == following {
		return f.log(out)
	}
	return out
}

func (f *Learner) follows(z proto.Zxid) bool {
	return follows(f.queued, z) || f.opts.AnyFirst && z.Counter() != 0 && z.Epoch() > f.queued.Epoch()
}

// follows reports whether z can be the transaction right behind last: the next
// one of its epoch, or the first one of a later epoch.
func follows(last, z proto.Zxid) bool {
	return z.Counter() != 0 && z == last+1 || z.Counter() == 1 && z.Epoch() > last.Epoch()
}

// log appends every pending proposal that is not in the log yet.
func (f *Learner) log(out []Action) []Action {
	for _, t := range f.pending[f.logged:] {
		out = f.logOne(t, out)
	}
	f.logged = len(f.pending)
	return out
}

// logOne appends a transaction and, unless this is an observer, has it
// acknowledged once it is durable. One that repeats what we have is so already.
//
// Invariant: the log never goes back; one that does is refused when it rolls.
func (f *Learner) logOne(t *proto.Txn, out []Action) []Action {
	if t.Zxid <= f.appended {
		if !f.opts.Observer {
			out = append(out, Send{f.link, Ack{t.Zxid}})
		}
		return out
	}
	f.appended = t.Zxid
	if !f.opts.Observer {
		f.unacked = append(f.unacked, t.Zxid)
	}
	return append(out, Append{t})
}

// commit decides the oldest pending proposal.
func (f *Learner) commit(z proto.Zxid, out []Action) []Action {
	if f.state < syncing {
		return f.resign("COMMIT before synchronisation", out)
	}
	if len(f.pending) == 0 || f.pending[0].Zxid != z {
		return f.resign(fmt.Sprintf("COMMIT %s does not match the oldest pending proposal", z), out)
	}
	t := f.pending[0]
	f.pending[0] = nil
	f.pending = f.pending[1:]
	switch {
	case f.state == following:
		f.logged--
		return f.apply(t, out)
	case f.state == syncing && f.inMemory:
		return f.apply(t, out) // the snapshot at NewLeader makes it durable
	}
	f.decided = append(f.decided, t)
	return out
}

// commits decides a run of them. There is no end to what a leader may call one,
// but the first that is not pending ends the link.
func (f *Learner) commits(run Commits, out []Action) []Action {
	for z := run.First; z <= run.Last && !f.resigned; z++ {
		out = f.commit(z, out)
	}
	return out
}

// apply gives a decided transaction to the tree. One that repeats what we have
// is passed over: it is not logged again, and must not get into the tree alone.
func (f *Learner) apply(t *proto.Txn, out []Action) []Action {
	if t.Zxid <= f.applied {
		return out
	}
	f.applied = t.Zxid
	f.hist.Add(t)
	return append(out, Apply{t})
}

// inform handles a decided transaction sent to an observer.
func (f *Learner) inform(t *proto.Txn, out []Action) []Action {
	if f.state < syncing || !f.opts.Observer {
		return f.resign("INFORM out of order", out)
	}
	if out = f.proposal(t, out); f.resigned {
		return out
	}
	return f.commit(t.Zxid, out)
}

// newLeader makes the initial history durable: history first, then
// currentEpoch, then the ACK. Any other order loses acknowledged transactions
// in a crash (ZOOKEEPER-3911, 4643, 4646).
func (f *Learner) newLeader(now time.Duration, m NewLeader, out []Action) []Action {
	if f.state != syncing {
		return f.resign("NEWLEADER out of order", out)
	}
	if m.Epoch != f.epoch {
		return f.resign(fmt.Sprintf("NEWLEADER of epoch %d, expected %d", m.Epoch, f.epoch), out)
	}
	out = f.seeLeaders(m.Config, out)
	f.state = savingHistory
	if f.snapped {
		return append(out, SaveSnapshot{f.applied})
	}
	out = f.logDecided(out)
	return f.historySaved(now, out)
}

// logDecided appends and applies what was committed so far.
func (f *Learner) logDecided(out []Action) []Action {
	for _, t := range f.decided {
		if t.Zxid > f.appended { // a fuzzy snapshot on our own disk may hold it already
			f.appended = t.Zxid
			out = append(out, Append{t})
		}
		out = f.apply(t, out)
	}
	f.decided = nil
	return out
}

// historySaved goes on to currentEpoch once the whole initial history is
// durable.
func (f *Learner) historySaved(now time.Duration, out []Action) []Action {
	if f.state != savingHistory || f.persisted < f.appended || f.snapped && f.inMemory {
		return out
	}
	f.inMemory = false
	f.state = savingCurrent
	return append(out, SaveEpoch{CurrentEpoch, f.epoch})
}

// SnapshotSaved tells that the tree is on disk as of z.
func (f *Learner) SnapshotSaved(now time.Duration, z proto.Zxid, out []Action) []Action {
	if f.state != savingHistory || f.resigned {
		return out
	}
	f.inMemory = false
	f.disk.LastZxid, f.appended, f.persisted = z, z, z
	return f.historySaved(now, out)
}

// Persisted tells that the log is durable up to z.
func (f *Learner) Persisted(now time.Duration, z proto.Zxid, out []Action) []Action {
	f.persisted = max(f.persisted, z)
	if f.resigned {
		return out
	}
	if f.state == savingHistory {
		return f.historySaved(now, out)
	}
	return f.ackUpTo(z, out)
}

// ackUpTo acknowledges what is to be, up to z: each transaction, since a Java
// leader counts ACKs by zxid.
func (f *Learner) ackUpTo(z proto.Zxid, out []Action) []Action {
	var run Run
	n := 0
	for ; n < len(f.unacked) && f.unacked[n] <= z; n++ {
		if !run.add(f.unacked[n]) {
			out = append(out, Send{f.link, run.acks()})
			run = Run{f.unacked[n], f.unacked[n]}
		}
	}
	if n == 0 {
		return out
	}
	if f.unacked = slices.Delete(f.unacked, 0, n); cap(f.unacked) > maxKept && len(f.unacked) == 0 {
		f.unacked = nil
	}
	return append(out, Send{f.link, run.acks()})
}

// maxKept is how long an empty queue may be for its array to be used again.
const maxKept = 4096

// upToDate ends synchronisation: what came since NewLeader is logged and
// applied, and clients may come.
func (f *Learner) upToDate(now time.Duration, out []Action) []Action {
	if f.state != awaitingUpToDate {
		return f.resign("UPTODATE out of order", out)
	}
	if out = f.activateLeaders(out); f.resigned {
		return out
	}
	f.state = following
	f.inMemory = false
	out = append(out, Send{f.link, Ack{proto.MakeZxid(f.epoch, 0)}})
	out = f.logLate(out)
	role := RoleFollower
	if f.opts.Observer {
		role = RoleObserver
	}
	return append(out, Note{Fact: FactFollowing, Peer: f.leader, Epoch: f.epoch}, Serve{role, f.epoch})
}

// logLate logs what came between NewLeader and UpToDate: first what is decided
// already, in order, then what is not.
func (f *Learner) logLate(out []Action) []Action {
	for _, t := range f.decided {
		out = f.apply(t, f.logOne(t, out))
	}
	f.decided = nil
	return f.log(out)
}
