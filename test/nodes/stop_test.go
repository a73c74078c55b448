package nodes

import (
	"context"
	"flag"
	"math/rand/v2"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/paddock-io/paddock/internal/memnet"
	"github.com/paddock-io/paddock/internal/storage/vfs"
	"github.com/paddock-io/paddock/zk"
)

var seedFlag = flag.Uint64("nodes.seed", 0, "draws what the tests of restarts draw; 0 takes a new one")

// drawn returns the seed of a test and says how to use it again.
func drawn(t *testing.T) uint64 {
	seed := *seedFlag
	if seed == 0 {
		seed = rand.Uint64()
	}
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("the same faults again, though not the same history, since the scheduler has its say:\ngo test -race -run '^%s$' ./test/nodes/ -nodes.seed=%d", t.Name(), seed)
		}
	})
	return seed
}

// mustBeGone fails if a goroutine of a server is left. Only the test's own and
// clients' may be, when all servers are stopped.
func mustBeGone(t *testing.T) {
	t.Helper()
	synctest.Wait()
	b := make([]byte, 4<<20)
	for g := range strings.SplitSeq(string(b[:runtime.Stack(b, true)]), "\n\n") {
		for _, pkg := range []string{"server", "quorum", "node", "storage"} {
			if strings.Contains(g, "paddock/internal/"+pkg+".") {
				t.Errorf("a goroutine is left:\n%s", g)
				break
			}
		}
	}
}

// quickly runs what must not take more than d of the bubble's clock.
func (w *world) quickly(d time.Duration, what string, f func()) {
	w.t.Helper()
	began := time.Now()
	f()
	if took := time.Since(began); took > d {
		w.t.Errorf("%s took %v", what, took)
	}
}

// Servers are stopped one by one and all together while clients write. Each is
// gone at once, with all its goroutines, and when they have come back nothing
// that was acknowledged is missing.
func TestStopWhileClientsWrite(t *testing.T) {
	inBubble(t, 3, 1, func(t *testing.T, w *world) {
		w.startAll()
		w.await(3)
		tr := w.startTraffic(3, 1)
		for round := range 3 {
			for _, m := range w.members {
				advance(time.Second)
				w.quickly(time.Second, "stopping one", m.halt)
				advance(time.Second)
				m.start()
				w.await(3)
			}
			advance(time.Second)
			w.quickly(time.Second, "stopping all", func() {
				for _, m := range w.members { // at the same time
					m.stop()
				}
				w.haltAll()
			})
			mustBeGone(t)
			if round == 1 {
				advance(10 * time.Second) // clients find nobody for a while
			}
			w.startAll()
			w.await(3)
		}
		advance(2 * time.Second)
		tr.end()
		for _, m := range w.members {
			tr.check(w.client("reader", zk.Options{}, m))
		}
		for _, v := range tr.writers {
			if err := v.conn.Close(); err != nil {
				t.Error(err)
			}
		}
	})
}

// connectSilently opens connections to all ports of a server, as far as they are
// open, and says nothing there.
func (w *world) connectSilently(host *memnet.Host, m *member) {
	for _, port := range []string{"2181", "2888", "3888"} {
		if nc, err := host.Dial(context.Background(), "tcp", m.name+":"+port); err == nil {
			w.atEnd(func() { nc.Close() })
		}
	}
}

// A server can be stopped at any moment of its start, of an election and of a
// synchronisation, with clients at the door and strangers that say nothing, and
// comes back.
func TestStopAtAnyMoment(t *testing.T) {
	seed := drawn(t)
	inBubble(t, 3, seed, func(t *testing.T, w *world) {
		random := rand.New(rand.NewPCG(seed, 1))
		eager, err := zk.Open(w.addrs(), zk.Options{Dial: w.net.Host("eager").Dial})
		if err != nil {
			t.Fatal(err)
		}
		w.atEnd(eager.Detach)
		stranger := w.net.Host("stranger")
		for range 40 {
			w.startAll()
			w.connectSilently(stranger, w.members[random.IntN(3)])
			for _, m := range random.Perm(3) {
				advance(draw(random, 15*time.Millisecond)) // it takes about 15 until clients are served
				w.quickly(time.Second, "stopping one", w.members[m].halt)
				if random.IntN(2) == 0 {
					w.members[m].start()
				}
			}
			advance(draw(random, 15*time.Millisecond))
			w.quickly(time.Second, "stopping all", w.haltAll)
			mustBeGone(t)
		}
		w.startAll()
		w.await(3)
		c := w.client("c", zk.Options{})
		w.create(c, "/a", "", zk.Persistent)
		w.haltAll()
		mustBeGone(t) // with a client that is still connected
	})
}

