package nodes

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/paddock-io/paddock/zk"
)

// Clients that write all the time are driven from server to server: connections
// break, or carry nothing until the client gives them up, for half a minute.
func TestClientsMove(t *testing.T) {
	const seed = 7
	inBubble(t, 5, seed, func(t *testing.T, w *world) {
		w.startAll()
		w.await(5)
		tr := w.startTraffic(3, seed)
		random := rand.New(rand.NewPCG(seed, 0))
		moves := 0
		for end := time.Now().Add(30 * time.Second); time.Now().Before(end); advance(draw(random, 600*time.Millisecond)) {
			client := fmt.Sprintf("w%d", random.IntN(3))
			m := w.members[random.IntN(5)]
			switch random.IntN(5) {
			case 0:
				w.net.Partition(client, m.name)
			case 1:
				w.net.Heal()
			case 2:
				for _, m := range w.members {
					w.net.CutAfter(client, m.name, random.IntN(500))
					w.net.CutAfter(m.name, client, random.IntN(500))
				}
			default:
				for _, m := range w.members {
					moves += w.net.Reset(client, m.name)
				}
			}
		}
		w.net.Heal()
		tr.end()
		if moves < 20 {
			t.Errorf("only %d connections were reset", moves)
		}
		for _, m := range w.members {
			tr.check(w.client("reader", zk.Options{}, m))
		}
	})
}

// What a client has sent on a connection that it gave up arrives after it has
// gone on by another server. It must not be executed any more.
func TestOldConnectionIsOver(t *testing.T) {
	for old := range 3 {
		for next := range 3 {
			t.Run(fmt.Sprintf("from %d to %d", old+1, next+1), func(t *testing.T) {
				inBubble(t, 3, 1, func(t *testing.T, w *world) {
					w.startAll()
					w.await(3)
					w.oldConnectionIsOver(w.members[old], w.members[next])
				})
			})
		}
	}
}

func (w *world) oldConnectionIsOver(old, next *member) {
	w.t.Helper()
	reader := w.client("reader", zk.Options{})
	w.create(reader, "/a", "", zk.Persistent)
	// The client's first address is old's, all others lead to next.
	first := true
	host := w.net.Host("c")
	c := w.client("c", zk.Options{SessionTimeout: sessionTimeout, Dial: func(ctx context.Context, network, _ string) (net.Conn, error) {
		to := next
		if first {
			to, first = old, false
		}
		return host.Dial(ctx, network, to.name+":2181")
	}}, old)
	id := c.SessionID()
	w.set(c, "/a", "before")
	w.net.Block("c", old.name)
	for _, op := range []zk.Op{zk.SetOp("/a", []byte("old"), zk.AnyVersion), zk.CreateOp("/old", nil, zk.Persistent, zk.OpenACL)} {
		if err := c.Go(op, func(zk.Result) {}); err != nil {
			w.t.Fatal(err)
		}
	}
	if old == next { // a second connection to the same server: the way must be open, and the old bytes late
		w.net.Reset(old.name, "c")
		w.net.Open("c", old.name)
	}
	w.until(sessionTimeout, "noticed", func() bool { return c.State() == zk.Disconnected })
	w.until(sessionTimeout, "connected again", func() bool { return c.State() == zk.Connected })
	w.set(c, "/a", "new")
	w.net.Heal()
	advance(sessionTimeout)
	if got := w.get(reader, "/a"); got != "new" {
		w.t.Errorf("/a is %q", got)
	}
	if old != next && w.exists(reader, "/old") {
		w.t.Error("a request of the old connection was executed")
	}
	if c.State() != zk.Connected || c.SessionID() != id {
		w.t.Errorf("the client is %v, session %v, was %v", c.State(), c.SessionID(), id)
	}
}

// A client that does not read while events for it pile up is cut off when they
// are more than its server keeps. It comes back with its session, and its watch
// tells that something is missing.
func TestSlowClient(t *testing.T) {
	inBubble(t, 1, 1, func(t *testing.T, w *world) {
		w.startAll()
		c := w.client("c", zk.Options{SessionTimeout: 20 * time.Second})
		other := w.client("other", zk.Options{})
		id := c.SessionID()
		watch, err := c.AddWatch(t.Context(), "/", zk.WatchPersistentRecursive)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range w.members {
			w.net.Block(m.name, "c")
		}
		const size, count = 100 << 10, 200 // a server keeps 16 MiB
		long := "/" + strings.Repeat("x", size)
		for range count / 2 {
			w.create(other, long, "", zk.Persistent)
			w.retry(func(ctx context.Context) error { return ignore(zk.ErrNoNode, other.Delete(ctx, long, zk.AnyVersion)) })
		}
		w.net.Heal()
		advance(2 * time.Second)
		if c.State() != zk.Connected || c.SessionID() != id {
			t.Fatalf("%v with session %v, was %v", c.State(), c.SessionID(), id)
		}
		w.create(other, "/end", "", zk.Persistent)
		gaps, events := 0, 0
		for ev := (zk.Event{}); ev.Path != "/end"; {
			if ev, err = watch.Next(t.Context()); err != nil {
				t.Fatal(err)
			}
			if events++; ev.Type == zk.EventGap {
				gaps++
			}
		}
		if gaps != 1 || events > count {
			t.Errorf("%d events with %d gaps", events, gaps)
		}
	})
}

// A connection that breaks at any byte of its opening, in either direction, costs
// a client an attempt, and no more.
func TestHandshakeCutAnywhere(t *testing.T) {
	inBubble(t, 1, 1, func(t *testing.T, w *world) {
		w.startAll()
		const frame = 64 // more than either way takes, so that the first requests are cut too
		for at := range 2 * frame {
			cut := func(string) {
				if at < frame {
					w.net.CutAfter("c", "s1", at)
				} else {
					w.net.CutAfter("s1", "c", at-frame)
				}
			}
			dials := 0
			dial := telling(w.net.Host("c").Dial, func(addr string) {
				if dials++; dials == 1 {
					cut(addr)
				}
			})
			c := w.client("c", zk.Options{Dial: dial})
			w.create(c, "/mine", "", zk.Ephemeral)
			w.create(c, fmt.Sprintf("/n%d", at), "", zk.Persistent)
			if err := c.Close(); err != nil {
				t.Errorf("cut after %d bytes: %v", at, err)
			}
			if dials < 2 {
				t.Errorf("cut after %d bytes: never cut", at)
			}
		}
		c := w.client("c", zk.Options{})
		if names, err := c.Children(t.Context(), "/"); err != nil || len(names) != 2*frame+1 { // and zookeeper
			t.Errorf("%d znodes, %v", len(names), err)
		}
	})
}
