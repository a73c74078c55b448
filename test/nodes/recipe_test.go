package nodes

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/paddock-io/paddock/zk"
	"github.com/paddock-io/paddock/zk/recipe"
)

// register is what a lock protects. The bubble has one clock, so it can tell
// what no process in the world could: whether two believed to hold the lock at
// the same time.
type register struct {
	mu    sync.Mutex
	held  map[string]*recipe.Held
	token zk.Zxid
	turns int
}

// enter notes a holder. Whoever else has not been told of the loss is wrong.
func (r *register) enter(t *testing.T, name string, h *recipe.Held) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for other, held := range r.held {
		select {
		case <-held.Lost():
		default:
			t.Errorf("%s and %s hold the lock", name, other)
		}
	}
	if h.Token() <= r.token {
		t.Errorf("token %v after %v", h.Token(), r.token)
	}
	r.held[name], r.token = h, h.Token()
	r.turns++
}

func (r *register) leave(name string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.held, name)
}

// Contenders for a lock are cut off, one by one and together, for longer and
// shorter than their sessions last, and leaders die: never do two believe that
// they hold it, and it never stays with somebody who is gone.
func TestLock(t *testing.T) {
	seed := drawn(t)
	inBubble(t, 3, seed, func(t *testing.T, w *world) {
		random := rand.New(rand.NewPCG(seed, 1))
		w.startAll()
		w.await(3)
		reg := &register{held: map[string]*recipe.Held{}}
		ctx, cancel := context.WithCancel(context.Background())
		w.atEnd(cancel)
		var contenders sync.WaitGroup
		w.atEnd(contenders.Wait)
		const count = 4
		for i := range count {
			random := rand.New(rand.NewPCG(seed, uint64(i+2)))
			contenders.Go(func() { w.contend(ctx, fmt.Sprintf("l%d", i), reg, random) })
		}
		for range 30 {
			advance(draw(random, 4*time.Second))
			switch random.IntN(4) {
			case 0:
				leader := w.leader()
				if leader != nil && w.serving() == 3 {
					leader.halt()
					advance(draw(random, time.Second))
					leader.start()
				}
			case 1:
				w.net.Heal()
			default:
				w.net.Isolate(fmt.Sprintf("l%d", random.IntN(count)))
			}
		}
		w.net.Heal()
		advance(2 * sessionTimeout)
		reg.mu.Lock()
		before := reg.turns
		reg.mu.Unlock()
		advance(5 * time.Second)
		reg.mu.Lock()
		after := reg.turns
		reg.mu.Unlock()
		if after == before {
			t.Error("nobody gets the lock any more")
		}
		t.Logf("%d turns", after)
		cancel()
		contenders.Wait()
	})
}

// contend takes the lock and gives it back, with a new session whenever one ends.
func (w *world) contend(ctx context.Context, name string, reg *register, random *rand.Rand) {
	for ctx.Err() == nil {
		c, err := zk.Open(w.addrs(), zk.Options{SessionTimeout: sessionTimeout, Dial: w.net.Host(name).Dial})
		if err != nil {
			w.t.Error(err)
			return
		}
		lock := recipe.NewLock(c, "/lock", recipe.LockOptions{})
		for ctx.Err() == nil && c.Err() == nil {
			held, err := lock.Acquire(ctx)
			if err != nil {
				if ctx.Err() == nil && !errors.Is(err, zk.ErrSessionExpired) {
					w.t.Errorf("%s: %v", name, err)
				}
				continue
			}
			reg.enter(w.t, name, held)
			select {
			case <-held.Lost():
			case <-time.After(draw(random, 500*time.Millisecond)):
			}
			reg.leave(name)
			if err := held.Release(ctx); err != nil && ctx.Err() == nil && !errors.Is(err, zk.ErrSessionExpired) {
				w.t.Errorf("%s: release: %v", name, err)
			}
		}
		c.Close()
	}
}

// Answers that come late say nothing of the time in which they were on their way:
// the session lasts from when its server heard the client last. A holder must
// know the loss by the time the lock can be another's.
func TestLockIsLostInTime(t *testing.T) {
	for name, tc := range map[string]struct {
		ask  bool          // a request is under way, besides pings
		late time.Duration // when answers arrive
	}{
		"late answer": {true, 3200 * time.Millisecond}, // before it sends a ping
		"late pong":   {false, 6 * time.Second},        // sent a third of the timeout after the last request
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, 3, 1, func(t *testing.T, w *world) {
				w.startAll()
				leader := w.await(3)
				a := w.client("a", zk.Options{SessionTimeout: sessionTimeout}, leader)
				held, err := recipe.NewLock(a, "/lock", recipe.LockOptions{}).Acquire(t.Context())
				if err != nil {
					t.Fatal(err)
				}
				b := w.client("b", zk.Options{SessionTimeout: sessionTimeout})
				next := make(chan *recipe.Held, 1)
				go func() {
					h, err := recipe.NewLock(b, "/lock", recipe.LockOptions{}).Acquire(t.Context())
					if err != nil {
						t.Error(err)
					}
					next <- h
				}()
				w.net.Block(leader.name, "a")
				if tc.ask {
					if err := a.Go(zk.GetOp("/"), func(zk.Result) {}); err != nil {
						t.Fatal(err)
					}
				}
				advance(tc.late)
				w.net.Heal()
				advance(2 * hopHigh)
				w.net.Isolate("a")
				h := <-next
				select {
				case <-held.Lost():
				default:
					t.Error("another holds the lock, and the first does not know that it may be lost")
				}
				if err := h.Release(t.Context()); err != nil {
					t.Error(err)
				}
			})
		})
	}
}

// As long as its session is safe a holder is not told of a loss: a broken
// connection is none, if another comes in time.
func TestLockOutlivesConnections(t *testing.T) {
	inBubble(t, 3, 1, func(t *testing.T, w *world) {
		w.startAll()
		w.await(3)
		c := w.client("c", zk.Options{SessionTimeout: sessionTimeout})
		held, err := recipe.NewLock(c, "/lock", recipe.LockOptions{}).Acquire(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for range 10 {
			w.net.Isolate("c")
			for _, m := range w.members {
				w.net.Reset("c", m.name)
			}
			advance(sessionTimeout * 6 / 10)
			w.net.Heal()
			advance(time.Second)
		}
		advance(10 * time.Minute) // and silence is none
		select {
		case <-held.Lost():
			t.Error("the lock counts as lost")
		default:
		}
		if err := held.Release(t.Context()); err != nil {
			t.Error(err)
		}
	})
}
