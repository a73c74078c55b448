// Package bench loads a ZooKeeper ensemble and measures what it does.
//
//	sessions, each with a window of requests in flight (closed loop)
//	or a share of a fixed rate (open loop)          --> ensemble
//	replies: latency histogram, counts per 100 ms,
//	longest time without an acknowledged write      --> Report
//
// In an open loop a request's latency runs from when it was due, so that a
// stall counts for every request that it delayed.
package bench
