package server

import (
	"testing"
	"time"
)

// When the quorum's goroutine has stood still for too long, clients with a
// session are sent away, and others not.
func TestStall(t *testing.T) {
	const limit = 5 * time.Second
	w := newWorld(t, 0, func(o *Options) { o.StallTimeout = limit })
	c := w.connect()
	w.dial() // says nothing
	w.gone(2)
	w.do(func() { w.srv.Touched(nil) })
	at := w.srv.reported.Load()
	w.srv.reap(at + int64(limit))
	w.gone(2)
	w.srv.reap(at + int64(limit) + 1)
	w.gone(1)
	c.ended()

	w = newWorld(t, 0, nil)
	w.connect()
	w.srv.reap(w.srv.reported.Load() + int64(limit) + 1)
	w.gone(1)
}
