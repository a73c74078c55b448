package quorum

import (
	"context"
	"slices"
	"sync"

	"github.com/paddock-io/paddock/internal/replica"
)

// requestQueue holds the requests that clients have submitted and the loop has
// not taken. A request needs a place, and waiting for one is apart from taking
// it, so that a connection can look whether it still has its session and queue
// its request in one step. Places are given in the order in which they were
// asked for.
type requestQueue struct {
	mu      sync.Mutex
	items   []*replica.Request
	places  int      // given and not used yet
	waiters []waiter // who has asked and got none
	limit   int      // of items and places
	closed  bool
	wake    func()
}

// waiter is told once: nil for a place.
type waiter chan error

func newRequestQueue(limit int, wake func()) *requestQueue {
	return &requestQueue{limit: limit, wake: wake}
}

// reserve waits for a place, which must then be used by put or given back by
// release.
func (q *requestQueue) reserve(ctx context.Context) error {
	q.mu.Lock()
	switch {
	case q.closed:
		q.mu.Unlock()
		return ErrNotServing
	case len(q.waiters) == 0 && len(q.items)+q.places < q.limit:
		q.places++
		q.mu.Unlock()
		return nil
	}
	w := make(waiter, 1)
	q.waiters = append(q.waiters, w)
	q.mu.Unlock()
	select {
	case err := <-w:
		return err
	case <-ctx.Done():
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	if i := slices.Index(q.waiters, w); i >= 0 {
		q.waiters = slices.Delete(q.waiters, i, i+1)
	} else if <-w == nil { // it came at the same time
		q.places--
		q.give()
	}
	return ctx.Err()
}

// give hands out the places that are free. Holds q.mu.
func (q *requestQueue) give() {
	n := min(len(q.waiters), q.limit-len(q.items)-q.places)
	if n <= 0 {
		return
	}
	for _, w := range q.waiters[:n] {
		w <- nil
	}
	q.places += n
	q.waiters = slices.Delete(q.waiters, 0, n)
}

// put queues a request in a place that was reserved for it. It never waits.
func (q *requestQueue) put(r *replica.Request) {
	q.mu.Lock()
	q.places--
	if q.closed {
		q.mu.Unlock()
		return
	}
	q.items = append(q.items, r)
	first := len(q.items) == 1
	q.mu.Unlock()
	if first {
		q.wake()
	}
}

// release gives a place back.
func (q *requestQueue) release() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.places--
	q.give()
}

// take moves at most n requests to dst, oldest first.
func (q *requestQueue) take(dst []*replica.Request, n int) []*replica.Request {
	q.mu.Lock()
	defer q.mu.Unlock()
	n = min(n, len(q.items))
	if n <= 0 {
		return dst
	}
	dst = append(dst, q.items[:n]...)
	keep := copy(q.items, q.items[n:])
	clear(q.items[keep:])
	q.items = q.items[:keep]
	q.give()
	return dst
}

func (q *requestQueue) len() int {
	q.mu.Lock()
	defer q.mu.Unlock()
	return len(q.items)
}

// drop forgets what is queued: their connections are closed.
func (q *requestQueue) drop() {
	q.mu.Lock()
	defer q.mu.Unlock()
	clear(q.items)
	q.items = q.items[:0]
	q.give()
}

// close ends the queue: nobody gets a place any more.
func (q *requestQueue) close() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.closed = true
	q.items = nil
	for _, w := range q.waiters {
		w <- ErrNotServing
	}
	q.waiters = nil
}
