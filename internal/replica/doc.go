// Package replica is one server as a deterministic state machine: election,
// atomic broadcast, preparation of requests, and session expiry, with no I/O
// and no clock of its own.
//
//	           events                               actions
//	requests ---------> +------------------------+ ---------> Apply, Synced
//	messages ---------> | looking                | ---------> Send, SendVote, Dial, Hangup
//	votes    ---------> |   -> leading           | ---------> Append, SaveEpoch, Truncate ...
//	disk     ---------> |   -> following         | ---------> Serve, StopServing
//	time     ---------> | -> draining -> looking | ---------> Note
//	                    +------------------------+
//
// [Replica.Step] takes one event at a time and appends what must be done. The
// caller runs the actions in order and reports the slow ones' completion as
// further events. A promise is sent only while handling the event that says
// the thing is on disk; see package zab.
//
// Time is a duration since some start, passed in; the wall clock, which stamps
// transactions, comes with Tick events and is advanced by the former.
//
// Sessions are global, made and ended by transactions, and tracked by the leader
// alone; or local, if so configured, and then known to this server alone, until
// they want something that others must know of (local.go). While it looks for a
// leader, a server may let clients in that only read.
//
// The tree is read here (to prepare requests) and written by the caller (to
// run Apply), on one goroutine.
package replica
