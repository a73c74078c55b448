// Package zk is a client of ZooKeeper ensembles, Paddock's and Apache's alike.
//
//	callers              Conn                     link, one at a time
//	Get, Create, Do ──►  submit ─► out buffer ──► writeLoop ──► server
//	Go(op, done)    ──►    │
//	                       └────► pending ──┐
//	result, done   ◄───────────────────── readLoop ◄── replies, in order
//	Watch.C, fn    ◄───── watch table ◄──────┘    ◄── notifications
//	PersistentWatch.C
//
//	run: connect ─► attach (auth, watches) ─► serve ─► detach ─► connect ...
//
// A [Conn] is a session. It may be used by many goroutines; their requests
// share one connection and are sent without waiting for each other's replies.
// [Conn.Go] keeps many requests in flight without a goroutine for each.
//
// # When a connection breaks
//
// The session lives on. Requests under way fail with [ErrConnectionLoss]: they
// may have been executed or not, and are never sent again by themselves. New
// requests wait for the next server until their context ends. Watches and
// credentials move along. A change that a one-shot watch would have missed is
// reported; a [PersistentWatch] reports that there was a gap. Only when the ensemble has dropped the session, or no server has
// answered for 4/3 of its timeout, the Conn ends: with [ErrSessionExpired] from
// all calls and watches. A new session takes a new Conn.
//
// # Which server
//
// A Conn tries the servers of its connect string in an order of its own, so
// that many clients spread evenly. [Conn.UpdateServers] changes the list while
// the session goes on, and [Options.FollowConfig] does so whenever the ensemble's
// configuration changes: only as many clients move as it takes to be even again.
//
// # Order
//
// Requests are executed in the order in which they were submitted. A watch's
// event is delivered before any reply that shows what came after it. A server
// may lag behind others: [Conn.GetLatest] and [Conn.DoLatest] read what is
// decided by the time of the call.
//
// # Errors
//
// A failed request returns an [*Error] with the operation and the path; compare
// with errors.Is(err, zk.ErrNoNode). [SafeToRetry] tells whether a request
// certainly had no effect.
package zk