// crash ends the server as a power failure does: what it has not synced is lost,
// or not, and nobody hears of what it goes on doing until it is stopped.
func (m *member) crash(random *rand.Rand) {
	m.w.t.Helper()
	m.host.Kill()
	after := m.fs.CrashClone(random)
	m.halt()
	m.fs = after
}

// slowSyncs is a disk whose syncs take time, so that crashes find something under
// way.
func slowSyncs(d time.Duration) func(vfs.FS) vfs.FS {
	return func(fs vfs.FS) vfs.FS {
		return &vfs.Faulty{FS: fs, Rule: func(op vfs.Op, _ string) (int, error) {
			if op == vfs.OpSync {
				advance(d)
			}
			return 0, nil
		}}
	}
}

// All servers lose power at the same moment, again and again, while clients
// write. Nothing that was acknowledged is missing afterwards, on any of them.
func TestPowerFails(t *testing.T) {
	seed := drawn(t)
	inBubble(t, 3, seed, func(t *testing.T, w *world) {
		random := rand.New(rand.NewPCG(seed, 1))
		for _, m := range w.members {
			m.wrap = slowSyncs(20 * time.Millisecond)
		}
		w.startAll()
		w.await(3)
		tr := w.startTraffic(3, seed)
		for range 15 {
			advance(draw(random, 3*time.Second))
			var after []*vfs.Mem
			for _, m := range w.members { // the clock stands still meanwhile
				m.host.Kill()
				after = append(after, m.fs.CrashClone(random))
			}
			for i, m := range w.members {
				m.halt()
				m.fs = after[i]
			}
			w.startAll()
			w.await(2)
		}
		w.await(3)
		advance(5 * time.Second)
		tr.end()
		for _, m := range w.members {
			tr.check(w.client("reader", zk.Options{}, m))
		}
	})
}

// Servers, one of them an observer, are stopped, and crash, while the network parts them from each other
// and from clients. When that is over they all come to serve again, and nothing
// that was acknowledged is missing.
func TestRestartsAndPartitions(t *testing.T) {
	seed := drawn(t)
	inBubble(t, 4, seed, func(t *testing.T, w *world) {
		random := rand.New(rand.NewPCG(seed, 1))
		for _, m := range w.members {
			m.wrap = slowSyncs(3 * time.Millisecond)
		}
		w.startAll()
		w.await(4)
		tr := w.startTraffic(3, seed)
		names := []string{"s1", "s2", "s3", "s4", "w0", "w1", "w2"}
		for range 10 {
			for range 1 + random.IntN(3) {
				a, b := names[random.IntN(7)], names[random.IntN(7)]
				switch {
				case a == b:
					w.net.Isolate(a)
				case random.IntN(3) == 0:
					w.net.Block(a, b)
				case random.IntN(3) == 0:
					w.net.CutAfter(a, b, random.IntN(2000))
				default:
					w.net.Partition(a, b)
				}
			}
			advance(draw(random, 4*time.Second))
			m := w.members[random.IntN(4)]
			if random.IntN(2) == 0 {
				w.quickly(time.Second, "stopping one", m.halt)
			} else {
				m.crash(random)
			}
			advance(draw(random, 2*time.Second))
			m.start()
			if random.IntN(3) > 0 {
				w.net.Heal()
			}
			advance(draw(random, 4*time.Second))
		}
		w.net.Heal()
		w.await(4)
		advance(5 * time.Second)
		tr.end()
		for _, m := range w.members {
			tr.check(w.client("reader", zk.Options{}, m))
		}
		w.quickly(time.Second, "stopping all", w.haltAll)
		mustBeGone(t)
	}, "observers=1")
}
