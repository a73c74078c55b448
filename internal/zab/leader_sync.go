package zab

import (
	"time"

	"github.com/paddock-io/paddock/proto"
)

// synchronize starts to bring a learner up to date.
func (l *Leader) synchronize(now time.Duration, f *learner, out []Action) []Action {
	out, sent, refused := l.begin(f, out)
	return l.begun(now, f, sent, refused, out)
}

func (l *Leader) begun(now time.Duration, f *learner, sent bool, refused string, out []Action) []Action {
	switch {
	case refused != "":
		return l.hangup(f, refused, out)
	case sent:
		return l.tellNewLeader(now, f, out)
	}
	return out
}

// LogRead brings what ReadLog asked for; not whole if the logs do not hold it.
func (l *Leader) LogRead(now time.Duration, link LinkID, txns []*proto.Txn, whole bool, out []Action) []Action {
	f := l.find(link)
	if f == nil || f.state != readingLog || l.resigned {
		return out
	}
	f.heardAt = now
	out, sent, refused := l.logRead(f, txns, whole, out)
	return l.begun(now, f, sent, refused, out)
}

// SnapshotSent tells that the dump for a learner is on its way.
func (l *Leader) SnapshotSent(now time.Duration, link LinkID, out []Action) []Action {
	f := l.find(link)
	if f == nil || f.state != snapshotting || l.resigned {
		return out
	}
	return l.tellNewLeader(now, f, l.snapshotSent(now, f, out))
}

// tellNewLeader ends the learner's initial history and puts it on the live
// stream. Proposals that are still outstanding go behind NewLeader, so that no
// old follower sees a Commit for a proposal it has dropped (ZOOKEEPER-4394).
func (l *Leader) tellNewLeader(now time.Duration, f *learner, out []Action) []Action {
	f.state = newLeaderTold
	out = append(out, Send{f.link, NewLeader{l.epoch, l.configText()}})
	if !f.info.Observer {
		for _, t := range l.outstanding {
			out = l.sendProposal(now, f, t, out)
		}
	}
	return out
}

func (l *Leader) sendProposal(now time.Duration, f *learner, t *proto.Txn, out []Action) []Action {
	if f.acked >= f.sent {
		f.unackedSince = now
	}
	f.sent = t.Zxid
	return append(out, Send{f.link, Proposal{t}})
}

// ack handles an ACK. The one for NewLeader is told by its zxid, never by its
// place: followers of some versions acknowledge proposals first
// (ZOOKEEPER-4685).
func (l *Leader) ack(now time.Duration, f *learner, z proto.Zxid, out []Action) []Action {
	if f.state < newLeaderTold {
		return l.hangup(f, "ACK before NEWLEADER", out)
	}
	if z.Counter() == 0 {
		if f.state == newLeaderTold && z == proto.MakeZxid(l.epoch, 0) {
			return l.learnerSynced(now, f, out)
		}
		return out // the second one, behind UpToDate
	}
	if z > l.lastProposed || f.info.Observer {
		return l.hangup(f, "ACK of a proposal that was never sent", out)
	}
	if z > f.acked {
		f.acked, f.unackedSince = z, now
	}
	return l.confirm(l.advance(now, out))
}

func (l *Leader) learnerSynced(now time.Duration, f *learner, out []Action) []Action {
	f.state = newLeaderAcked
	f.unackedSince = now // it logs what is outstanding only from UpToDate on
	out = append(out, Note{Fact: FactLearnerSynced, Peer: f.info.ID})
	if l.phase == Synchronization {
		return l.tryEstablish(now, out)
	}
	f.state = serving
	out = append(out, Send{f.link, UpToDate{}})
	out = l.advance(now, out) // its early ACKs count from now on
	return l.askOne(f, out)
}

// tryEstablish ends synchronisation once a quorum holds the initial history:
// with that, the leader's whole log is decided.
func (l *Leader) tryEstablish(now time.Duration, out []Action) []Action {
	if l.phase != Synchronization || !l.quorum(func(f *learner) bool { return f.state >= newLeaderAcked }) {
		return out
	}
	l.phase = Broadcast
	l.nextPing, l.nextCheck = now, now+l.opts.Tick
	start := proto.MakeZxid(l.epoch, 0)
	l.lastCommitted = start
	l.lastProposed = proto.MakeZxid(l.epoch, l.opts.FirstCounter)
	out = append(out, Note{Fact: FactEstablished, Epoch: l.epoch}, SetLast{start})
	out = append(l.activateInitial(out), Serve{RoleLeader, l.epoch})
	for _, f := range l.learners {
		if f.state == newLeaderAcked {
			f.state, f.heardAt = serving, now // it was not pinged while it waited
			out = append(out, Send{f.link, UpToDate{}})
		}
	}
	return out
}
