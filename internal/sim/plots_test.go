package sim

import "testing"

// TestPlotsStrike: a plot that waits for what never happens would be no use, and
// nobody would notice.
func TestPlotsStrike(t *testing.T) {
	const enough = 5
	tries, struck := map[*plot]int{}, map[*plot]bool{}
	for seed := uint64(1); len(struck) < len(plots); seed++ {
		p := drawPlot(seed)
		if p == nil || struck[p] {
			continue
		}
		w := New(seed, nil)
		if err := w.Run(); err != nil {
			t.Fatalf("seed %#x: %v", seed, err)
		}
		if tries[p]++; w.Plots > 0 {
			struck[p] = true
		} else if tries[p] == enough {
			t.Fatalf("%q does not strike in %d histories, the last one of seed %#x", p.name, enough, seed)
		}
	}
}
