package bench

import (
	"context"
	"errors"
	"os"
	"testing"
	"testing/synctest"
	"time"
)

// TestMeterReportsWhatItIsTold: answers in time, a failure, and what came before
// the measurement.
func TestMeterReportsWhatItIsTold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m, err := NewMeter(Config{Servers: "x", Sessions: 2, Warmup: time.Second, Duration: 4 * time.Second, PIDs: []int{os.Getpid()}})
		if err != nil {
			t.Fatal(err)
		}
		r := m.Measure(t.Context(), time.Second, func(ctx context.Context) {
			m.Done(true, time.Now(), nil) // too early
			_ = pause(ctx, 2*time.Second)
			for i := range 10 {
				m.Done(i < 7, time.Now().Add(-time.Millisecond), nil)
			}
			m.Done(false, time.Now(), errors.New("lost"))
			<-ctx.Done()
		})
		if r.All.Count != 10 || r.ReadLatency.Count != 7 || r.WriteLatency.Count != 3 || r.Errors != 1 || r.PerSecond != 2.5 {
			t.Errorf("%+v", r)
		}
		if r.LongestGap != 3000 || r.All.Max != 1 || r.SessionsPerSecond != 2 {
			t.Errorf("gap %v ms, max %v ms, %v sessions a second", r.LongestGap, r.All.Max, r.SessionsPerSecond)
		}
		if len(r.Servers) != 1 || r.Servers[0].RSSAfter == 0 {
			t.Errorf("servers: %+v", r.Servers)
		}
	})
}

// TestMeterOfALoadEndsWithIt: there is no other end.
func TestMeterOfALoadEndsWithIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m, err := NewMeter(Config{Work: Load, Servers: "x", Reads: 1, Keys: 2, Settle: time.Hour})
		if err != nil {
			t.Fatal(err)
		}
		if m.Config().Reads != 0 || m.Config().Root == "" {
			t.Errorf("defaults are missing: %+v", m.Config())
		}
		r := m.Measure(t.Context(), time.Second, func(ctx context.Context) {
			at := time.Now()
			_ = pause(ctx, time.Second)
			m.Done(false, at, nil)
			m.Done(false, at, nil)
		})
		if r.Seconds != 1 || r.PerSecond != 2 {
			t.Errorf("%v a second in %v s", r.PerSecond, r.Seconds)
		}
	})
}

// TestMeterKeepsPace: a session's share, and what a stall has held up keeps the
// time at which it was due.
func TestMeterKeepsPace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m, err := NewMeter(Config{Servers: "x", Sessions: 2, Rate: 20})
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), 900*time.Millisecond)
		defer cancel()
		started := time.Now()
		var due []time.Duration
		m.Pace(ctx, 1, func(at time.Time) {
			due = append(due, at.Sub(started))
			if len(due) == 1 {
				_ = pause(ctx, 320*time.Millisecond)
			}
		})
		const first, gap = 50 * time.Millisecond, 100 * time.Millisecond
		for i, at := range due {
			if at != first+gap*time.Duration(i) {
				t.Errorf("request %d was due after %v", i, at)
			}
		}
		if len(due) != 9 {
			t.Errorf("%d requests in 900 ms", len(due))
		}
	})
}

func TestMeterRefusesNonsense(t *testing.T) {
	if _, err := NewMeter(Config{}); err == nil {
		t.Error("no servers: accepted")
	}
	if _, err := NewMeter(Config{Servers: "x", PIDs: []int{1 << 30}}); err == nil {
		t.Error("no such process: accepted")
	}
}
