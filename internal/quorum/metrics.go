package quorum

import "sync/atomic"

// Metrics counts what a peer does. All fields may be read at any time.
type Metrics struct {
	Busy         atomic.Int64 // nanoseconds that the loop worked
	Commits      atomic.Int64 // transactions applied
	Elections    atomic.Int64 // times this server looked for a leader
	ElectionTime atomic.Int64 // nanoseconds that the last election took
	Diffs        atomic.Int64 // learners brought up to date by DIFF
	LogDiffs     atomic.Int64 // of these with transactions read from the logs
	Truncs       atomic.Int64 // by TRUNC
	Snaps        atomic.Int64 // by SNAP
	Expired      atomic.Int64 // sessions expired
	Snapshots    atomic.Int64 // snapshots taken in the background
	SnapshotTime atomic.Int64 // nanoseconds that the last one took
	Mismatches   atomic.Int64 // transactions replayed at the start after which the tree was not what its digest says
	Proposals    Sizes        // of a leader's proposals
	Damaged      atomic.Int64 // 1 while the data directory is damaged and not made whole
	Fetched      atomic.Int64 // lost transactions that other servers have sent
	QuotaErrors  Names        // requests that a leader refused for a quota, by namespace

	lookingSince atomic.Int64 // nanoseconds since the peer was made
}

// Reset sets to zero what ZooKeeper counts, too, but for Proposals, which is a
// leader's.
func (m *Metrics) Reset() {
	for _, n := range []*atomic.Int64{&m.Elections, &m.Diffs, &m.LogDiffs, &m.Truncs, &m.Snaps, &m.Expired, &m.Mismatches} {
		n.Store(0)
	}
	m.QuotaErrors.Reset()
}

// Sizes keeps the sizes of some kind of message, in bytes. The zero value is
// ready. Source: BufferStats.
type Sizes struct{ last, least, most atomic.Int64 } // one more than the size, so that 0 means none

// Observe takes the size of one message. It is for one goroutine.
func (s *Sizes) Observe(n int) {
	v := int64(n) + 1
	s.last.Store(v)
	if least := s.least.Load(); least == 0 || v < least {
		s.least.Store(v)
	}
	if v > s.most.Load() {
		s.most.Store(v)
	}
}

// Sizes returns the last, the smallest and the largest size since the start or
// since Reset, each -1 if there was no message.
func (s *Sizes) Sizes() (last, least, most int64) {
	return s.last.Load() - 1, s.least.Load() - 1, s.most.Load() - 1
}

// Reset forgets all sizes.
func (s *Sizes) Reset() {
	s.last.Store(0)
	s.least.Store(0)
	s.most.Store(0)
}
