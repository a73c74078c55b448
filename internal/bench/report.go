package bench

import (
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync/atomic"
	"time"
)

// recorder takes the replies.
type recorder struct {
	start, end time.Time
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

func (r *recorder) init(start, end time.Time) {
	r.start, r.end = start, end
	r.slots = make([]atomic.Int64, end.Sub(start)/slotWidth+1)
}

// done records a reply to a request that was sent, or due, at this time.
func (r *recorder) done(k kind, at time.Time, err error) {
	now := time.Now()
	r.answered.Add(1)
	if now.Before(r.start) || now.After(r.end) {
		return
	}
	since := now.Sub(r.start)
	if err != nil {
		r.errors.Add(1)
		return
	}
	r.all.Record(now.Sub(at))
	r.slots[min(int(since/slotWidth), len(r.slots)-1)].Add(1)
	if k == read {
		r.reads.Record(now.Sub(at))
		return
	}
	r.writes.Record(now.Sub(at))
	r.gap(int64(since))
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
	Sessions     int      `json:"sessions"`
	Outstanding  int      `json:"outstanding,omitempty"`
	Rate         float64  `json:"rate,omitempty"` // asked for, per second
	Reads        float64  `json:"reads"`
	Write        string   `json:"write"`
	Size         int      `json:"size"`
	Seconds      float64  `json:"seconds"`
	PerSecond    float64  `json:"per_second"`
	Errors       int64    `json:"errors"`
	All          Latency  `json:"latency"`
	ReadLatency  *Latency `json:"read_latency,omitempty"`
	WriteLatency *Latency `json:"write_latency,omitempty"`
	Histogram    []Bar    `json:"histogram"` // of all latencies
	// LongestGap is the longest time without an acknowledged write.
	LongestGap float64 `json:"longest_write_gap_ms,omitempty"`
	WorstSlot  int64   `json:"worst_100ms"`  // fewest replies in a tenth of a second
	MedianSlot int64   `json:"median_100ms"` // median of them
	Slots      []int64 `json:"per_100ms"`
	// SessionsPerSecond is how fast the sessions were opened, 32 at a time.
	SessionsPerSecond float64 `json:"sessions_per_second"`
}

func latency(h *Histogram) *Latency {
	if h.Count() == 0 {
		return nil
	}
	ms := func(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }
	return &Latency{h.Count(), ms(h.Mean()), ms(h.Quantile(0.5)), ms(h.Quantile(0.9)),
		ms(h.Quantile(0.99)), ms(h.Quantile(0.999)), ms(h.Max())}
}

func (b *bench) report(opening time.Duration) *Report {
	r := &b.rec
	seconds := min(time.Since(b.start), b.cfg.Duration).Seconds()
	rep := &Report{
		Sessions: b.cfg.Sessions, Rate: b.cfg.Rate, Reads: b.cfg.Reads, Write: b.cfg.Write, Size: b.cfg.Size,
		Seconds: seconds, PerSecond: float64(r.all.Count()) / seconds, Errors: r.errors.Load(),
		Histogram:   r.all.Bars(),
		ReadLatency: latency(&r.reads), WriteLatency: latency(&r.writes),
		SessionsPerSecond: float64(b.cfg.Sessions) / opening.Seconds(),
	}
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
	if n := len(rep.Slots); n > 0 {
		sorted := slices.Sorted(slices.Values(rep.Slots))
		rep.WorstSlot, rep.MedianSlot = sorted[0], sorted[n/2]
	}
	return rep
}

// WriteJSON writes the report as one JSON object.
func (r *Report) WriteJSON(w io.Writer) error {
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	return e.Encode(r)
}

// WriteText writes the report for a reader.
func (r *Report) WriteText(w io.Writer) error {
	load := fmt.Sprintf("%d sessions x %d outstanding", r.Sessions, r.Outstanding)
	if r.Rate > 0 {
		load = fmt.Sprintf("%d sessions, open loop %.0f/s", r.Sessions, r.Rate)
	}
	_, err := fmt.Fprintf(w, "%s, %.0f %% reads, writes are %s, values of %d bytes, %.1f s\n\n%12.0f requests per second, %d errors\n",
		load, r.Reads*100, r.Write, r.Size, r.Seconds, r.PerSecond, r.Errors)
	if err != nil {
		return err
	}
	fmt.Fprintf(w, "\n%-8s %10s %9s %9s %9s %9s %9s %9s\n", "ms", "count", "mean", "p50", "p90", "p99", "p99.9", "max")
	for _, row := range []struct {
		name string
		l    *Latency
	}{{"all", &r.All}, {"reads", r.ReadLatency}, {"writes", r.WriteLatency}} {
		if l := row.l; l != nil {
			fmt.Fprintf(w, "%-8s %10d %9.3f %9.3f %9.3f %9.3f %9.3f %9.3f\n", row.name, l.Count, l.Mean, l.P50, l.P90, l.P99, l.P999, l.Max)
		}
	}
	r.writeBars(w)
	fmt.Fprintf(w, "\nworst tenth of a second: %d replies, median: %d\n", r.WorstSlot, r.MedianSlot)
	if r.WriteLatency != nil {
		_, err = fmt.Fprintf(w, "longest time without an acknowledged write: %.1f ms\n", r.LongestGap)
	}
	return err
}

// writeBars draws the histogram.
func (r *Report) writeBars(w io.Writer) {
	most := int64(1)
	for _, b := range r.Histogram {
		most = max(most, b.Count)
	}
	fmt.Fprintln(w)
	for _, b := range r.Histogram {
		fmt.Fprintf(w, "<= %9.3f ms %10d %s\n", b.UpTo, b.Count, strings.Repeat("#", int(b.Count*50/most)))
	}
}
