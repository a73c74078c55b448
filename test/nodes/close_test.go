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
)

// A client is closed, or let go, at any moment: while it connects, while requests
// are under way, while its server dies, while nobody can be reached. Close comes
// back within its patience, every call comes back with an answer or a reason,
// each watch has ended, and the session is over at once if Close said so.
func TestCloseAtAnyMoment(t *testing.T) {
	seed := drawn(t)
	inBubble(t, 3, seed, func(t *testing.T, w *world) {
		random := rand.New(rand.NewPCG(seed, 1))
		w.startAll()
		w.await(3)
		other := w.client("other", zk.Options{})
		w.create(other, "/a", "", zk.Persistent)
		for round := range 60 {
			w.net.Heal()
			for _, m := range w.members {
				if m.node == nil {
					m.start()
				}
			}
			w.await(3)
			c, err := zk.Open(w.addrs(), zk.Options{SessionTimeout: sessionTimeout, Dial: w.net.Host("c").Dial})
			if err != nil {
				t.Fatal(err)
			}
			var calls sync.WaitGroup
			for i := range 4 {
				calls.Go(func() { w.useUntilClosed(c, fmt.Sprintf("/e%d-%d", round, i)) })
			}
			advance(draw(random, 60*time.Millisecond))
			switch random.IntN(5) {
			case 0:
				w.net.Isolate("c")
			case 1:
				w.leader().halt()
			case 2:
				w.net.Block(w.members[random.IntN(3)].name, "c")
			case 3:
				for _, m := range w.members {
					w.net.CutAfter("c", m.name, random.IntN(200))
				}
			}
			advance(draw(random, 10*time.Millisecond))
			if random.IntN(4) == 0 {
				w.quickly(time.Millisecond, "Detach", c.Detach)
			} else {
				var err error
				w.quickly(5*time.Second+time.Millisecond, "Close", func() { err = c.Close() })
				if err == nil && c.SessionID() != 0 {
					w.net.Heal()
					for i := range 4 {
						if path := fmt.Sprintf("/e%d-%d", round, i); w.exists(other, path) {
							t.Errorf("the session was closed, and %s is there", path)
						}
					}
				}
			}
			w.quickly(time.Millisecond, "the end of all calls", calls.Wait)
			if err := c.Err(); !errors.Is(err, zk.ErrClosed) {
				t.Errorf("the client ended with %v", err)
			}
		}
	})
}

// useUntilClosed makes an ephemeral and leaves watches until the client is closed.
func (w *world) useUntilClosed(c *zk.Conn, path string) {
	ctx := context.Background()
	var watches []*zk.Watch
	for {
		_, err := c.Create(ctx, path, nil, zk.Ephemeral, zk.OpenACL)
		var watch *zk.Watch
		if err == nil || errors.Is(err, zk.ErrNodeExists) {
			_, _, watch, err = c.GetW(ctx, path)
		}
		if watch != nil {
			watches = append(watches, watch)
			_, err = c.Set(ctx, path, nil, zk.AnyVersion)
		}
		if err != nil && !errors.Is(err, zk.ErrConnectionLoss) {
			if !errors.Is(err, zk.ErrClosed) {
				w.t.Errorf("a call came back with %v", err)
			}
			break
		}
	}
	for _, watch := range watches { // each has had its event, or ends with the client
		if _, err := watch.Wait(ctx); err != nil && !errors.Is(err, zk.ErrClosed) {
			w.t.Errorf("a watch ended with %v", err)
		}
	}
}

// Sessions that were let go, or closed without anybody hearing it, are over after
// their timeout, and nothing of theirs stays.
func TestForsakenSessionsEnd(t *testing.T) {
	inBubble(t, 3, 1, func(t *testing.T, w *world) {
		w.startAll()
		w.await(3)
		other := w.client("other", zk.Options{})
		for i := range 10 {
			c := w.client("c", zk.Options{SessionTimeout: sessionTimeout})
			w.create(c, fmt.Sprintf("/e%d", i), "", zk.Ephemeral)
			if i%2 == 0 {
				c.Detach()
				continue
			}
			w.net.Isolate("c")
			if err := c.Close(); err == nil {
				t.Error("Close says that a server has confirmed it")
			}
			w.net.Heal()
		}
		advance(sessionTimeout + expiryMargin)
		names, err := other.Children(t.Context(), "/")
		if err != nil || len(names) != 1 {
			t.Errorf("%v are there, %v", names, err)
		}
	})
}
