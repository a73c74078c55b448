package zab

import "github.com/paddock-io/paddock/proto"

// LinkID names one connection between a learner and a leader. The shell
// numbers them from 1 and never uses a number twice; 0 is no link.
type LinkID uint64

// Message is what travels on a link. The concrete types follow; the shell
// turns them into QuorumPackets and back.
type Message interface{ isMessage() }

// FollowerInfo opens a link from the learner's side (FOLLOWERINFO, OBSERVERINFO).
type FollowerInfo struct {
	ID            proto.PeerID
	AcceptedEpoch int64
	ConfigVersion int64
	Observer      bool
}

// LeaderInfo tells the new epoch (LEADERINFO).
type LeaderInfo struct{ Epoch int64 }

// NoEpoch in an AckEpoch means that this epoch was promised already, so the
// answer does not count to the quorum.
const NoEpoch int64 = -1

// AckEpoch promises the epoch and tells the learner's history (ACKEPOCH).
type AckEpoch struct {
	CurrentEpoch int64 // or NoEpoch
	LastZxid     proto.Zxid
}

// Diff starts a synchronisation by missing transactions alone (DIFF).
type Diff struct{ Zxid proto.Zxid }

// Trunc tells the learner to drop what it has after Zxid (TRUNC).
type Trunc struct{ Zxid proto.Zxid }

// Snap brings a whole tree as of Zxid, fuzzily (SNAP and the stream behind it).
type Snap struct {
	Zxid  proto.Zxid
	State any // what the shell made of the stream; handed back in Install
}

// Proposal carries a transaction to be logged and acknowledged (PROPOSAL).
type Proposal struct{ Txn *proto.Txn }

// Commit says that the oldest pending proposal is decided (COMMIT).
type Commit struct{ Zxid proto.Zxid }

// Commits is a run of Commits, for every zxid from First to Last.
type Commits Run

// Inform carries a decided transaction to an observer (INFORM).
type Inform struct{ Txn *proto.Txn }

// CommitActivate is the Commit of a change of the membership, which takes effect
// with it (COMMITANDACTIVATE). Leader is to lead from now on.
type CommitActivate struct {
	Zxid   proto.Zxid
	Leader proto.PeerID
}

// InformActivate is CommitActivate for an observer (INFORMANDACTIVATE).
type InformActivate struct {
	Txn    *proto.Txn
	Leader proto.PeerID
}

// NewLeader ends the initial history (NEWLEADER).
type NewLeader struct {
	Epoch  int64
	Config string // the text of the newest membership the leader knows of; may be empty
}

// UpToDate lets the learner serve (UPTODATE).
type UpToDate struct{}

// Ack says that everything up to Zxid is on the learner's disk (ACK). With a
// counter of 0 it answers NewLeader.
type Ack struct{ Zxid proto.Zxid }

// Acks is a run of Acks, for every zxid from First to Last.
type Acks Run

// Run is zxids that follow one another, from First to Last. Most of what comes at
// once is such a run, and one message is cheaper than one for each.
type Run struct{ First, Last proto.Zxid }

// add puts z behind the run, if it follows.
func (r *Run) add(z proto.Zxid) bool {
	switch {
	case r.First == 0:
		r.First, r.Last = z, z
	case z == r.Last+1 && z.Counter() != 0:
		r.Last = z
	default:
		return false
	}
	return true
}

func (r Run) commits() Message {
	if r.First == r.Last {
		return Commit{r.First}
	}
	return Commits(r)
}

func (r Run) acks() Message {
	if r.First == r.Last {
		return Ack{r.First}
	}
	return Acks(r)
}

// Touch is a sign of life of a session.
type Touch struct {
	ID        proto.SessionID
	TimeoutMs int32
}

// Ping is a heartbeat; the learner's answer carries touches (PING).
type Ping struct {
	Zxid    proto.Zxid
	Touches []Touch
}

// Revalidate asks whether a session lives (REVALIDATE from the learner).
type Revalidate struct {
	ID        proto.SessionID
	TimeoutMs int32
}

// Revalidated answers Revalidate (REVALIDATE from the leader).
type Revalidated struct {
	ID    proto.SessionID
	Valid bool
}

// Forward brings a client's request from a learner (REQUEST).
type Forward struct {
	Session   proto.SessionID
	Cxid      int32
	Op        proto.OpCode
	Raw       []byte // the request record; nil if there is none
	IDs       []proto.ID
	Body      proto.Request // decoded by the receiving shell; nil when Malformed or without record
	Malformed bool
}

// Sync answers the oldest sync request of the learner (SYNC).
type Sync struct{}

func (FollowerInfo) isMessage()   {}
func (LeaderInfo) isMessage()     {}
func (AckEpoch) isMessage()       {}
func (Diff) isMessage()           {}
func (Trunc) isMessage()          {}
func (Snap) isMessage()           {}
func (Proposal) isMessage()       {}
func (Commit) isMessage()         {}
func (Commits) isMessage()        {}
func (Inform) isMessage()         {}
func (CommitActivate) isMessage() {}
func (InformActivate) isMessage() {}
func (NewLeader) isMessage()      {}
func (UpToDate) isMessage()       {}
func (Ack) isMessage()            {}
func (Acks) isMessage()           {}
func (Ping) isMessage()           {}
func (Revalidate) isMessage()     {}
func (Revalidated) isMessage()    {}
func (*Forward) isMessage()       {}
func (Sync) isMessage()           {}
