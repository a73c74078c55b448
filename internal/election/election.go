package election

import (
	"cmp"
	"math"
	"slices"
	"time"

	"github.com/paddock-io/paddock/internal/ensemble"
	"github.com/paddock-io/paddock/proto"
)

// Never is the deadline of an election that waits for no time.
const Never = time.Duration(math.MaxInt64)

// Options configure an Election. Zero values stand for ZooKeeper's own.
type Options struct {
	Self         proto.PeerID
	FinalizeWait time.Duration // how long a quorum waits for a better vote; 0 means 200 ms
	MinInterval  time.Duration // first pause between equal notifications; 0 means 200 ms
	MaxInterval  time.Duration // longest pause, reached by doubling; 0 means 60 s
	Oracle       bool          // there is one, for two voters; see oracle.go
}

// Action is Send or Decided.
type Action interface{ isAction() }

// Send asks for a notification to be sent. Only the newest one to a peer matters.
type Send struct {
	To   proto.PeerID
	Note proto.Notification
}

// Decided ends an election: this server is to lead, or to follow or observe Vote.Leader.
type Decided struct {
	State State
	Vote  Vote
}

func (Send) isAction()    {}
func (Decided) isAction() {}

// Election finds a leader, again and again during a server's life. It is for one goroutine. Notifications that come
// before the first Start are ignored.
type Election struct {
	opts    Options
	configs []ensemble.Ensemble // the committed one, then the last seen one if that is newer
	voters  []proto.PeerID      // of either, ascending
	text    string              // of the committed one

	started     bool
	state       State
	round       int64 // logical clock: grows with every election, or jumps to a peer's, which may be any number
	vote        Vote  // the last decision
	established bool  // vote has led to a serving leader
	granted     bool  // the oracle lets this server lead alone

	// While looking. The slices below run parallel to voters.
	initial     Vote
	proposal    Vote     // Round is round
	received    []ballot // of this round
	outside     []ballot // of servers that have a leader, of any round. Java: outofelection
	unreachable []bool   // refused a connection since Start and was not heard since
	interval    time.Duration
	resendAt    time.Duration // when to repeat the proposal
	finalizeAt  time.Duration // when to stop waiting for better votes; Never without a quorum

	deserted  []bool // since the decision: looks and does not name its leader
	strangers []answer
	configText
}

// New returns an election among the voters of ens. It does nothing before Start.
func New(ens ensemble.Ensemble, opts Options) *Election {
	opts.FinalizeWait = cmp.Or(opts.FinalizeWait, 200*time.Millisecond)
	opts.MinInterval = cmp.Or(opts.MinInterval, 200*time.Millisecond)
	opts.MaxInterval = cmp.Or(opts.MaxInterval, time.Minute)
	e := &Election{opts: opts, resendAt: Never, finalizeAt: Never}
	e.Reconfigure(ens, ens)
	return e
}

// Reconfigure replaces the committed ensemble and the last proposed one, which counts if its version is higher. A
// server that is looking must Start again, unless no more than the version has changed.
func (e *Election) Reconfigure(committed, lastSeen ensemble.Ensemble) {
	e.configs = append(e.configs[:0], committed)
	if lastSeen.Version > committed.Version {
		e.configs = append(e.configs, lastSeen)
	}
	var voters []proto.PeerID
	for _, c := range e.configs {
		for _, id := range c.Voters() {
			voters = append(voters, proto.PeerID(id))
		}
	}
	slices.Sort(voters)
	voters = slices.Compact(voters)
	e.text = committed.Text()
	e.configText = configText{}
	if e.received != nil && slices.Equal(voters, e.voters) {
		return // what they have said stays
	}
	e.voters = voters
	e.received, e.outside = make([]ballot, len(e.voters)), make([]ballot, len(e.voters))
	e.unreachable, e.deserted = make([]bool, len(e.voters)), make([]bool, len(e.voters))
}

// Start begins an election: the next round, in which this server proposes itself with its last logged zxid and its
// current epoch. What the transport said of peers before no longer counts. Java: FastLeaderElection.lookForLeader.
func (e *Election) Start(now time.Duration, lastZxid proto.Zxid, currentEpoch int64, out []Action) []Action {
	e.round++
	e.started, e.state, e.established = true, Looking, false
	e.interval, e.finalizeAt = e.opts.MinInterval, Never
	clear(e.received)
	clear(e.outside)
	clear(e.unreachable)
	clear(e.deserted)
	e.initial = e.initialVote(lastZxid, currentEpoch)
	out = e.propose(now, e.initial, out)
	return e.evaluate(now, out)
}

// Appoint takes the place of an election: a change of the membership that was committed says who leads. epoch is the
// newest one known of. Java: QuorumPeer.updateVote, updateServerState.
func (e *Election) Appoint(now time.Duration, leader proto.PeerID, zxid proto.Zxid, epoch int64, out []Action) []Action {
	e.started, e.established = true, false
	clear(e.deserted)
	return e.decide(now, Vote{Leader: leader, Zxid: zxid, Round: e.round, PeerEpoch: epoch}, out)
}

// initialVote is a vote for this server, as far as it may have one. Java: getInitId, getInitLastLoggedZxid,
// getPeerEpoch: a member that is an observer gives nothing, a server outside the membership only its history.
//
// One that is to be a voter of the proposed membership is no candidate before: voters who do not know of the proposal
// would not vote for it, and those who do would not vote for anybody else.
func (e *Election) initialVote(lastZxid proto.Zxid, currentEpoch int64) Vote {
	switch {
	case e.configs[0].IsVoter(int64(e.opts.Self)):
		return Vote{Leader: e.opts.Self, Zxid: lastZxid, PeerEpoch: currentEpoch}
	case e.observer():
		return Vote{Leader: none, Zxid: none, PeerEpoch: none}
	}
	return Vote{Leader: none, Zxid: lastZxid, PeerEpoch: currentEpoch}
}

