package interop

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/paddock-io/paddock/test/interop/peers"
	"github.com/paddock-io/paddock/zk"
)

// onEachServer runs test against a Paddock server alone and, when PADDOCK_INTEROP_JAVA is set, first
// against one of Java. Both know extended types.
func onEachServer(t *testing.T, test func(t *testing.T, s *peers.Server)) {
	cfg := peers.Config{Properties: map[string]string{"zookeeper.extendedTypesEnabled": "true"}}
	if os.Getenv("PADDOCK_INTEROP_JAVA") != "" {
		t.Run("java", func(t *testing.T) { test(t, peers.StartJava(t, cfg)) })
	}
	if os.Getenv("PADDOCK_INTEROP_JAVA") == "only" {
		return
	}
	t.Run("paddock", func(t *testing.T) { test(t, peers.StartServer(t, peers.RequirePaddock(t), cfg)) })
}

// connectZK opens a session of Paddock's Go client that ends with the test.
func connectZK(t *testing.T, servers string) *zk.Conn {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), replyTimeout)
	defer cancel()
	c, err := zk.Connect(ctx, servers, zk.Options{SessionTimeout: 8 * time.Second})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// expectEvents reads as many events as wanted and compares type and path.
func expectEvents(t *testing.T, w *zk.PersistentWatch, want ...string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), replyTimeout)
	defer cancel()
	for _, one := range want {
		ev, err := w.Next(ctx)
		if got := fmt.Sprintf("%v %s", ev.Type, ev.Path); err != nil || got != one {
			t.Fatalf("event %s (zxid %v), %v; want %s", got, ev.Zxid, err, one)
		}
	}
}

// TestGoClientWatches takes persistent watches of Paddock's Go client through a restart of the server.
func TestGoClientWatches(t *testing.T) {
	onEachServer(t, func(t *testing.T, s *peers.Server) {
		setup := connectZK(t, s.Addr())
		ctx := t.Context()
		_, err := setup.Create(ctx, "/app", nil, zk.Persistent, zk.OpenACL)
		check(t, err)
		c := connectZK(t, s.Addr()+"/app")
		tree, err := c.AddWatch(ctx, "/", zk.WatchPersistentRecursive)
		check(t, err)
		node, err := c.AddWatch(ctx, "/a", zk.WatchPersistent)
		check(t, err)

		_, err = c.Create(ctx, "/a", nil, zk.Persistent, zk.OpenACL)
		check(t, err)
		_, err = c.Create(ctx, "/a/b", nil, zk.Persistent, zk.OpenACL)
		check(t, err)
		_, err = c.Set(ctx, "/a", []byte("x"), zk.AnyVersion)
		check(t, err)
		expectEvents(t, tree, "NodeCreated /a", "NodeCreated /a/b", "NodeDataChanged /a")
		expectEvents(t, node, "NodeCreated /a", "NodeChildrenChanged /a", "NodeDataChanged /a")

		for typ, there := range map[zk.WatcherType]bool{
			zk.WatcherPersistent: true, zk.WatcherAny: true, zk.WatcherPersistentRecursive: false,
			zk.WatcherData: false, zk.WatcherChildren: false,
		} {
			if err := c.CheckWatches(ctx, "/a", typ); there != (err == nil) || !there && !errors.Is(err, zk.ErrNoWatcher) {
				t.Errorf("check for type %d: %v, want it there: %v", typ, err, there)
			}
		}

		s.Kill()
		check(t, s.Start())
		expectEvents(t, tree, "Gap /")
		expectEvents(t, node, "Gap /a")
		check(t, c.Delete(ctx, "/a/b", zk.AnyVersion))
		expectEvents(t, tree, "NodeDeleted /a/b")
		expectEvents(t, node, "NodeChildrenChanged /a")

		check(t, c.RemoveWatches(ctx, "/a", zk.WatcherPersistent, false))
		expectEvents(t, tree) // none
		if _, err := node.Next(ctx); !errors.Is(err, zk.ErrNoWatcher) {
			t.Errorf("removed watch ended with %v", err)
		}
		if err := c.RemoveWatches(ctx, "/a", zk.WatcherPersistent, false); !errors.Is(err, zk.ErrNoWatcher) {
			t.Errorf("removing it again: %v", err)
		}
		tree.Stop() // the server hears of it before the next request
		if err := c.CheckWatches(ctx, "/", zk.WatcherPersistentRecursive); !errors.Is(err, zk.ErrNoWatcher) {
			t.Errorf("the server keeps a stopped watch: %v", err)
		}
	})
}

