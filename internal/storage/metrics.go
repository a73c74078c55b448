package storage

import (
	"math/bits"
	"sync/atomic"
	"time"
)

// Metrics counts what storage does. All fields may be read at any time.
type Metrics struct {
	LogBytes   atomic.Uint64 // entries written, with their framing
	LogEntries atomic.Uint64
	LogFiles   atomic.Uint64 // created

	SyncTime  Histogram // of log flushes, nanoseconds in fdatasync
	BatchSize Histogram // of log flushes, bytes
	SlowSyncs atomic.Uint64

	SnapshotTime  Histogram // nanoseconds
	SnapshotBytes atomic.Uint64
	SnapshotFails atomic.Uint64

	LoadSnapshotTime atomic.Int64 // nanoseconds, at the last recovery
	ReplayTime       atomic.Int64 // nanoseconds
	ReplayEntries    atomic.Uint64
}

// Histogram counts values in buckets that double in width: bucket i holds the
// values below 1<<i that no earlier bucket holds. The zero value is ready.
type Histogram struct {
	buckets [64]atomic.Uint64
	sum     atomic.Int64
	max     atomic.Int64
}

// Observe counts v; negative values count as zero.
func (h *Histogram) Observe(v int64) {
	v = max(v, 0)
	h.buckets[bits.Len64(uint64(v))].Add(1)
	h.sum.Add(v)
	for {
		old := h.max.Load()
		if v <= old || h.max.CompareAndSwap(old, v) {
			return
		}
	}
}

// Reset forgets all values. One observed meanwhile may be forgotten in part.
func (h *Histogram) Reset() {
	for i := range h.buckets {
		h.buckets[i].Store(0)
	}
	h.sum.Store(0)
	h.max.Store(0)
}

// HistogramValues is a copy of a histogram.
type HistogramValues struct {
	Buckets  [64]uint64 // Buckets[i] counts values v with 1<<(i-1) <= v < 1<<i
	Count    uint64
	Sum, Max int64
}

// Values returns a copy. Values observed meanwhile may be in it partly.
func (h *Histogram) Values() HistogramValues {
	v := HistogramValues{Sum: h.sum.Load(), Max: h.max.Load()}
	for i := range h.buckets {
		v.Buckets[i] = h.buckets[i].Load()
		v.Count += v.Buckets[i]
	}
	return v
}

// Reset sets to zero what ZooKeeper counts, too.
func (m *Metrics) Reset() {
	m.SyncTime.Reset()
	m.SnapshotTime.Reset()
	m.SnapshotFails.Store(0)
}

func (m *Metrics) observeSync(took time.Duration, bytes int, slow bool) {
	m.SyncTime.Observe(int64(took))
	m.BatchSize.Observe(int64(bytes))
	if slow {
		m.SlowSyncs.Add(1)
	}
}
