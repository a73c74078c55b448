package bench

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/paddock-io/paddock/proto"
)

// keepers is how many sessions are opened at a time. Each keeper looks after
// those that it has opened.
const keepers = 64

// crowd is many idle sessions.
type crowd struct {
	cfg     *Config
	keepers [keepers]keeper
	opened  atomic.Int64
	lost    atomic.Int64
	latency Histogram // of opening
	done    context.CancelFunc
	wg      sync.WaitGroup
}

// keeper opens sessions and keeps them alive. Nobody reads a ping's answer
// before the next ping is due, so that a session needs no goroutine.
type keeper struct {
	queue []kept // the next to be pinged comes first
}

type kept struct {
	s      *rawSession
	due    time.Time
	pinged bool // an answer is to be read
}

// openCrowd opens cfg.Sessions sessions and keeps them alive until close.
func openCrowd(ctx context.Context, cfg *Config) (*crowd, error) {
	c := &crowd{cfg: cfg}
	ctx, c.done = context.WithCancel(ctx)
	errs := make(chan error, keepers)
	for i := range c.keepers {
		k := &c.keepers[i]
		c.wg.Go(func() {
			errs <- c.open(ctx, k, i)
			c.keep(ctx, k)
		})
	}
	var first error
	for range keepers {
		if err := <-errs; err != nil && first == nil {
			first = err
		}
	}
	if first != nil {
		c.close()
		return nil, fmt.Errorf("%d of %d sessions were opened: %w", c.opened.Load(), cfg.Sessions, first)
	}
	return c, nil
}

// open opens a keeper's share.
func (c *crowd) open(ctx context.Context, k *keeper, index int) error {
	hosts := strings.Split(c.cfg.Servers, ",")
	for i := index; i < c.cfg.Sessions; i += keepers {
		started := time.Now()
		s, err := dialRaw(ctx, hosts[i%len(hosts)], c.cfg.Timeout, 64)
		if err != nil {
			return err
		}
		now := time.Now()
		c.latency.Record(now.Sub(started))
		c.opened.Add(1)
		k.queue = append(k.queue, kept{s: s, due: now.Add(s.timeout / 3)}) // as Java's client does
		k.pingDue(now, &c.lost)
	}
	return nil
}

// keep pings until ctx ends, and then ends the sessions.
func (c *crowd) keep(ctx context.Context, k *keeper) {
	for len(k.queue) > 0 && ctx.Err() == nil {
		timer := time.NewTimer(time.Until(k.queue[0].due))
		select {
		case now := <-timer.C:
			k.pingDue(now, &c.lost)
		case <-ctx.Done():
			timer.Stop()
		}
	}
	for _, s := range k.queue {
		s.s.close(5 * time.Second)
	}
}

// pingDue pings the sessions whose time has come; a session that does not
// answer is lost.
func (k *keeper) pingDue(now time.Time, lost *atomic.Int64) {
	for len(k.queue) > 0 && !k.queue[0].due.After(now) {
		x := k.queue[0]
		k.queue = k.queue[1:]
		if err := x.ping(); err != nil {
			x.s.nc.Close()
			lost.Add(1)
			continue
		}
		x.due = x.due.Add(x.s.timeout / 3)
		k.queue = append(k.queue, x)
	}
}

// ping reads the answer to the last ping and sends the next.
func (x *kept) ping() error {
	if x.pinged {
		if err := x.s.nc.SetReadDeadline(time.Now().Add(x.s.timeout / 3)); err != nil {
			return err
		}
		h, _, err := x.s.in.next()
		if err != nil {
			return err
		}
		if h.Xid != proto.XidPing {
			return fmt.Errorf("an answer to request %d, where that to a ping was due", h.Xid)
		}
	}
	x.pinged = true
	return x.s.ping()
}

// close ends the sessions.
func (c *crowd) close() {
	c.done()
	c.wg.Wait()
}

// runIdle opens sessions that do nothing and watches what they cost.
func (b *bench) runIdle(ctx context.Context) (*Report, error) {
	started := time.Now()
	c, err := openCrowd(ctx, &b.cfg)
	if err != nil {
		return nil, err
	}
	opening := time.Since(started)
	defer c.close()
	if err := pause(ctx, b.cfg.Warmup); err != nil {
		return nil, err
	}
	b.use.begin()
	begun := time.Now()
	_ = pause(ctx, b.cfg.Duration) // a report of what was until an interrupt is worth having
	b.use.end()
	rep := b.newReport(time.Since(begun).Seconds(), opening)
	rep.Errors = c.lost.Load()
	if l := latency(&c.latency); l != nil {
		rep.All = *l
	}
	return rep, nil
}

// pause waits.
func pause(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
