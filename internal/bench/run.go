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

// Config says what load to make. Servers is needed.
type Config struct {
	Servers     string        // connect string
	Spread      bool          // session i talks to server i mod n only, instead of any
	Sessions    int           // 0 means 30
	Outstanding int           // requests in flight per session in a closed loop; 0 means 100
	Rate        float64       // requests per second of all sessions together; 0 is a closed loop
	Reads       float64       // share of reads, 0 to 1
	Sync        bool          // a sync goes ahead of each read
	Write       string        // what a write is: set (default), create, multi
	MultiOps    int           // operations in a multi; 0 means 10
	Size        int           // bytes of a value
	Keys        int           // znodes to read and set; 0 means 1000
	Duration    time.Duration // measured; 0 means 10s
	Warmup      time.Duration // before that, not measured
	Timeout     time.Duration // session timeout; 0 means 30s
	Root        string        // znode to work under; "" means /paddock-bench
	Keep        bool          // leave the znodes behind
	Seed        uint64

	// Progress is called now and then with the share done and the requests
	// answered in the last interval per second. nil is fine.
	Progress func(share float64, perSecond float64)
}

func (c *Config) setDefaults() error {
	setDefault(&c.Sessions, 30)
	setDefault(&c.Outstanding, 100)
	setDefault(&c.Keys, 1000)
	setDefault(&c.MultiOps, 10)
	setDefault(&c.Duration, 10*time.Second)
	setDefault(&c.Timeout, 30*time.Second)
	setDefault(&c.Root, "/paddock-bench")
	setDefault(&c.Write, "set")
	switch {
	case c.Servers == "":
		return errors.New("no servers given")
	case c.Reads < 0 || c.Reads > 1:
		return fmt.Errorf("the share of reads is %v, but must lie between 0 and 1", c.Reads)
	case c.Write != "set" && c.Write != "create" && c.Write != "multi":
		return fmt.Errorf("unknown kind of write %q: choose set, create or multi", c.Write)
	case c.Sessions < 1 || c.Outstanding < 1 || c.Keys < 1 || c.Size < 0 || c.MultiOps < 1 || c.Rate < 0:
		return errors.New("sessions, outstanding, keys and operations must be at least 1, size and rate at least 0")
	case !strings.HasPrefix(c.Root, "/"):
		return fmt.Errorf("root %q does not start with a slash", c.Root)
	}
	return nil
}

func setDefault[T comparable](p *T, v T) {
	var zero T
	if *p == zero {
		*p = v
	}
}

// bench is one run.
type bench struct {
	cfg    Config
	value  []byte
	paths  []string
	start  time.Time // of the measurement
	end    time.Time
	rec    recorder
	closed atomic.Bool // no new requests
	rooted bool        // the root was made
}

// Run makes the load and returns what was measured. It creates its znodes
// before and, unless told otherwise, deletes them afterwards.
func Run(ctx context.Context, cfg Config) (*Report, error) {
	if err := cfg.setDefaults(); err != nil {
		return nil, err
	}
	b := &bench{cfg: cfg, value: make([]byte, cfg.Size)}
	for i := range b.value {
		b.value[i] = byte('a' + i%26)
	}
	opened := time.Now()
	connectCtx, cancel := context.WithTimeout(ctx, cfg.Timeout)
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
		if b.rooted {
			err = errors.Join(err, deleteTree(context.WithoutCancel(ctx), conns[0], cfg.Root))
		}
		return nil, fmt.Errorf("prepare the znodes (values of %d bytes; a server takes 1 MiB unless told otherwise): %w", cfg.Size, err)
	}
	b.measure(ctx, conns)
	if err := ctx.Err(); err != nil && b.rec.all.Count() == 0 {
		return nil, err
	}
	report := b.report(opening)
	if !cfg.Keep {
		if err := deleteTree(context.WithoutCancel(ctx), conns[0], cfg.Root); err != nil {
			return report, fmt.Errorf("clean up: %w", err)
		}
	}
	return report, nil
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
	var wg sync.WaitGroup
	var failed atomic.Pointer[error]
	for i := range b.cfg.Keys {
		path := fmt.Sprintf("%s/k%07d", b.cfg.Root, i)
		b.paths = append(b.paths, path)
		wg.Add(1)
		if err := c.Go(zk.CreateOp(path, b.value, zk.Persistent, zk.OpenACL), func(r zk.Result) {
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
	for _, c := range conns { // everybody must see them
		if err := c.Sync(ctx, b.cfg.Root); err != nil {
			return err
		}
	}
	return nil
}

// measure runs the load until its time is over.
func (b *bench) measure(ctx context.Context, conns []*zk.Conn) {
	b.start = time.Now().Add(b.cfg.Warmup)
	b.end = b.start.Add(b.cfg.Duration)
	b.rec.init(b.start, b.end)
	ctx, cancel := context.WithDeadline(ctx, b.end)
	defer cancel()
	var wg sync.WaitGroup
	for i, c := range conns {
		s := &session{b: b, c: c, wake: make(chan struct{}, 1)}
		if b.cfg.Rate > 0 {
			wg.Go(func() { s.paced(ctx, i) })
		} else {
			wg.Go(func() { s.saturate(ctx) })
		}
	}
	b.progress(ctx)
	b.closed.Store(true)
	wg.Wait()
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
			b.cfg.Progress(min(max(share, 0), 1), float64(n-last)/now.Sub(lastAt).Seconds())
			last, lastAt = n, now
		}
	}
}

// deleteTree deletes a znode with its children and theirs, in batches.
func deleteTree(ctx context.Context, c *zk.Conn, path string) error {
	children, err := c.Children(ctx, path)
	if err != nil {
		return err
	}
	const batch = 500
	for len(children) > 0 {
		n := min(batch, len(children))
		ops := make([]zk.Op, n)
		for i, name := range children[:n] {
			ops[i] = zk.DeleteOp(path+"/"+name, zk.AnyVersion)
		}
		if _, err := c.Multi(ctx, ops...); err != nil {
			return err
		}
		children = children[n:]
	}
	return c.Delete(ctx, path, zk.AnyVersion)
}
