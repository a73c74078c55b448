package main

import (
	"context"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"testing"
	"testing/synctest"
	"time"
)

func TestGrowth(t *testing.T) {
	for _, tc := range []struct {
		alive uint64
		want  int
	}{
		{0, 1600}, // a larger percentage would be one of what the runtime takes for alive in any case
		{1 << 20, 1600},
		{4 << 20, 1600},
		{32 << 20, 200},
		{64 << 20, 100}, // the default
		{128 << 20, 50},
		{1 << 30, leastGrowth},
		{1 << 40, leastGrowth},
	} {
		if got := growth(tc.alive); got != tc.want {
			t.Errorf("%d bytes alive: %d%%, want %d%%", tc.alive, got, tc.want)
		}
	}
}

// TestRest: memory is given back once a server that has used some is at rest, and not again and again.
func TestRest(t *testing.T) {
	var r rest
	allocated, given := uint64(0), ""
	for _, mib := range []uint64{1, 0, 8, 8, 0, 0, 0, 9, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0} {
		allocated += mib << 20
		if r.look(allocated) {
			given += "x"
		} else {
			given += "-"
		}
	}
	if want := "----x--------------x------------------"; given != want { // 30 seconds later, and of 2 MiB not
		t.Errorf("%s, want %s", given, want)
	}
}

// TestHeapGoal: the runtime means by these percentages what is meant here: it lets the
// heap grow by heapRoom, however small it is, and however much there is in stacks.
func TestHeapGoal(t *testing.T) {
	defer debug.SetGCPercent(debug.SetGCPercent(100))
	for name, tc := range map[string]struct{ held, waiting int }{
		"little": {0, 0}, "much": {100 << 20, 0}, "stacks": {0, 2000}, "much, and stacks": {20 << 20, 2000},
	} {
		held := make([]byte, tc.held)
		ready, done := make(chan struct{}), make(chan struct{})
		for range tc.waiting {
			go descend(100, func() { ready <- struct{}{}; <-done })
		}
		for range tc.waiting {
			<-ready
		}
		runtime.GC()
		debug.SetGCPercent(growth(alive()))
		parts := []metrics.Sample{{Name: "/gc/heap/goal:bytes"}, {Name: "/gc/heap/live:bytes"}}
		metrics.Read(parts)
		room := int64(parts[0].Value.Uint64() - parts[1].Value.Uint64())
		if room < heapRoom-heapRoom/10 || room > heapRoom+heapRoom/10 {
			t.Errorf("%s alive: the heap may grow by %d bytes, want about %d", name, room, heapRoom)
		}
		close(done)
		runtime.KeepAlive(held)
	}
}

// descend calls fn at a depth.
func descend(n int, fn func()) {
	var frame [32]*int
	if n > 0 {
		descend(n-1, fn)
	} else {
		fn()
	}
	runtime.KeepAlive(&frame)
}

// TestBackground: who stops it finds it ended, also if nobody else has asked for that.
func TestBackground(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ended := false
		stop := background(t.Context(), func(ctx context.Context) {
			<-ctx.Done()
			<-time.After(time.Minute) // on the bubble's clock
			ended = true
		})
		if stop(); !ended {
			t.Error("it still runs")
		}
	})
}
