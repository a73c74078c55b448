package cluster

import (
	"context"
	"math/rand/v2"
	"os"
	"sync"
	"testing"
	"time"

	"github.com/paddock-io/paddock/test/robustness/proxy"
	"github.com/paddock-io/paddock/test/robustness/tamper"
	"github.com/paddock-io/paddock/zk"
)

func TestMain(m *testing.M) {
	tamper.Main()
	code := m.Run()
	Remove()
	os.Exit(code)
}

// start starts three servers behind proxies, with all that can be had.
func start(t *testing.T) (context.Context, *Cluster) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	t.Cleanup(cancel)
	c := New(t, Options{
		Voters: 3, Clients: 1, Rng: rand.New(rand.NewPCG(1, 2)),
		Proxies: true, Tamper: true, SmallDisk: true, NoCreate: true, Tick: 200 * time.Millisecond,
	})
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	if err := c.WaitServing(ctx); err != nil {
		t.Fatal(err)
	}
	return ctx, c
}

// await polls until ok.
func await(ctx context.Context, t *testing.T, what string, ok func() bool) {
	t.Helper()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for !ok() {
		select {
		case <-tick.C:
		case <-ctx.Done():
			t.Fatalf("it never comes that %s", what)
		}
	}
}

// TestIsolation: no connection between servers goes around the proxies.
func TestIsolation(t *testing.T) {
	ctx, c := start(t)
	old := c.Leader()
	if old == nil {
		t.Fatal("there is no leader")
	}
	for _, s := range c.Servers {
		if s != old {
			c.SetBoth(s.ID, old.ID, proxy.Condition{Stall: true})
		}
	}
	await(ctx, t, "the others have a leader and the old one serves no more", func() bool {
		led := false
		for _, s := range c.Servers {
			led = led || s != old && s.Mode() == "leader"
		}
		return led && old.Mode() == ""
	})
	c.HealLinks()
	await(ctx, t, "the old leader follows", func() bool { return old.Mode() == "follower" })

	for _, s := range c.Servers {
		for _, o := range c.Servers {
			if s.ID < o.ID {
				c.Cut(s.ID, o.ID, true)
			}
		}
	}
	await(ctx, t, "nobody serves", func() bool {
		for _, s := range c.Servers {
			if s.Mode() != "" {
				return false
			}
		}
		return true
	})
	c.HealLinks()
	if err := c.WaitServing(ctx); err != nil {
		t.Error(err)
	}
	if list := c.Surprises(); len(list) > 0 {
		t.Error(list)
	}
}

// TestDisks: a server whose disk is full, or does not sync, ends with its code
// and comes back; one without data comes back with the others' help.
func TestDisks(t *testing.T) {
	ctx, c := start(t)
	s := c.Servers[0]
	conn, err := zk.Connect(ctx, c.Servers[1].Client, zk.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if _, err := conn.Create(ctx, "/x", nil, zk.Persistent, zk.OpenACL); err != nil {
		t.Fatal(err)
	}
	load, stop := context.WithCancel(ctx)
	var writing sync.WaitGroup
	writing.Go(func() {
		for load.Err() == nil {
			conn.Set(load, "/x", make([]byte, 10_000), zk.AnyVersion) // it may lose its connection
		}
	})
	defer writing.Wait()
	defer stop()
	const exitDisk = 10
	s.Allow(exitDisk)
	breakages := map[string]struct {
		begin func() bool
		end   func() error
	}{
		"full":      {func() bool { return s.HasSmallDisk() && s.Fill() == nil }, s.Free},
		"too large": {func() bool { return s.LimitFiles(0) }, func() error { return nil }},
		"no sync":   {func() bool { return s.SetDisk(tamper.Disk{Fail: true}) }, func() error { return nil }},
		"wiped":     {func() bool { Kill(s); return s.Wipe() == nil }, func() error { return nil }},
	}
	for name, b := range breakages {
		if !b.begin() {
			t.Logf("%s: cannot be had here", name)
			continue
		}
		if name != "wiped" {
			select {
			case <-s.Exited():
			case <-ctx.Done():
				t.Fatalf("%s: the server does not end", name)
			}
			if code := s.ExitCode(); code != exitDisk {
				t.Errorf("%s: the server ends with %d, want %d", name, code, exitDisk)
			}
		}
		if err := b.end(); err != nil {
			t.Fatal(err)
		}
		if err := s.Start(); err != nil {
			t.Fatal(err)
		}
		if err := c.WaitServing(ctx); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
	}
	if list := c.Surprises(); len(list) > 0 {
		t.Error(list)
	}
}
