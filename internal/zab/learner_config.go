package zab

import (
	"github.com/paddock-io/paddock/internal/ensemble"
	"github.com/paddock-io/paddock/proto"
)

// seeProposed lets a change of the membership count from its proposal on. What
// comes again with a synchronisation, and is in force already, is nothing new.
// Source: Follower.processPacket.
func (f *Learner) seeProposed(t *proto.Txn, out []Action) []Action {
	if t.Type != proto.OpReconfig || !f.opts.Reconfig {
		return out
	}
	e, err := configOf(t)
	switch {
	case err != nil:
		return f.resign(err.Error(), out)
	case e.Version <= f.members.Committed.Version:
		return out
	}
	return f.see(e, out)
}

func (f *Learner) see(e ensemble.Ensemble, out []Action) []Action {
	if f.members.See(e) {
		out = append(out, SeeConfig{e})
	}
	return out
}

// seeLeaders notes the membership that came with NEWLEADER, in the place of any
// that was proposed by somebody else. One that cannot be read is passed over, as
// in Java. Source: Learner.syncWithLeader.
func (f *Learner) seeLeaders(text string, out []Action) []Action {
	if !f.opts.Reconfig || len(text) <= 1 {
		return out
	}
	e, err := ensemble.Parse(text)
	if err != nil {
		return append(out, Note{Fact: FactRefused, Peer: f.leader, Text: "NEWLEADER with a membership that cannot be read: " + err.Error()})
	}
	f.newConfig = &e
	return f.see(e, out)
}

// activateLeaders puts into force what NEWLEADER has brought: with UPTODATE a
// quorum has it. A Java leader tells of a change that it has proposed in this
// term, and that may never be decided; here that waits for its commit.
func (f *Learner) activateLeaders(out []Action) []Action {
	if f.newConfig == nil {
		return out
	}
	z := proto.Zxid(f.newConfig.Version)
	if z.Epoch() == f.epoch && z.Counter() != 0 && z > f.newestDecided() {
		return out
	}
	return f.activate(*f.newConfig, nil, out)
}

// newestDecided is the newest transaction that this learner knows to be
// committed.
func (f *Learner) newestDecided() proto.Zxid {
	if n := len(f.decided); n > 0 {
		return f.decided[n-1].Zxid
	}
	return f.applied
}

// commitActivate decides a change of the membership and puts it into force.
func (f *Learner) commitActivate(m CommitActivate, out []Action) []Action {
	f.change = m
	var t *proto.Txn
	if len(f.pending) > 0 {
		t = f.pending[0]
	}
	if out = f.commit(m.Zxid, out); f.resigned {
		return out
	}
	return f.activateTxn(t, m.Leader, out)
}

// Change is the newest change of the membership that the leader has decided on
// this link; a zero Zxid means none.
func (f *Learner) Change() CommitActivate { return f.change }

// Members returns the membership as this learner knows it, which goes on changing.
func (f *Learner) Members() *ensemble.Pair { return &f.members }

// informActivate is commitActivate of an observer.
func (f *Learner) informActivate(m InformActivate, out []Action) []Action {
	if out = f.inform(m.Txn, out); f.resigned {
		return out
	}
	return f.activateTxn(m.Txn, m.Leader, out)
}

func (f *Learner) activateTxn(t *proto.Txn, leader proto.PeerID, out []Action) []Action {
	if !f.opts.Reconfig {
		return out
	}
	e, err := configOf(t)
	if err != nil {
		return f.resign(err.Error(), out)
	}
	return f.activate(e, &leader, out)
}

// activate puts a membership into force. If that gives this server another role
// or another leader, this link is of no use any more: to is followed at once
// if the leader has named it, else there is an election. Source:
// QuorumPeer.processReconfig.
func (f *Learner) activate(e ensemble.Ensemble, to *proto.PeerID, out []Action) []Action {
	before := f.members.Committed
	if !f.members.Commit(e) {
		return out
	}
	if out = append(out, CommitConfig{e}); before.Equal(e) {
		return out
	}
	m, _ := e.Member(int64(f.opts.Self))
	moved := (m.Role == ensemble.Observer) != f.opts.Observer
	if to == nil {
		if moved || !before.SameQuorumAddrs(e, int64(f.leader)) {
			return f.resign("the membership has changed", out)
		}
		return out
	}
	if moved || *to != f.leader {
		return f.end(Resign{Reason: "the membership has changed", HandOver: true, Next: *to}, out)
	}
	return out
}
