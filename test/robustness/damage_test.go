package robustness

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/paddock-io/paddock/internal/storage"
	"github.com/paddock-io/paddock/internal/storage/vfs"
	"github.com/paddock-io/paddock/proto"
	"github.com/paddock-io/paddock/zk"
)

// TestDamage stops all servers, damages their files, and starts them again: every
// transaction has one good copy left, so all of them must serve and hold
// everything that was acknowledged. PADDOCK_DAMAGE_ROUNDS is how often, 3
// without it; PADDOCK_DAMAGE_SEED replays one choice of damages.
func TestDamage(t *testing.T) {
	rounds, seed := 3, uint64(time.Now().UnixNano())
	if n, err := strconv.Atoi(os.Getenv("PADDOCK_DAMAGE_ROUNDS")); err == nil {
		rounds = n
	}
	if n, err := strconv.ParseUint(os.Getenv("PADDOCK_DAMAGE_SEED"), 0, 64); err == nil {
		seed = n
	}
	t.Logf("PADDOCK_DAMAGE_SEED=%d", seed)
	rng := rand.New(rand.NewPCG(seed, 3))
	ctx, cancel := context.WithTimeout(context.Background(), time.Duration(rounds)*time.Minute)
	defer cancel()
	e := newEnsemble(t, 3, "preAllocSize=64")
	for _, s := range e.servers {
		e.start(s)
	}
	e.waitServing(ctx)
	acked := e.writeSome(ctx, 0, 60)
	for round := range rounds {
		for _, s := range e.servers {
			if rng.IntN(2) == 0 {
				e.kill(s)
			} else {
				e.stop(s)
			}
		}
		n := e.damage(rng)
		for _, s := range e.servers {
			e.start(s)
		}
		e.waitServing(ctx)
		e.allThere(ctx, acked)
		t.Logf("round %d: %d copies damaged, %d znodes there", round, n, len(acked))
		acked = append(acked, e.writeSome(ctx, len(acked), 20)...)
	}
}

// stop ends a process in good order.
func (e *ensemble) stop(s *server) {
	s.cmd.Process.Signal(syscall.SIGTERM)
	<-s.exited
	s.cmd = nil
}

func (e *ensemble) connect(ctx context.Context, to string) *zk.Conn {
	e.t.Helper()
	conn, err := zk.Connect(ctx, to, zk.Options{SessionTimeout: 10 * time.Second})
	if err != nil {
		e.t.Fatal(err)
	}
	return conn
}

// writeSome creates znodes and returns their names.
func (e *ensemble) writeSome(ctx context.Context, from, n int) (names []string) {
	e.t.Helper()
	conn := e.connect(ctx, e.connectString())
	defer conn.Close()
	for i := range n {
		name := fmt.Sprintf("/damage-%d", from+i)
		if _, err := conn.Create(ctx, name, []byte(strings.Repeat(name, 1+i*7%90)), zk.Persistent, zk.OpenACL); err != nil {
			e.t.Fatal(err)
		}
		names = append(names, name)
	}
	return names
}

// allThere asks every server for every name.
func (e *ensemble) allThere(ctx context.Context, names []string) {
	e.t.Helper()
	for _, s := range e.servers {
		conn := e.connect(ctx, s.client)
		if err := conn.Sync(ctx, "/"); err != nil {
			e.t.Fatal(err)
		}
		for _, name := range names {
			if b, _, err := conn.Get(ctx, name); err != nil || !strings.HasPrefix(string(b), name) {
				e.t.Errorf("server %d has lost %s: %v", s.id, name, err)
			}
		}
		conn.Close()
	}
}

// copied is where a copy of a transaction lies.
type copied struct {
	path     string
	off, end int64
}

// damage loses about half of the copies of the newest transactions, but never the
// last one, and returns how many.
func (e *ensemble) damage(rng *rand.Rand) (n int) {
	e.t.Helper()
	copies := map[proto.Zxid][]copied{}
	for _, s := range e.servers {
		logs, _ := filepath.Glob(filepath.Join(s.dir, "data/version-2/log.*"))
		for _, path := range logs {
			if _, err := storage.VerifyLog(vfs.OS{}, path, func(at int64, entry storage.Entry) error {
				copies[entry.Zxid] = append(copies[entry.Zxid], copied{path, at, at + 13 + int64(len(entry.Payload))})
				return nil
			}); err != nil {
				e.t.Fatal(err)
			}
		}
	}
	var zxids []proto.Zxid
	for z := range copies {
		zxids = append(zxids, z)
	}
	slices.Sort(zxids)
	for _, z := range zxids[max(0, len(zxids)-20):] {
		c := copies[z]
		for len(c) > 1 && rng.IntN(2) == 0 {
			i := rng.IntN(len(c))
			e.lose(rng, c[i])
			c = slices.Delete(c, i, i+1)
			n++
		}
	}
	return n
}

func (e *ensemble) lose(rng *rand.Rand, c copied) {
	e.t.Helper()
	f, err := os.OpenFile(c.path, os.O_RDWR, 0)
	if err != nil {
		e.t.Fatal(err)
	}
	defer f.Close()
	b := make([]byte, c.end-c.off)
	if _, err := f.ReadAt(b, c.off); err != nil {
		e.t.Fatal(err)
	}
	if rng.IntN(2) == 0 {
		clear(b)
	} else {
		b[4+rng.IntN(len(b)-4)] ^= 1 << rng.IntN(8)
	}
	if _, err := f.WriteAt(b, c.off); err != nil {
		e.t.Fatal(err)
	}
}
