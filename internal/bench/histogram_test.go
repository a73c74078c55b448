package bench

import (
	"testing"
	"time"
)

func TestHistogram(t *testing.T) {
	var h Histogram
	for i := 1; i <= 1000; i++ {
		h.Record(time.Duration(i) * time.Microsecond)
	}
	for _, tc := range []struct {
		q    float64
		want time.Duration
	}{{0.5, 500 * time.Microsecond}, {0.99, 990 * time.Microsecond}, {1, time.Millisecond}} {
		got := h.Quantile(tc.q)
		if got < tc.want || got > tc.want+tc.want/32 {
			t.Errorf("quantile %v = %v, want %v to within 1/32", tc.q, got, tc.want)
		}
	}
	if h.Max() != time.Millisecond || h.Count() != 1000 || h.Mean() != 500500*time.Nanosecond {
		t.Errorf("max %v, count %d, mean %v", h.Max(), h.Count(), h.Mean())
	}
}

func TestBucketsAreContiguous(t *testing.T) {
	for v := uint64(0); v < 1<<20; v++ {
		i := bucket(v)
		if v > upper(i) || i > 0 && v <= upper(i-1) {
			t.Fatalf("%d is in bucket %d, which ends at %d", v, i, upper(i))
		}
	}
	if i := bucket(1<<63 - 1); i >= len(new(Histogram).counts) {
		t.Fatalf("largest bucket %d is out of range", i)
	}
}

func TestBars(t *testing.T) {
	var h Histogram
	for _, d := range []time.Duration{time.Microsecond, time.Microsecond, 3 * time.Microsecond} {
		h.Record(d)
	}
	bars := h.Bars()
	total := int64(0)
	for _, b := range bars {
		total += b.Count
	}
	if len(bars) != 3 || bars[0].Count != 2 || bars[2].Count != 1 || total != 3 {
		t.Errorf("%+v", bars)
	}
}
