// Command limit is what this machine allows: a replicated log with nothing
// around it. Its rate beside that of setData (F1 of bench/compare) tells how much
// of the machine a server leaves unused, and its latency how long a write takes
// that does nothing but be written.
//
//	sessions ──frames──► leader ──batch──► two followers: one write, one fdatasync
//	   ▲                   │ one write, one fdatasync, at the same time
//	   └──── 4 bytes ◄─────┴── two of the three have it
//
// Beside it there is the fan-out: the same few bytes, once on each of 3,000
// connections, as when a znode changes that all sessions watch.
//
// Leader, followers and load are processes of their own, as those of an ensemble
// are. There is no tree, no session, no order between batches to agree on, no
// election and no recovery; the log is a file of zeros that is written over
// again and again, so that a sync writes data and nothing else.
//
//	go run ./bench/limit -seconds 5
package main
