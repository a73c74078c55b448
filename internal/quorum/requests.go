package quorum

import (
	"sync"

	"github.com/paddock-io/paddock/internal/replica"
)

// requestQueue holds the requests that clients have submitted and the loop has
// not taken. Put waits while it is full, which stops that client's socket.
type requestQueue struct {
	mu     sync.Mutex
	room   sync.Cond
	items  []*replica.Request
	limit  int
	closed bool
	wake   func()
}

func newRequestQueue(limit int, wake func()) *requestQueue {
	q := &requestQueue{limit: limit, wake: wake}
	q.room.L = &q.mu
	return q
}

func (q *requestQueue) put(r *replica.Request) error {
	q.mu.Lock()
	for len(q.items) >= q.limit && !q.closed {
		q.room.Wait()
	}
	if q.closed {
		q.mu.Unlock()
		return ErrNotServing
	}
	q.items = append(q.items, r)
	first := len(q.items) == 1
	q.mu.Unlock()
	if first {
		q.wake()
	}
	return nil
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
	q.room.Broadcast()
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
	clear(q.items)
	q.items = q.items[:0]
	q.room.Broadcast()
	q.mu.Unlock()
}

func (q *requestQueue) close() {
	q.mu.Lock()
	q.closed = true
	q.items = nil
	q.room.Broadcast()
	q.mu.Unlock()
}
