package ensemble

import "slices"

// Pair is the membership as one server knows it: the last one that was committed, and the last one that was proposed.
// While they differ, everything that needs a quorum needs one of each. Java: QuorumPeer's quorumVerifier and
// lastSeenQuorumVerifier, SyncedLearnerTracker.
type Pair struct {
	Committed Ensemble
	// LastSeen counts while its version is higher than that of Committed. It is never lower.
	LastSeen Ensemble
}

// Settled is the pair of a server that knows of no proposal.
func Settled(e Ensemble) Pair { return Pair{e, e} }

// Pending reports whether a proposed membership waits for its commit.
func (p *Pair) Pending() bool { return p.LastSeen.Version > p.Committed.Version }

// Quorum reports whether the servers for which has returns true are a quorum of every membership that counts.
func (p *Pair) Quorum(has func(id int64) bool) bool {
	return p.Committed.Quorum(has) && (!p.Pending() || p.LastSeen.Quorum(has))
}

// IsVoter reports whether id is a participant of a membership that counts.
func (p *Pair) IsVoter(id int64) bool {
	return p.Committed.IsVoter(id) || p.Pending() && p.LastSeen.IsVoter(id)
}

// Voters returns the participants of the memberships that count, in ascending order.
func (p *Pair) Voters() []int64 {
	ids := p.Committed.Voters()
	if p.Pending() {
		ids = append(ids, p.LastSeen.Voters()...)
		slices.Sort(ids)
		ids = slices.Compact(ids)
	}
	return ids
}

// Member returns what is known of a server: as it is now, or else as it is to be.
func (p *Pair) Member(id int64) (Member, bool) {
	if m, ok := p.Committed.Member(id); ok || !p.Pending() {
		return m, ok
	}
	return p.LastSeen.Member(id)
}

// See notes a proposed membership and reports whether that is news. An older one than was seen before takes its place
// too: a leader of a later epoch says by it that the other will never be. One that is no newer than what is in force
// is no proposal; then none is left.
func (p *Pair) See(e Ensemble) bool {
	if e.Version < p.Committed.Version {
		e = p.Committed
	}
	if e.Version == p.LastSeen.Version {
		return false
	}
	p.LastSeen = e
	return true
}

// Commit notes a committed membership and reports whether it is newer than the one before. Java:
// QuorumPeer.setQuorumVerifier.
func (p *Pair) Commit(e Ensemble) bool {
	if e.Version <= p.Committed.Version {
		return false
	}
	p.Committed = e
	if e.Version > p.LastSeen.Version {
		p.LastSeen = e
	}
	return true
}

// Latest returns the newest membership that p knows of.
func (p *Pair) Latest() Ensemble {
	if p.Pending() {
		return p.LastSeen
	}
	return p.Committed
}
