package proxy

import (
	"math/rand/v2"
	"sync"
	"time"
)

// Condition is what one way of a link suffers from. The zero value is health.
type Condition struct {
	Delay  time.Duration // of every byte
	Jitter time.Duration // up to this much more, drawn for every chunk
	Stall  bool          // nothing gets through, and nobody is told
	Rate   int           // bytes a second; 0 means as many as there are
}

// way is the condition of one direction of a link, shared by its connections.
type way struct {
	mu      sync.Mutex
	cond    Condition
	rng     *rand.Rand
	changed chan struct{} // closed and replaced when cond changes
}

func newWay(rng *rand.Rand) *way {
	return &way{rng: rng, changed: make(chan struct{})}
}

func (w *way) set(c Condition) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.cond = c
	close(w.changed)
	w.changed = make(chan struct{})
}

// now returns the condition and a channel that is closed when it changes.
func (w *way) now() (Condition, <-chan struct{}) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.cond, w.changed
}

// latency draws how long a chunk that comes in now is under way.
func (w *way) latency() time.Duration {
	w.mu.Lock()
	defer w.mu.Unlock()
	d := w.cond.Delay
	if w.cond.Jitter > 0 {
		d += time.Duration(w.rng.Int64N(int64(w.cond.Jitter)))
	}
	return d
}

// flowing waits until nothing stalls the way; false means that done came first.
func (w *way) flowing(done <-chan struct{}) bool {
	for {
		cond, changed := w.now()
		if !cond.Stall {
			return true
		}
		select {
		case <-changed:
		case <-done:
			return false
		}
	}
}

// pause waits for d; false means that done came first.
func pause(d time.Duration, done <-chan struct{}) bool {
	if d <= 0 {
		return true
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-done:
		return false
	}
}
