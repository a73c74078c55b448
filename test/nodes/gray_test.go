package nodes

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/paddock-io/paddock/internal/node"
	"github.com/paddock-io/paddock/internal/quorum"
	"github.com/paddock-io/paddock/internal/storage/vfs"
	"github.com/paddock-io/paddock/zk"
)

// valve is a disk whose syncs can be held up.
type valve struct{ closed atomic.Pointer[chan struct{}] }

func (v *valve) wrap(fs vfs.FS) vfs.FS {
	return &vfs.Faulty{FS: fs, Rule: func(op vfs.Op, _ string) (int, error) {
		if ch := v.closed.Load(); ch != nil && op == vfs.OpSync {
			<-*ch
		}
		return 0, nil
	}}
}

func (v *valve) close() {
	ch := make(chan struct{})
	v.closed.Store(&ch)
}

// open may be called again.
func (v *valve) open() {
	if ch := v.closed.Swap(nil); ch != nil {
		close(*ch)
	}
}

// A disk that hangs holds up nobody as long as a quorum's disks work, also if it
// is the leader's, and when it works again its server catches up. Disks of a
// quorum that hang hold up writes, but cost nobody the session.
func TestDisksHang(t *testing.T) {
	for name, hung := range map[string][]int{
		"a follower's":  {0},
		"the leader's":  {2},
		"of a quorum":   {0, 1},
		"of all":        {0, 1, 2},
		"leader's, one": {1, 2},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, 3, 1, func(t *testing.T, w *world) {
				valves := make([]valve, 3)
				for i, m := range w.members {
					m.wrap = valves[i].wrap
					w.atEnd(valves[i].open)
				}
				w.startAll()
				w.await(3)
				tr := w.startTraffic(1, 1)
				advance(time.Second)
				for _, i := range hung {
					valves[i].close()
				}
				advance(time.Second) // what the disks held already is acknowledged
				before := tr.acked()
				advance(syncTimeout + 5*time.Second) // a leader drops who acknowledges nothing for syncLimit
				if during := tr.acked() - before; (during > 0) != (len(hung) == 1) {
					t.Errorf("%d writes acknowledged while %d disks hang", during, len(hung))
				}
				for _, i := range hung {
					valves[i].open()
				}
				advance(2 * time.Second)
				w.await(3)
				before = tr.acked()
				advance(time.Second)
				if tr.acked() == before {
					t.Error("nothing acknowledged after the disks work again")
				}
				tr.end()
				for _, m := range w.members {
					tr.check(w.client("reader", zk.Options{}, m))
				}
			})
		})
	}
}

// A server whose disk fails, whatever it writes, ends with ZooKeeper's exit code.
// The others go on, and with a new disk and what it had synced it comes back.
func TestDiskFails(t *testing.T) {
	for _, tc := range []struct {
		op      vfs.Op
		pattern string
		after   int // operations
	}{
		{vfs.OpSync, "log.*", 100}, {vfs.OpWrite, "log.*", 100}, {vfs.OpCreate, "log.*", 1},
		{vfs.OpWrite, "snapshot.*", 10}, {vfs.OpRename, "snapshot.*", 1},
		{vfs.OpSync, "acceptedEpoch.*", 2}, {vfs.OpRename, "currentEpoch", 2},
	} {
		for name, i := range map[string]int{"a follower's": 0, "the leader's": 2} {
			t.Run(fmt.Sprint(name, " ", tc.op, " ", tc.pattern), func(t *testing.T) {
				inBubble(t, 3, 1, func(t *testing.T, w *world) {
					bad := w.members[i]
					bad.wrap = func(fs vfs.FS) vfs.FS {
						return &vfs.Faulty{FS: fs, Rule: vfs.FailNth(tc.op, tc.pattern, tc.after, syscall.EIO)}
					}
					w.startAll()
					w.await(3)
					tr := w.startTraffic(1, 1)
					w.failed(bad)
					w.await(2)
					bad.start()
					w.await(3)
					advance(time.Second)
					tr.end()
					for _, m := range w.members {
						tr.check(w.client("reader", zk.Options{}, m))
					}
				}, "snapCount=50")
			})
		}
	}
}

