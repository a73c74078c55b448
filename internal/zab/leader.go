package zab

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/paddock-io/paddock/internal/ensemble"
	"github.com/paddock-io/paddock/proto"
)

// Phase is how far a leader or learner has come.
type Phase uint8

// Phases, named as ZooKeeper's monitoring names them.
const (
	Discovery Phase = iota
	Synchronization
	Broadcast
)

func (p Phase) String() string { return [...]string{"discovery", "synchronization", "broadcast"}[p] }

// Options are what a Leader and a Learner need to know. Durations must be
// positive.
type Options struct {
	Self        proto.PeerID
	Ensemble    ensemble.Ensemble // the last one committed
	LastSeen    ensemble.Ensemble // the last one proposed, if that is newer
	Reconfig    bool              // the membership may change
	InitTimeout time.Duration     // for every phase before broadcast: initLimit ticks
	SyncTimeout time.Duration     // for silence during broadcast: syncLimit ticks
	DialTimeout time.Duration     // for reaching the leader: connectToLearnerMasterLimit ticks; 0 means InitTimeout
	Tick        time.Duration     // pings go twice a tick, the quorum is checked once
	Standalone  bool              // alone, and without epochs
	Observer    bool              // a learner that does not vote
	Feeding                       // of learners, by a leader or an observer master
	// EpochTimeout is how long a leader waits for a quorum to tell its epochs; 0
	// means a tick, but at least a second, and no longer than InitTimeout.
	EpochTimeout time.Duration
	RedialPause  time.Duration // between tries to reach a leader; 0 means 100 ms
	Granted      bool          // the oracle lets this server go on alone; see oracle.go
	Rollover                   // of the counter in a zxid
	// UnconfirmedSync answers a sync without asking the voters whether they
	// still follow, as ZooKeeper does: a deposed leader then answers too.
	UnconfirmedSync bool
}

// Never is the deadline of a machine that waits for nothing.
const Never time.Duration = 1<<63 - 1

// Durable is what a server's disk holds when it takes a role.
type Durable struct {
	AcceptedEpoch int64
	CurrentEpoch  int64
	LastZxid      proto.Zxid // newest transaction of log and snapshot
}

// Leader is the leading side. It is for one term: after a Resign action it
// must be dropped.
type Leader struct {
	feed     // its history is shared with the replica, and holds committed transactions only while leading
	disk     Durable
	phase    Phase
	epoch    int64 // 0 until discovery has fixed it
	epochSet bool  // acceptedEpoch is on disk
	saving   bool  // currentEpoch is being written
	resigned bool

	deadline  time.Duration // of the present phase
	epochBy   time.Duration // when a quorum of FOLLOWERINFO must be here
	nextPing  time.Duration
	nextCheck time.Duration

	outstanding   []*proto.Txn
	lastProposed  proto.Zxid
	lastCommitted proto.Zxid
	selfAcked     proto.Zxid
	syncs         []pendingSync // in the order in which they came
	asked         int64         // the newest round of confirmation; see leader_confirm.go
	askedAfter    proto.Zxid    // lastProposed when it began
	confirmed     int64         // the newest round that a quorum has answered
	candidates    []proto.Zxid  // scratch of advance
	ending        ending        // the counter is used up; see rollover.go
	lonely        bool          // nobody came while a quorum was waited for

	ends map[proto.PeerID]int64 // the epoch in which a voter's own history ends, as it said when it looked for a leader

	members    ensemble.Pair
	voters     []int64    // of members
	reconfig   proto.Zxid // the change of the membership that is outstanding; 0 for none
	handedOver bool       // another server is to lead, and nothing more is decided here
	leaveBy    time.Duration
	successor  proto.PeerID // that server
}

type learnerState uint8

const (
	linkOpen       learnerState = iota // nothing received yet
	infoReceived                       // FollowerInfo is here
	epochTold                          // LeaderInfo is sent
	epochAcked                         // AckEpoch is here
	readingLog                         // ReadLog is under way
	snapshotting                       // SendSnapshot is under way; commits are held back
	newLeaderTold                      // NewLeader is queued, live traffic follows
	newLeaderAcked                     // its history is durable
	serving                            // UpToDate is queued
)

