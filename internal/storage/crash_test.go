package storage

import (
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/paddock-io/paddock/internal/storage/vfs"
)

var (
	crashSeed = flag.Uint64("crash.seed", 0, "run one crash history")
	crashN    = flag.Int("crash.n", 200, "how many crash histories to run")
)

// TestCrash lives at random on a disk that stops working at a random
// operation, takes what a power failure leaves, recovers, and goes on, several
// times in a row: longer and more random histories than crash points afford, with
// one crash each time where those have all.
func TestCrash(t *testing.T) {
	seeds := make([]uint64, *crashN)
	for i := range seeds {
		seeds[i] = uint64(i) + 1
	}
	if *crashSeed != 0 {
		seeds = []uint64{*crashSeed}
	}
	for _, seed := range seeds {
		if err := runCrashes(seed); err != nil {
			t.Fatalf("%v\nreplay: go test ./internal/storage -run 'TestCrash$' -crash.seed=%d", err, seed)
		}
	}
}

var errPower = errors.New("power failure")

func runCrashes(seed uint64) error {
	rng := rand.New(rand.NewPCG(seed, 1))
	opts := Options{DataDir: "/data", PreallocBytes: []int64{-1, 4096, 20000, 2 * zeroStep}[rng.IntN(4)]}
	if rng.IntN(2) == 0 {
		opts.LogDir = "/log"
	}
	if rng.IntN(3) == 0 {
		opts.LogSizeLimit = 1000 + rng.Int64N(20000)
	}
	mem := vfs.NewMem()
	now := newServer(opts, 0).claims
	for life := range 6 {
		w := newServer(opts, rng.Uint64())
		w.disk.FS, w.claims = mem, []claim{{what: "first start", also: now}}
		w.below = &vfs.Faulty{FS: w.disk, Rule: powerFailure(rng, rng.IntN(160))}
		if err := w.live(40); err != nil && !errors.Is(err, errPower) {
			return fmt.Errorf("life %d, at %q: %w\nafter\n%s", life, w.what, err, tell(w.disk.Changes(), w.disk.Len()))
		}
		now = inForce(w.claims, w.disk.Len())
		mem = mem.CrashClone(rng)
	}
	return (&crashPoints{workload: workload{opts: opts}}).twice(mem, now)
}

// powerFailure lets n operations that change something pass.
func powerFailure(rng *rand.Rand, n int) vfs.Rule {
	return func(op vfs.Op, _ string) (int, error) {
		if op == vfs.OpOpen || op == vfs.OpRead {
			return 0, nil
		}
		if n--; n >= 0 {
			return 0, nil
		}
		return rng.IntN(5000), errPower
	}
}

// live starts and does n steps at random. What an earlier life may have had
// from a leader stays.
func (w *server) live(n int) error {
	steps := []func() error{w.firstStart, func() error { w.base = len(w.txns); return nil }}
	for range n {
		steps = append(steps, w.step)
	}
	return w.run(steps)
}