// TestGoClientCalls makes the calls that no older test makes.
func TestGoClientCalls(t *testing.T) {
	onEachServer(t, func(t *testing.T, s *peers.Server) {
		ctx := t.Context()
		root := connectZK(t, s.Addr())
		for _, path := range []string{"/app", "/apple"} {
			_, err := root.Create(ctx, path, []byte("data"), zk.Persistent, zk.OpenACL)
			check(t, err)
		}
		c := connectZK(t, s.Addr()+"/app")
		_, err := c.Create(ctx, "/e", nil, zk.Ephemeral, zk.OpenACL)
		check(t, err)
		_, stat, err := c.CreateStat(ctx, "/box", nil, zk.Container, zk.OpenACL)
		if err != nil || stat.EphemeralOwner != 0 {
			t.Errorf("container: %+v, %v", stat, err)
		}
		_, _, err = c.CreateTTL(ctx, "/ttl", nil, zk.PersistentTTL, zk.OpenACL, time.Hour)
		check(t, err)
		if _, _, err := c.CreateTTL(ctx, "/never", nil, zk.PersistentTTL, zk.OpenACL, 0); !errors.Is(err, zk.ErrBadArguments) {
			t.Errorf("a time to live of 0: %v", err)
		}

		paths, err := c.Ephemerals(ctx, "/")
		if err != nil || !slices.Equal(paths, []string{"/e"}) {
			t.Errorf("ephemerals %q, %v", paths, err)
		}
		if n, err := c.AllChildrenNumber(ctx, "/"); err != nil || n != 3 {
			t.Errorf("%d znodes, %v", n, err)
		}
		check(t, c.AddAuth(ctx, "digest", []byte("bob:secret")))
		ids, err := c.WhoAmI(ctx)
		if err != nil || !slices.Contains(ids, zk.ID{Scheme: "digest", ID: "bob"}) || !slices.Contains(ids, zk.ID{Scheme: "ip", ID: "127.0.0.1"}) {
			t.Errorf("who am I: %v, %v", ids, err)
		}

		results, err := c.MultiRead(ctx, zk.GetOp("/"), zk.GetOp("/none"), zk.ChildrenOp("/"), zk.ChildrenOp("/none"))
		if err != nil || len(results) != 4 {
			t.Fatalf("%d results, %v", len(results), err)
		}
		slices.Sort(results[2].Children)
		if string(results[0].Data) != "data" || results[0].Stat.NumChildren != 3 || !errors.Is(results[1].Err, zk.ErrNoNode) ||
			strings.Join(results[2].Children, " ") != "box e ttl" || !errors.Is(results[3].Err, zk.ErrNoNode) {
			t.Errorf("results %+v", results)
		}
		if data, _, err := c.GetLatest(ctx, "/"); err != nil || string(data) != "data" {
			t.Errorf("latest: %q, %v", data, err)
		}
		if data, _, err := c.GetConfig(ctx); err != nil || len(data) != 0 {
			t.Errorf("configuration of a server alone: %q, %v", data, err)
		}
		_, _, err = c.Reconfig(ctx, zk.Reconfiguration{Leaving: []string{"1"}}, zk.AnyConfig)
		if !errors.Is(err, zk.ErrReconfigDisabled) {
			t.Errorf("reconfig: %v", err)
		}
	})
}

// TestGoClientReadOnly takes a client through the loss of the quorum and back.
func TestGoClientReadOnly(t *testing.T) {
	in := peers.Require(t)
	like := peers.Config{
		Settings:   map[string]string{"localSessionsEnabled": "true"}, // or new sessions would need a quorum
		Properties: map[string]string{"readonlymode.enabled": "true"},
	}
	run := func(sw peers.Software) func(*testing.T) {
		return func(t *testing.T) {
			goClientReadOnly(t, peers.StartEnsembleLike(t, like, sw, sw, sw))
		}
	}
	if os.Getenv("PADDOCK_INTEROP_JAVA") != "" {
		t.Run("java", run(peers.Java{Installation: in}))
	}
	if os.Getenv("PADDOCK_INTEROP_JAVA") != "only" {
		t.Run("paddock", run(peers.RequirePaddock(t)))
	}
}

func goClientReadOnly(t *testing.T, e *peers.Ensemble) {
	ctx, cancel := context.WithTimeout(t.Context(), peers.StartTimeout)
	defer cancel()
	setup := connectZK(t, e.ConnectString())
	_, err := setup.Create(ctx, "/a", []byte("data"), zk.Persistent, zk.OpenACL)
	check(t, err)
	check(t, setup.Close())
	e.Server(2).Kill()
	e.Server(3).Kill()

	c, err := zk.Connect(ctx, e.ConnectString(), zk.Options{ReadOnly: true, SessionTimeout: 8 * time.Second})
	check(t, err)
	t.Cleanup(func() { c.Close() })
	if c.State() != zk.ConnectedReadOnly || c.SessionID() != 0 {
		t.Fatalf("state %v, session %v", c.State(), c.SessionID())
	}
	data, _, watch, err := c.GetW(ctx, "/a")
	if err != nil || string(data) != "data" {
		t.Errorf("read-only get: %q, %v", data, err)
	}
	if _, err := c.Create(ctx, "/b", nil, zk.Persistent, zk.OpenACL); !errors.Is(err, zk.ErrNotReadOnly) {
		t.Errorf("read-only create: %v", err)
	}
	if err := c.Sync(ctx, "/"); !errors.Is(err, zk.ErrNotReadOnly) {
		t.Errorf("read-only sync: %v", err)
	}

	states, stop := c.Subscribe()
	defer stop()
	check(t, e.Server(2).Start())
	check(t, e.Server(3).Start())
	for s := range states {
		if s == zk.Connected {
			break
		}
	}
	if c.SessionID() == 0 {
		t.Error("no session on a server with a quorum")
	}
	for { // what is under way when the session moves fails
		_, err = c.Set(ctx, "/a", []byte("more"), zk.AnyVersion)
		if !errors.Is(err, zk.ErrConnectionLoss) {
			break
		}
	}
	check(t, err)
	if ev, err := watch.Wait(ctx); err != nil || ev.Type != zk.EventNodeDataChanged {
		t.Errorf("watch of a read-only server: %+v, %v", ev, err)
	}
	config, _, err := c.GetConfig(ctx)
	if err != nil || strings.Count(string(config), "server.") != 3 {
		t.Errorf("configuration %q, %v", config, err)
	}
}
