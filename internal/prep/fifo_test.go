package prep

import (
	"math/rand/v2"
	"testing"

	"github.com/paddock-io/paddock/proto"
)

// TestFifo compares the ring with a slice, over all the places where the ring
// wraps and grows.
func TestFifo(t *testing.T) {
	for seed := range uint64(50) {
		rng := rand.New(rand.NewPCG(seed, 0))
		var f fifo
		var want []proto.Zxid
		for i := range 2000 {
			switch n := rng.IntN(10); {
			case n < 6:
				f.push(entry{zxid: proto.Zxid(i)})
				want = append(want, proto.Zxid(i))
			case n < 9 && len(want) > 0:
				if got := f.pop().zxid; got != want[0] {
					t.Fatalf("seed %d: popped %v, want %v", seed, got, want[0])
				}
				want = want[1:]
			case n == 9:
				k := rng.IntN(min(len(want), 5) + 1)
				f.unpush(k)
				want = want[:len(want)-k]
			}
			if f.len() != len(want) || len(want) > 0 && f.front().zxid != want[0] {
				t.Fatalf("seed %d: %d entries, want %d", seed, f.len(), len(want))
			}
		}
	}
}
