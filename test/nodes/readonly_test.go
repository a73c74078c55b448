package nodes

import (
	"errors"
	"testing"
	"time"

	"github.com/paddock-io/paddock/internal/zab"
	"github.com/paddock-io/paddock/zk"
)

// A server that is cut off from its leader lets those in who only read, with what
// it knew. When another server with a quorum can be reached, its client goes
// there; when its own has found the leader again, it serves as before.
func TestReadOnly(t *testing.T) {
	inBubble(t, 3, 1, func(t *testing.T, w *world) {
		w.startAll()
		w.await(3)
		writer := w.client("writer", zk.Options{}, w.members[1:]...) // a local session cannot move
		w.create(writer, "/a", "before", zk.Persistent)
		alone := w.members[0]
		w.net.Isolate(alone.name)
		w.net.Open(alone.name, "c")
		w.until(time.Minute, "read-only", func() bool { return alone.node.Role() == zab.RoleReadOnly })
		w.set(writer, "/a", "meanwhile")

		w.net.Partition("c", "s2")
		w.net.Partition("c", "s3")
		c := w.client("c", zk.Options{ReadOnly: true})
		if c.State() != zk.ConnectedReadOnly || c.SessionID() != 0 {
			t.Errorf("%v, session %v", c.State(), c.SessionID())
		}
		if data, _, err := c.Get(t.Context(), "/a"); err != nil || string(data) != "before" {
			t.Errorf("%q, %v", data, err)
		}
		if _, err := c.Set(t.Context(), "/a", nil, zk.AnyVersion); !errors.Is(err, zk.ErrNotReadOnly) {
			t.Errorf("a write: %v", err)
		}
		_, _, watch, err := c.GetW(t.Context(), "/a")
		if err != nil {
			t.Fatal(err)
		}
		w.net.Open("c", "s2")
		w.until(2*time.Minute, "with a quorum", func() bool { return c.State() == zk.Connected })
		if ev, err := watch.Wait(t.Context()); err != nil || ev.Type != zk.EventNodeDataChanged {
			t.Errorf("what it missed: %+v, %v", ev, err)
		}
		w.set(c, "/a", "after")
		w.net.Heal()
		w.until(time.Minute, "following", func() bool { return alone.node.Role() == zab.RoleFollower })
		if got := w.get(w.client("reader", zk.Options{}, alone), "/a"); got != "after" {
			t.Errorf("it has %q", got)
		}
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	}, "-Dreadonlymode.enabled=true", "localSessionsEnabled=true", "localSessionsUpgradingEnabled=true")
}
