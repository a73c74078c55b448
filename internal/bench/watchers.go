package bench

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/paddock-io/paddock/proto"
	"github.com/paddock-io/paddock/zk"
)

// watchers are sessions that all have a watch on each of some znodes.
type watchers struct {
	sessions []*rawSession
	paths    []string
}

// Fanout is what watches cost.
type Fanout struct {
	Watches      int     `json:"watches"`
	LeaveSeconds float64 `json:"leave_seconds"` // for all sessions to leave all watches
	Rounds       int     `json:"rounds"`        // how often a znode was set
}

// watchTimeout is the longest that servers grant with their usual tick.
const watchTimeout = 40 * time.Second

// runWatch leaves a watch of every session on every znode, and then sets one
// znode after the other: a latency is the time from before a set until the last
// session has its event.
func (b *bench) runWatch(ctx context.Context) (*Report, error) {
	setter, err := zk.Connect(ctx, strings.Split(b.cfg.Servers, ",")[0], zk.Options{SessionTimeout: b.cfg.Timeout})
	if err != nil {
		return nil, err
	}
	defer setter.Close()
	if err := b.prepare(ctx, setter); err != nil {
		return nil, errors.Join(err, b.cleanUp(ctx, setter))
	}
	rep, err := b.watchRounds(ctx, setter)
	return rep, errors.Join(err, b.cleanUp(ctx, setter))
}

func (b *bench) watchRounds(ctx context.Context, setter *zk.Conn) (*Report, error) {
	w := &watchers{paths: b.paths}
	started := time.Now()
	err := w.open(ctx, &b.cfg)
	defer w.close()
	if err != nil {
		return nil, err
	}
	stop := w.keepAlive(ctx)
	defer stop()
	opening := time.Since(started)
	if err := pause(ctx, b.cfg.Settle); err != nil { // both readings are of servers at rest
		return nil, err
	}
	b.use.uses = nil
	if err := b.use.open(b.cfg.PIDs); err != nil { // what the sessions themselves cost does not count
		return nil, err
	}
	b.use.begin()
	started = time.Now()
	if err := w.leave(ctx, w.paths); err != nil {
		return nil, fmt.Errorf("leave watches: %w", err)
	}
	leaving := time.Since(started)
	if err := pause(ctx, b.cfg.Settle); err != nil {
		return nil, err
	}
	b.use.end()
	var until, sets Histogram
	started = time.Now()
	for round := range b.cfg.Rounds {
		if err := w.round(ctx, b, setter, round, &until, &sets); err != nil {
			return nil, fmt.Errorf("round %d: %w", round+1, err)
		}
	}
	rep := b.newReport(time.Since(started).Seconds(), opening)
	rep.Fanout = &Fanout{Watches: len(w.sessions) * len(w.paths), LeaveSeconds: leaving.Seconds(), Rounds: b.cfg.Rounds}
	rep.All, rep.WriteLatency = *latency(&until), latency(&sets)
	return rep, nil
}

// open opens the sessions, many at a time.
func (w *watchers) open(ctx context.Context, cfg *Config) error {
	hosts := strings.Split(cfg.Servers, ",")
	all := make([]*rawSession, cfg.Sessions)
	err := inParallel(len(all), func(i int) (err error) {
		all[i], err = dialRaw(ctx, hosts[i%len(hosts)], watchTimeout, 4096)
		return err
	})
	for _, s := range all {
		if s != nil {
			w.sessions = append(w.sessions, s)
		}
	}
	return err
}

// keepAlive pings all sessions now and then until it is stopped. The answers
// wait in the sockets, and whoever reads next passes over them.
func (w *watchers) keepAlive(ctx context.Context) (stop func()) {
	ctx, cancel := context.WithCancel(ctx)
	var wg sync.WaitGroup
	wg.Go(func() {
		for pause(ctx, watchTimeout/4) == nil {
			for _, s := range w.sessions {
				_ = s.ping() // its next request tells of a broken connection
			}
		}
	})
	return func() {
		cancel()
		wg.Wait()
	}
}

// inParallel calls f for 0 to n-1, as many at a time as there are keepers, and
// returns an error of one of them.
func inParallel(n int, f func(i int) error) error {
	errs := make(chan error, keepers)
	for k := range keepers {
		go func() {
			for i := k; i < n; i += keepers {
				if err := f(i); err != nil {
					errs <- err
					return
				}
			}
			errs <- nil
		}()
	}
	var first error
	for range keepers {
		if err := <-errs; err != nil && first == nil {
			first = err
		}
	}
	return first
}

// leave leaves a watch of every session on every path.
func (w *watchers) leave(ctx context.Context, paths []string) error {
	stop := context.AfterFunc(ctx, w.abort)
	defer stop()
	return inParallel(len(w.sessions), func(i int) error { return w.sessions[i].leave(paths) })
}

// leave sends exists requests with a watch, some hundred at a time.
func (s *rawSession) leave(paths []string) error {
	const window = 250
	for len(paths) > 0 {
		n := min(window, len(paths))
		var out []byte
		for i, path := range paths[:n] {
			req := proto.PathWatchRequest{Path: path, Watch: true}
			out = endFrame(req.Append(startFrame(out, int32(i+1), proto.OpExists)), len(out))
		}
		if _, err := s.nc.Write(out); err != nil {
			return err
		}
		for answered := 0; answered < n; {
			h, _, err := s.in.next()
			switch {
			case err != nil:
				return err
			case h.Xid == proto.XidPing:
				continue
			case h.Err != proto.OK:
				return h.Err
			}
			answered++
		}
		paths = paths[n:]
	}
	return nil
}

// round sets a znode, waits until all have been told, and leaves the watches
// anew.
func (w *watchers) round(ctx context.Context, b *bench, setter *zk.Conn, round int, until, sets *Histogram) error {
	stop := context.AfterFunc(ctx, w.abort)
	defer stop()
	path := w.paths[round%len(w.paths)]
	var ready, told sync.WaitGroup
	errs := make(chan error, len(w.sessions))
	ready.Add(len(w.sessions))
	for _, s := range w.sessions {
		told.Go(func() {
			ready.Done()
			if err := s.awaitEvent(); err != nil {
				errs <- err
			}
		})
	}
	ready.Wait()
	start := time.Now()
	_, err := setter.Set(ctx, path, b.value, zk.AnyVersion)
	if err != nil {
		w.abort()
		told.Wait()
		return err
	}
	sets.Record(time.Since(start))
	told.Wait()
	until.Record(time.Since(start))
	select {
	case err := <-errs:
		return fmt.Errorf("wait for an event: %w", err)
	default:
		return w.leave(ctx, []string{path})
	}
}

// awaitEvent reads until an event comes.
func (s *rawSession) awaitEvent() error {
	if err := s.nc.SetReadDeadline(time.Now().Add(watchTimeout)); err != nil {
		return err
	}
	for {
		h, _, err := s.in.next()
		if err != nil || h.Xid == proto.XidNotification {
			return err
		}
	}
}

// abort ends what reads or writes; the sessions expire.
func (w *watchers) abort() {
	for _, s := range w.sessions {
		s.nc.Close()
	}
}

func (w *watchers) close() {
	_ = inParallel(len(w.sessions), func(i int) error {
		w.sessions[i].close(5 * time.Second)
		return nil
	})
}
