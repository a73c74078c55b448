package server

import (
	"context"

	"github.com/paddock-io/paddock/internal/replica"
	"github.com/paddock-io/paddock/proto"
)

// Proposer brings requests before the quorum. Its methods are called by many
// connections at once; requests of one connection are submitted in order.
type Proposer interface {
	// Reserve waits while too many requests are in flight, and returns an error
	// if this server is not serving or ctx is done. Otherwise one Submit or one
	// Release must follow.
	Reserve(ctx context.Context) error
	// Submit hands over a write, a sync, or the opening (createSession) or
	// closing of a session. The outcome comes back through Server.Apply or, for
	// a sync, Server.Synced, in the order of all Submits. It does not wait, and
	// is called with conn.mu held, so that nothing of a connection that has
	// ended comes behind what its session's next connection submits. It is not
	// called after StopServing.
	Submit(r *replica.Request)
	// Release gives back what Reserve has got.
	Release()
	// Revalidate asks whether a session may be resumed, by the connection with
	// this number and with this timeout. The answer comes through
	// Server.Revalidated. Errors are those of Reserve.
	Revalidate(ctx context.Context, id proto.SessionID, timeoutMs int32, conn uint64) error
}
