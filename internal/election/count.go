package election

import (
	"time"

	"github.com/paddock-io/paddock/proto"
)

// count handles a voter's notification while looking. Java: the loop of FastLeaderElection.lookForLeader.
func (e *Election) count(now time.Duration, from int, n proto.Notification, out []Action) []Action {
	if _, ok := e.index(n.Leader); !ok {
		return out
	}
	switch n.State {
	case Looking:
		return e.countLooking(now, from, n, out)
	case Following, Leading:
		return e.countSettled(now, from, n, out)
	}
	return out // observers have no vote
}

func (e *Election) countLooking(now time.Duration, from int, n proto.Notification, out []Action) []Action {
	switch {
	case n.Zxid == untrusted:
		return out
	case e.initial.Zxid == untrusted:
		// Those who may vote are about to decide, and do not tell us unless we ask.
		e.interval = e.opts.MinInterval
		e.resendAt = min(e.resendAt, now+e.interval)
		return out
	}
	v := Vote{Leader: n.Leader, Zxid: n.Zxid, Round: n.Round, PeerEpoch: n.PeerEpoch}
	switch {
	case n.Round > e.round:
		if e.finalizeAt != Never && !e.better(v, e.proposal) && e.agreedWithout(from) {
			return out // A quorum is about to decide, and this voter will be told.
		}
		e.round = n.Round
		clear(e.received)
		best := e.initial
		if e.better(v, e.initial) {
			best = v
		}
		out = e.propose(now, best, out)
	case n.Round < e.round && e.proposal.Leader == none:
		// Without a vote of our own we have nothing to say that would bring the others to our round, but where we are to
		// be a member theirs may wait for our agreement.
		e.round = n.Round
		clear(e.received)
		out = e.propose(now, v, out)
	case n.Round < e.round:
		return out // Receive has answered.
	case e.better(v, e.proposal):
		out = e.propose(now, v, out)
	case e.better(e.proposal, v): // It cannot have seen our vote, perhaps because it was not looking yet.
		out = append(out, Send{e.voters[from], e.note(e.proposal)})
	}
	e.received[from] = ballot{Vote: v, state: Looking, cast: true}
	return e.evaluate(now, out)
}

// countSettled handles the vote of a server that has a leader: one of this round may complete the election, and a
// quorum that follows a leader of any round is an established ensemble to join. The leader's own word is needed in
// either case, or we could follow one that is dead.
//
// Of the memberships it is the committed one whose quorum counts: whether a leader leads is not for this server to
// decide, and one that remembers a proposed membership, which nobody else has seen and whose quorum needs this very
// server, would never find its way back. Java looks for a quorum of both.
//
// Java leaves the version out of what it stores for this round but not out of what it looks for, so that epochs are
// not compared there: followers learn the leader's new epoch at different moments.
func (e *Election) countSettled(now time.Duration, from int, n proto.Notification, out []Action) []Action {
	v := Vote{Leader: n.Leader, Zxid: n.Zxid, Round: n.Round, PeerEpoch: n.PeerEpoch}
	probe := ballot{Vote: v, state: n.State, version: n.Version, cast: true}
	if n.Round == e.round {
		e.received[from] = ballot{Vote: v, state: n.State, cast: true}
		if e.settled(e.received, probe) && e.leads(e.received, v) {
			return e.decide(now, v, out)
		}
	}
	e.outside[from] = probe
	if e.settled(e.outside, probe) && e.leads(e.outside, v) {
		e.round = n.Round
		return e.decide(now, v, out)
	}
	if n.State == Leading && e.yields(from, v) {
		e.round = n.Round
		return e.decide(now, v, out)
	}
	if n.Round == e.round && e.initial.Zxid != untrusted {
		return e.evaluate(now, out) // It may be the answer that was open. Java sees that at the next looking vote.
	}
	return out
}

// settled reports whether the voters whose ballots agree with probe are a quorum of the committed membership, or of
// every one if it is this server that is to lead.
func (e *Election) settled(ballots []ballot, probe ballot) bool {
	if probe.Leader == e.opts.Self {
		return e.agreed(ballots, probe)
	}
	return e.quorumOf(e.configs[0], func(i int) bool { return ballots[i].agrees(probe) })
}

