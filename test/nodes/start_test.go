package nodes

import (
	"errors"
	"syscall"
	"testing"
	"time"

	"github.com/paddock-io/paddock/internal/node"
	"github.com/paddock-io/paddock/internal/quorum"
	"github.com/paddock-io/paddock/zk"
)

// A node that was made and never run leaves nothing behind when it is closed.
func TestCloseInsteadOfRun(t *testing.T) {
	inBubble(t, 1, 1, func(t *testing.T, w *world) {
		m := w.members[0]
		m.prepare()
		if err := m.node.Close(); err != nil {
			t.Error(err)
		}
		m.node = nil
		mustBeGone(t)
		m.start() // its directory is free
		w.client("c", zk.Options{})
	})
}

// A server one of whose ports is taken ends with ZooKeeper's exit code, and
// leaves nothing behind.
func TestPortTaken(t *testing.T) {
	for port, code := range map[string]int{"2181": node.ExitUnexpected, "2888": quorum.ExitBind, "3888": quorum.ExitBind} {
		t.Run(port, func(t *testing.T) {
			inBubble(t, 3, 1, func(t *testing.T, w *world) {
				l, err := w.net.Host("s1").Listen("tcp", "s1:"+port)
				if err != nil {
					t.Fatal(err)
				}
				m := w.members[0]
				m.start()
				err = <-m.done
				m.node = nil
				if exit := (*node.ExitError)(nil); !errors.As(err, &exit) || exit.Code != code || !errors.Is(err, syscall.EADDRINUSE) {
					t.Errorf("it ended with %v", err)
				}
				mustBeGone(t)
				l.Close()
				w.startAll()
				w.await(3)
			})
		})
	}
}

// An election port that is taken is tried again and again, and the server can be
// stopped meanwhile.
func TestStopWhileBinding(t *testing.T) {
	inBubble(t, 3, 1, func(t *testing.T, w *world) {
		l, err := w.net.Host("s1").Listen("tcp", "s1:3888")
		if err != nil {
			t.Fatal(err)
		}
		m := w.members[0]
		m.start()
		advance(time.Minute)
		w.quickly(time.Second, "stopping", m.halt)
		mustBeGone(t)
		m.start()
		advance(time.Minute)
		l.Close()
		w.start(w.members[1:]...)
		w.await(3)
	}, "electionPortBindRetry=0")
}
