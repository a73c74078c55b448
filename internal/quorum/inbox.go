package quorum

import (
	"sync"

	"github.com/paddock-io/paddock/internal/replica"
)

// inbox collects events for the loop. Completions never wait; link readers
// wait while the inbox is full, which stops their sockets.
type inbox struct {
	mu     sync.Mutex
	room   sync.Cond // signalled when a full inbox was taken
	events []replica.Event
	more   int // messages in events beyond one for each
	closed bool
	wake   chan struct{} // holds one token while there is something to take
}

// maxInbox bounds the messages that link readers may leave to be taken.
const maxInbox = 1 << 14

func newInbox() *inbox {
	in := &inbox{wake: make(chan struct{}, 1)}
	in.room.L = &in.mu
	return in
}

// put adds an event and never waits.
func (in *inbox) put(ev replica.Event) {
	in.mu.Lock()
	in.events = append(in.events, ev)
	first := len(in.events) == 1
	in.mu.Unlock()
	if first {
		in.signal()
	}
}

// putBounded adds an event once there is room. It reports false if the loop
// has ended.
func (in *inbox) putBounded(ev replica.Event) bool {
	in.mu.Lock()
	for in.full() && !in.closed {
		in.room.Wait()
	}
	closed := in.closed
	if !closed {
		in.events = append(in.events, ev)
		if m, ok := ev.(replica.Messages); ok {
			in.more += len(m.Msgs) - 1
		}
	}
	first := len(in.events) == 1
	in.mu.Unlock()
	if first && !closed {
		in.signal()
	}
	return !closed
}

// full holds in.mu.
func (in *inbox) full() bool { return len(in.events)+in.more >= maxInbox }

func (in *inbox) signal() {
	select {
	case in.wake <- struct{}{}:
	default:
	}
}

// take returns everything that has come, and leaves spare for the next events.
func (in *inbox) take(spare []replica.Event) []replica.Event {
	in.mu.Lock()
	taken := in.events
	if in.full() {
		in.room.Broadcast()
	}
	in.events, in.more = spare[:0], 0
	in.mu.Unlock()
	return taken
}

// close lets waiting readers go.
func (in *inbox) close() {
	in.mu.Lock()
	in.closed = true
	in.room.Broadcast()
	in.mu.Unlock()
}
