package bench

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
)

// WriteJSON writes the report as one JSON object.
func (r *Report) WriteJSON(w io.Writer) error {
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	return e.Encode(r)
}

// WriteText writes the report for a reader.
func (r *Report) WriteText(w io.Writer) error {
	var b strings.Builder
	b.WriteString(r.headline())
	fmt.Fprintf(&b, "\n%-8s %10s %9s %9s %9s %9s %9s %9s\n", "ms", "count", "mean", "p50", "p90", "p99", "p99.9", "max")
	for _, row := range []struct {
		name string
		l    *Latency
	}{{"all", &r.All}, {"reads", r.ReadLatency}, {"writes", r.WriteLatency}} {
		if l := row.l; l != nil {
			fmt.Fprintf(&b, "%-8s %10d %9.3f %9.3f %9.3f %9.3f %9.3f %9.3f\n", row.name, l.Count, l.Mean, l.P50, l.P90, l.P99, l.P999, l.Max)
		}
	}
	r.writeBars(&b)
	if len(r.Slots) > 0 {
		fmt.Fprintf(&b, "\nworst tenth of a second: %d replies, median: %d; worst second: %d, median: %d\n",
			r.WorstSlot, r.MedianSlot, r.WorstSecond, r.MedianSecond)
	}
	if r.LongestGap > 0 {
		fmt.Fprintf(&b, "longest time without an acknowledged write: %.1f ms\n", r.LongestGap)
	}
	for _, u := range r.Servers {
		fmt.Fprintf(&b, "server process %d: resident memory %d KiB before, %d KiB after, peak %d KiB; processor %.2f s\n",
			u.PID, u.RSSBefore, u.RSSAfter, u.PeakRSS, u.CPU)
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// headline says what was done and how fast.
func (r *Report) headline() string {
	load := fmt.Sprintf("%d sessions x %d outstanding", r.Sessions, r.Outstanding)
	if r.Rate > 0 {
		load = fmt.Sprintf("%d sessions, open loop %.0f/s", r.Sessions, r.Rate)
	}
	switch r.Work {
	case Load:
		return fmt.Sprintf("%s, %d znodes of %d bytes created in %.1f s\n\n%12.0f znodes per second, %d errors\n",
			load, r.All.Count, r.Size, r.Seconds, r.PerSecond, r.Errors)
	case Idle:
		return fmt.Sprintf("%d idle sessions for %.1f s\n\n%12.0f sessions opened per second, %d lost\n",
			r.Sessions, r.Seconds, r.SessionsPerSecond, r.Errors)
	case Watch:
		return fmt.Sprintf("%d sessions watch %d znodes: %d watches, left in %.1f s; a set until the last of the sessions knows of it:\n",
			r.Sessions, r.Keys, r.Fanout.Watches, r.Fanout.LeaveSeconds)
	}
	return fmt.Sprintf("%s, %.0f %% reads, writes are %s, values of %d bytes, %.1f s\n\n%12.0f requests per second, %d errors\n",
		load, r.Reads*100, r.Write, r.Size, r.Seconds, r.PerSecond, r.Errors)
}

// writeBars draws the histogram.
func (r *Report) writeBars(b *strings.Builder) {
	most := int64(1)
	for _, x := range r.Histogram {
		most = max(most, x.Count)
	}
	b.WriteByte('\n')
	for _, x := range r.Histogram {
		fmt.Fprintf(b, "<= %9.3f ms %10d %s\n", x.UpTo, x.Count, strings.Repeat("#", int(x.Count*50/most)))
	}
}
