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
	"testing"
	"time"

	"github.com/paddock-io/paddock/internal/storage"
	"github.com/paddock-io/paddock/internal/storage/vfs"
	"github.com/paddock-io/paddock/proto"
	"github.com/paddock-io/paddock/test/robustness/cluster"
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
	c := startPlain(ctx, t)
	acked := writeSome(ctx, t, c, 0, 60)
	for round := range rounds {
		for _, s := range c.Servers {
			if rng.IntN(2) == 0 {
				cluster.Kill(s)
			} else {
				cluster.Stop(s)
			}
		}
		n := damage(t, c, rng)
		if err := c.Start(); err != nil {
			t.Fatal(err)
		}
		if err := c.WaitServing(ctx); err != nil {
			t.Fatal(err)
		}
		allThere(ctx, t, c, acked)
		t.Logf("round %d: %d copies damaged, %d znodes there", round, n, len(acked))
		acked = append(acked, writeSome(ctx, t, c, len(acked), 20)...)
	}
}

// writeSome creates znodes and returns their names.
func writeSome(ctx context.Context, t *testing.T, c *cluster.Cluster, from, n int) (names []string) {
	t.Helper()
	conn := connect(ctx, t, c.ConnectString())
	defer conn.Close()
	for i := range n {
		name := fmt.Sprintf("/damage-%d", from+i)
		if _, err := conn.Create(ctx, name, []byte(strings.Repeat(name, 1+i*7%90)), zk.Persistent, zk.OpenACL); err != nil {
			t.Fatal(err)
		}
		names = append(names, name)
	}
	return names
}

// allThere asks every server for every name.
func allThere(ctx context.Context, t *testing.T, c *cluster.Cluster, names []string) {
	t.Helper()
	for _, s := range c.Servers {
		conn := connect(ctx, t, s.Client)
		if err := conn.Sync(ctx, "/"); err != nil {
			t.Fatal(err)
		}
		for _, name := range names {
			if b, _, err := conn.Get(ctx, name); err != nil || !strings.HasPrefix(string(b), name) {
				t.Errorf("server %d has lost %s: %v", s.ID, name, err)
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
func damage(t *testing.T, c *cluster.Cluster, rng *rand.Rand) (n int) {
	t.Helper()
	copies := map[proto.Zxid][]copied{}
	for _, s := range c.Servers {
		logs, _ := filepath.Glob(filepath.Join(s.Data(), "version-2/log.*"))
		for _, path := range logs {
			if _, err := storage.VerifyLog(vfs.OS{}, path, func(at int64, entry storage.Entry) error {
				copies[entry.Zxid] = append(copies[entry.Zxid], copied{path, at, at + 13 + int64(len(entry.Payload))})
				return nil
			}); err != nil {
				t.Fatal(err)
			}
		}
	}
	var zxids []proto.Zxid
	for z := range copies {
		zxids = append(zxids, z)
	}
	slices.Sort(zxids)
	for _, z := range zxids[max(0, len(zxids)-20):] {
		left := copies[z]
		for len(left) > 1 && rng.IntN(2) == 0 {
			i := rng.IntN(len(left))
			lose(t, rng, left[i])
			left = slices.Delete(left, i, i+1)
			n++
		}
	}
	return n
}

func lose(t *testing.T, rng *rand.Rand, c copied) {
	t.Helper()
	f, err := os.OpenFile(c.path, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	b := make([]byte, c.end-c.off)
	if _, err := f.ReadAt(b, c.off); err != nil {
		t.Fatal(err)
	}
	if rng.IntN(2) == 0 {
		clear(b)
	} else {
		b[4+rng.IntN(len(b)-4)] ^= 1 << rng.IntN(8)
	}
	if _, err := f.WriteAt(b, c.off); err != nil {
		t.Fatal(err)
	}
}
