package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/paddock-io/paddock/internal/bench"
)

// load is one run.
type load struct {
	cfg     bench.Config
	meter   *bench.Meter
	value   []byte
	keys    []string // none of the work that creates its own
	clients []*client
	created atomic.Int64 // keys that have been put for the first time
}

// run makes a load and returns what was measured. It puts its keys before and,
// unless told otherwise, deletes them afterwards.
func run(ctx context.Context, cfg bench.Config) (*bench.Report, error) {
	meter, err := bench.NewMeter(cfg)
	if err != nil {
		return nil, err
	}
	l := &load{cfg: meter.Config(), meter: meter, value: make([]byte, cfg.Size)}
	if err := l.check(); err != nil {
		return nil, err
	}
	for i := range l.value {
		l.value[i] = byte('a' + i%26)
	}
	defer l.closeAll()
	opened := time.Now()
	if err := l.connect(ctx); err != nil {
		return nil, err
	}
	opening := time.Since(opened)
	if err := l.prepare(ctx); err != nil {
		return nil, fmt.Errorf("prepare the keys: %w", err)
	}
	report := meter.Measure(ctx, opening, l.work)
	return report, l.cleanUp(ctx)
}

// check refuses what has no counterpart here.
func (l *load) check() error {
	switch {
	case l.cfg.Work == bench.Watch, l.cfg.Read != "get":
		return errors.New("there are neither watches nor lists for etcd")
	case l.cfg.Write == "multi" && l.cfg.Keys < l.cfg.MultiOps.Max:
		return errors.New("a Txn takes each key only once: fewer operations, or more keys")
	}
	return nil
}

// connect opens the clients; each has been answered when it returns.
func (l *load) connect(ctx context.Context) error {
	servers := strings.Split(l.cfg.Servers, ",")
	for i := range l.cfg.Sessions {
		c, err := dial(hostsOf(servers, i, l.cfg.Spread))
		if err != nil {
			return err
		}
		l.clients = append(l.clients, c)
	}
	return l.catchUp(ctx)
}

// catchUp has the server of every client come as far as the others, so that
// serializable reads find what was put.
func (l *load) catchUp(ctx context.Context) error {
	return l.inParallel(len(l.clients), func(i int) error {
		ctx, cancel := context.WithTimeout(ctx, l.cfg.Timeout)
		defer cancel()
		return l.clients[i].catchUp(ctx)
	})
}

// prepare puts the keys that the work needs before it begins.
func (l *load) prepare(ctx context.Context) error {
	if l.cfg.Work != bench.Mixed {
		return nil
	}
	for i := range l.cfg.Keys {
		l.keys = append(l.keys, fmt.Sprintf("%s/k%07d", l.cfg.Root, i))
	}
	err := l.inParallel(len(l.keys), func(i int) error {
		return l.clients[i%len(l.clients)].put(ctx, l.keys[i], l.value)
	})
	return errors.Join(err, l.catchUp(ctx))
}

// inParallel calls f for 0 to n-1, many at a time, and returns the last failure.
func (l *load) inParallel(n int, f func(i int) error) error {
	const atATime = 300
	var wg sync.WaitGroup
	var failed atomic.Pointer[error]
	for first := range min(n, atATime) {
		wg.Go(func() {
			for i := first; i < n; i += atATime {
				if err := f(i); err != nil {
					failed.Store(&err)
				}
			}
		})
	}
	wg.Wait()
	if err := failed.Load(); err != nil {
		return *err
	}
	return nil
}

// work makes the load until ctx ends, or all is loaded.
func (l *load) work(ctx context.Context) {
	switch {
	case l.cfg.Work == bench.Idle:
		<-ctx.Done()
	case l.cfg.Rate > 0:
		l.keepPace(ctx)
	default:
		l.saturate(ctx)
	}
}

