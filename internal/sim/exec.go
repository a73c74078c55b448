package sim

import (
	"fmt"
	"strings"

	"github.com/paddock-io/paddock/internal/replica"
	"github.com/paddock-io/paddock/internal/tree"
	"github.com/paddock-io/paddock/internal/zab"
	"github.com/paddock-io/paddock/proto"
)

// exec runs actions as quorum does: decided transactions are collected, and
// every action that must see them applied flushes them first.
func (s *Server) exec(actions []replica.Action) {
	for _, a := range actions {
		if s.w.trace != nil {
			s.traceAction(a)
		}
		s.w.meet(s, a)
		switch a := a.(type) {
		case replica.Send:
			s.w.check.promise(s.w, s, a)
			s.send(a.Link, a.Msg)
		case replica.Append:
			s.w.check.propose(s.w, s, a.Txn)
			s.drive.put(a.Txn)
		case replica.Apply:
			s.applies = append(s.applies, a.Txn)
		case replica.SendVote:
			s.sendVote(a)
		case replica.Note:
			s.note(a)
		case replica.QuotaExceeded:
		default:
			s.flushApplies()
			s.run(a)
		}
	}
}

// run runs an action that must see the tree as of the actions before it.
func (s *Server) run(a replica.Action) {
	switch a := a.(type) {
	case replica.Synced:
		s.synced(a.Session, a.Cxid)
	case replica.Revalidated:
		s.revalidated(a)
	case replica.SessionOpened:
		s.sessionOpened(a.Session)
	case replica.SessionEnded:
		s.sessionEnded(a)
	case replica.SessionMoved:
		s.sessionMoved(a.Session)
	case replica.SendSnapshot:
		s.w.Snaps++
		if l := s.w.byID[a.Link]; l != nil {
			l.due = a.Zxid
		}
		s.sendSnapshot(a.Link, a.Zxid)
	case replica.ReadLog:
		s.readLog(a)
	case replica.SaveEpoch:
		if a.Kind == zab.CurrentEpoch && s.r.Status().Leading {
			s.w.check.begins(s.w, s, a.Epoch)
		}
		s.drive.put(a)
	case replica.Reload:
		s.drive.put(a)
	case replica.SeeConfig, replica.CommitConfig:
		s.w.turn(s)
		s.w.check.changed(s.w, s, a)
		s.drive.put(a)
	case replica.Truncate, replica.SaveSnapshot:
		s.w.turn(s)
		if _, ok := a.(replica.Truncate); ok {
			s.w.Truncs++
		}
		s.stopSnapshot()
		s.drive.put(a)
	case replica.Install:
		s.w.turn(s)
		t := a.State.(*tree.Tree)
		s.chain = s.w.chains[t]
		delete(s.w.chains, t)
		s.installTree(t)
		s.tree.SetLastZxid(a.Zxid)
	case replica.SetLast:
		s.tree.SetLastZxid(a.Zxid)
	case replica.Dial:
		s.w.dial(s, s.w.servers[a.Leader-1], a.Master)
	case replica.Hangup:
		s.w.check.complains(s.w, s, a.Reason)
		if l := s.w.byID[a.Link]; l != nil {
			l.end(s, a.Reason)
		}
	case replica.Serve:
		s.serve(a)
	case replica.StopServing:
		s.role = zab.RoleNone
		s.stopSnapshot()
		s.closeConns(false)
		s.reqs = nil
		if strings.Contains(a.Reason, "counter") {
			s.w.Rollovers++
		}
		s.w.event(s, "stops serving: "+a.Reason)
	default:
		panic(fmt.Sprintf("sim: unknown action %T", a))
	}
}

func (s *Server) serve(a replica.Serve) {
	s.rollSnapDice()
	s.role = a.Role
	s.w.event(s, fmt.Sprintf("serves as %s in epoch %d", a.Role, a.Epoch))
	s.began = a.Role != zab.RoleReadOnly
	switch a.Role {
	case zab.RoleFollower, zab.RoleObserver:
		s.w.check.follows(s.w, s)
		if st := s.r.Status(); a.Role == zab.RoleObserver && st.Master != st.Leader {
			s.w.Mastered++
		}
	case zab.RoleLeader:
		s.w.check.leads(s.w, s, a.Epoch)
	case zab.RoleReadOnly:
		s.w.check.readOnly(s.w, s)
	}
}

