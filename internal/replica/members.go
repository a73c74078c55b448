package replica

import (
	"time"

	"github.com/paddock-io/paddock/internal/election"
	"github.com/paddock-io/paddock/internal/ensemble"
	"github.com/paddock-io/paddock/internal/prep"
	"github.com/paddock-io/paddock/proto"
)

// initMembers takes up the membership that the files tell of.
func (r *Replica) initMembers() {
	r.members = ensemble.Settled(r.opts.Ensemble)
	if n, ok := r.tree.Get("/zookeeper/config"); ok {
		if known, err := ensemble.Parse(string(n.Data())); err == nil {
			r.knownConfig = known.Version
		}
	}
	if r.opts.Reconfig && r.opts.LastSeen.Version > r.opts.Ensemble.Version {
		r.members.LastSeen = r.opts.LastSeen
		r.vote.Reconfigure(r.members.Committed, r.members.LastSeen)
	}
}

// Members returns the membership as this server knows it.
func (r *Replica) Members() ensemble.Pair { return r.members }

// membership is what a reconfig starts from; nil where that is switched off.
func (r *Replica) membership() *prep.Membership {
	if !r.opts.Reconfig {
		return nil
	}
	return &prep.Membership{Alone: r.opts.Standalone, Now: r.leader.Members(), Rules: r.opts.EditRules, Synced: r.leader.Synced}
}

// seeConfig keeps the election in step with what the leader or learner has seen.
func (r *Replica) seeConfig(e ensemble.Ensemble) {
	if r.members.See(e) {
		r.vote.Reconfigure(r.members.Committed, r.members.LastSeen)
	}
}

// commitConfig puts a membership into force, and gives this server its role in
// it. A server that is no member follows without a vote. Source:
// QuorumPeer.updateLearnerType.
func (r *Replica) commitConfig(e ensemble.Ensemble) {
	if !r.members.Commit(e) {
		return
	}
	r.vote.Reconfigure(r.members.Committed, r.members.LastSeen)
	m, _ := e.Member(int64(r.opts.Self))
	r.opts.Observer = m.Role == ensemble.Observer
}

// forgetUnpromised drops a proposed membership whose transaction is not in the log
// of this server: its file was durable first, and then the process ended, or the
// link did. Nobody has an ACK for it, so nobody may count on it; and whoever remembers it
// would need a quorum of it, which may never come, because who has the transaction
// does not vote for those who lack it. One that came with the NEWLEADER of a later
// epoch was promised with that, whether the transaction is there or not; and a
// server whose history is damaged does not know what it has acknowledged.
func (r *Replica) forgetUnpromised(out []Action) []Action {
	if !r.members.Pending() {
		return out
	}
	z := proto.Zxid(r.members.LastSeen.Version)
	if z.Counter() == 0 || r.disk.LastZxid < 0 || z <= r.disk.LastZxid || r.disk.CurrentEpoch > z.Epoch() {
		return out
	}
	r.seeConfig(r.members.Committed)
	return append(out, SeeConfig{Config: r.members.Committed})
}

// adoptNewer takes over a membership that another server has committed, as its
// notification says, and begins the election anew if that changes who votes. None
// that is older than what the tree shows: an operator may have written this server's
// anew, without a version, after it had acknowledged that one. Source:
// Messenger.WorkerReceiver.run.
func (r *Replica) adoptNewer(now time.Duration, out []Action) []Action {
	newer, ok := r.vote.NewerConfig()
	if !ok || !r.opts.Reconfig || r.state != looking || newer.Version < r.knownConfig || newer.CheckRoles(false) != nil {
		return out
	}
	before := r.members.Committed
	r.commitConfig(newer)
	out = append(out, CommitConfig{Config: newer})
	if before.Equal(newer) {
		return out
	}
	return r.ballot(now, func(a []election.Action) []election.Action {
		return r.vote.Start(now, r.disk.LastZxid, r.disk.CurrentEpoch, a)
	}, out)
}

// assume takes the role that a change of the membership has given, without an
// election. Source: QuorumPeer.updateServerState.
func (r *Replica) assume(now time.Duration, out []Action) []Action {
	r.handOver, r.state = false, looking
	r.disk.LastZxid = r.hist.Last()
	return r.ballot(now, func(a []election.Action) []election.Action {
		return r.vote.Appoint(now, r.successor, r.disk.LastZxid, r.disk.CurrentEpoch, a)
	}, out)
}
