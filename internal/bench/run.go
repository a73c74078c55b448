package bench

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/paddock-io/paddock/zk"
)

// bench is one run.
type bench struct {
	cfg    Config
	value  []byte
	paths  []string  // of the keys; of Load: of the parents
	start  time.Time // of the measurement
	end    time.Time
	rec    recorder
	use    watchServers
	loaded atomic.Int64 // znodes of Load that have been sent
	closed atomic.Bool  // no new requests
	rooted bool         // the root was made
}

// Run does the work and returns what was measured. It creates its znodes
// before and, unless told otherwise, deletes them afterwards.
func Run(ctx context.Context, cfg Config) (*Report, error) {
	if err := cfg.setDefaults(); err != nil {
		return nil, err
	}
	b := &bench{cfg: cfg, value: make([]byte, cfg.Size)}
	for i := range b.value {
		b.value[i] = byte('a' + i%26)
	}
	if err := b.use.open(cfg.PIDs); err != nil {
		return nil, err
	}
	switch cfg.Work {
	case Idle:
		return b.runIdle(ctx)
	case Watch:
		return b.runWatch(ctx)
	}
	return b.runRequests(ctx)
}

// runRequests makes requests in a closed or an open loop.
func (b *bench) runRequests(ctx context.Context) (*Report, error) {
	opened := time.Now()
	connectCtx, cancel := context.WithTimeout(ctx, b.cfg.Timeout)
	conns, err := b.connect(connectCtx)
	cancel()
	defer func() {
		for _, c := range conns {
			c.Close()
		}
	}()
	if err != nil {
		return nil, err
	}
	opening := time.Since(opened)
	if err := b.prepare(ctx, conns); err != nil {
		err = errors.Join(err, b.cleanUp(ctx, conns[0]))
		return nil, fmt.Errorf("prepare the znodes (values of %d bytes; a server takes 1 MiB unless told otherwise): %w", b.cfg.Size, err)
	}
	b.measure(ctx, conns)
	if err := ctx.Err(); err != nil && b.rec.all.Count() == 0 {
		return nil, err
	}
	return b.report(opening), b.cleanUp(ctx, conns[0])
}

// connect opens the sessions, a few at a time.
func (b *bench) connect(ctx context.Context) ([]*zk.Conn, error) {
	hosts := strings.Split(b.cfg.Servers, ",")
	conns := make([]*zk.Conn, b.cfg.Sessions)
	errs := make([]error, b.cfg.Sessions)
	slots := make(chan struct{}, 32)
	var wg sync.WaitGroup
	for i := range conns {
		slots <- struct{}{}
		wg.Go(func() {
			defer func() { <-slots }()
			servers := b.cfg.Servers
			if b.cfg.Spread {
				servers = hosts[i%len(hosts)]
			}
			conns[i], errs[i] = zk.Connect(ctx, servers, zk.Options{
				SessionTimeout: b.cfg.Timeout, MaxInFlight: max(8192, 4*b.cfg.Outstanding),
				MaxFrame: maxRawFrame, // a list of all that was created may be long
			})
		})
	}
	wg.Wait()
	open := conns[:0]
	for _, c := range conns {
		if c != nil {
			open = append(open, c)
		}
	}
	for _, err := range errs {
		if err != nil {
			return open, fmt.Errorf("%d of %d sessions were opened at %s: %w", len(open), b.cfg.Sessions, b.cfg.Servers, err)
		}
	}
	return open, nil
}

// prepare creates the root and the keys.
func (b *bench) prepare(ctx context.Context, conns []*zk.Conn) error {
	c := conns[0]
	if _, found, err := c.Exists(ctx, b.cfg.Root); err != nil {
		return err
	} else if found {
		return fmt.Errorf("%s exists already; is another run under way? delete it, or choose another root", b.cfg.Root)
	}
	if _, err := c.Create(ctx, b.cfg.Root, nil, zk.Persistent, zk.OpenACL); err != nil {
		return err
	}
	b.rooted = true
	if err := b.createKeys(c); err != nil {
		return err
	}
	for _, c := range conns { // everybody must see them
		if err := c.Sync(ctx, b.cfg.Root); err != nil {
			return err
		}
	}
	return nil
}

// createKeys creates the znodes that the work needs before it begins, a
// thousand at a time.
func (b *bench) createKeys(c *zk.Conn) error {
	n, value := b.cfg.Keys, b.value
	if b.cfg.Work == Load {
		n, value = (n+perParent-1)/perParent, nil
	}
	var wg sync.WaitGroup
	var failed atomic.Pointer[error]
	for i := range n {
		path := fmt.Sprintf("%s/k%07d", b.cfg.Root, i)
		b.paths = append(b.paths, path)
		wg.Add(1)
		if err := c.Go(zk.CreateOp(path, value, zk.Persistent, zk.OpenACL), func(r zk.Result) {
			if r.Err != nil {
				failed.Store(&r.Err)
			}
			wg.Done()
		}); err != nil {
			return err
		}
		if i%1000 == 999 {
			wg.Wait()
		}
	}
	wg.Wait()
	if err := failed.Load(); err != nil {
		return *err
	}
	return nil
}

// measure runs the load until its time is over, or all is loaded.
func (b *bench) measure(ctx context.Context, conns []*zk.Conn) {
	if b.cfg.Work == Load {
		b.cfg.Warmup, b.cfg.Duration = 0, 24*time.Hour
	}
	b.start = time.Now().Add(b.cfg.Warmup)
	b.end = b.start.Add(b.cfg.Duration)
	b.rec.init(b.start, b.end)
	loadCtx, cancel := context.WithDeadline(ctx, b.end)
	defer cancel()
	begun := make(chan struct{})
	begin := time.AfterFunc(b.cfg.Warmup, func() {
		b.use.begin()
		close(begun)
	})
	var wg sync.WaitGroup
	for i, c := range conns {
		s := &session{b: b, c: c, wake: make(chan struct{}, 1)}
		if b.cfg.Rate > 0 {
			wg.Go(func() { s.paced(loadCtx, i) })
		} else {
			wg.Go(func() { s.saturate(loadCtx) })
		}
	}
	if b.cfg.Work == Load {
		go func() {
			wg.Wait()
			cancel()
		}()
	}
	b.progress(loadCtx)
	b.closed.Store(true)
	wg.Wait()
	if b.end = time.Now(); b.cfg.Work == Load {
		_ = pause(ctx, b.cfg.Settle)
	}
	if !begin.Stop() {
		<-begun
		b.use.end()
	}
}

// progress reports until ctx ends.
func (b *bench) progress(ctx context.Context) {
	tick := time.NewTicker(200 * time.Millisecond)
	defer tick.Stop()
	last, lastAt := int64(0), time.Now()
	for {
		select {
		case <-ctx.Done():
			return
		case now := <-tick.C:
			if b.cfg.Progress == nil {
				continue
			}
			n := b.rec.answered.Load()
			total := b.cfg.Warmup + b.cfg.Duration
			share := float64(total-b.end.Sub(now)) / float64(total)
			if b.cfg.Work == Load {
				share = float64(n) / float64(b.cfg.Keys)
			}
			b.cfg.Progress(min(max(share, 0), 1), float64(n-last)/now.Sub(lastAt).Seconds())
			last, lastAt = n, now
		}
	}
}
