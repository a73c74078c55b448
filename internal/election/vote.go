package election

import (
	"math"

	"github.com/paddock-io/paddock/proto"
)

// State is what a server is doing.
type State = proto.PeerState

// The states, in wire order.
const (
	Looking   = proto.PeerLooking
	Following = proto.PeerFollowing
	Leading   = proto.PeerLeading
	Observing = proto.PeerObserving
)

// none stands for leader, zxid and epoch in the vote of a server that has no vote. Java: Long.MIN_VALUE.
const none = math.MinInt64

// untrusted is the zxid of a server whose empty database must not be believed; it neither votes nor is voted for.
// Java: FastLeaderElection.lookForLeader on a zxid of -1.
const untrusted proto.Zxid = -1

// Vote names a leader. Zxid and PeerEpoch are that server's, Round is the voter's.
type Vote struct {
	Leader    proto.PeerID
	Zxid      proto.Zxid
	Round     int64 // logical clock of the election the vote was cast in
	PeerEpoch int64 // the leader's current epoch; its new one once established
}

// above reports whether v is the better vote: later epoch, then later zxid, then larger id. The id breaks ties of
// both. Java: FastLeaderElection.totalOrderPredicate, without the weight.
func (v Vote) above(w Vote) bool {
	switch {
	case v.PeerEpoch != w.PeerEpoch:
		return v.PeerEpoch > w.PeerEpoch
	case v.Zxid != w.Zxid:
		return v.Zxid > w.Zxid
	}
	return v.Leader > w.Leader
}

// ballot is a vote with what its caster was doing. The zero value has not been cast.
type ballot struct {
	Vote
	state   State
	version int32 // of the notification; 0 means that PeerEpoch may be missing or old
	cast    bool
}

// agrees reports whether two ballots count for one another. Among servers that have found a leader only the leader
// and its epoch must agree: their zxids and rounds differ for good reasons. Java: Vote.equals.
func (b ballot) agrees(c ballot) bool {
	switch {
	case !b.cast || !c.cast || b.Leader != c.Leader:
		return false
	case b.state == Looking || c.state == Looking:
		return b.Vote == c.Vote
	case (b.version > 0) != (c.version > 0):
		return true
	}
	return b.PeerEpoch == c.PeerEpoch
}
