package robustness

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/paddock-io/paddock/test/robustness/cluster"
	"github.com/paddock-io/paddock/zk"
)

// TestSyncAsksTheQuorum: a leader whose followers have stopped answers reads,
// but no sync, until a quorum has told it that it still leads.
func TestSyncAsksTheQuorum(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	c := startPlain(ctx, t, "syncLimit=100") // nobody is to be given up while it is stopped
	var leader *cluster.Server
	var followers []*cluster.Server
	for _, s := range c.Servers {
		if s.Mode() == "leader" {
			leader = s
		} else {
			followers = append(followers, s)
		}
	}
	if leader == nil || len(followers) != 2 {
		t.Fatal("no leader with two followers")
	}
	reader, syncer := connect(ctx, t, leader.Client), connect(ctx, t, leader.Client)
	if err := syncer.Sync(ctx, "/"); err != nil {
		t.Fatalf("sync with all servers: %v", err)
	}

	for _, s := range followers {
		defer s.Signal(syscall.SIGCONT)
		freeze(ctx, t, s)
	}
	answer := make(chan zk.Result, 1)
	if err := syncer.Go(zk.SyncOp("/"), func(r zk.Result) { answer <- r }); err != nil {
		t.Fatal(err)
	}
	for range 1000 {
		if _, _, err := reader.Get(ctx, "/"); err != nil {
			t.Fatalf("read from the leader: %v", err)
		}
	}
	select {
	case r := <-answer:
		t.Fatalf("the leader answered a sync that nobody confirmed: %+v", r)
	default:
	}

	for _, s := range followers {
		s.Signal(syscall.SIGCONT)
	}
	select {
	case r := <-answer:
		if r.Err != nil {
			t.Errorf("sync after the followers went on: %v", r.Err)
		}
	case <-ctx.Done():
		t.Fatal("the sync is never answered")
	}
}

// freeze stops a process and returns when none of its threads runs any more.
func freeze(ctx context.Context, t *testing.T, s *cluster.Server) {
	t.Helper()
	s.Signal(syscall.SIGSTOP)
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for !frozen(t, s) {
		select {
		case <-tick.C:
		case <-ctx.Done():
			t.Fatalf("server %d does not stop", s.ID)
		}
	}
}

// frozen reads the state of every thread, the word behind its name in
// parentheses; T is stopped.
func frozen(t *testing.T, s *cluster.Server) bool {
	t.Helper()
	threads, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/stat", s.Pid()))
	if err != nil || len(threads) == 0 {
		t.Skip("there is no /proc to see when a process has stopped")
	}
	for _, path := range threads {
		text, err := os.ReadFile(path)
		if err != nil {
			return false // the thread has ended
		}
		if _, rest, _ := strings.Cut(string(text), ") "); !strings.HasPrefix(rest, "T") {
			return false
		}
	}
	return true
}

// startPlain starts three servers without proxies and waits until all serve.
func startPlain(ctx context.Context, t *testing.T, extra ...string) *cluster.Cluster {
	t.Helper()
	c := cluster.New(t, cluster.Options{Voters: 3, Extra: extra})
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	if err := c.WaitServing(ctx); err != nil {
		t.Fatal(err)
	}
	return c
}

func connect(ctx context.Context, t *testing.T, addr string) *zk.Conn {
	t.Helper()
	c, err := zk.Connect(ctx, addr, zk.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}
