// Package server is the client side of Paddock: it listens, opens sessions,
// answers reads from the tree, hands writes to the quorum, and sends replies
// and watch events in the order ZooKeeper promises.
//
//	socket --> readLoop --+-- read, lane empty: tree.RLock, reply -> outbox
//	                      +-- read, lane busy:  parked in the lane
//	                      +-- write, sync:      lane and Proposer.Submit --> quorum
//	                                                                             |
//	           outbox <-- reply, then reads parked behind it <-- lane <-- Apply, Synced
//	             |    <-- what of those is too much for it <---- lane <-- backlog (under RLock)
//	             |    <-- watch events <------------- tree.Apply (under Lock) <--+
//	socket <-- flush
//
// A connection has one goroutine, which reads. What its requests produce it
// also writes, without waiting; what the quorum's goroutine produces is written
// by a few flushers. Only while a socket takes no more bytes is there another
// goroutine for that connection. A silent connection holds no buffer, and where the
// system allows it has no goroutine: rest.go.
//
// Two rules make the order of events and replies. A read puts its reply into
// the outbox before it lets go of the tree's read lock, so that no event can
// overtake the reply to the request that left the watch. Apply puts events
// into outboxes before it lets go of the tree's write lock, so that nobody can
// read what a transaction changed and not have its event queued first.
//
// The lane keeps a session's order: the writes and syncs that wait for the
// quorum, and every request that came after them. Requests of other sessions
// do not wait. What reads in lanes may cost on the quorum's goroutine is bounded;
// turn.go says how, and what a client sees of it: nothing but that a read may see
// a later state, with none of its own later writes in it.
//
// What protects the server from its clients is off, or wide, by default: a
// throttle for connect requests (blue.go), one for requests (throttle.go), and
// a limit for the sum of large requests (large.go). A request that has to wait
// does so in its readLoop, and what comes behind it is not read. Its client counts
// as alive meanwhile (await.go).
//
// Locks: the tree's, below it Server.mu, below that conn.mu. The watch table
// has a mutex of its own, below the tree's; it is never held together with the
// other two. Those of the throttles and of the backlog are leaves. None is held across I/O.
package server
