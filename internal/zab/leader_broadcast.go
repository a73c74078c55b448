package zab

import (
	"fmt"
	"slices"
	"time"

	"github.com/paddock-io/paddock/proto"
)

// NextZxid returns the zxid that the next proposal must carry. ok is false
// when the counter is used up; the leader then resigns as soon as all that was
// proposed is decided, so that a new epoch starts (ZOOKEEPER-1277).
func (l *Leader) NextZxid(out []Action) (z proto.Zxid, _ []Action, ok bool) {
	if l.resigned || l.phase != Broadcast || l.handedOver {
		return 0, out, false
	}
	if l.lastProposed.Counter() >= l.opts.last() {
		return l.usedUp(out)
	}
	return l.lastProposed + 1, out, !l.ending.begun
}

// Propose orders a transaction that carries the zxid from NextZxid.
func (l *Leader) Propose(now time.Duration, t *proto.Txn, out []Action) []Action {
	if t.Zxid != l.lastProposed+1 && !(l.opts.Standalone && t.Zxid == proto.MakeZxid(l.lastProposed.Epoch()+1, 1)) {
		panic(fmt.Sprintf("zab: proposal %s behind %s", t.Zxid, l.lastProposed))
	}
	l.lastProposed = t.Zxid
	l.outstanding = append(l.outstanding, t)
	out = append(l.proposeConfig(t, out), Append{t})
	for _, f := range l.learners {
		if f.state >= newLeaderTold && !f.info.Observer {
			out = l.sendProposal(now, f, t, out)
		}
	}
	return out
}

// Persisted tells that this server's own log is durable up to z. Only this
// counts as its acknowledgement.
func (l *Leader) Persisted(now time.Duration, z proto.Zxid, out []Action) []Action {
	if z > l.selfAcked {
		l.selfAcked = z
	}
	return l.advance(now, out)
}

// ackedBy returns how far a voter's disk is known to be.
func (l *Leader) ackedBy(id proto.PeerID) proto.Zxid {
	if id == l.opts.Self {
		return l.selfAcked
	}
	for _, f := range l.learners {
		// An ACK counts only once the history before it is durable too.
		if f.info.ID == id && f.state >= newLeaderAcked && !f.info.Observer {
			return f.acked
		}
	}
	return 0
}

// advance commits every outstanding proposal that a quorum holds. Logs are
// written in order, so an ACK speaks for everything before it. A change of the
// membership ends a round, since what is behind it needs another quorum then.
func (l *Leader) advance(now time.Duration, out []Action) []Action {
	for l.phase == Broadcast && !l.resigned && !l.handedOver && len(l.outstanding) > 0 {
		z := l.decidable()
		if z < l.outstanding[0].Zxid {
			return out
		}
		changes := l.reconfig != 0 && l.reconfig <= z
		if out = l.commit(z, out); !changes {
			return out
		}
	}
	return out
}

// decidable returns how far a quorum holds what is outstanding, 0 if not even
// the oldest of it.
func (l *Leader) decidable() proto.Zxid {
	head := l.outstanding[0].Zxid
	l.candidates = l.candidates[:0]
	for _, id := range l.voters {
		if z := l.ackedBy(proto.PeerID(id)); z >= head {
			l.candidates = append(l.candidates, z)
		}
	}
	if l.opts.Standalone && l.selfAcked >= head {
		l.candidates = append(l.candidates, l.selfAcked)
	}
	slices.SortFunc(l.candidates, func(a, b proto.Zxid) int { return int(min(max(int64(b-a), -1), 1)) })
	var far proto.Zxid
	for _, z := range l.candidates {
		if l.held(z) {
			far = max(far, l.heldByNext(z))
			if far >= z || l.reconfig == 0 {
				return far
			}
		}
	}
	return far
}

func (l *Leader) held(z proto.Zxid) bool {
	if l.opts.Standalone {
		return l.selfAcked >= z
	}
	return l.alone() && l.selfAcked >= z || l.members.Committed.Quorum(func(id int64) bool { return l.ackedBy(proto.PeerID(id)) >= z })
}

// commit decides all outstanding proposals up to z.
func (l *Leader) commit(z proto.Zxid, out []Action) []Action {
	n := 0
	for n < len(l.outstanding) && l.outstanding[n].Zxid <= z {
		t := l.outstanding[n]
		out = l.answerSyncsBefore(t.Zxid, out)
		if t.Zxid == l.reconfig {
			l.decided(t)
			out = l.activate(t, out)
			n++
			break
		}
		run := l.runFrom(n, z)
		out = l.announce(run.commits(), out)
		for ; n < len(l.outstanding) && l.outstanding[n].Zxid <= run.Last; n++ {
			t := l.outstanding[n]
			l.decided(t)
			out = append(l.inform(t, 0, out), Apply{t})
		}
	}
	clear(l.outstanding[:n])
	if l.outstanding = l.outstanding[n:]; len(l.outstanding) == 0 {
		l.outstanding = nil // let the array go; the next burst gets a fresh one
	}
	return l.tryEnd(l.answerSyncs(out))
}

