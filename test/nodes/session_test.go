package nodes

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/paddock-io/paddock/zk"
)

const sessionTimeout = 10 * time.Second

// expiryMargin is how much later than its timeout a session may end: a bucket of
// one tick, and the ping that takes a follower's signs of life to the leader.
const expiryMargin = 2 * tick

// goneAt waits for the deletion of a znode and returns when it was seen.
func (w *world) goneAt(c *zk.Conn, path string, limit time.Duration) time.Time {
	w.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	for {
		_, ok, watch, err := c.ExistsW(ctx, path)
		if errors.Is(err, zk.ErrConnectionLoss) {
			continue
		}
		if err != nil {
			w.t.Fatalf("%s is still there: %v", path, err)
		}
		if !ok {
			watch.Stop()
			return time.Now()
		}
		if _, err := watch.Wait(ctx); err != nil {
			w.t.Fatalf("after %v no event for %s: %v", limit, path, err)
		}
	}
}

// A session whose client has fallen silent ends after its timeout: not earlier,
// and soon after. It does not matter whether its server led, nor whether the
// connection broke or only carried nothing any more.
func TestSessionExpires(t *testing.T) {
	for name, tc := range map[string]struct {
		server int
		quiet  func(w *world)
	}{
		"silent, on a follower": {0, func(w *world) { w.net.Isolate("c") }},
		"silent, on the leader": {2, func(w *world) { w.net.Isolate("c") }},
		"broken, on a follower": {0, func(w *world) { w.net.Isolate("c"); w.net.Reset("c", "s1") }},
		"broken, on the leader": {2, func(w *world) { w.net.Isolate("c"); w.net.Reset("c", "s3") }},
		"deaf but not mute":     {0, nil},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, 3, 1, func(t *testing.T, w *world) {
				w.startAll()
				w.await(3)
				c := w.client("c", zk.Options{SessionTimeout: sessionTimeout}, w.members[tc.server])
				other := w.client("other", zk.Options{}, w.members[1])
				w.create(c, "/mine", "", zk.Ephemeral)
				advance(3 * sessionTimeout) // pings alone keep it
				w.set(c, "/mine", "x")
				heard := time.Now()
				if tc.quiet == nil {
					w.deafButNotMute(c, other)
					return
				}
				tc.quiet(w)
				after := w.goneAt(other, "/mine", time.Minute).Sub(heard)
				if after < sessionTimeout || after > sessionTimeout+expiryMargin {
					t.Errorf("the session ended %v after its last sign of life, timeout %v", after, sessionTimeout)
				}
				t.Logf("ended after %v", after)
				w.net.Heal()
				w.until(sessionTimeout, "the client knows it", func() bool { return c.Err() != nil })
				if !errors.Is(c.Err(), zk.ErrSessionExpired) {
					t.Errorf("the client ended with %v", c.Err())
				}
			})
		})
	}
}

// deafButNotMute: a client that hears nothing, and is heard, gives its server up
// after 2/3 of the timeout, and the session ends as if it had been silent from
// then on.
func (w *world) deafButNotMute(c, other *zk.Conn) {
	w.t.Helper()
	for _, m := range w.members {
		w.net.Block(m.name, "c")
	}
	heard := time.Now()
	after := w.goneAt(other, "/mine", time.Minute).Sub(heard)
	if low := sessionTimeout; after < low || after > sessionTimeout*2/3+sessionTimeout+expiryMargin {
		w.t.Errorf("the session ended after %v", after)
	}
	w.t.Logf("ended after %v", after)
}

// While there is no leader no session ends, and a new leader gives each its whole
// timeout again: it cannot know when it was heard of last.
func TestSessionOutlivesItsLeader(t *testing.T) {
	inBubble(t, 5, 1, func(t *testing.T, w *world) {
		w.startAll()
		leader := w.await(5)
		c := w.client("c", zk.Options{SessionTimeout: sessionTimeout})
		other := w.client("other", zk.Options{})
		w.create(c, "/mine", "", zk.Ephemeral)
		w.net.Isolate("c")
		advance(sessionTimeout * 8 / 10)
		leader.halt()
		halted := time.Now()
		w.await(4)
		elected := time.Now()
		gone := w.goneAt(other, "/mine", time.Minute)
		if gone.Sub(halted) < sessionTimeout || gone.Sub(elected) > sessionTimeout+expiryMargin {
			t.Errorf("the session ended %v after the new leader took over, timeout %v", gone.Sub(elected), sessionTimeout)
		}
	})
}

// A client that is cut off for less than its timeout keeps its session and its
// ephemeral, whatever happens to the servers meanwhile.
func TestSessionSurvives(t *testing.T) {
	for name, fault := range map[string]func(w *world){
		"nothing":           func(*world) {},
		"leader dies":       func(w *world) { w.leader().halt() },
		"connections reset": func(w *world) { w.net.Reset("c", "s1"); w.net.Reset("c", "s2"); w.net.Reset("c", "s3") },
		"all restart":       func(w *world) { w.haltAll(); w.startAll() },
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, 3, 1, func(t *testing.T, w *world) {
				w.startAll()
				w.await(3)
				c := w.client("c", zk.Options{SessionTimeout: sessionTimeout})
				id := c.SessionID()
				w.create(c, "/mine", "", zk.Ephemeral)
				w.net.Isolate("c")
				fault(w)
				advance(sessionTimeout * 9 / 10)
				w.net.Heal()
				w.until(sessionTimeout/2, "connected again", func() bool { return c.State() == zk.Connected })
				if _, ok, err := c.Exists(t.Context(), "/mine"); !ok || err != nil || c.SessionID() != id {
					t.Errorf("session %v, was %v; its ephemeral is there: %v, %v", c.SessionID(), id, ok, err)
				}
				if err := c.Close(); err != nil {
					t.Error(err)
				}
				if other := w.client("other", zk.Options{}); w.exists(other, "/mine") {
					t.Error("the session was closed and its ephemeral is there")
				}
			})
		})
	}
}