// leads reports whether v's leader says itself that it leads, or, if it is this server, was elected in this round.
// Java: FastLeaderElection.checkLeader.
func (e *Election) leads(ballots []ballot, v Vote) bool {
	if v.Leader == e.opts.Self {
		return v.Round == e.round
	}
	i, ok := e.index(v.Leader)
	return ok && ballots[i].cast && ballots[i].state == Leading
}

// better reports whether v should replace w. A server without weight is never voted for.
func (e *Election) better(v, w Vote) bool { return e.weight(v.Leader) != 0 && v.above(w) }

// weight is the say of id in the committed ensemble, or in the next one for a server that joins with it.
func (e *Election) weight(id proto.PeerID) int64 {
	for _, c := range e.configs {
		if c.IsVoter(int64(id)) {
			return c.Weight(int64(id))
		}
	}
	return 0
}

// propose makes v this server's vote and tells everybody.
func (e *Election) propose(now time.Duration, v Vote, out []Action) []Action {
	v.Round = e.round
	e.proposal, e.finalizeAt = v, Never
	return e.broadcast(now, out)
}

// broadcast sends the proposal to every voter; to this server itself by casting the ballot. Java:
// FastLeaderElection.sendNotifications, where the own notification goes through the receive queue.
func (e *Election) broadcast(now time.Duration, out []Action) []Action {
	e.resendAt = now + e.interval
	for i, id := range e.voters {
		switch {
		case id != e.opts.Self:
			out = append(out, Send{id, e.note(e.proposal)})
		case e.initial.Zxid != untrusted:
			e.received[i] = ballot{Vote: e.proposal, state: Looking, cast: true}
		}
	}
	return out
}

// agreed reports whether the voters whose ballots agree with probe are a quorum.
func (e *Election) agreed(ballots []ballot, probe ballot) bool {
	return e.quorum(func(i int) bool { return ballots[i].agrees(probe) })
}

// agreedWithout reports whether the others who share the proposal are a quorum without the i-th voter, who has gone on
// to a later round. Java decides with the vote that it has left behind, and leads nobody if it was needed.
func (e *Election) agreedWithout(i int) bool {
	mine := ballot{Vote: e.proposal, state: Looking, cast: true}
	return e.quorum(func(j int) bool { return j != i && e.received[j].agrees(mine) })
}

// evaluate decides for the proposal if a quorum shares it and nothing can change that, or lets time decide.
func (e *Election) evaluate(now time.Duration, out []Action) []Action {
	mine := ballot{Vote: e.proposal, state: Looking, cast: true}
	switch {
	case !e.agreed(e.received, mine):
		e.finalizeAt = Never
	case e.unanimous(mine):
		return e.decide(now, e.proposal, out)
	case e.finalizeAt == Never:
		e.finalizeAt = now + e.opts.FinalizeWait
	}
	return out
}

// unanimous reports whether every voter agrees with mine, but for those that cannot be asked and those without
// weight, whose votes nobody counts. There is no hurry to follow a leader that cannot be asked. See the package
// comment.
func (e *Election) unanimous(mine ballot) bool {
	if i, ok := e.index(mine.Leader); ok && e.unreachable[i] {
		return false
	}
	for i, id := range e.voters {
		if !e.received[i].agrees(mine) && !e.unreachable[i] && e.weight(id) != 0 {
			return false
		}
	}
	return true
}

// decide ends the election with v. Java: setPeerState, leaveInstance.
func (e *Election) decide(now time.Duration, v Vote, out []Action) []Action {
	switch {
	case v.Leader == e.opts.Self:
		e.state = Leading
	case e.observer():
		e.state = Observing
	default: // A server outside the membership follows too, without a vote.
		e.state = Following
	}
	e.vote = v
	e.resendAt, e.finalizeAt = Never, Never
	out = append(out, Decided{e.state, v})
	return e.tellStrangers(now, out)
}
