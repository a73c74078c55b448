package bench

import (
	"context"
	"time"
)

// Meter measures a load that another program makes, over another protocol, as
// Run measures its own: with the same flags, clock and report, so that the
// figures of both can stand side by side.
type Meter struct{ b bench }

// NewMeter fills in cfg's defaults and notes the memory of the servers. It comes
// before the first connection.
func NewMeter(cfg Config) (*Meter, error) {
	if err := cfg.setDefaults(); err != nil {
		return nil, err
	}
	m := &Meter{bench{cfg: cfg}}
	return m, m.b.use.open(cfg.PIDs)
}

// Config returns the configuration with its defaults.
func (m *Meter) Config() Config { return m.b.cfg }

// Measure runs load, whose sessions took opening to open, and reports what Done
// was told meanwhile. The context that load gets ends when the time is over;
// load then waits for what is in flight and returns. A Load ends when it returns.
func (m *Meter) Measure(ctx context.Context, opening time.Duration, load func(ctx context.Context)) *Report {
	m.b.measure(ctx, load)
	return m.b.report(opening)
}

// Done records the answer, or the failure, of a request that was sent, or due,
// at this time. Many goroutines may call it.
func (m *Meter) Done(isRead bool, at time.Time, err error) {
	x := burst{kind: write, failed: err != nil, at: at.Sub(m.b.start), n: 1}
	if isRead {
		x.kind = read
	}
	m.b.rec.done(&x, m.b.since())
}

// Pace calls send for each request of a session's share of the fixed rate, with
// the time at which it was due, until ctx ends. send must not wait for the answer.
func (m *Meter) Pace(ctx context.Context, session int, send func(due time.Time)) {
	p := newPace(time.Now(), m.b.cfg.Rate, m.b.cfg.Sessions, session)
	for pause(ctx, time.Until(p.next)) == nil {
		now := time.Now()
		for due, ok := p.take(now); ok; due, ok = p.take(now) {
			send(due)
		}
	}
}
