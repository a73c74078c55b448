package replica

import (
	"time"

	"github.com/paddock-io/paddock/internal/election"
	"github.com/paddock-io/paddock/internal/zab"
	"github.com/paddock-io/paddock/proto"
)

// Deadline returns when Step wants a Tick at the latest, zab.Never if nothing
// waits for time.
func (r *Replica) Deadline() time.Duration {
	at := zab.Never
	switch r.state {
	case leading:
		at = r.leader.Deadline()
		if r.reaper != nil {
			at = min(at, r.reaper.deadline())
		}
	case learning:
		at = r.learner.Deadline()
		if r.master != nil {
			at = min(at, r.master.Deadline())
		}
	case looking:
		at = min(r.vote.Deadline(), r.readOnlyAt())
	case draining:
		if r.drained() {
			at = r.lookAt
		}
	}
	for _, t := range []*sessions{r.sessions, r.local} {
		if end, ok := t.deadline(); ok {
			at = min(at, end)
		}
	}
	if len(r.early) > 0 {
		at = min(at, r.early[0].at+r.opts.Tick)
	}
	return at
}

func (r *Replica) tickVote(now time.Duration, out []Action) []Action {
	return r.ballot(now, func(a []election.Action) []election.Action { return r.vote.Tick(now, a) }, out)
}

// Status is what a server says of itself.
type Status struct {
	Role        Role // RoleNone while looking or synchronising
	Looking     bool // no role was decided
	Leading     bool // leads, or tries to
	Leader      proto.PeerID
	Master      proto.PeerID // of a learner: the leader, or the follower that feeds this observer
	Epoch       int64
	Phase       zab.Phase
	LastLogged  proto.Zxid
	Outstanding int // proposals that wait for a quorum, or requests that wait for the leader
	Synced      int // synchronised followers that vote
	NonVoting   int // synchronised followers that do not
	Observers   int // synchronised observers
	Learners    int // links from learners
	Syncs       int // proposals that a leader's unanswered syncs wait for
	Sessions    int // global sessions, on a leader

	LocalSessions int // known to this server alone
}

// Status describes the present state.
func (r *Replica) Status() Status {
	s := Status{
		Role: r.role, Looking: r.state == looking || r.state == draining,
		Outstanding: r.pending, LastLogged: r.appended, Epoch: r.disk.CurrentEpoch,
	}
	if r.local != nil {
		s.LocalSessions = len(r.local.byID)
	}
	switch r.state {
	case leading:
		s.Leading, s.Leader, s.Epoch, s.Phase = true, r.opts.Self, r.leader.Epoch(), r.leader.Phase()
		s.Outstanding = r.leader.Outstanding()
		s.Synced, s.NonVoting, s.Observers = r.leader.Followers()
		s.Learners, s.Syncs = len(r.leader.Links()), r.leader.PendingSyncs()
		if r.sessions != nil {
			s.Sessions = len(r.sessions.byID)
		}
	case learning:
		s.Leader, s.Epoch, s.Phase = r.learner.Leader(), r.learner.Epoch(), r.learner.Phase()
		s.Master = r.learner.Target()
		if r.master != nil {
			s.Observers, s.Learners = r.master.Observers(), len(r.master.Links())
		}
	}
	return s
}

// Expiries lists the sessions that end by this server's decision, by the time
// of their end: the global ones of a leader, and its own local ones.
func (r *Replica) Expiries(now time.Duration) (global, local []Expiry) {
	return r.sessions.list(now), r.local.list(now)
}
