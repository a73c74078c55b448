package zab

import (
	"errors"
	"fmt"
	"time"

	"github.com/paddock-io/paddock/internal/ensemble"
	"github.com/paddock-io/paddock/proto"
)

// A change of the membership is a transaction with a text in it. From its
// proposal until its commit everything needs a quorum of the old membership and
// one of the new; there is one such change at a time. With the commit each server
// activates it, and the leader says who is to lead: itself, or the voter of
// the new membership that has most of what is outstanding. A leader that hands
// over decides nothing more, takes nobody in, and waits until the others have left
// it, so that they have heard of the commit. Source: Leader.propose, tryToCommit,
// getDesignatedLeader, processAck.

func (o *Options) members() ensemble.Pair {
	p := ensemble.Settled(o.Ensemble)
	if o.Reconfig && o.LastSeen.Version > o.Ensemble.Version {
		p.LastSeen = o.LastSeen
	}
	return p
}

// configOf reads the membership that a transaction proposes.
func configOf(t *proto.Txn) (ensemble.Ensemble, error) {
	set, ok := t.Body.(*proto.SetDataTxn)
	if !ok {
		return ensemble.Ensemble{}, fmt.Errorf("reconfig %s has no text", t.Zxid)
	}
	e, err := ensemble.Parse(string(set.Data))
	switch {
	case err != nil:
	case e.Version != int64(t.Zxid):
		err = fmt.Errorf("its version is %x", e.Version)
	case len(e.Voters()) == 0:
		err = errors.New("nobody votes")
	}
	if err != nil {
		return e, fmt.Errorf("reconfig %s: %w", t.Zxid, err)
	}
	return e, nil
}

// Members returns the membership as this leader knows it.
func (l *Leader) Members() ensemble.Pair { return l.members }

// Synced reports whether this server, if it votes there, and the voters that
// follow it and are up to date are a quorum of e. Source: Leader.isQuorumSynced.
func (l *Leader) Synced(e ensemble.Ensemble) bool {
	return e.Quorum(func(id int64) bool {
		if proto.PeerID(id) == l.opts.Self {
			return true
		}
		for _, f := range l.learners {
			if f.info.ID == proto.PeerID(id) && !f.info.Observer && f.state == serving {
				return true
			}
		}
		return false
	})
}

// firstVersion gives a membership that was written by hand the version of this
// term, so that it outranks what joining servers have in their files. It counts
// once this leader is established (ZOOKEEPER-1783). Source: Leader.lead.
func (l *Leader) firstVersion(out []Action) []Action {
	m := &l.members
	if !l.opts.Reconfig || m.Committed.Version != 0 || m.LastSeen.Version != 0 {
		return out
	}
	m.See(m.Committed.WithVersion(int64(proto.MakeZxid(l.epoch, 0))))
	return append(out, SeeConfig{m.LastSeen})
}

// configText is what NEWLEADER tells of the membership, which is in force with
// UPTODATE: one that was proposed before this term, or the committed one. A change
// that is outstanding comes as a proposal. Java tells of that one too, and its
// learners have it in force before it is decided. Source:
// Leader.getQuorumVerifierBytes.
func (l *Leader) configText() string {
	if l.phase == Broadcast {
		return l.members.Committed.Text()
	}
	e := l.members.Latest()
	return e.Text()
}

// proposeConfig lets a proposed change count.
func (l *Leader) proposeConfig(t *proto.Txn, out []Action) []Action {
	if t.Type != proto.OpReconfig || !l.opts.Reconfig {
		return out
	}
	next, err := configOf(t)
	if err != nil || l.members.Pending() {
		panic(fmt.Sprintf("zab: proposal of a membership behind version %x: %v", l.members.LastSeen.Version, err))
	}
	l.members.See(next)
	l.voters = l.members.Voters()
	l.reconfig = t.Zxid
	return append(out, SeeConfig{next})
}

// heldByNext returns how far up to z, which a quorum of the membership holds, the
// proposed one lets proposals be decided.
func (l *Leader) heldByNext(z proto.Zxid) proto.Zxid {
	if l.reconfig == 0 || z < l.reconfig {
		return z
	}
	if l.nextHas(func(id int64) bool { return l.ackedBy(proto.PeerID(id)) >= z }) {
		return z
	}
	return l.reconfig - 1
}

// activate commits a change of the membership.
func (l *Leader) activate(t *proto.Txn, out []Action) []Action {
	next := l.designate(t.Zxid)
	out = l.inform(t, next, l.announce(CommitActivate{t.Zxid, next}, out))
	out = append(out, Apply{t}, CommitConfig{l.members.LastSeen})
	l.members.Commit(l.members.LastSeen)
	l.voters = l.members.Voters()
	l.reconfig = 0
	return l.handOver(next, out)
}

// activateInitial commits the change that this term began with: whoever has
// acknowledged NEWLEADER knows of it.
func (l *Leader) activateInitial(out []Action) []Action {
	if !l.opts.Reconfig || !l.members.Pending() {
		return out
	}
	next := l.designate(0)
	l.members.Commit(l.members.LastSeen)
	l.voters = l.members.Voters()
	return l.handOver(next, append(out, CommitConfig{l.members.Committed}))
}

// designate chooses who is to lead under the proposed membership, which has been
// acknowledged as z.
func (l *Leader) designate(z proto.Zxid) proto.PeerID {
	best, next := proto.Zxid(-1), l.opts.Self
	if l.members.Committed.SameQuorumAddrs(l.members.LastSeen, int64(next)) {
		return next
	}
	for _, id := range l.members.LastSeen.Voters() {
		f := l.voter(proto.PeerID(id))
		if f != nil && f.acked >= z && f.acked > best {
			best, next = f.acked, f.info.ID
		}
	}
	return next
}

// voter returns the learner with an id, if it follows with a vote.
func (l *Leader) voter(id proto.PeerID) *learner {
	for _, f := range l.learners {
		if f.info.ID == id && f.state >= newLeaderAcked && !f.info.Observer {
			return f
		}
	}
	return nil
}

func (l *Leader) handOver(next proto.PeerID, out []Action) []Action {
	if next != l.opts.Self {
		l.handedOver, l.successor = true, next
		out = append(out, Note{Fact: FactHandedOver, Peer: next, Epoch: l.epoch})
	}
	return out
}

// leaveInTime ends it too if somebody does not leave: whoever should have heard
// would be lost by now. In Java followers that have come back, because the one that
// is to lead does not, keep such a leader for ever.
func (l *Leader) leaveInTime(now time.Duration, out []Action) []Action {
	switch {
	case !l.handedOver:
	case l.leaveBy == 0:
		l.leaveBy = now + l.opts.SyncTimeout
	case now >= l.leaveBy:
		return l.resign(fmt.Sprintf("server %d is to lead", l.successor), out)
	}
	return out
}

// leaveIfDeserted ends the term of a leader that has handed over, once those
// who are left would not be a quorum.
func (l *Leader) leaveIfDeserted(out []Action) []Action {
	if l.handedOver && !l.quorum(func(f *learner) bool { return f.state >= newLeaderAcked }) {
		return l.resign(fmt.Sprintf("server %d is to lead", l.successor), out)
	}
	return out
}
