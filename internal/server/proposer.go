package server

import (
	"context"

	"github.com/paddock-io/paddock/internal/replica"
	"github.com/paddock-io/paddock/proto"
)

// Proposer brings requests before the quorum. Its methods are called by many
// connections at once; requests of one connection are submitted in order.
type Proposer interface {
	// Submit hands over a write, a sync, or the opening (createSession) or
	// closing of a session. The outcome comes back through Server.Apply or, for
	// a sync, Server.Synced. It blocks while too many requests are in flight
	// and returns an error, after which the request may or may not take effect,
	// if this server is not serving or ctx is done.
	Submit(ctx context.Context, r *replica.Request) error
	// Revalidate asks whether a session may be resumed, by the connection with
	// this number and with this timeout. The answer comes through
	// Server.Revalidated. Errors are those of Submit.
	Revalidate(ctx context.Context, id proto.SessionID, timeoutMs int32, conn uint64) error
}
