package nodes

import (
	"context"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/paddock-io/paddock/internal/balance"
	"github.com/paddock-io/paddock/zk"
)

// front runs a front before all servers, which clients find at lb:2180.
func (w *world) front(o balance.Options) {
	w.t.Helper()
	host := w.net.Host("lb")
	o.Servers, o.Dial, o.Logger = strings.Split(w.addrs(), ","), host.Dial, w.log.With("host", "lb")
	l, err := host.Listen("tcp", "lb:2180")
	if err != nil {
		w.t.Fatal(err)
	}
	f, err := balance.New(o)
	if err != nil {
		w.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- f.Run(ctx, l) }()
	w.atEnd(func() {
		cancel()
		if err := <-done; err != nil {
			w.t.Errorf("front: %v", err)
		}
	})
}

// through opens a session by way of the front. lost is told of each connection
// that breaks.
func (w *world) through(host string, lost *atomic.Int32) *zk.Conn {
	w.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	c, err := zk.Connect(ctx, "lb:2180", zk.Options{
		Dial: w.net.Host(host).Dial, Logger: w.log.With("client", host),
		OnState: func(s zk.State) {
			if s == zk.Disconnected {
				lost.Add(1)
			}
		},
	})
	if err != nil {
		w.t.Fatalf("client %s: %v", host, err)
	}
	w.t.Cleanup(func() { c.Detach() })
	return c
}

// TestFrontBeforeEnsemble: clients that know one address keep their sessions,
// ephemerals and watches when servers behind it die, stop, hang, and come back.
func TestFrontBeforeEnsemble(t *testing.T) {
	inBubble(t, 3, 11, func(t *testing.T, w *world) {
		w.startAll()
		w.await(3)
		w.front(balance.Options{Drain: -1})
		var clients []*zk.Conn
		var lost atomic.Int32
		for i := range 12 {
			c := w.through(fmt.Sprintf("c%d", i), &lost)
			w.create(c, fmt.Sprintf("/e%d", i), "", zk.Ephemeral)
			clients = append(clients, c)
		}
		ids := map[zk.SessionID]bool{}
		for _, c := range clients {
			ids[c.SessionID()] = true
		}
		round := 0
		survive := func(what string) {
			t.Helper()
			round++
			w.create(clients[0], fmt.Sprintf("/round%d", round), what, zk.Persistent)
			for i, c := range clients {
				if got := w.get(c, fmt.Sprintf("/round%d", round)); got != what {
					t.Errorf("%s: client %d reads %q", what, i, got)
				}
				if !w.exists(c, fmt.Sprintf("/e%d", i)) || !ids[c.SessionID()] {
					t.Errorf("%s: client %d has lost its session", what, i)
				}
			}
		}
		survive("at first")

		follower := w.members[0]
		if follower == w.leader() {
			follower = w.members[1]
		}
		follower.host.Kill() // its connections break
		follower.halt()
		survive("a follower was killed")
		if n := lost.Load(); n == 0 || n == int32(len(clients)) {
			t.Errorf("%d of %d clients were on the follower", n, len(clients))
		}
		follower.start()
		w.await(3)

		w.net.Isolate(w.leader().name) // it hangs, as far as anybody can tell, and the front closes its clients' connections
		advance(10 * time.Second)
		survive("the leader was cut off")
		w.net.Heal()
		advance(time.Minute)
		w.await(3)
		survive("all are back")
	})
}

// TestProxiedClients: servers that believe the front know whom it speaks for.
func TestProxiedClients(t *testing.T) {
	inBubble(t, 3, 12, func(t *testing.T, w *world) {
		lb := w.net.Host("lb")
		l, err := lb.Listen("tcp", "lb:1")
		if err != nil {
			t.Fatal(err)
		}
		ip, _, _ := strings.Cut(l.Addr().String(), ":")
		for _, m := range w.members {
			m.flags["zookeeper.proxyProtocol.from"] = ip
		}
		w.startAll()
		w.await(3)
		w.front(balance.Options{ProxyHeader: 2, Drain: -1})
		c := w.through("c", new(atomic.Int32))
		ids, err := c.WhoAmI(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		direct := w.client("c", zk.Options{})
		want, err := direct.WhoAmI(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if fmt.Sprint(ids) != fmt.Sprint(want) || ids[0].ID == ip {
			t.Errorf("through the front the client is %v, without it %v, the front %s", ids, want, ip)
		}
	})
}
