package main

import (
	"context"
	"os"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"sync"
	"time"
)

// heapRoom is how much a server allocates between two collections, in bytes.
// By default it is as much as what is alive. That is little for a server with
// few znodes, which then collects many times a second under load; and it is much
// for one with many, though they cost the collector nothing, having no pointers.
const heapRoom = 64 << 20

// leastGrowth is by how many percent a heap grows in any case, so that what a
// collection costs stays in proportion.
const leastGrowth = 25

// leastAlive is what the runtime takes for alive in any case, in bytes: no heap is
// collected that is smaller than so much grown. Source: runtime.defaultHeapMinimum.
const leastAlive = 4 << 20

// paceCollector keeps the room at heapRoom from now on, unless GOGC says
// otherwise, and gives memory back at rest until stop is called, which waits for
// that to end. Until the first collection there is only the default's: the heap of a
// server with nothing to do stays small.
func paceCollector(ctx context.Context) (stop func()) {
	if os.Getenv("GOGC") != "" {
		return func() {}
	}
	afterCollection(100)
	return background(ctx, trim)
}

// background runs work until stop is called, which waits for its end.
func background(ctx context.Context, work func(context.Context)) (stop func()) {
	ctx, cancel := context.WithCancel(ctx)
	var wg sync.WaitGroup
	wg.Go(func() { work(ctx) })
	return func() { cancel(); wg.Wait() }
}

// Memory is given back to the system when a server has come to rest: it looks every
// restLook, and rests if it has allocated no more than restBytes meanwhile. It is not
// worth it for less than restWorth, nor more often than every restPause.
const (
	restLook  = 2 * time.Second
	restPause = 30 * time.Second
	restBytes = 512 << 10
	restWorth = 4 << 20
)

// rest decides when memory is given back.
type rest struct {
	seen, kept uint64 // what was allocated in all, by the last look and by the last time that memory was given back
	since      time.Duration
}

// look reports whether now is the time, when so much was allocated since the start.
func (r *rest) look(allocated uint64) bool {
	busy := allocated-r.seen > restBytes
	r.seen, r.since = allocated, r.since+restLook
	if busy || allocated-r.kept < restWorth || r.since < restPause && r.kept > 0 {
		return false
	}
	r.kept, r.since = allocated, 0
	return true
}

// trim gives memory back whenever it is time, until ctx ends.
func trim(ctx context.Context) {
	allocated := []metrics.Sample{{Name: "/gc/heap/allocs:bytes"}}
	var r rest
	for tick := time.NewTicker(restLook); ; {
		select {
		case <-ctx.Done():
			tick.Stop()
			return
		case <-tick.C:
		}
		if metrics.Read(allocated); r.look(allocated[0].Value.Uint64()) {
			debug.FreeOSMemory()
		}
	}
}

// afterCollection sets the growth of the heap after each collection. Setting it
// stops the world for a moment, so small differences are left alone.
func afterCollection(percent int) {
	runtime.AddCleanup(new([1]*byte), func(percent int) {
		want := growth(alive())
		if d := want - percent; d > percent/8 || d < -percent/8 {
			debug.SetGCPercent(want)
			percent = want
		}
		afterCollection(percent)
	}, percent)
}

// alive is what the runtime takes a percentage of: what the last collection has left of
// the heap, and what it has looked through of stacks and global variables.
func alive() (bytes uint64) {
	parts := []metrics.Sample{{Name: "/gc/heap/live:bytes"}, {Name: "/gc/scan/stack:bytes"}, {Name: "/gc/scan/globals:bytes"}}
	metrics.Read(parts)
	for _, part := range parts {
		bytes += part.Value.Uint64()
	}
	return bytes
}

// growth is by how many percent of what is alive a heap may grow.
func growth(alive uint64) int {
	return int(max(leastGrowth, heapRoom*100/max(alive, leastAlive)))
}