// learner is one link as the leader sees it.
type learner struct {
	link         LinkID
	info         FollowerInfo
	state        learnerState
	lastZxid     proto.Zxid   // from AckEpoch
	kind         SyncKind     // how it is brought up to date
	until        *proto.Txn   // what ReadLog was told to read up to
	logTried     bool         // the logs did not help
	promised     bool         // it had not promised this epoch to an earlier link
	acked        proto.Zxid   // everything up to here is on its disk
	sent         proto.Zxid   // newest proposal sent
	answered     int64        // newest round of confirmation it has answered
	held         []*proto.Txn // committed during its snapshot
	heldBytes    int
	heardAt      time.Duration
	unackedSince time.Duration // when acked last moved while sent was ahead of it
}

// BecomeLeader returns a leader that has done nothing yet; call Start.
func BecomeLeader(opts Options, disk Durable, hist *History) *Leader {
	l := &Leader{feed: feed{opts: opts, hist: hist}, disk: disk, members: opts.members()}
	l.voters = l.members.Voters()
	return l
}

// minEpochWait is the least time that the voters get to follow. They have
// nothing to do before FOLLOWERINFO, so a leader that a quorum does not join
// within a tick was elected by a misunderstanding, and nothing is gained by
// sitting out initLimit. Java: leader.maxTimeToWaitForEpoch, off by default
// (ZOOKEEPER-3109), which is Options.EpochTimeout here.
const minEpochWait = time.Second

// Phase returns how far the leader has come.
func (l *Leader) Phase() Phase { return l.phase }

// Epoch returns the epoch of this term, 0 before it is known.
func (l *Leader) Epoch() int64 { return l.epoch }

// LastProposed returns the newest zxid given out.
func (l *Leader) LastProposed() proto.Zxid { return l.lastProposed }

// LastCommitted returns the newest zxid known to be decided.
func (l *Leader) LastCommitted() proto.Zxid { return l.lastCommitted }

// Outstanding returns how many proposals wait for a quorum.
func (l *Leader) Outstanding() int { return len(l.outstanding) }

// Start begins the term.
func (l *Leader) Start(now time.Duration, out []Action) []Action {
	l.selfAcked, l.lastCommitted = l.disk.LastZxid, l.disk.LastZxid
	if l.opts.Standalone {
		l.epoch, l.lastProposed = l.disk.LastZxid.Epoch(), l.disk.LastZxid
		l.phase = Broadcast
		return append(out, Serve{RoleStandalone, l.epoch})
	}
	l.deadline = now + l.opts.InitTimeout
	l.epochBy = now + min(l.opts.InitTimeout, cmp.Or(l.opts.EpochTimeout, max(l.opts.Tick, minEpochWait)))
	return l.tryFixEpoch(out)
}

// Deadline returns when Tick is wanted at the latest.
func (l *Leader) Deadline() time.Duration {
	if l.opts.Standalone {
		return Never
	}
	if l.phase != Broadcast {
		if l.epoch == 0 {
			return l.epochBy
		}
		return l.deadline
	}
	return min(l.nextPing, l.nextCheck)
}

// Connected tells of a new link.
func (l *Leader) Connected(now time.Duration, link LinkID) {
	l.learners = append(l.learners, &learner{link: link, heardAt: now})
}

// Disconnected tells that a link is gone.
func (l *Leader) Disconnected(link LinkID, reason string, out []Action) []Action {
	i := slices.IndexFunc(l.learners, func(f *learner) bool { return f.link == link })
	if i < 0 {
		return out
	}
	f := l.learners[i]
	l.learners = slices.Delete(l.learners, i, i+1)
	l.syncs = slices.DeleteFunc(l.syncs, func(s pendingSync) bool { return s.link == link })
	return l.leaveIfDeserted(append(out, Note{Fact: FactLearnerLost, Peer: f.info.ID, Text: reason}))
}

func (l *Leader) hangup(f *learner, reason string, out []Action) []Action {
	out = append(out, Hangup{f.link, reason})
	return l.Disconnected(f.link, reason, out)
}

// Learner returns the id of the server at the other end of a link that has
// been brought up to date.
func (l *Leader) Learner(link LinkID) (proto.PeerID, bool) {
	f := l.find(link)
	if f == nil || f.state < newLeaderAcked {
		return 0, false
	}
	return f.info.ID, true
}