// flushApplies gives the decided transactions to the tree, its watchers and the
// clients that wait for them.
func (s *Server) flushApplies() {
	txns := s.applies
	if len(txns) == 0 {
		return
	}
	s.applies = nil
	for _, t := range txns {
		s.apply(t)
	}
	s.snapTxns += len(txns)
	s.r.Step(s.local(), replica.Applied{Zxid: txns[len(txns)-1].Zxid}, nil)
	s.maybeSnapshot()
}

func (s *Server) apply(t *proto.Txn) {
	w := s.w
	if n := len(s.chain); n == 0 || t.Zxid > s.chain[n-1] {
		w.check.propose(w, s, t) // behind a leader's snapshot, which will hold it
	}
	if s.role != zab.RoleNone {
		w.check.decided(w, s, t)
	}
	s.tree.Apply(t, &s.res)
	if s.role == zab.RoleLeader && w.chance(decisionsAsked) {
		if err := w.powerFailure(nil); err != nil {
			w.fail("server %d applies %s: %v", s.id, t.Zxid, err)
		}
	}
	if s.role == zab.RoleNone {
		return // on the way to where a leader's fuzzy snapshot ended, digests may differ
	}
	if s.res.DigestMismatch {
		w.fail("server %d: the digest of %s is not what it should be", s.id, t.Zxid)
	}
	w.Applies++
	w.check.applied(w, s, t)
	s.answer(t)
}

func (s *Server) note(n replica.Note) {
	switch n.Fact {
	case zab.FactElected, zab.FactEpochProposed, zab.FactLearnerJoined, zab.FactLearnerSynced, zab.FactFollowing, zab.FactEstablished,
		zab.FactSyncDiff, zab.FactSyncTrunc, zab.FactSyncSnap, zab.FactHandedOver:
		s.w.turn(s)
	}
	switch n.Fact {
	case zab.FactSessionExpired:
		s.w.Expiries++
		s.w.check.expiring(s.w, s, n.Text)
	case zab.FactLooking:
		s.w.check.complains(s.w, s, n.Text)
		s.w.event(s, "looks for a leader: "+n.Text)
	case zab.FactElected:
		s.w.Elections++
		s.w.event(s, fmt.Sprintf("elects server %d at %s", n.Peer, n.Zxid))
	case zab.FactHandedOver:
		s.w.HandOvers++
		s.w.event(s, fmt.Sprintf("hands over to server %d", n.Peer))
	case zab.FactSyncDiff:
		s.w.Diffs++
		if n.Text != "" {
			s.w.LogDiffs++
		}
	case zab.FactRefused:
		s.w.event(s, "refuses what a peer sent: "+n.Text)
	}
}

func (s *Server) traceAction(a replica.Action) {
	var text string
	switch a := a.(type) {
	case replica.SendVote:
		v := a.Note
		text = fmt.Sprintf("vote to %d: state %d, leader %d, zxid %s, round %d, epoch %d", a.To, v.State, v.Leader, v.Zxid, v.Round, v.PeerEpoch)
	case replica.Apply:
		text = fmt.Sprintf("apply %s of %s: %d %T%+v", a.Txn.Zxid, a.Txn.Session, a.Txn.Cxid, a.Txn.Body, a.Txn.Body)
	case replica.Append:
		text = fmt.Sprintf("append %s", a.Txn.Zxid)
	case replica.Send:
		if p, ok := a.Msg.(zab.Proposal); ok {
			text = fmt.Sprintf("send on %d: proposal %s", a.Link, p.Txn.Zxid)
			break
		}
		text = fmt.Sprintf("send on %d: %T%+v", a.Link, a.Msg, a.Msg)
	default:
		text = fmt.Sprintf("%T%+v", a, a)
	}
	s.w.trace(fmt.Sprintf("%12v server %d: %s", s.w.now, s.id, text))
}
