package quorum

import "sync/atomic"

// Metrics counts what a peer does. All fields may be read at any time.
type Metrics struct {
	Busy         atomic.Int64 // nanoseconds that the loop worked
	Commits      atomic.Int64 // transactions applied
	Elections    atomic.Int64 // times this server looked for a leader
	ElectionTime atomic.Int64 // nanoseconds that the last election took
	Diffs        atomic.Int64 // learners brought up to date by DIFF
	Truncs       atomic.Int64 // by TRUNC
	Snaps        atomic.Int64 // by SNAP
	Expired      atomic.Int64 // sessions expired
	Snapshots    atomic.Int64 // snapshots taken in the background
	SnapshotTime atomic.Int64 // nanoseconds that the last one took

	lookingSince atomic.Int64 // nanoseconds since the peer was made
}
