package zab

import (
	"github.com/paddock-io/paddock/internal/ensemble"
	"github.com/paddock-io/paddock/proto"
)

// Action is something the shell must do: one of the types of this file, or one
// that package replica adds. Actions are run in the order in which they were
// appended.
type Action any

// Send queues a message on a link. Queues keep their order; a link whose queue
// overflows is hung up by the shell.
type Send struct {
	Link LinkID
	Msg  Message
}

// Dial connects to a leader, or with Master to the port on which a follower feeds
// observers. The answer is a Connected or DialFailed event.
type Dial struct {
	Leader proto.PeerID
	Master bool
}

// Hangup closes a link. No Disconnected event follows.
type Hangup struct {
	Link   LinkID
	Reason string
}

// SendSnapshot streams the live tree on a link, as of Zxid and fuzzily, with
// the Snap packet in front. The answer is a SnapshotSent event.
type SendSnapshot struct {
	Link LinkID
	Zxid proto.Zxid
}

// ReadLog reads from the log what lies between After and Until, both left out, if
// it is whole and no longer than MaxBytes. The answer is a LogRead event.
type ReadLog struct {
	Link     LinkID
	After    proto.Zxid
	Until    *proto.Txn
	MaxBytes int
}

// Append writes a transaction to the log. The answer is a Persisted event for
// it or for a later one.
type Append struct{ Txn *proto.Txn }

// EpochKind tells the two epoch files apart.
type EpochKind uint8

// The two epoch files.
const (
	AcceptedEpoch EpochKind = iota // promised to a would-be leader
	CurrentEpoch                   // whose leader's history we hold
)

func (k EpochKind) String() string {
	if k == AcceptedEpoch {
		return "acceptedEpoch"
	}
	return "currentEpoch"
}

// SaveEpoch makes an epoch file durable. The answer is an EpochSaved event.
type SaveEpoch struct {
	Kind  EpochKind
	Epoch int64
}

// Truncate cuts everything after Zxid from log and snapshots and reloads the
// tree from what is left. The answer is a Truncated event.
type Truncate struct{ Zxid proto.Zxid }

// Install makes State, which came in a Snap, the tree. It takes effect before
// the next action; nothing of it is durable until SaveSnapshot.
type Install struct {
	Zxid  proto.Zxid
	State any
}

// SaveSnapshot cuts log entries after Zxid, if there are any, and then makes
// the tree durable as a snapshot. The answer is a SnapshotSaved event.
type SaveSnapshot struct{ Zxid proto.Zxid }

// Apply applies a transaction to the tree and answers the client that waits
// for it, if it is connected here.
type Apply struct{ Txn *proto.Txn }

// OwnSynced answers the oldest sync request that the leader's own clients wait
// for.
type OwnSynced struct{}

// SetLast moves the tree's last zxid without a transaction, at the start of an
// epoch.
type SetLast struct{ Zxid proto.Zxid }

// Role is what an established server does.
type Role uint8

// Roles.
const (
	RoleNone Role = iota
	RoleStandalone
	RoleLeader
	RoleFollower
	RoleObserver
	RoleReadOnly // no leader is known, and clients that asked for it may read
)

func (r Role) String() string {
	return [...]string{"looking", "standalone", "leader", "follower", "observer", "read-only"}[r]
}

// Serve lets clients in.
type Serve struct {
	Role  Role
	Epoch int64
}

// SeeConfig says that a membership was proposed, or that a proposed one will
// never be. It must be durable before what is appended after it.
type SeeConfig struct{ Config ensemble.Ensemble }

// CommitConfig says that a membership is in force.
type CommitConfig struct{ Config ensemble.Ensemble }

// Resign ends the role: the machine that emitted it must not be used again.
type Resign struct {
	Reason string
	// HandOver says that Next is to lead, and that no election is needed.
	HandOver bool
	Next     proto.PeerID
}

// Note is a fact worth a log line or a counter. It changes nothing.
type Note struct {
	Fact  Fact
	Peer  proto.PeerID
	Epoch int64
	Zxid  proto.Zxid
	Text  string
}

// Fact says what a Note tells.
type Fact uint8

// Facts.
const (
	FactEpochProposed   Fact = iota // Epoch was chosen
	FactLearnerJoined               // Peer sent its history; Zxid is its last; Text says if it is no member
	FactSyncDiff                    // Peer is synchronised by DIFF from Zxid
	FactSyncTrunc                   // Peer is told to truncate to Zxid
	FactSyncSnap                    // Peer gets a snapshot as of Zxid
	FactLearnerSynced               // Peer acknowledged NEWLEADER
	FactLearnerLost                 // Peer's link ended; Text says why
	FactEstablished                 // a quorum follows in Epoch
	FactFollowing                   // this server follows Peer in Epoch
	FactElected                     // the election decided for Peer
	FactLooking                     // this server looks for a leader; Text says why
	FactSessionExpired              // Text is the session's id
	FactSessionUpgraded             // the local session Text is to become a global one
	FactRefused                     // a peer's input was refused; Text says what
	FactHandedOver                  // Peer is to lead instead of this server
)
