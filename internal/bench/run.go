package bench

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/paddock-io/paddock/proto"
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
	if err := reach(ctx, strings.Split(b.cfg.Servers, ",")); err != nil {
		return nil, err
	}
	switch b.cfg.Work {
	case Idle:
		return b.runIdle(ctx)
	case Watch:
		return b.runWatch(ctx)
	}
	return b.runRequests(ctx)
}

// reachTime is how long each server may take to accept a connection.
const reachTime = 3 * time.Second

// reach makes sure that somebody is there: a client would go on trying for as long as
// its session may last.
func reach(ctx context.Context, hosts []string) error {
	var failed error
	for _, host := range hosts {
		d := net.Dialer{Timeout: reachTime}
		nc, err := d.DialContext(ctx, "tcp", host)
		if err == nil {
			return nc.Close()
		}
		failed = errors.Join(failed, err)
	}
	if ctx.Err() != nil {
		return ctx.Err()
	}
	return fmt.Errorf("no server accepts a connection; start them, or name others with -servers: %w", failed)
}

// runRequests makes requests in a closed or an open loop.
func (b *bench) runRequests(ctx context.Context) (*Report, error) {
	connectCtx, cancel := context.WithTimeout(ctx, b.cfg.Timeout)
	defer cancel()
	c, err := zk.Connect(connectCtx, b.cfg.Servers, zk.Options{
		SessionTimeout: b.cfg.Timeout,
		MaxFrame:       maxRawFrame, // a list of all that was created may be long
	})
	if err != nil {
		return nil, err
	}
	defer c.Close()
	opened := time.Now()
	sessions, err := b.connect(connectCtx)
	defer closeAll(sessions)
	if err != nil {
		return nil, err
	}
	opening := time.Since(opened)
	if err := b.prepare(ctx, c); err != nil {
		err = errors.Join(err, b.cleanUp(ctx, c))
		return nil, fmt.Errorf("prepare the znodes (values of %d bytes; a server takes 1 MiB unless told otherwise): %w", b.cfg.Size, err)
	}
	if err := b.syncAll(ctx, sessions); err != nil {
		return nil, errors.Join(err, b.cleanUp(ctx, c))
	}
	b.measure(ctx, func(ctx context.Context) { b.request(ctx, sessions) })
	if err := ctx.Err(); err != nil && b.rec.all.Count() == 0 {
		return nil, err
	}
	return b.report(opening), b.cleanUp(ctx, c)
}

// connect opens the sessions, many at a time: session i at server i mod n.
func (b *bench) connect(ctx context.Context) ([]*session, error) {
	hosts := strings.Split(b.cfg.Servers, ",")
	all := make([]*session, b.cfg.Sessions)
	err := inParallel(len(all), func(i int) error {
		at := i % len(hosts)
		s := &session{b: b, hosts: slices.Concat(hosts[at:], hosts[:at])}
		if b.cfg.Spread {
			s.hosts = s.hosts[:1]
		}
		var err error
		s.raw, err = dialRaw(ctx, s.hosts[0], b.cfg.Timeout, sessionBuffer)
		if err == nil {
			all[i] = s
		}
		return err
	})
	open := slices.DeleteFunc(all, func(s *session) bool { return s == nil })
	if err != nil {
		return open, fmt.Errorf("%d of %d sessions were opened at %s: %w", len(open), b.cfg.Sessions, b.cfg.Servers, err)
	}
	return open, nil
}

func closeAll(sessions []*session) {
	_ = inParallel(len(sessions), func(i int) error {
		_ = sessions[i].raw.close(lossPatience) // what cannot be ended expires
		return nil
	})
}

// syncAll has all servers come as far as the one that prepare used.
func (b *bench) syncAll(ctx context.Context, sessions []*session) error {
	return inParallel(len(sessions), func(i int) error {
		raw := sessions[i].raw
		stop := context.AfterFunc(ctx, func() { raw.nc.Close() })
		defer stop()
		req := proto.PathRequest{Path: b.cfg.Root}
		if err := raw.ask(req.Append(startFrame(nil, 1, proto.OpSync))); err != nil {
			return fmt.Errorf("sync: %w", err)
		}
		return nil
	})
}

// prepare creates the root and the keys.
func (b *bench) prepare(ctx context.Context, c *zk.Conn) error {
	if _, found, err := c.Exists(ctx, b.cfg.Root); err != nil {
		return err
	} else if found {
		return fmt.Errorf("%s exists already; is another run under way? delete it, or choose another root", b.cfg.Root)
	}
	if _, err := c.Create(ctx, b.cfg.Root, nil, zk.Persistent, zk.OpenACL); err != nil {
		return err
	}
	b.rooted = true
	return b.createKeys(c)
}

// createKeys creates the znodes that the work needs before it begins, a
// thousand at a time, or fewer large ones.
func (b *bench) createKeys(c *zk.Conn) error {
	n, value := b.cfg.Keys, b.value
	if b.cfg.Work == Load {
		n, value = (n+perParent-1)/perParent, nil
	}
	atATime := max(min(1000, (4<<20)/(len(value)+1)), 1)
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
		if (i+1)%atATime == 0 {
			wg.Wait()
		}
	}
	wg.Wait()
	if err := failed.Load(); err != nil {
		return *err
	}
	return nil
}

// measure runs a load until its time is over and it has returned; Load's time is
// over when it returns.
func (b *bench) measure(ctx context.Context, load func(ctx context.Context)) {
	if b.cfg.Work == Load {
		b.cfg.Warmup, b.cfg.Duration = 0, 24*time.Hour
	}
	b.start = time.Now().Add(b.cfg.Warmup)
	b.end = b.start.Add(b.cfg.Duration)
	b.rec.init(b.cfg.Duration)
	loadCtx, cancel := context.WithDeadline(ctx, b.end)
	defer cancel()
	begun := make(chan struct{})
	begin := time.AfterFunc(b.cfg.Warmup, func() {
		b.use.begin()
		close(begun)
	})
	var wg sync.WaitGroup
	wg.Go(func() {
		load(loadCtx)
		if b.cfg.Work == Load {
			cancel()
		}
	})
	b.progress(loadCtx)
	b.closed.Store(true)
	if b.cfg.Work == Load {
		wg.Wait()
		b.end = time.Now()
		_ = pause(ctx, b.cfg.Settle)
	}
	if !begin.Stop() {
		<-begun
		b.use.end() // what is still under way is in no rate
	}
	if wg.Wait(); b.cfg.Work != Load {
		b.end = time.Now()
	}
}

// request has the sessions make their requests until ctx ends, or all is loaded.
func (b *bench) request(ctx context.Context, sessions []*session) {
	var wg sync.WaitGroup
	for i, s := range sessions {
		if b.cfg.Rate > 0 {
			wg.Go(func() { s.keepPace(ctx, i) })
		} else {
			wg.Go(func() { s.saturate(ctx) })
		}
	}
	wg.Wait()
}

// since returns the time since the measurement's start; before it, it is negative.
func (b *bench) since() time.Duration { return time.Since(b.start) }

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
