package bench

import (
	"context"
	"time"
)

// keepPace sends the session's share of a fixed rate. What was due while there
// was no connection is sent as soon as there is one.
func (s *session) keepPace(ctx context.Context, index int) {
	p := newPace(time.Now(), s.b.cfg.Rate, s.b.cfg.Sessions, index)
	s.keepOn(ctx, func() error {
		received := make(chan error, 1)
		go func() { received <- s.receiveAll() }()
		return s.send(ctx, &p, received)
	})
}

// receiveAll takes replies until the measurement is over and nothing is under
// way.
func (s *session) receiveAll() error {
	for {
		err := s.receive()
		s.mu.Lock()
		over := s.b.closed.Load() && s.flights.n == 0
		s.mu.Unlock()
		switch {
		case over:
			return nil
		case err != nil:
			s.raw.nc.Close() // a write may be waiting for a server that takes nothing
			return err
		}
	}
}

// send sends requests when they are due, and signs of life when none is, until
// ctx ends or the connection does. It returns when the other goroutine has.
func (s *session) send(ctx context.Context, p *pace, received <-chan error) error {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case now := <-timer.C:
			if _, err := s.raw.nc.Write(s.due(p, now)); err != nil {
				s.raw.nc.Close()
				<-received
				return err
			}
			timer.Reset(min(time.Until(p.next), s.raw.timeout/3)) // as Java's client does
		case err := <-received:
			return err
		case <-ctx.Done():
			return <-received
		}
	}
}

// due returns the requests whose time has come, or a ping. Each counts from when
// it was due.
func (s *session) due(p *pace, now time.Time) []byte {
	s.mu.Lock()
	defer s.mu.Unlock()
	for at, ok := p.take(now); ok && !s.b.closed.Load(); at, ok = p.take(now) {
		s.append(at.Sub(s.b.start))
	}
	if len(s.out) == 0 {
		s.out = append(s.out, pingFrame...)
	}
	return s.swap()
}
