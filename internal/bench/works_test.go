package bench

import (
	"context"
	"errors"
	"os"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/paddock-io/paddock/internal/node/nodetest"
	"github.com/paddock-io/paddock/zk"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func connect(t *testing.T, addr string) *zk.Conn {
	t.Helper()
	c, err := zk.Connect(t.Context(), addr, zk.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

func run(t *testing.T, cfg Config) *Report {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute) // a work that does not end fails
	defer cancel()
	r, err := Run(ctx, cfg)
	if err == nil {
		err = ctx.Err()
	}
	if err != nil {
		t.Fatal(err)
	}
	if r.Errors != 0 || r.All.Count == 0 {
		t.Errorf("%s: %d errors, %d of what was measured", cfg.Work, r.Errors, r.All.Count)
	}
	return r
}

func TestLoadCreatesAllAndDeletesThem(t *testing.T) {
	addr := nodetest.Standalone(t, "maxClientCnxns=0")
	c := connect(t, addr)
	const keys = 2*perParent + 345
	run(t, Config{Work: Load, Servers: addr, Sessions: 7, Keys: keys, Size: 3, Root: "/kept", Keep: true})
	n, err := c.AllChildrenNumber(t.Context(), "/kept")
	if want := keys + 3; err != nil || n != want { // three parents
		t.Errorf("%d znodes below /kept, want %d (%v)", n, want, err)
	}
	if data, _, err := c.Get(t.Context(), "/kept/k0000002/n344"); err != nil || string(data) != "abc" {
		t.Errorf("the last znode has %q (%v)", data, err)
	}
	run(t, Config{Work: Load, Servers: addr, Sessions: 2, Keys: keys, Root: "/gone"})
	if _, found, err := c.Exists(t.Context(), "/gone"); err != nil || found {
		t.Errorf("/gone was left behind (%v)", err)
	}
}

// TestMixedWorks interrupts each work after some answers: it reports what was
// until then, and cleans up.
func TestMixedWorks(t *testing.T) {
	addr := nodetest.Standalone(t, "maxClientCnxns=0")
	for name, cfg := range map[string]Config{
		"sets":      {},
		"creates":   {Write: "create", Sessions: 3, Outstanding: 1},
		"multis":    {Write: "multi", MultiOps: Range{5, 15}, Keys: 20},
		"lists":     {Reads: 1, Read: "children", Keys: 50},
		"open loop": {Reads: 0.5, Rate: 500, Spread: true},
		"syncs":     {Reads: 1, Sync: true},
		"wide":      {Reads: 0.5, Size: 500_000, Keys: 20, Sessions: 1},
	} {
		t.Run(name, func(t *testing.T) {
			cfg.Servers, cfg.Size, cfg.Duration = addr, max(cfg.Size, 10), time.Hour
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			cfg.Progress = func(_, perSecond float64) {
				if perSecond > 0 { // that will do
					cancel()
				}
			}
			r, err := Run(ctx, cfg)
			if err != nil || r.Errors != 0 || r.PerSecond == 0 {
				t.Fatalf("%+v, %v", r, err)
			}
			if cfg.Reads == 0.5 {
				return // there may be one kind only
			}
			if (r.ReadLatency == nil) != (cfg.Reads == 0) || (r.WriteLatency == nil) != (cfg.Reads == 1) {
				t.Errorf("reads %v, writes %v", r.ReadLatency, r.WriteLatency)
			}
		})
	}
	if children, err := connect(t, addr).Children(t.Context(), "/"); err != nil || len(children) != 1 {
		t.Errorf("left behind: %v (%v)", children, err)
	}
}

func TestIdleSessionsAndServerUse(t *testing.T) {
	addr := nodetest.Standalone(t, "maxClientCnxns=0")
	r := run(t, Config{Work: Idle, Servers: addr, Sessions: 100, Duration: time.Millisecond, PIDs: []int{os.Getpid()}})
	if r.All.Count != 100 || r.SessionsPerSecond <= 0 {
		t.Errorf("%d sessions opened at %v a second", r.All.Count, r.SessionsPerSecond)
	}
	if len(r.Servers) != 1 || r.Servers[0].RSSBefore == 0 || r.Servers[0].RSSAfter == 0 {
		t.Errorf("this process: %+v", r.Servers)
	}
	if _, err := Run(t.Context(), Config{Work: Idle, Servers: "127.0.0.1:1", Sessions: 3}); err == nil {
		t.Error("sessions were opened where nobody listens")
	}
}

func TestWatchTellsAll(t *testing.T) {
	addr := nodetest.Standalone(t, "maxClientCnxns=0")
	r := run(t, Config{Work: Watch, Servers: addr, Sessions: 70, Keys: 300, Rounds: 4})
	if r.Fanout.Watches != 70*300 || r.All.Count != 4 || r.WriteLatency.Count != 4 {
		t.Errorf("%+v, %d rounds, %d sets", r.Fanout, r.All.Count, r.WriteLatency.Count)
	}
	if r.All.P50 < r.WriteLatency.P50/2 {
		t.Errorf("a set took %v ms, the last event %v ms", r.WriteLatency.P50, r.All.P50)
	}
}

func TestProbe(t *testing.T) {
	if err := Probe(t.Context(), nodetest.Standalone(t, "maxClientCnxns=0")); err != nil {
		t.Error(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := Probe(ctx, "127.0.0.1:1"); err == nil || !errors.Is(err, context.Canceled) {
		t.Errorf("probing nobody: %v", err)
	}
}

func TestNoSuchProcess(t *testing.T) {
	if _, err := Run(t.Context(), Config{Servers: "127.0.0.1:1", PIDs: []int{1 << 30}}); err == nil || !strings.Contains(err.Error(), "process") {
		t.Errorf("watching nobody: %v", err)
	}
}
