package nemesis

import (
	"math/rand/v2"
	"slices"
	"testing"
	"time"
)

func names(n *Nemesis) []string {
	var v []string
	for _, f := range n.kind {
		v = append(v, f.name)
	}
	return v
}

func seeded(seed uint64, only ...string) *Nemesis {
	return New(nil, rand.New(rand.NewPCG(seed, 1)), func() time.Duration { return 0 }, only...)
}

// TestChoice: a seed chooses the same faults again, other seeds choose others,
// and every fault has its turn.
func TestChoice(t *testing.T) {
	seen := map[string]bool{}
	different := 0
	for seed := range uint64(100) {
		a, b, c := names(seeded(seed)), names(seeded(seed)), names(seeded(seed+1))
		if !slices.Equal(a, b) {
			t.Errorf("seed %d chooses %v and %v", seed, a, b)
		}
		if !slices.Equal(a, c) {
			different++
		}
		for _, name := range a {
			seen[name] = true
		}
	}
	if different < 90 || len(seen) != len(Kinds()) {
		t.Errorf("%d of 100 seeds choose something new; %d of %d faults are ever chosen", different, len(seen), len(Kinds()))
	}
}

// TestOnly: each fault can be asked for by its name, and no other name is taken.
func TestOnly(t *testing.T) {
	for _, name := range Kinds() {
		if got := names(seeded(1, name)); len(got) != 1 || got[0] != name {
			t.Errorf("asked for %q, got %q", name, got)
		}
	}
	defer func() {
		if recover() == nil {
			t.Error("an unknown fault is taken")
		}
	}()
	seeded(1, "earthquake")
}