// keepPace has every client send its share of a fixed rate; each request waits
// for its answer in a goroutine of its own.
func (l *load) keepPace(ctx context.Context) {
	var wg sync.WaitGroup
	for i, c := range l.clients {
		wg.Go(func() {
			l.meter.Pace(ctx, i, func(due time.Time) {
				wg.Go(func() { _, _ = l.requestNext(ctx, c, due) }) // the meter knows what has failed
			})
		})
	}
	wg.Wait()
}

// saturate keeps every client's window full: as many goroutines a client as it
// may have requests in flight.
func (l *load) saturate(ctx context.Context) {
	var wg sync.WaitGroup
	for _, c := range l.clients {
		for range l.cfg.Outstanding {
			wg.Go(func() { l.requestAll(ctx, c) })
		}
	}
	wg.Wait()
}

// rest follows a failure, as a server without a leader refuses at once.
const rest = 5 * time.Millisecond

// requestAll makes one request after the other.
func (l *load) requestAll(ctx context.Context, c *client) {
	for ctx.Err() == nil {
		more, err := l.requestNext(ctx, c, time.Now())
		if !more {
			return
		}
		if err != nil {
			time.Sleep(rest)
		}
	}
}

// requestNext makes the next request, due now or at a time past, and waits for
// its answer, even if ctx ends meanwhile. more is false if there is none left.
// Elsewhere another request does as well, but Load is to put every key: it tries
// for a while, as a busy leader may lose its office and with it what was under way.
func (l *load) requestNext(ctx context.Context, c *client, due time.Time) (more bool, err error) {
	isRead := rand.Float64() < l.cfg.Reads
	key := ""
	if !isRead {
		if key, more = l.nextKey(); !more {
			return false, nil
		}
	}
	err = l.request(context.WithoutCancel(ctx), c, isRead, key)
	for err != nil && l.cfg.Work == bench.Load && ctx.Err() == nil && time.Since(due) < l.cfg.Timeout {
		time.Sleep(rest)
		err = l.request(context.WithoutCancel(ctx), c, isRead, key)
	}
	l.meter.Done(isRead, due, err)
	return true, err
}

// request makes one request and waits for its answer.
func (l *load) request(ctx context.Context, c *client, isRead bool, key string) error {
	ctx, cancel := context.WithTimeout(ctx, l.cfg.Timeout)
	defer cancel()
	switch {
	case isRead:
		return c.get(ctx, l.anyKey(), l.cfg.Sync)
	case l.cfg.Work == bench.Mixed && l.cfg.Write == "multi":
		return c.putAll(ctx, l.anyKeys(), l.value)
	}
	return c.put(ctx, key, l.value)
}

// nextKey returns the key of the next write; ok is false if there is none left.
func (l *load) nextKey() (key string, ok bool) {
	const perParent = 1000 // so that keys are as long as the paths of znodes
	switch {
	case l.cfg.Work == bench.Load:
		n := l.created.Add(1) - 1
		return fmt.Sprintf("%s/k%07d/n%03d", l.cfg.Root, n/perParent, n%perParent), n < int64(l.cfg.Keys)
	case l.cfg.Write == "create":
		return fmt.Sprintf("%s/c%010d", l.cfg.Root, l.created.Add(1)), true
	}
	return l.anyKey(), true
}

func (l *load) anyKey() string { return l.keys[rand.IntN(len(l.keys))] }

// anyKeys returns neighbours, from anywhere: a Txn takes each key only once.
func (l *load) anyKeys() []string {
	m := l.cfg.MultiOps
	n := m.Min + rand.IntN(m.Max-m.Min+1)
	at := rand.IntN(len(l.keys) - n + 1)
	return l.keys[at : at+n]
}

// cleanUp deletes what was put, unless it is to stay. An interrupted run cleans
// up too.
func (l *load) cleanUp(ctx context.Context) error {
	if l.cfg.Keep || l.cfg.Work == bench.Idle {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Minute)
	defer cancel()
	if err := l.clients[0].deleteBelow(ctx, l.cfg.Root); err != nil {
		return fmt.Errorf("clean up: %w", err)
	}
	return nil
}

func (l *load) closeAll() {
	for _, c := range l.clients {
		c.conn.Close()
	}
}
