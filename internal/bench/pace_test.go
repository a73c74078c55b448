package bench

import (
	"slices"
	"testing"
	"time"
)

// TestPaceIsTheRate: all sessions together send at the rate, evenly.
func TestPaceIsTheRate(t *testing.T) {
	start := time.Unix(1000, 0)
	const sessions, rate = 4, 200
	var due []time.Duration
	for i := range sessions {
		p := newPace(start, rate, sessions, i)
		now := start.Add(time.Second - 1)
		for at, ok := p.take(now); ok; at, ok = p.take(now) {
			due = append(due, at.Sub(start))
		}
	}
	slices.Sort(due)
	if len(due) != rate {
		t.Fatalf("%d requests in a second, want %d", len(due), rate)
	}
	for i, at := range due {
		if want := time.Duration(i) * 5 * time.Millisecond; at != want {
			t.Fatalf("request %d is due after %v, want %v", i, at, want)
		}
	}
}

// TestPaceOfAStall: what a stall has held up is sent at once, and each request
// keeps the time at which it should have been sent.
func TestPaceOfAStall(t *testing.T) {
	start := time.Unix(1000, 0)
	p := newPace(start, 10, 1, 0)
	if _, ok := p.take(start.Add(-1)); ok {
		t.Error("sent before it was due")
	}
	now := start.Add(250 * time.Millisecond)
	for _, want := range []time.Duration{0, 100 * time.Millisecond, 200 * time.Millisecond} {
		if at, ok := p.take(now); !ok || at.Sub(start) != want {
			t.Errorf("due after %v (%v), want %v", at.Sub(start), ok, want)
		}
	}
	if at, ok := p.take(now); ok {
		t.Errorf("one more was due after %v", at.Sub(start))
	}
}
