package nodes

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/paddock-io/paddock/zk"
)

// events is what one-shot watches have told, in order. It is written by the
// client's goroutine for replies only, and read when that has gone quiet.
type events struct{ list []string }

func (e *events) of(op zk.Op) zk.Op {
	return op.OnEvent(func(ev zk.Event) { e.list = append(e.list, fmt.Sprint(ev.Type, " ", ev.Path)) })
}

// A client that is cut off, and comes back by another server within its timeout,
// hears once of each change that its watches would have told, of nothing else,
// and its other watches are still there.
func TestWatchesOverReconnect(t *testing.T) {
	inBubble(t, 3, 1, func(t *testing.T, w *world) {
		w.startAll()
		w.await(3)
		c := w.client("c", zk.Options{SessionTimeout: sessionTimeout})
		other := w.client("other", zk.Options{})
		for _, path := range []string{"/changed", "/deleted", "/parent", "/quiet", "/quiet/child", "/twice", "/before"} {
			w.create(other, path, "", zk.Persistent)
		}
		w.until(time.Minute, "seen by the client", func() bool { return w.exists(c, "/before") })
		var told events
		for _, op := range []zk.Op{
			zk.GetOp("/changed"), zk.ExistsOp("/deleted"), zk.ChildrenOp("/deleted"), zk.ExistsOp("/created"), zk.ChildrenOp("/parent"),
			zk.GetOp("/quiet"), zk.ChildrenOp("/quiet"), zk.GetOp("/twice"), zk.ExistsOp("/twice"), zk.GetOp("/before"),
		} {
			if _, err := c.Do(t.Context(), told.of(op)); err != nil && !errors.Is(err, zk.ErrNoNode) {
				t.Fatal(err)
			}
		}
		w.set(other, "/before", "it hears of this while connected")
		w.until(time.Minute, "told of", func() bool { return w.get(c, "/before") != "" })

		server := c.Server()
		w.net.Isolate("c")
		w.set(other, "/changed", "x")
		w.set(other, "/twice", "x")
		w.set(other, "/twice", "y")
		w.create(other, "/created", "", zk.Persistent)
		w.create(other, "/parent/child", "", zk.Persistent)
		w.retry(func(ctx context.Context) error { return other.Delete(ctx, "/deleted", zk.AnyVersion) })
		w.until(sessionTimeout, "noticed", func() bool { return c.State() == zk.Disconnected })
		w.net.Heal()
		w.net.Partition("c", strings.TrimSuffix(server, ":2181")) // it must come by another
		w.until(sessionTimeout, "connected again", func() bool { return c.State() == zk.Connected })
		if c.Server() == server {
			t.Fatalf("it came back by %s", server)
		}
		w.get(c, "/changed") // behind every event
		w.net.Heal()
		advance(sessionTimeout) // what the old server still had for it arrives, and must count for nothing
		w.get(c, "/changed")
		// /twice had two watches; /deleted a data and a child watch.
		want := []string{
			"NodeDataChanged /before",
			"NodeChildrenChanged /parent", "NodeCreated /created", "NodeDataChanged /changed",
			"NodeDataChanged /twice", "NodeDataChanged /twice", "NodeDeleted /deleted", "NodeDeleted /deleted",
		}
		got := slices.Clone(told.list)
		slices.Sort(got)
		slices.Sort(want)
		if !slices.Equal(got, want) {
			t.Errorf("told\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
		}

		told.list = nil
		w.set(other, "/quiet", "x")
		w.create(other, "/quiet/second", "", zk.Persistent)
		w.set(other, "/changed", "nobody watches any more")
		w.until(time.Minute, "seen", func() bool { return w.get(c, "/changed") != "x" })
		want = []string{"NodeDataChanged /quiet", "NodeChildrenChanged /quiet"}
		if !slices.Equal(told.list, want) {
			t.Errorf("told %v, want %v", told.list, want)
		}
	})
}

// While its connections break again and again, a client that reads a counter
// with a watch, and reads it again when the watch tells, sees the last value:
// no event is lost, and none comes before the client could have read it.
func TestNoEventIsLost(t *testing.T) {
	inBubble(t, 3, 1, func(t *testing.T, w *world) {
		w.startAll()
		w.await(3)
		c := w.client("c", zk.Options{SessionTimeout: sessionTimeout})
		writer := w.client("writer", zk.Options{})
		w.create(c, "/counter", "000", zk.Persistent)

		const last = 200
		done := make(chan error, 1)
		go func() { done <- follow(c, fmt.Sprintf("%03d", last)) }()
		for i := 1; i <= last; i++ {
			w.set(writer, "/counter", fmt.Sprintf("%03d", i))
			if i%7 == 0 {
				for _, m := range w.members {
					w.net.Reset("c", m.name)
				}
			}
			if i%50 == 0 {
				w.leader().halt()
				w.await(2)
				for _, m := range w.members {
					if m.node == nil {
						m.start()
					}
				}
			}
		}
		select {
		case err := <-done:
			if err != nil {
				t.Error(err)
			}
		case <-time.After(time.Minute):
			t.Error("a minute after the last change it has not been seen")
			c.Detach()
			<-done
		}
	})
}

// follow reads /counter whenever its watch tells, until it has a value. It never
// goes back.
func follow(c *zk.Conn, end string) error {
	for seen := ""; seen != end; {
		data, _, watch, err := c.GetW(context.Background(), "/counter")
		if errors.Is(err, zk.ErrConnectionLoss) {
			continue
		}
		if err != nil {
			return err
		}
		if string(data) < seen {
			return fmt.Errorf("%s was read after %s", data, seen)
		}
		if seen = string(data); seen == end {
			watch.Stop()
			return nil
		}
		if _, err := watch.Wait(context.Background()); err != nil {
			return err
		}
	}
	return nil
}