// failed waits until a server has ended by its disk. Elections may be what it
// takes: then its peers are restarted.
func (w *world) failed(bad *member) {
	w.t.Helper()
	for range 4 {
		select {
		case err := <-bad.done:
			if exit := (*node.ExitError)(nil); !errors.As(err, &exit) || exit.Code != quorum.ExitDisk || !errors.Is(err, syscall.EIO) {
				w.t.Errorf("it ended with %v", err)
			}
			bad.node, bad.wrap = nil, nil
			return
		case <-time.After(8 * time.Second):
		}
		for _, restart := range []func(*member){(*member).halt, (*member).start} {
			for _, m := range w.members {
				if m != bad {
					restart(m)
				}
			}
		}
	}
	w.t.Fatal("its disk did not fail")
}

// hold stops a server's loop where it writes a line to its log, as it would if
// whoever reads the log did not, and returns what lets it go on. Its other
// goroutines go on, as far as they can without it.
func (m *member) hold() (release func()) {
	m.w.t.Helper()
	held, free := make(chan struct{}), make(chan struct{})
	var once sync.Once
	m.logged = func(msg string) {
		if msg == "link closed" || msg == "learner lost" { // by the loop, of somebody who connects and hangs up
			once.Do(func() { close(held) })
			<-free
		}
	}
	nc, err := m.w.net.Host("stranger").Dial(context.Background(), "tcp", m.name+":2888")
	if err != nil {
		m.w.t.Fatal(err)
	}
	if _, err := nc.Write([]byte{0, 0, 0, 3}); err != nil { // not a question: the loop has to hear of it
		m.w.t.Fatal(err)
	}
	nc.Close()
	select {
	case <-held:
	case <-time.After(2 * syncTimeout):
		m.w.t.Fatal("nothing was logged")
	}
	release = sync.OnceFunc(func() { close(free) })
	m.w.atEnd(release)
	return release
}

// A server that stands still for less than syncLimit is waited for, and ends no
// session by what it could not hear meanwhile. For longer, the others go on
// without it, and it comes back when it goes on.
func TestLoopStandsStill(t *testing.T) {
	for name, tc := range map[string]struct {
		server int
		long   bool
	}{"leader, short": {2, false}, "leader, long": {2, true}, "follower, short": {0, false}, "follower, long": {0, true}} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, 3, 1, func(t *testing.T, w *world) {
				w.startAll()
				w.await(3)
				m := w.members[tc.server]
				tr := w.startTraffic(1, 1)
				var idle []*zk.Conn
				// A leader that stands still misses signs of life that were there. A follower
				// has not passed on those of its clients, and they need the time.
				timeout, stand := sessionTimeout, 5*time.Second
				if tc.server == 2 && !tc.long {
					timeout, stand = 5*time.Second, syncTimeout-3*time.Second
				} else if tc.long {
					stand = 2*syncTimeout + 5*time.Second
				}
				for i := range 6 {
					c := w.client(fmt.Sprintf("c%d", i), zk.Options{SessionTimeout: timeout})
					w.create(c, fmt.Sprintf("/mine%d", i), "", zk.Ephemeral)
					idle = append(idle, c)
					advance(700 * time.Millisecond) // they ping at different times
				}
				release := m.hold()
				before := tr.acked()
				advance(stand)
				if tc.long && tr.acked() == before {
					t.Error("nothing acknowledged while one server stands still")
				}
				release()
				advance(time.Second)
				w.await(3)
				if lead := w.leader(); lead.id == 3 && tc.long && tc.server == 2 {
					t.Error("it leads again")
				} else if lead.id != 3 && (!tc.long || tc.server != 2) {
					t.Errorf("server %d leads", lead.id)
				}
				tr.end()
				advance(2 * sessionTimeout)
				// A follower that stands still answers pings, as Java's does, and cannot
				// tell the leader of them.
				mayEnd := tc.long && tc.server == 0
				reader := w.client("reader", zk.Options{})
				for i, c := range idle {
					ended := errors.Is(c.Err(), zk.ErrSessionExpired)
					if there := w.exists(reader, fmt.Sprintf("/mine%d", i)); ended == there || ended && !mayEnd || c.Err() != nil && !ended {
						t.Errorf("session %d: %v, its ephemeral is there: %v", i, c.Err(), there)
					}
				}
				for _, m := range w.members {
					tr.check(w.client("reader", zk.Options{}, m))
				}
			})
		})
	}
}
