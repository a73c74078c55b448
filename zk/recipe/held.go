package recipe

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/paddock-io/paddock/zk"
)

// Held is a lock that is held until Release, or until it is lost.
type Held struct {
	lock *Lock
	at   place

	lost   chan struct{}
	cancel context.CancelFunc
	guards sync.WaitGroup
}

func (l *Lock) hold(at place) *Held {
	ctx, cancel := context.WithCancel(context.Background())
	h := &Held{lock: l, at: at, lost: make(chan struct{}), cancel: cancel}
	states, stop := l.conn.Subscribe()
	h.guards.Go(func() { // Release waits for it
		defer stop()
		if h.guard(ctx, states) {
			close(h.lost)
		}
	})
	return h
}

// Path returns the znode that stands for the holder.
func (h *Held) Path() string { return h.at.path }

// Token returns a number that is greater for each later holder. Whatever the
// lock protects can refuse a holder who has lost the lock without having
// noticed yet: one with a smaller token than the greatest seen.
func (h *Held) Token() zk.Zxid { return h.at.token }

// Lost is closed when somebody else may hold the lock: the session ended, the
// znode was removed, or no server has answered anything sent in the time of the
// session timeout (see zk.Conn.Confirmed, also for the one gap in this). In the
// last case the lock may turn out to be held still; release it all the same.
// Release does not close the channel.
func (h *Held) Lost() <-chan struct{} { return h.lost }

// Release gives the lock to the next in line. It waits for a connection if
// need be, and may be called again if ctx ended first. A lock that is gone
// already is released without error.
func (h *Held) Release(ctx context.Context) error {
	h.cancel()
	h.guards.Wait()
	return h.lock.remove(ctx, h.at.path)
}

// guard returns true when the lock may be lost and false when ctx ends.
func (h *Held) guard(ctx context.Context, states <-chan zk.State) bool {
	gone := make(chan struct{})
	var wg sync.WaitGroup
	defer wg.Wait()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	wg.Go(func() {
		if h.watch(ctx) {
			close(gone)
		}
	})
	doubt := time.NewTimer(h.safe())
	defer doubt.Stop()
	for {
		select {
		case _, open := <-states:
			if !open {
				return true
			}
		case <-gone:
			return true
		case <-doubt.C:
			left := h.safe()
			if left <= 0 {
				return true
			}
			doubt.Reset(left)
		case <-ctx.Done():
			return false
		}
	}
}

// safe returns how long the session is certain to last, whether or not there is a
// connection: an answer may have been long on its way.
func (h *Held) safe() time.Duration {
	return time.Until(h.lock.conn.Confirmed().Add(h.lock.conn.Timeout()))
}

// watch returns true when the holder's znode is gone and false when ctx or the
// session ends.
func (h *Held) watch(ctx context.Context) bool {
	for {
		_, _, w, err := h.lock.conn.GetW(ctx, h.at.path)
		switch {
		case errors.Is(err, zk.ErrNoNode):
			return true
		case errors.Is(err, zk.ErrConnectionLoss):
			continue
		case err != nil:
			return false
		}
		_, err = w.Wait(ctx)
		w.Stop()
		if err != nil {
			return false
		}
	}
}
