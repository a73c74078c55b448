package replica

import (
	"github.com/paddock-io/paddock/internal/prep"
	"github.com/paddock-io/paddock/internal/zab"
	"github.com/paddock-io/paddock/proto"
)

// Event is something that happened.
type Event interface{ isEvent() }

// Request is a write, a sync, or the opening or closing of a session, from a
// client of this server. It must not be changed once submitted.
type Request struct {
	prep.Request
	Raw []byte // the client's record, for forwarding; nil if the operation has none

	// Resume, if not nil, is what the request is about, and nothing else counts: a
	// client asks for its session on a new connection. It waits in line with the
	// requests of the session's earlier connection here. If it came before them,
	// they would count as those of a session that is here again, though it may have
	// been elsewhere and written there meanwhile.
	Resume *Revalidate
}

// Requests are requests in the order in which they came. Syncs that follow one
// another cost the leader no more than one.
type Requests []*Request

// Revalidate asks whether a session that a client of this server wants to
// resume is alive; it comes in a Request. The answer is a Revalidated action with
// the same Conn.
type Revalidate struct {
	ID        proto.SessionID
	TimeoutMs int32
	Conn      uint64
}

// Touched reports sessions of this server that showed a sign of life.
type Touched struct{ Touches []zab.Touch }

// Tick says that time has passed. Wall is milliseconds since 1970.
type Tick struct{ Wall int64 }

// Vote is an election notification from a peer.
type Vote struct {
	From proto.PeerID
	Note proto.Notification
}

// Reachable says whether a peer's election port takes connections.
type Reachable struct {
	Peer proto.PeerID
	OK   bool
}

// Connected is a new link: one that this server asked for with Dial, or one
// that a learner opened.
type Connected struct {
	Link   zab.LinkID
	Dialed bool
	Master bool // it was opened on the observer master's port
}

// DialFailed says that a Dial came to nothing.
type DialFailed struct {
	Leader proto.PeerID
	Reason string
}

// Disconnected is the end of a link that was not hung up from this side.
type Disconnected struct {
	Link   zab.LinkID
	Reason string
}

// Message is what came on a link.
type Message struct {
	Link zab.LinkID
	Msg  zab.Message
}

// Messages are several that came on a link one after the other.
type Messages struct {
	Link zab.LinkID
	Msgs []zab.Message
}

// Heard says that a message is arriving on the link to the leader, and takes
// its time.
type Heard struct{ Link zab.LinkID }

// Persisted says that every Append up to Zxid is durable.
type Persisted struct{ Zxid proto.Zxid }

// Applied says that the tree has applied everything up to Zxid.
type Applied struct{ Zxid proto.Zxid }

// EpochSaved answers SaveEpoch.
type EpochSaved struct {
	Kind  zab.EpochKind
	Epoch int64
}

// Truncated answers Truncate: log and tree end at Last now.
type Truncated struct{ Asked, Last proto.Zxid }

// SnapshotSaved answers SaveSnapshot.
type SnapshotSaved struct{ Zxid proto.Zxid }

// SnapshotSent answers SendSnapshot.
type SnapshotSent struct{ Link zab.LinkID }

// LogRead answers ReadLog. Not Whole means that the logs do not hold it.
type LogRead struct {
	Link  zab.LinkID
	Txns  []*proto.Txn
	Whole bool
}

// Reloaded answers Reload: the tree is what the disk holds, up to Last.
type Reloaded struct{ Last proto.Zxid }

// Oracle is what the oracle of two servers says: whether this one may go on alone.
type Oracle struct{ Grants bool }

// Mended says that a damaged history is whole again on disk, as it was before
// the damage: this server may vote with it once the tree is reloaded.
type Mended struct{ Accepted, Current int64 }

func (*Request) isEvent()      {}
func (Requests) isEvent()      {}
func (Touched) isEvent()       {}
func (Tick) isEvent()          {}
func (Vote) isEvent()          {}
func (Reachable) isEvent()     {}
func (Connected) isEvent()     {}
func (DialFailed) isEvent()    {}
func (Disconnected) isEvent()  {}
func (Message) isEvent()       {}
func (Messages) isEvent()      {}
func (Heard) isEvent()         {}
func (Persisted) isEvent()     {}
func (Applied) isEvent()       {}
func (EpochSaved) isEvent()    {}
func (Truncated) isEvent()     {}
func (SnapshotSaved) isEvent() {}
func (SnapshotSent) isEvent()  {}
func (LogRead) isEvent()       {}
func (Reloaded) isEvent()      {}
func (Oracle) isEvent()        {}
func (Mended) isEvent()        {}
