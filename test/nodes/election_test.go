package nodes

import (
	"fmt"
	"testing"
	"time"

	"github.com/paddock-io/paddock/zk"
)

// The classic walkthrough: five fresh servers, started one after the other,
// elect the third. Then leaders die in turn, and clients of all servers go on
// within their sessions' timeout.
func TestElections(t *testing.T) {
	inBubble(t, 5, 1, func(t *testing.T, w *world) {
		for i, m := range w.members {
			m.start()
			advance(3 * time.Second)
			if leads := w.leader() != nil; leads != (i >= 2) {
				t.Fatalf("%d of 5 servers run: a leader is %v", i+1, leads)
			}
		}
		if leader := w.await(5); leader.id != 3 {
			t.Fatalf("server %d leads, want 3", leader.id)
		}

		const timeout = 10 * time.Second
		var clients []*zk.Conn
		for _, m := range w.members {
			c := w.client(fmt.Sprintf("c%d", m.id), zk.Options{SessionTimeout: timeout})
			w.create(c, fmt.Sprintf("/mine%d", m.id), "", zk.Ephemeral)
			clients = append(clients, c)
		}
		for round := range 2 { // a third would leave no quorum
			leader := w.leader()
			leader.halt()
			died := time.Now()
			for i, c := range clients {
				w.create(c, fmt.Sprintf("/r%d-c%d", round, i), "", zk.Persistent)
			}
			if took := time.Since(died); took > timeout {
				t.Errorf("clients went on only after %v", took)
			} else {
				t.Logf("clients went on %v after server %d", took, leader.id)
			}
			if next := w.leader(); next == nil || next == leader {
				t.Errorf("after server %d nobody leads", leader.id)
			}
		}
		for i, c := range clients {
			if path := fmt.Sprintf("/mine%d", i+1); c.Err() != nil || !w.exists(c, path) {
				t.Errorf("client %d: %v, or its ephemeral is gone", i+1, c.Err())
			}
		}
	})
}