// maxHeldBytes bounds what is held back for one learner during its snapshot.
const maxHeldBytes = 256 << 20

func (l *Leader) decided(t *proto.Txn) {
	l.lastCommitted = t.Zxid
	l.hist.Add(t)
}

// runFrom returns the proposals from index n up to z that are decided with one
// word: up to the next change of the membership, and to the next answer to a sync.
func (l *Leader) runFrom(n int, z proto.Zxid) Run {
	first := l.outstanding[n].Zxid
	run := Run{first, first}
	for _, t := range l.outstanding[n+1:] {
		if t.Zxid > z || t.Zxid == l.reconfig || len(l.syncs) > 0 && l.syncs[0].after < t.Zxid || !run.add(t.Zxid) {
			break
		}
	}
	return run
}

// announce sends a decision to the voters that know the proposals.
func (l *Leader) announce(commit Message, out []Action) []Action {
	for _, f := range l.learners {
		if f.state >= newLeaderTold && !f.info.Observer {
			out = append(out, Send{f.link, commit})
		}
	}
	return out
}

// inform tells all other learners that a proposal is decided, which changes the
// membership if it is the one in reconfig; next is to lead then.
func (l *Leader) inform(t *proto.Txn, next proto.PeerID, out []Action) []Action {
	for i := 0; i < len(l.learners); i++ {
		f := l.learners[i]
		switch {
		case f.state == snapshotting && f.heldBytes+len(t.Raw) > maxHeldBytes:
			out = l.hangup(f, "too much is written while its snapshot is under way", out)
			i-- // it is out of the list
		case f.state == snapshotting || f.info.Observer:
			commit, inform := decision(t, t.Zxid == l.reconfig, next)
			out = f.inform(t, commit, inform, out)
		}
	}
	return out
}

// Tick does what is due by now: pings, silent learners, the quorum.
func (l *Leader) Tick(now time.Duration, out []Action) []Action {
	if l.resigned || l.opts.Standalone {
		return out
	}
	for _, f := range slices.Clone(l.learners) {
		out = l.dropIfSilent(now, f, out)
	}
	if l.phase != Broadcast {
		if l.epoch == 0 && now >= l.epochBy {
			l.lonely = true // the oracle may have its word
			if out = l.tryFixEpoch(out); l.epoch != 0 {
				return out
			}
			return l.resign("no quorum of followers has come", out)
		}
		if now >= l.deadline {
			return l.resign(fmt.Sprintf("no quorum followed within %v (%s)", l.opts.InitTimeout, l.phase), out)
		}
		return out
	}
	out = l.tickEnding(now, l.goOnAlone(now, out))
	if l.resigned {
		return out
	}
	if now >= l.nextPing {
		l.nextPing = now + l.opts.Tick/2
		for _, f := range l.learners {
			if f.state >= newLeaderTold {
				out = append(out, Send{f.link, Ping{Zxid: l.lastProposed}})
			}
		}
	}
	if now >= l.nextCheck {
		l.nextCheck = now + l.opts.Tick
		if out = l.leaveInTime(now, out); l.resigned {
			return out
		}
		if !l.quorum(func(f *learner) bool { return f.state >= newLeaderAcked }) {
			return l.resign("a quorum of followers is gone", out)
		}
	}
	return out
}

func (l *Leader) dropIfSilent(now time.Duration, f *learner, out []Action) []Action {
	switch {
	case f.state == snapshotting, f.state == readingLog: // bounded by the shell's write deadline, and its answer
		return out
	case f.state < serving && now-f.heardAt > l.opts.InitTimeout:
		return l.hangup(f, "silent while joining", out)
	case f.state == serving && now-f.heardAt > l.opts.SyncTimeout:
		return l.hangup(f, "silent for longer than syncLimit", out)
	case f.state == serving && f.sent > f.acked && now-f.unackedSince > l.opts.SyncTimeout:
		return l.hangup(f, "acknowledges nothing for longer than syncLimit", out)
	}
	return out
}

// EndTerm returns the proposals that were logged but not decided, oldest
// first: the next leader decides about them.
func (l *Leader) EndTerm() []*proto.Txn { return l.outstanding }

// Links returns the links in the order in which they came.
func (l *Leader) Links() []LinkID {
	v := make([]LinkID, len(l.learners))
	for i, f := range l.learners {
		v[i] = f.link
	}
	return v
}

// Followers counts the learners that are served: synced voters, others that
// follow without a vote, and observers.
func (l *Leader) Followers() (voters, nonVoters, observers int) {
	for _, f := range l.learners {
		switch {
		case f.state < newLeaderAcked:
		case f.info.Observer:
			observers++
		case l.members.Committed.IsVoter(int64(f.info.ID)):
			voters++
		default:
			nonVoters++
		}
	}
	return voters, nonVoters, observers
}
