package bench

import (
	"math/bits"
	"sync/atomic"
	"time"
)

// Histogram counts durations with an error below 1/32. The zero value is
// ready; it may be used by many goroutines.
type Histogram struct {
	counts [64 * subBuckets]atomic.Int64
	count  atomic.Int64
	sum    atomic.Int64
	max    atomic.Int64
}

const (
	subBits    = 5
	subBuckets = 1 << subBits
)

// bucket returns the index for v: exact below 32, then 32 per power of two.
func bucket(v uint64) int {
	if v < subBuckets {
		return int(v)
	}
	shift := bits.Len64(v) - subBits - 1
	return (shift+1)*subBuckets + int(v>>shift) - subBuckets
}

// upper returns the largest value of a bucket.
func upper(i int) uint64 {
	if i < subBuckets {
		return uint64(i)
	}
	shift := i/subBuckets - 1
	return uint64(i%subBuckets+subBuckets+1)<<shift - 1
}

// Record counts d; a negative one counts as zero.
func (h *Histogram) Record(d time.Duration) { h.RecordN(d, 1) }

// RecordN counts d n times.
func (h *Histogram) RecordN(d time.Duration, n int64) {
	v := max(int64(d), 0)
	h.counts[bucket(uint64(v))].Add(n)
	h.count.Add(n)
	h.sum.Add(n * v)
	for {
		m := h.max.Load()
		if v <= m || h.max.CompareAndSwap(m, v) {
			return
		}
	}
}

// Count returns how many durations were recorded.
func (h *Histogram) Count() int64 { return h.count.Load() }

// Mean returns the mean, 0 if there is none.
func (h *Histogram) Mean() time.Duration {
	if n := h.count.Load(); n > 0 {
		return time.Duration(h.sum.Load() / n)
	}
	return 0
}

// Max returns the largest duration, exactly.
func (h *Histogram) Max() time.Duration { return time.Duration(h.max.Load()) }

// Bar is one step of a histogram: how many durations were at most UpTo and more
// than the step before allows.
type Bar struct {
	UpTo  float64 `json:"up_to_ms"`
	Count int64   `json:"count"`
}

// Bars returns the durations in steps that double, without empty ones at either
// end.
func (h *Histogram) Bars() []Bar {
	var bars []Bar
	for i := 0; i < len(h.counts); i += subBuckets {
		n := int64(0)
		for j := range subBuckets {
			n += h.counts[i+j].Load()
		}
		if n > 0 || len(bars) > 0 {
			bars = append(bars, Bar{float64(upper(i+subBuckets-1)+1) / 1e6, n})
		}
	}
	for len(bars) > 0 && bars[len(bars)-1].Count == 0 {
		bars = bars[:len(bars)-1]
	}
	return bars
}

// Quantile returns an upper bound of what a share q of the durations did not
// exceed.
func (h *Histogram) Quantile(q float64) time.Duration {
	rank := int64(q*float64(h.count.Load()) + 0.5)
	seen := int64(0)
	for i := range h.counts {
		if seen += h.counts[i].Load(); seen >= rank && seen > 0 {
			return min(time.Duration(upper(i)), h.Max())
		}
	}
	return h.Max()
}
