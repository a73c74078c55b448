// Package bench loads a ZooKeeper ensemble and measures what it does.
//
//	Mixed, Load: raw sessions, each with a window of requests in flight (closed
//	             loop) or a share of a fixed rate (open loop)  ──► ensemble
//	             replies: latency histogram, counts per 100 ms,
//	             longest time without an acknowledged write    ──► Report
//	Idle:        keepers, each with a queue of raw sessions that wait for their
//	             next ping                                     ──► ensemble
//	Watch:       raw sessions that leave watches, and one session that sets
//	             znodes: set until the last session has its event ──► Report
//	/proc/PID:   memory and processor time of servers on this machine ──► Report
//
// In an open loop a request's latency runs from when it was due, so that a
// stall counts for every request that it delayed. A raw session is a socket and
// little more; of replies it reads the headers only. Mixed and Load resume it at
// another server when its connection is lost, elsewhere that ends the run.
package bench
