package server

import (
	"fmt"
	"runtime"
	"sync"
)

// outHintMax bounds the buffer that an outbox starts with.
const outHintMax = 64 << 10

// drainChunk is how much is written before the client counts as alive again.
const drainChunk = 256 << 10

// flush writes what is in the outbox, as far as the socket takes it at once. If
// that is not everything, a goroutine goes on. It never waits, and closes the
// socket of a connection that has ended. Holds no lock.
//
// Invariant: between taking from the outbox and having written it, writing is
// set and nobody else takes, so frames leave in order.
func (c *conn) flush() {
	c.mu.Lock()
	c.scheduled = false
	if c.writing && c.phase != phaseClosed {
		c.mu.Unlock()
		return
	}
	for {
		buf := c.take()
		c.mu.Unlock()
		if buf == nil {
			return
		}
		n, err := c.tryWrite(buf.b)
		if err == nil && n < len(buf.b) {
			c.srv.writers.Go(func() { c.drain(buf, n) })
			return
		}
		c.wrote(buf, err)
	}
}

// drain writes buf from byte n on, then whatever the outbox holds, and waits
// for the socket as long as it takes.
func (c *conn) drain(buf *buffer, n int) {
	for buf != nil {
		var err error
		for p := buf.b[n:]; len(p) > 0 && err == nil; p = p[n:] {
			n, err = c.nc.Write(p[:min(len(p), drainChunk)])
			c.seen.Store(c.srv.now()) // who reads is alive, even if not read from
		}
		c.wrote(buf, err)
		buf, n = c.take(), 0
		c.mu.Unlock()
	}
}

// take claims the outbox for writing. It returns nil if there is nothing to
// write, or ever will be; in the latter case the socket is closed. Holds c.mu,
// which it may let go of for a moment.
func (c *conn) take() *buffer {
	switch {
	case c.phase == phaseClosed:
	case c.out != nil:
		buf := c.out
		c.out, c.outHint = nil, int32(min(len(buf.b), outHintMax))
		c.inflight, c.writing = len(buf.b), true
		return buf
	case c.phase == phaseEnding:
		c.abort(errDone)
	default:
		return nil
	}
	c.mu.Unlock()
	c.closeSocket()
	c.mu.Lock()
	return nil
}

// wrote says what became of a buffer that take returned. It returns with c.mu
// held.
func (c *conn) wrote(buf *buffer, err error) {
	putBuffer(buf)
	c.mu.Lock()
	c.inflight, c.writing = 0, false
	if err != nil {
		c.abort(fmt.Errorf("write to client: %w", err))
	}
	c.wake()
}

// flusher writes the outboxes that the quorum's goroutine has filled.
type flusher struct {
	mu   sync.Mutex
	list []*conn
	wake chan struct{} // capacity 1
	stop chan struct{}
}

func newFlushers(n int) []*flusher {
	list := make([]*flusher, n)
	for i := range list {
		list[i] = &flusher{wake: make(chan struct{}, 1), stop: make(chan struct{})}
	}
	return list
}

// flusherCount leaves a system with many cores enough of them for readers.
func flusherCount() int { return max(1, min(runtime.GOMAXPROCS(0)/2, 8)) }

func (f *flusher) add(conns []*conn) {
	f.mu.Lock()
	f.list = append(f.list, conns...)
	f.mu.Unlock()
	select {
	case f.wake <- struct{}{}:
	default:
	}
}

func (f *flusher) run() {
	var list []*conn
	for {
		select {
		case <-f.wake:
		case <-f.stop:
			return
		}
		f.mu.Lock()
		list, f.list = f.list, list[:0]
		f.mu.Unlock()
		for _, c := range list {
			c.flush()
		}
		clear(list)
	}
}

// flushDirty hands the connections that Apply and its like have written to over
// to the flushers. It belongs to the quorum's goroutine.
func (s *Server) flushDirty() {
	const chunk = 64 // less is not worth waking a second flusher
	share := max(chunk, (len(s.dirty)+len(s.flushers)-1)/len(s.flushers))
	for list := s.dirty; len(list) > 0; {
		n := min(len(list), share)
		s.flushers[s.nextFlusher].add(list[:n])
		s.nextFlusher = (s.nextFlusher + 1) % len(s.flushers)
		list = list[n:]
	}
	clear(s.dirty)
	s.dirty = s.dirty[:0]
}

// schedule makes sure that a flusher will look at c. It belongs to the
// quorum's goroutine and holds c.mu.
func (s *Server) schedule(c *conn) {
	if !c.scheduled {
		c.scheduled = true
		s.dirty = append(s.dirty, c)
	}
}

// flushScheduled writes at once what waits for a flusher, as far as the sockets
// take it: answers that were given before the connections end, such as that to a
// change of the membership which takes the lead from this server.
func (s *Server) flushScheduled() {
	var list []*conn
	s.mu.RLock()
	for _, c := range s.conns {
		if c == nil {
			continue
		}
		c.mu.Lock()
		if c.scheduled {
			list = append(list, c)
		}
		c.mu.Unlock()
	}
	s.mu.RUnlock()
	for _, c := range list {
		c.flush()
	}
}
