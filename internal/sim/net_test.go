package sim

import "testing"

// TestSlowReaders: some histories have them, and there messages of links come together
// that nobody has sent as one; in the others none do.
func TestSlowReaders(t *testing.T) {
	const most = 30
	seen := map[bool]bool{}
	for seed := uint64(1); len(seen) < 2; seed++ {
		if seed > most {
			t.Fatalf("none of %d histories has slow readers, or all have", most)
		}
		w := New(seed, nil)
		if seen[w.cfg.slowReaders] {
			continue
		}
		seen[w.cfg.slowReaders] = true
		if err := w.Run(); err != nil {
			t.Fatalf("seed %#x: %v", seed, err)
		}
		if (w.Together > 0) != w.cfg.slowReaders {
			t.Errorf("seed %#x: slow readers %v, %d messages came together", seed, w.cfg.slowReaders, w.Together)
		}
	}
}