// Message handles what came on a link. Messages that only the replica
// understands (requests, touches) count as a sign of life.
func (l *Leader) Message(now time.Duration, link LinkID, m Message, out []Action) []Action {
	f := l.find(link)
	if f == nil || l.resigned {
		return out
	}
	f.heardAt = now
	switch m := m.(type) {
	case FollowerInfo:
		return l.followerInfo(f, m, out)
	case AckEpoch:
		return l.ackEpoch(now, f, m, out)
	case Ack:
		return l.ack(now, f, m.Zxid, out)
	case Acks: // the last one speaks for all
		return l.ack(now, f, m.Last, out)
	case Ping:
		return l.answer(f, m, out)
	case Revalidate, *Forward:
		return out
	}
	return l.hangup(f, fmt.Sprintf("unexpected %T from a learner", m), out)
}

// Looks notes that a server looks for a leader, and in which epoch its history ends
// by its own word.
func (l *Leader) Looks(id proto.PeerID, epoch int64) {
	if !l.members.IsVoter(int64(id)) {
		return
	}
	if l.ends == nil {
		l.ends = map[proto.PeerID]int64{}
	}
	l.ends[id] = epoch
}

func (l *Leader) followerInfo(f *learner, m FollowerInfo, out []Action) []Action {
	if f.state != linkOpen {
		return l.hangup(f, "second FOLLOWERINFO on one link", out)
	}
	if m.ID == l.opts.Self {
		return l.hangup(f, "learner has the leader's own id", out)
	}
	if l.handedOver {
		return l.hangup(f, fmt.Sprintf("server %d is to lead", l.successor), out)
	}
	if m.ConfigVersion > l.members.Committed.Version {
		return l.hangup(f, fmt.Sprintf("learner has a newer configuration: version %x, here %x", m.ConfigVersion, l.members.Committed.Version), out)
	}
	if !possible(m.AcceptedEpoch) {
		return l.hangup(f, fmt.Sprintf("learner cannot have accepted epoch %d", m.AcceptedEpoch), out)
	}
	if l.phase == Broadcast && m.AcceptedEpoch > l.epoch && l.members.IsVoter(int64(m.ID)) {
		// It has promised a newer epoch and could never follow this one. A new
		// election is short; leaving it out lasts until the next failure. But one whose
		// history is newer would win that election, and what is acknowledged here would
		// be gone: while this leader has its quorum, that history is of somewhere else.
		ended := l.ends[m.ID]
		if ended <= l.epoch {
			return l.resign(fmt.Sprintf("server %d has accepted the newer epoch %d", m.ID, m.AcceptedEpoch), out)
		}
		out = append(out, Note{Fact: FactRefused, Peer: m.ID, Text: fmt.Sprintf(
			"its history ends in epoch %d, and this leader's epoch is %d: does it have the data of another ensemble?", ended, l.epoch)})
	}
	for _, old := range slices.Clone(l.learners) {
		if old != f && old.state != linkOpen && old.info.ID == m.ID {
			out = l.hangup(old, "the server has connected anew", out)
		}
	}
	f.info, f.state = m, infoReceived
	if l.epochSet {
		return l.tellEpoch(f, out)
	}
	return l.tryFixEpoch(out)
}

// maxEpoch is the last epoch there can be: the zxids of the one after the next
// would be negative.
const maxEpoch = math.MaxInt32 - 1

// possible reports whether a learner can have accepted an epoch. Java's servers
// say -1 that have an empty directory with db.autocreate=false, which they must
// not vote with. Source: QuorumPeer.loadDataBase.
func possible(epoch int64) bool { return epoch >= -1 && epoch < maxEpoch }

// tryFixEpoch fixes the epoch once a quorum has said which epochs it has
// promised: one more than any of them, observers' included. What a server says
// that is no member does not count, though Java lets it: anybody could use up
// all epochs with one packet.
func (l *Leader) tryFixEpoch(out []Action) []Action {
	if l.epoch != 0 {
		return out
	}
	if !l.quorum(func(f *learner) bool { return f.state >= infoReceived }) {
		return out
	}
	// The version of a membership is a zxid. Where the data is gone and the
	// membership is not, the epochs would begin below it, and no change of that
	// membership could ever take its place: in Java each is acknowledged and has no
	// effect.
	inForce := l.members.Latest()
	highest := max(l.disk.AcceptedEpoch, proto.Zxid(inForce.Version).Epoch())
	for _, f := range l.learners {
		if _, member := l.members.Member(int64(f.info.ID)); member && f.state >= infoReceived {
			highest = max(highest, f.info.AcceptedEpoch)
		}
	}
	if highest >= maxEpoch {
		return l.resign(fmt.Sprintf("all epochs are used up: %d has been accepted, or is in the version of the membership", highest), out)
	}
	l.epoch = highest + 1
	return append(out, SaveEpoch{AcceptedEpoch, l.epoch}, Note{Fact: FactEpochProposed, Epoch: l.epoch})
}

