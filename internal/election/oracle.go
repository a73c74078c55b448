package election

import "github.com/paddock-io/paddock/proto"

// Where two servers vote, an oracle outside both may let one of them lead while
// the other is silent, and the other follow it without a quorum when it is back.
// Source: QuorumOracleMaj, FastLeaderElection.lookForLeader and
// receivedLeadingNotification.

// Oracle tells what the oracle says now: whether this server may lead alone.
func (e *Election) Oracle(grants bool) { e.granted = grants && e.opts.Oracle }

func (e *Election) ofTwo() bool {
	return e.opts.Oracle && len(e.configs) == 1 && len(e.voters) == 2 && !e.configs[0].Hierarchical()
}

// alone reports whether this server may decide for itself: it has asked more than
// once, and the other voter has said nothing in this round.
func (e *Election) alone() bool {
	self, voter := e.index(e.opts.Self)
	if !e.granted || !e.ofTwo() || !voter || e.proposal.Leader != e.opts.Self || e.initial.Zxid == untrusted || e.interval <= e.opts.MinInterval {
		return false
	}
	return !e.received[1-self].cast && !e.outside[1-self].cast
}

// yields reports whether a server that says that it leads is to be followed
// although nobody else does: the oracle has not let this one lead.
func (e *Election) yields(from int, v Vote) bool {
	return e.ofTwo() && !e.granted && v.Leader == e.voters[from] && v.Leader != proto.PeerID(e.opts.Self)
}
