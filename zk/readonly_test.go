package zk

import (
	"context"
	"errors"
	"net"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/paddock-io/paddock/zk/internal/fake"
)

// twoServers returns a Dial for servers "ro" and "rw".
func twoServers(ro, rw *fake.Server) func(context.Context, string, string) (net.Conn, error) {
	return func(ctx context.Context, network, addr string) (net.Conn, error) {
		if addr == "ro:2181" {
			return ro.Dial(ctx, network, addr)
		}
		return rw.Dial(ctx, network, addr)
	}
}

// A client that may reads from a server without a quorum, looks for one that
// has it in ever longer steps, and moves there with its watches.
func TestReadOnly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ro, rw := fake.New(), fake.New()
		defer ro.Close()
		defer rw.Close()
		ro.SetReadOnly(true)
		rw.SetDown(true)
		states := []State{}
		c, err := Connect(t.Context(), "ro,rw", Options{
			ReadOnly: true, Dial: twoServers(ro, rw), OnState: func(s State) { states = append(states, s) },
		})
		must(t, err)
		if c.State() != ConnectedReadOnly || c.SessionID() != 0 {
			t.Errorf("state %v, session %v", c.State(), c.SessionID())
		}
		w, err := c.AddWatch(t.Context(), "/", WatchPersistent)
		must(t, err)
		if _, _, err := c.Get(t.Context(), "/"); err != nil {
			t.Errorf("read: %v", err)
		}
		for _, op := range []Op{CreateOp("/a", nil, Persistent, OpenACL), MultiOp(DeleteOp("/a", 0)), SyncOp("/")} {
			if _, err := c.Do(t.Context(), op); !errors.Is(err, ErrNotReadOnly) {
				t.Errorf("%s: %v", op.name(), err)
			}
		}

		before := len(rw.Dialed()) + len(ro.Dialed())
		<-time.After(6350 * time.Millisecond) // 0.1 + 0.2 + 0.4 + ... + 3.2 s, and a little
		if n := len(rw.Dialed()) + len(ro.Dialed()) - before; n != 6 {
			t.Errorf("asked %d times, want 6", n)
		}
		rw.SetDown(false)
		for range 3 {
			rw.Write("/", nil) // it has got as far as the other
		}
		mustEvents(t, w, "Gap /")
		_, err = c.Create(t.Context(), "/a", nil, Persistent, OpenACL)
		must(t, err)
		mustEvents(t, w, "NodeChildrenChanged /")
		if c.State() != Connected || c.SessionID() == 0 {
			t.Errorf("state %v, session %v", c.State(), c.SessionID())
		}
		must(t, c.Close())
		if want := []State{ConnectedReadOnly, Disconnected, Connected, Closed}; !slices.Equal(states, want) {
			t.Errorf("states %v, want %v", states, want)
		}
	})
}

// Without a session there is nothing that could expire: a client that has only
// met read-only servers tries on.
func TestReadOnlyClientDoesNotExpire(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := fake.New()
		s.SetReadOnly(true)
		c := connect(t, s, Options{ReadOnly: true, SessionTimeout: 9 * time.Second})
		s.SetDown(true)
		<-time.After(time.Minute)
		s.SetDown(false)
		if _, _, err := c.Get(t.Context(), "/"); err != nil || c.State() != ConnectedReadOnly {
			t.Errorf("%v, %v", err, c.State())
		}
		must(t, c.Close())
	})
}

// A client that did not ask for it is not served read-only, and a session that
// began with a quorum waits for one.
func TestReadOnlyServersRefuse(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := fake.New()
		c := connect(t, s, Options{ReadOnly: true, SessionTimeout: 9 * time.Second})
		id := c.SessionID()
		s.SetReadOnly(true)
		<-time.After(5 * time.Second)
		if c.State() != Disconnected {
			t.Errorf("state %v", c.State())
		}
		s.SetReadOnly(false)
		must(t, c.Sync(t.Context(), "/"))
		if c.SessionID() != id || c.State() != Connected {
			t.Errorf("session %v became %v, %v", id, c.SessionID(), c.State())
		}
		must(t, c.Close())

		dial, peers := dialPeers(t)
		go func() {
			p := <-peers
			p.expect(goldenConnect)
			p.send("00000025 00000000 00007530 0100019a2b3c0000 00000010 065c5bdc1bc4b0bd548d586f5cedbfae 01")
			p = <-peers
			p.expect(goldenConnect)
			p.send(goldenWelcome)
		}()
		c, err := Connect(t.Context(), "h", Options{Dial: dial})
		must(t, err)
		if c.State() != Connected {
			t.Errorf("state %v", c.State())
		}
		c.Detach()
	})
}

func TestGoldenReadOnlyConnect(t *testing.T) {
	dial, peers := dialPeers(t)
	go func() {
		p := <-peers
		p.expect("0000002d 00000000 0000000000000000 00007530 0000000000000000 00000010 00000000000000000000000000000000 01")
		p.send("00000025 00000000 00007530 0100019a2b3c0000 00000010 065c5bdc1bc4b0bd548d586f5cedbfae 01")
		p = <-peers
		p.expect("6973726f") // isro
		p.send("7277")       // rw
		p = <-peers
		p.expect("0000002d 00000000 0000000000000000 00007530 0000000000000000 00000010 00000000000000000000000000000000 01")
		p.send(goldenWelcome)
	}()
	c, err := Connect(t.Context(), "h", Options{Dial: dial, ReadOnly: true})
	must(t, err)
	states, stop := c.Subscribe()
	defer stop()
	waitState(t, states, Connected)
	if c.SessionID() != 0x0100019a2b3c0000 {
		t.Errorf("session %v", c.SessionID())
	}
	c.Detach()
}
