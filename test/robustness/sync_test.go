package robustness

import (
	"context"
	"syscall"
	"testing"
	"time"

	"github.com/paddock-io/paddock/zk"
)

// TestSyncAsksTheQuorum: a leader whose followers have stopped answers reads,
// but no sync, until a quorum has told it that it still leads.
func TestSyncAsksTheQuorum(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	e := newEnsemble(t, 3, "syncLimit=100") // nobody is to be given up while it is stopped
	for _, s := range e.servers {
		e.start(s)
	}
	e.waitServing(ctx)
	var leader *server
	var followers []*server
	for _, s := range e.servers {
		if s.mode() == "leader" {
			leader = s
		} else {
			followers = append(followers, s)
		}
	}
	if leader == nil || len(followers) != 2 {
		t.Fatal("no leader with two followers")
	}
	reader, syncer := connect(ctx, t, leader.client), connect(ctx, t, leader.client)
	if err := syncer.Sync(ctx, "/"); err != nil {
		t.Fatalf("sync with all servers: %v", err)
	}

	for _, s := range followers {
		s.cmd.Process.Signal(syscall.SIGSTOP)
		defer s.cmd.Process.Signal(syscall.SIGCONT)
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
		s.cmd.Process.Signal(syscall.SIGCONT)
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

func connect(ctx context.Context, t *testing.T, addr string) *zk.Conn {
	t.Helper()
	c, err := zk.Connect(ctx, addr, zk.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}