func (e *Election) observer() bool {
	m, ok := e.configs[0].Member(int64(e.opts.Self))
	return ok && m.Role == ensemble.Observer
}

// Receive handles a notification from a peer, in every state.
func (e *Election) Receive(now time.Duration, from proto.PeerID, n proto.Notification, out []Action) []Action {
	if from == e.opts.Self || !e.started || n.State < Looking || n.State > Observing {
		return out
	}
	e.PeerReachable(from)
	i, voter := e.index(from)
	switch {
	case !voter:
		return e.answerStranger(now, from, n, out)
	case e.state == Looking:
		if n.State == Looking && n.Round < e.round {
			out = append(out, Send{from, e.note(e.proposal)})
		}
		return e.count(now, i, n, out)
	}
	e.noticeDesertion(i, n)
	if n.State == Looking {
		out = append(out, Send{from, e.note(e.vote)})
	}
	return out
}

// PeerUnreachable is the transport's word that a connection to id was refused just now: it is not running, or out of
// reach. It must be given for every refused attempt, since each Start forgets it.
func (e *Election) PeerUnreachable(now time.Duration, id proto.PeerID, out []Action) []Action {
	i, ok := e.index(id)
	if !ok || e.state != Looking || !e.started {
		return out
	}
	e.unreachable[i] = true
	if e.finalizeAt == Never {
		return out
	}
	return e.evaluate(now, out)
}

// PeerReachable is the transport's word that id takes connections. Any notification from it says the same.
func (e *Election) PeerReachable(id proto.PeerID) {
	if i, ok := e.index(id); ok {
		e.unreachable[i] = false
	}
}

// Tick does what is due: it ends the wait of a quorum, or repeats the proposal and doubles the pause.
func (e *Election) Tick(now time.Duration, out []Action) []Action {
	switch {
	case e.state != Looking:
	case now >= e.finalizeAt:
		return e.decide(now, e.proposal, out)
	case e.finalizeAt == Never && now >= e.resendAt && e.alone():
		return e.decide(now, e.proposal, out)
	case e.finalizeAt == Never && now >= e.resendAt:
		e.interval = min(2*e.interval, e.opts.MaxInterval)
		return e.broadcast(now, out)
	}
	return out
}

// Deadline returns when Tick is wanted at the latest, or Never.
func (e *Election) Deadline() time.Duration {
	switch {
	case e.state != Looking:
		return Never
	case e.finalizeAt != Never:
		return e.finalizeAt
	}
	return e.resendAt
}

// Established says that the decision has led to a serving leader: this server serves as leader, or has synchronised
// with it. From now on it tells those who look the leader's new epoch. Java: QuorumPeer.updateElectionVote.
func (e *Election) Established(epoch int64) {
	if e.state == Looking {
		return
	}
	e.vote.PeerEpoch, e.established = epoch, true
	clear(e.deserted)
}

// State returns what this server is doing, as far as the election knows.
func (e *Election) State() State { return e.state }

// Round returns the logical clock.
func (e *Election) Round() int64 { return e.round }

// Vote returns the proposal while looking, else the decision.
func (e *Election) Vote() Vote {
	if e.state == Looking {
		return e.proposal
	}
	return e.vote
}

// Deserted reports that the decision has come to nothing before it was Established: a leader's voters look again and
// are no longer a quorum without those who name another, or the server that was to lead looks again and is not
// waiting for us. The owner should end the role and Start. It is advice; without it Zab's initLimit ends the role.
// Java has a part of this as leader.maxTimeToWaitForEpoch: Leader.reportLookingSid, ZOOKEEPER-3109.
func (e *Election) Deserted() bool {
	if e.state == Looking || e.established {
		return false
	}
	if e.state == Leading {
		return !e.quorum(func(i int) bool { return !e.deserted[i] })
	}
	i, ok := e.index(e.vote.Leader)
	return ok && e.deserted[i]
}

// noticeDesertion remembers whether voter i, by its latest word, still backs the decision. Earlier rounds do not
// count: such a voter has just started and is about to be told.
func (e *Election) noticeDesertion(i int, n proto.Notification) {
	if e.established || n.State == Observing {
		return
	}
	e.deserted[i] = n.State == Looking && (n.Round > e.vote.Round || n.Round == e.vote.Round && n.Leader != e.vote.Leader)
}

// index finds a voter in the slices that run parallel to voters.
func (e *Election) index(id proto.PeerID) (int, bool) { return slices.BinarySearch(e.voters, id) }

// quorum reports whether the voters for which has is true are a quorum of every relevant ensemble.
func (e *Election) quorum(has func(i int) bool) bool {
	for _, c := range e.configs {
		if !e.quorumOf(c, has) {
			return false
		}
	}
	return true
}

func (e *Election) quorumOf(c ensemble.Ensemble, has func(i int) bool) bool {
	return c.Quorum(func(id int64) bool { i, ok := e.index(proto.PeerID(id)); return ok && has(i) })
}

// note is what this server tells others: a vote under its present state, and the committed configuration.
func (e *Election) note(v Vote) proto.Notification {
	return proto.Notification{
		State: e.state, Leader: v.Leader, Zxid: v.Zxid, Round: v.Round, PeerEpoch: v.PeerEpoch,
		Version: proto.NotificationVersion, Config: e.text,
	}
}
