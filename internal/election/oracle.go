package election

import "github.com/paddock-io/paddock/proto"

// Where two servers vote, an oracle outside both may let one of them lead while
// the other is silent, and the other follow it without a quorum when it is back.
// Source: QuorumOracleMaj, FastLeaderElection.lookForLeader and
// receivedLeadingNotification.

// Oracle tells what the oracle says now: whether this server may lead alone.
func (e *Election) Oracle(grants bool) { e.granted = grants && e.opts.Oracle }

// ofTwo reports whether the membership in force has two voters.
func (e *Election) ofTwo() bool {
	return e.opts.Oracle && e.configs[0].OfTwo()
}

// alone reports whether this server may decide for itself: it has asked more than once, and the other voter has said
// nothing in this round. A proposed membership needs a quorum without the oracle, unless the same two vote there.
func (e *Election) alone() bool {
	if !e.granted || !e.ofTwo() || e.proposal.Leader != e.opts.Self || e.initial.Zxid == untrusted || e.interval <= e.opts.MinInterval {
		return false
	}
	voter := false
	for _, id := range e.configs[0].Voters() {
		i, _ := e.index(proto.PeerID(id))
		switch {
		case proto.PeerID(id) == e.opts.Self:
			voter = true
		case e.received[i].cast || e.outside[i].cast:
			return false
		}
	}
	mine := ballot{Vote: e.proposal, state: Looking, cast: true}
	return voter && (len(e.configs) == 1 || e.configs[1].OfTwo() && len(e.voters) == 2 ||
		e.quorumOf(e.configs[1], func(i int) bool { return e.received[i].agrees(mine) }))
}

// yields reports whether a server that says that it leads is to be followed although nobody else of the membership
// does: the oracle has not let this one lead.
func (e *Election) yields(from int, v Vote) bool {
	return e.ofTwo() && !e.granted && v.Leader == e.voters[from] && v.Leader != e.opts.Self && e.configs[0].IsVoter(int64(v.Leader))
}
