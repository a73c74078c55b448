package bench

import (
	"slices"
	"sync/atomic"
	"time"
)

// recorder takes the replies. Times are since the measurement's start; what
// comes before or after it does not count.
type recorder struct {
	length     time.Duration
	answered   atomic.Int64 // also before the measurement
	all        Histogram
	reads      Histogram
	writes     Histogram
	errors     atomic.Int64
	slots      []atomic.Int64 // replies per slotWidth
	lastWrite  atomic.Int64   // nanoseconds since start of the last acknowledged write
	longestGap atomic.Int64
}

const slotWidth = 100 * time.Millisecond

func (r *recorder) init(length time.Duration) {
	r.length = length
	r.slots = make([]atomic.Int64, length/slotWidth+1)
}

// burst is a number of replies that came together to requests of one kind that
// were sent together, as those of a full window are: what is recorded of them
// is the same. The zero value is ready.
type burst struct {
	kind   kind
	failed bool
	at     time.Duration
	n      int64
}

// count adds the reply to f to a burst, or records that and begins another.
func (r *recorder) count(x *burst, f flight, failed bool, now time.Duration) {
	if f.kind == ahead && !failed {
		return
	}
	if x.n > 0 && (x.kind != f.kind || x.at != f.at || x.failed != failed) {
		r.done(x, now)
	}
	x.kind, x.at, x.failed = f.kind, f.at, failed
	x.n++
}

// done records a burst that came at this time, and empties it.
func (r *recorder) done(x *burst, now time.Duration) {
	n := x.n
	x.n = 0
	if n == 0 {
		return
	}
	r.answered.Add(n)
	if now < 0 || now > r.length {
		return
	}
	if x.failed {
		r.errors.Add(n)
		return
	}
	r.all.RecordN(now-x.at, n)
	r.slots[min(int(now/slotWidth), len(r.slots)-1)].Add(n)
	if x.kind == read {
		r.reads.RecordN(now-x.at, n)
		return
	}
	r.writes.RecordN(now-x.at, n)
	r.gap(int64(now))
}

// gap notes an acknowledged write and how long there was none.
func (r *recorder) gap(since int64) {
	gap := since - r.lastWrite.Swap(since)
	for {
		m := r.longestGap.Load()
		if gap <= m || r.longestGap.CompareAndSwap(m, gap) {
			return
		}
	}
}

// Latency sums up a histogram, in milliseconds.
type Latency struct {
	Count int64   `json:"count"`
	Mean  float64 `json:"mean_ms"`
	P50   float64 `json:"p50_ms"`
	P90   float64 `json:"p90_ms"`
	P99   float64 `json:"p99_ms"`
	P999  float64 `json:"p999_ms"`
	Max   float64 `json:"max_ms"`
}

// Report is what a run has shown.
type Report struct {
	Work         string   `json:"work"`
	Sessions     int      `json:"sessions"`
	Outstanding  int      `json:"outstanding,omitempty"`
	Rate         float64  `json:"rate,omitempty"` // asked for, per second
	Reads        float64  `json:"reads"`
	Write        string   `json:"write"`
	Size         int      `json:"size"`
	Keys         int      `json:"keys"`
	Seconds      float64  `json:"seconds"`
	PerSecond    float64  `json:"per_second"`
	Errors       int64    `json:"errors"`  // of Idle: sessions that were lost
	All          Latency  `json:"latency"` // of Idle: of opening a session; of Watch: until the last session has its event
	ReadLatency  *Latency `json:"read_latency,omitempty"`
	WriteLatency *Latency `json:"write_latency,omitempty"`
	Histogram    []Bar    `json:"histogram,omitempty"` // of all latencies
	// LongestGap is the longest time without an acknowledged write.
	LongestGap   float64 `json:"longest_write_gap_ms,omitempty"`
	WorstSlot    int64   `json:"worst_100ms"`  // fewest replies in a tenth of a second
	MedianSlot   int64   `json:"median_100ms"` // median of them
	WorstSecond  int64   `json:"worst_second"`
	MedianSecond int64   `json:"median_second"`
	Slots        []int64 `json:"per_100ms,omitempty"`
	// SessionsPerSecond is how fast the sessions were opened, many at a time.
	SessionsPerSecond float64     `json:"sessions_per_second"`
	Fanout            *Fanout     `json:"watches,omitempty"`
	Servers           []ServerUse `json:"servers,omitempty"`
}

// newReport returns a report of what all works have in common.
func (b *bench) newReport(seconds float64, opening time.Duration) *Report {
	return &Report{
		Work: b.cfg.Work, Sessions: b.cfg.Sessions, Rate: b.cfg.Rate, Reads: b.cfg.Reads, Write: b.cfg.Write, Size: b.cfg.Size,
		Keys: b.cfg.Keys, Seconds: seconds, SessionsPerSecond: float64(b.cfg.Sessions) / opening.Seconds(), Servers: b.use.uses,
	}
}

func latency(h *Histogram) *Latency {
	if h.Count() == 0 {
		return nil
	}
	ms := func(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }
	return &Latency{h.Count(), ms(h.Mean()), ms(h.Quantile(0.5)), ms(h.Quantile(0.9)),
		ms(h.Quantile(0.99)), ms(h.Quantile(0.999)), ms(h.Max())}
}

// report sums up what the recorder has taken.
func (b *bench) report(opening time.Duration) *Report {
	r := &b.rec
	seconds := min(b.end.Sub(b.start), b.cfg.Duration).Seconds()
	rep := b.newReport(seconds, opening)
	rep.PerSecond, rep.Errors = float64(r.all.Count())/seconds, r.errors.Load()
	rep.Histogram, rep.ReadLatency, rep.WriteLatency = r.all.Bars(), latency(&r.reads), latency(&r.writes)
	if b.cfg.Rate == 0 {
		rep.Outstanding = b.cfg.Outstanding
	}
	if l := latency(&r.all); l != nil {
		rep.All = *l
	}
	if r.writes.Count() > 0 {
		r.gap(int64(seconds * 1e9)) // a silence may last until the end
		rep.LongestGap = float64(r.longestGap.Load()) / 1e6
	}
	whole := min(int(seconds*float64(time.Second/slotWidth)), len(r.slots)-1)
	for i := range whole { // the last one is not whole
		rep.Slots = append(rep.Slots, r.slots[i].Load())
	}
	rep.WorstSlot, rep.MedianSlot = worstAndMedian(rep.Slots, 1)
	rep.WorstSecond, rep.MedianSecond = worstAndMedian(rep.Slots, int(time.Second/slotWidth))
	return rep
}

// worstAndMedian adds up counts, so many at a time, and returns the smallest and
// the median of the sums; what is left at the end does not count.
func worstAndMedian(counts []int64, together int) (worst, median int64) {
	var sums []int64
	for part := range slices.Chunk(counts, together) {
		sum := int64(0)
		for _, n := range part {
			sum += n
		}
		if len(part) == together {
			sums = append(sums, sum)
		}
	}
	if len(sums) == 0 {
		return 0, 0
	}
	slices.Sort(sums)
	return sums[0], sums[len(sums)/2]
}