// quorum reports whether this server and the voters for which ok holds are a
// quorum, of a proposed membership too.
func (l *Leader) quorum(ok func(*learner) bool) bool {
	has := func(id int64) bool {
		if proto.PeerID(id) == l.opts.Self {
			return true
		}
		for _, f := range l.learners {
			if f.info.ID == proto.PeerID(id) && !f.info.Observer && ok(f) {
				return true
			}
		}
		return false
	}
	return l.members.Quorum(has) || l.alone() && l.nextHas(has)
}

// EpochSaved tells that an epoch file is on disk.
func (l *Leader) EpochSaved(now time.Duration, kind EpochKind, epoch int64, out []Action) []Action {
	if l.resigned || epoch != l.epoch {
		return out
	}
	if kind == AcceptedEpoch {
		l.disk.AcceptedEpoch, l.epochSet = epoch, true
		for _, f := range l.learners {
			if f.state == infoReceived {
				out = l.tellEpoch(f, out)
			}
		}
		return l.tryFinishDiscovery(out)
	}
	l.disk.CurrentEpoch = epoch
	l.phase, l.deadline = Synchronization, now+l.opts.InitTimeout
	l.lastProposed = proto.MakeZxid(l.epoch, 0)
	for _, f := range slices.Clone(l.learners) {
		if f.state == epochAcked {
			out = l.synchronize(now, f, out)
		}
	}
	return l.tryEstablish(now, out)
}

func (l *Leader) tellEpoch(f *learner, out []Action) []Action {
	f.state = epochTold
	return append(out, Send{f.link, LeaderInfo{l.epoch}})
}

func (l *Leader) ackEpoch(now time.Duration, f *learner, m AckEpoch, out []Action) []Action {
	if f.state != epochTold {
		return l.hangup(f, "ACKEPOCH out of order", out)
	}
	if m.CurrentEpoch != NoEpoch && l.phase == Discovery && l.isAhead(m) {
		return l.hangup(f, fmt.Sprintf("follower is ahead of the leader: its history ends at %s in epoch %d, here at %s in epoch %d",
			m.LastZxid, m.CurrentEpoch, l.disk.LastZxid, l.disk.CurrentEpoch), out)
	}
	f.state, f.lastZxid, f.promised = epochAcked, m.LastZxid, m.CurrentEpoch != NoEpoch
	note := Note{Fact: FactLearnerJoined, Peer: f.info.ID, Epoch: m.CurrentEpoch, Zxid: m.LastZxid}
	if _, member := l.members.Member(int64(f.info.ID)); !member {
		note.Text = "learner is no member: it follows without a vote, and its history gives way to this one"
	}
	out = append(out, note)
	if l.phase != Discovery {
		return l.synchronize(now, f, out)
	}
	return l.tryFinishDiscovery(out)
}

// isAhead reports whether a learner has seen more than this leader.
func (l *Leader) isAhead(m AckEpoch) bool {
	return m.CurrentEpoch > l.disk.CurrentEpoch ||
		m.CurrentEpoch == l.disk.CurrentEpoch && m.LastZxid > l.disk.LastZxid
}

// tryFinishDiscovery ends discovery once a quorum has promised the epoch. A
// last zxid of -1 is an empty directory that must not be trusted. Source:
// Leader.waitForEpochAck.
func (l *Leader) tryFinishDiscovery(out []Action) []Action {
	if l.phase != Discovery || !l.epochSet || l.saving {
		return out
	}
	if !l.quorum(func(f *learner) bool { return f.state >= epochAcked && f.promised && f.lastZxid != -1 }) {
		return out
	}
	l.saving = true
	return append(l.firstVersion(out), SaveEpoch{CurrentEpoch, l.epoch})
}

func (l *Leader) resign(reason string, out []Action) []Action {
	if l.resigned {
		return out
	}
	l.resigned = true
	return append(out, Resign{Reason: reason, HandOver: l.handedOver, Next: l.successor})
}
