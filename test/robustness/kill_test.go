package robustness

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/paddock-io/paddock/zk"
)

// duration is how long the nemesis works: PADDOCK_KILL_SECONDS, or 15 s.
func duration(t *testing.T) time.Duration {
	text := os.Getenv("PADDOCK_KILL_SECONDS")
	if text == "" {
		return 15 * time.Second
	}
	n, err := strconv.Atoi(text)
	if err != nil {
		t.Fatalf("PADDOCK_KILL_SECONDS: %v", err)
	}
	return time.Duration(n) * time.Second
}

// writer creates znodes through one session, one after the other, and notes
// what it was told.
type writer struct {
	id     int
	conn   *zk.Conn
	acked  []string
	unsure map[string]bool // no answer: they may be there or not
	err    error
	gap    time.Duration // longest time between two acknowledgements
}

func (w *writer) run(ctx context.Context) {
	last := time.Now()
	for n := 0; ctx.Err() == nil; n++ {
		name := fmt.Sprintf("w%d-%07d", w.id, n)
		_, err := w.conn.Create(ctx, "/kill/"+name, []byte(name), zk.Persistent, zk.OpenACL)
		switch {
		case err == nil:
			w.acked = append(w.acked, name)
			w.gap = max(w.gap, time.Since(last))
			last = time.Now()
		case errors.Is(err, zk.ErrConnectionLoss), ctx.Err() != nil:
			w.unsure[name] = true
		default:
			w.err = fmt.Errorf("create %s: %w", name, err)
			return
		}
	}
}

// TestKill writes through three sessions while the leader and followers are
// killed in turn, and then looks for every acknowledged write on every server.
func TestKill(t *testing.T) {
	e := newEnsemble(t, 3)
	ctx, cancel := context.WithTimeout(context.Background(), duration(t)+2*time.Minute)
	defer cancel()
	for _, s := range e.servers {
		e.start(s)
	}
	e.waitServing(ctx)

	writers := make([]*writer, 3)
	for i := range writers {
		conn, err := zk.Connect(ctx, e.connectString(), zk.Options{SessionTimeout: 10 * time.Second})
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		writers[i] = &writer{id: i, conn: conn, unsure: map[string]bool{}}
	}
	if _, err := writers[0].conn.Create(ctx, "/kill", nil, zk.Persistent, zk.OpenACL); err != nil {
		t.Fatal(err)
	}
	load, stop := context.WithCancel(ctx)
	var wg sync.WaitGroup
	for _, w := range writers {
		wg.Go(func() { w.run(load) })
	}
	kills := e.nemesis(ctx, duration(t))
	stop()
	wg.Wait()
	e.waitServing(ctx)
	e.validate(ctx, writers, kills)
}

// nemesis kills servers for a while and leaves all of them running.
func (e *ensemble) nemesis(ctx context.Context, d time.Duration) map[string]int {
	seed := uint64(time.Now().UnixNano())
	e.t.Logf("nemesis seed %d", seed)
	rng := rand.New(rand.NewPCG(seed, 0))
	kills := map[string]int{}
	end := time.Now().Add(d)
	for round := 0; time.Now().Before(end) && ctx.Err() == nil; round++ {
		pause(ctx, time.Duration(rng.IntN(1500))*time.Millisecond)
		victim := e.choose(rng, round%2 == 0)
		mode := victim.mode()
		if mode == "" {
			mode = "joining server"
		}
		e.kill(victim)
		kills[mode]++
		pause(ctx, time.Duration(rng.IntN(1500))*time.Millisecond)
		e.start(victim)
		if rng.IntN(3) > 0 { // sometimes the next one dies before this one is back
			e.waitServing(ctx)
		}
	}
	return kills
}

// choose picks the leader, or anybody.
func (e *ensemble) choose(rng *rand.Rand, leader bool) *server {
	if leader {
		for _, s := range e.servers {
			if s.mode() == "leader" {
				return s
			}
		}
	}
	return e.servers[rng.IntN(len(e.servers))]
}

func pause(ctx context.Context, d time.Duration) {
	select {
	case <-ctx.Done():
	case <-time.After(d):
	}
}

// validate reads every server by itself.
func (e *ensemble) validate(ctx context.Context, writers []*writer, kills map[string]int) {
	t := e.t
	total := 0
	for _, w := range writers {
		if w.err != nil {
			t.Errorf("session %d: %v", w.id, w.err)
		}
		total += len(w.acked)
		t.Logf("session %d: %d acknowledged, %d without an answer, longest gap %v", w.id, len(w.acked), len(w.unsure), w.gap.Round(time.Millisecond))
	}
	t.Logf("kills: %v", kills)
	if total == 0 {
		t.Fatal("nothing was acknowledged")
	}
	for _, s := range e.servers {
		names := e.read(ctx, s)
		for _, w := range writers {
			for _, name := range w.acked {
				if !names[name] {
					t.Errorf("server %d (%s) lost the acknowledged %s", s.id, s.mode(), name)
				}
				delete(names, name)
			}
			for name := range w.unsure {
				delete(names, name)
			}
		}
		for name := range names {
			t.Errorf("server %d holds %s, which nobody wrote", s.id, name)
		}
	}
}

func (e *ensemble) read(ctx context.Context, s *server) map[string]bool {
	e.t.Helper()
	conn, err := zk.Connect(ctx, s.client, zk.Options{MaxFrame: 256 << 20})
	if err != nil {
		e.t.Fatal(err)
	}
	defer conn.Close()
	if err := conn.Sync(ctx, "/kill"); err != nil {
		e.t.Fatal(err)
	}
	children, err := conn.Children(ctx, "/kill")
	if err != nil {
		e.t.Fatal(err)
	}
	names := make(map[string]bool, len(children))
	for _, c := range children {
		names[c] = true
	}
	return names
}
