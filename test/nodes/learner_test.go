package nodes

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/paddock-io/paddock/internal/storage/vfs"
	"github.com/paddock-io/paddock/zk"
)

// same fails unless all servers have the same znodes under a path, with the same
// data.
func (w *world) same(path string) {
	w.t.Helper()
	var want string
	for i, m := range w.members {
		c := w.client("reader", zk.Options{}, m)
		var got strings.Builder
		w.retry(func(ctx context.Context) error {
			got.Reset()
			if err := c.Sync(ctx, path); err != nil {
				return err
			}
			names, err := c.Children(ctx, path)
			if err != nil {
				return err
			}
			ops := make([]zk.Op, len(names))
			for i, name := range sorted(names) {
				ops[i] = zk.GetOp(path + "/" + name)
			}
			results, err := c.MultiRead(ctx, ops...)
			for i, r := range results {
				fmt.Fprintln(&got, names[i], r.Stat.Mzxid, len(r.Data), string(r.Data[:min(10, len(r.Data))]))
			}
			return err
		})
		if i == 0 {
			want = got.String()
		} else if got.String() != want {
			w.t.Errorf("%s and %s differ:\n%s\nand\n%s", m.name, w.members[0].name, got.String(), want)
		}
		c.Close()
	}
}

// Wherever in its first bytes, or thousands, the connection of a learner to its
// leader breaks, in either direction, and wherever connections between election
// ports do, the server comes to serve and has what the others have.
func TestLinkCutAnywhere(t *testing.T) {
	seed := drawn(t)
	inBubble(t, 3, seed, func(t *testing.T, w *world) {
		random := rand.New(rand.NewPCG(seed, 1))
		w.startAll()
		w.await(3)
		c := w.client("c", zk.Options{})
		w.create(c, "/a", "", zk.Persistent)
		follower, cuts := w.members[0], 0
		for round := range 60 {
			follower.halt()
			for i := range 5 { // so that there is something to synchronise
				w.create(c, fmt.Sprintf("/a/%d-%d", round, i), "x", zk.Persistent)
			}
			at := round * 2 // the handshakes
			if round >= 30 {
				at = random.IntN(3000)
			}
			port, outward, left := ":2888", round%2 == 0, 1
			if round%5 == 4 {
				port, left = ":3888", 2
			}
			follower.dialled = func(addr string) {
				if left == 0 || !strings.HasSuffix(addr, port) {
					return
				}
				left--
				other := strings.TrimSuffix(addr, port)
				if outward {
					cuts += w.net.CutAfter("s1", other, at)
				} else {
					cuts += w.net.CutAfter(other, "s1", at)
				}
			}
			follower.start()
			w.await(3)
		}
		if cuts < 50 {
			t.Errorf("only %d connections were cut", cuts)
		}
		w.same("/a")
	})
}

// A server that lacks more than the leader remembers gets a snapshot. While it
// arrives the connection breaks, the server is stopped, or crashes: it asks
// again, and what it has in the end is right, also after another restart.
func TestSnapshotBreaks(t *testing.T) {
	seed := drawn(t)
	inBubble(t, 3, seed, func(t *testing.T, w *world) {
		random := rand.New(rand.NewPCG(seed, 1))
		w.startAll()
		w.await(3)
		c := w.client("c", zk.Options{})
		w.create(c, "/a", "", zk.Persistent)
		const znodes, size = 300, 1000
		for i := range znodes {
			w.create(c, fmt.Sprintf("/a/%d", i), strings.Repeat("x", size), zk.Persistent)
		}
		late := w.members[0]
		late.halt()
		late.fs = vfs.NewMem()
		for _, m := range w.members[1:] { // what they recover begins with a snapshot
			m.halt()
			m.start()
			w.await(2)
		}
		for round := range 12 {
			at := random.IntN(znodes * size)
			late.dialled = func(addr string) {
				if leader, ok := strings.CutSuffix(addr, ":2888"); ok && round < 8 {
					w.net.CutAfter(leader, "s1", at)
				}
			}
			late.start()
			advance(time.Duration(10+random.IntN(30)) * time.Millisecond)
			w.set(c, fmt.Sprintf("/a/%d", round), fmt.Sprint("round ", round))
			if round%2 == 0 {
				late.halt()
			} else {
				late.crash(random)
			}
			if round%4 == 3 {
				late.fs = vfs.NewMem() // or it would have what it needs too soon
			}
		}
		late.dialled = nil
		late.start()
		w.await(3)
		w.same("/a")
		w.haltAll()
		w.startAll()
		w.await(3)
		w.same("/a")
	}, "snapCount=100")
}
