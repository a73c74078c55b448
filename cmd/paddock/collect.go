package main

import (
	"os"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
)

// heapRoom is how much a server allocates between two collections, in bytes.
// By default it is as much as what is alive. That is little for a server with
// few znodes, which then collects many times a second under load; and it is much
// for one with many, though they cost the collector nothing, having no pointers.
const heapRoom = 64 << 20

// leastGrowth is by how many percent a heap grows in any case, so that what a
// collection costs stays in proportion.
const leastGrowth = 25

// paceCollector keeps the room at heapRoom from now on, unless GOGC says
// otherwise. Until the first collection there is only the default's: the heap of
// a server with nothing to do stays small.
func paceCollector() {
	if os.Getenv("GOGC") == "" {
		afterCollection(100)
	}
}

// afterCollection sets the growth of the heap after each collection. Setting it
// stops the world for a moment, so small differences are left alone.
func afterCollection(percent int) {
	runtime.AddCleanup(new([1]*byte), func(percent int) {
		alive := []metrics.Sample{{Name: "/gc/heap/live:bytes"}}
		metrics.Read(alive)
		want := growth(alive[0].Value.Uint64())
		if d := want - percent; d > percent/8 || d < -percent/8 {
			debug.SetGCPercent(want)
			percent = want
		}
		afterCollection(percent)
	}, percent)
}

// growth is by how many percent a heap of which so much is alive may grow.
func growth(alive uint64) int {
	return int(max(leastGrowth, heapRoom*100/max(alive, 1<<20)))
}
