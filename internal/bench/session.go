package bench

import (
	"context"
	"sync/atomic"
	"time"

	"github.com/paddock-io/paddock/zk"
)

// session makes one connection's share of the load.
type session struct {
	b    *bench
	c    *zk.Conn
	idle atomic.Int32  // places of the window that have no request
	wake chan struct{} // there is an idle place, or all have come back
	busy atomic.Int32
	over atomic.Bool // there is nothing left to send
}

// saturate keeps the window full until ctx ends and then waits for what is in
// flight. Each reply's callback sends the next request; only after a lost
// connection does this goroutine refill.
func (s *session) saturate(ctx context.Context) {
	s.idle.Store(int32(s.b.cfg.Outstanding))
	s.signal()
	for {
		select {
		case <-s.wake:
		case <-ctx.Done():
			s.drain()
			return
		}
		if s.over.Load() && s.busy.Load() == 0 {
			return
		}
		if s.c.WaitConnected(ctx) != nil {
			continue
		}
		for n := s.idle.Swap(0); n > 0; n-- {
			s.issue()
		}
	}
}

func (s *session) signal() {
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

// drain waits for the replies that are under way, for a while.
func (s *session) drain() {
	late := time.NewTimer(5 * time.Second)
	defer late.Stop()
	for s.busy.Load() > 0 {
		select {
		case <-s.wake:
		case <-late.C:
			return
		}
	}
}

// issue sends one request; its callback sends the next.
func (s *session) issue() {
	op, kind, ok := s.next()
	if !ok {
		s.over.Store(true)
	}
	if !ok || s.b.closed.Load() {
		s.signal()
		return
	}
	sent := time.Now()
	s.busy.Add(1)
	err := s.submit(op, kind, func(r zk.Result) {
		s.b.rec.done(kind, sent, r.Err)
		s.busy.Add(-1)
		if r.Err != nil {
			s.park()
			return
		}
		s.issue()
	})
	if err != nil {
		if s.b.cfg.Work == Load { // elsewhere another request does as well
			s.b.rec.errors.Add(1)
		}
		s.busy.Add(-1)
		s.park()
	}
}

// submit sends a request, with a sync ahead of a read if that is wanted. The
// read's reply stands for both: it comes later, and a lost connection loses it
// too.
func (s *session) submit(op zk.Op, k kind, done func(zk.Result)) error {
	if k == read && s.b.cfg.Sync {
		if err := s.c.Go(zk.SyncOp(s.b.cfg.Root), func(zk.Result) {}); err != nil {
			return err
		}
	}
	return s.c.Go(op, done)
}

func (s *session) park() {
	s.idle.Add(1)
	s.signal()
}

// paced sends the session's share of a fixed rate.
func (s *session) paced(ctx context.Context, index int) {
	p := newPace(time.Now(), s.b.cfg.Rate, s.b.cfg.Sessions, index)
	timer := time.NewTimer(0)
	defer timer.Stop()
	<-timer.C
	for {
		timer.Reset(time.Until(p.next))
		select {
		case <-timer.C:
		case <-ctx.Done():
			s.drain()
			return
		}
		now := time.Now()
		for due, ok := p.take(now); ok; due, ok = p.take(now) {
			s.send(ctx, due)
		}
	}
}

// send sends a request that was due at a time already past or now.
func (s *session) send(ctx context.Context, due time.Time) {
	op, kind, _ := s.next()
	s.busy.Add(1)
	done := func(r zk.Result) {
		s.b.rec.done(kind, due, r.Err)
		s.busy.Add(-1)
		s.signal()
	}
	for s.submit(op, kind, done) != nil {
		if s.c.WaitConnected(ctx) != nil {
			s.busy.Add(-1)
			return
		}
	}
}
