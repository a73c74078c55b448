package replica

import (
	"github.com/paddock-io/paddock/internal/prep"
	"github.com/paddock-io/paddock/internal/zab"
	"github.com/paddock-io/paddock/proto"
)

// Action is something the caller must do: one of the actions of package zab
// (except Resign, which the replica handles) or one of these.
type Action = zab.Action

// SendVote queues an election notification; a newer one replaces it.
type SendVote struct {
	To   proto.PeerID
	Note proto.Notification
}

// Reload makes the tree what the disk holds. The answer is a Reloaded event.
type Reload struct{}

// Synced releases the oldest sync request of a session.
type Synced struct {
	Session proto.SessionID
	Cxid    int32
}

// Revalidated answers a Revalidate event.
type Revalidated struct {
	ID    proto.SessionID
	Conn  uint64
	Valid bool
}

// SessionOpened says that a local session has begun, which no transaction will
// say.
type SessionOpened struct{ Session proto.SessionID }

// SessionEnded says that a local session is over: closed by the request Cxid of
// its client, or Expired.
type SessionEnded struct {
	Session proto.SessionID
	Cxid    int32
	Expired bool
}

// SessionMoved says that a session has left this leader for another server, or this
// follower for an observer that it feeds.
type SessionMoved struct{ Session proto.SessionID }

// QuotaExceeded is a fact worth a warning: a request that this leader has just
// decided on is more than a quota allows. It changes nothing.
type QuotaExceeded struct{ prep.Excess }

// StopServing closes every client connection until the next Serve.
type StopServing struct{ Reason string }

// Actions of package zab, under the names by which the shell knows them.
type (
	Send         = zab.Send
	Dial         = zab.Dial
	Hangup       = zab.Hangup
	SendSnapshot = zab.SendSnapshot
	ReadLog      = zab.ReadLog
	Append       = zab.Append
	SaveEpoch    = zab.SaveEpoch
	Truncate     = zab.Truncate
	Install      = zab.Install
	SaveSnapshot = zab.SaveSnapshot
	Apply        = zab.Apply
	SetLast      = zab.SetLast
	Serve        = zab.Serve
	SeeConfig    = zab.SeeConfig
	CommitConfig = zab.CommitConfig
	Note         = zab.Note
	Role         = zab.Role
	Touch        = zab.Touch
	LinkID       = zab.LinkID
)
