package sim

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"regexp"
	"runtime"
	"runtime/debug"
	"sync"
	"testing"
)

var (
	seedFlag  = flag.String("sim.seed", "", "live through the history of this seed only")
	nFlag     = flag.Int("sim.n", defaultN, "how many seeds")
	fromFlag  = flag.Uint64("sim.from", 1, "the first seed; 0 takes seeds that nobody has seen")
	traceFlag = flag.Bool("sim.trace", false, "with -sim.seed, print every event")
)

// defaultN is how many seeds a plain run takes, without the race detector.
const defaultN = 500

// TestSim lives through histories. Each failure says how to see it again.
func TestSim(t *testing.T) {
	if *seedFlag != "" {
		one(t, *seedFlag)
		return
	}
	from, n := *fromFlag, *nFlag
	if from == 0 {
		from = rand.Uint64()
	}
	if testing.Short() || raced && n == defaultN {
		n = min(n, 60)
	}
	total, failed := many(from, n, runtime.GOMAXPROCS(0))
	t.Logf("%d seeds from %#x: %v", n, from, total)
	for _, f := range failed {
		t.Error(f)
	}
}

func one(t *testing.T, text string) {
	var seed uint64
	if _, err := fmt.Sscan(text, &seed); err != nil {
		t.Fatalf("-sim.seed=%s: %v", text, err)
	}
	var trace func(string)
	if *traceFlag {
		trace = func(line string) { fmt.Fprintln(os.Stdout, line) }
	}
	w := New(seed, trace)
	if err := w.Run(); err != nil {
		t.Fatalf("seed %#x: %v\n%s", seed, err, w.Grid())
	}
	t.Logf("seed %#x: %v", seed, w.Counts)
}

// many runs seeds on several goroutines, each in a world of its own, and
// returns the first few failures.
func many(from uint64, n, workers int) (total Counts, failed []string) {
	defer debug.SetGCPercent(debug.SetGCPercent(400)) // worlds are small and live shortly
	var mu sync.Mutex
	var wg sync.WaitGroup
	next := 0
	for range workers {
		wg.Go(func() {
			for {
				mu.Lock()
				i := next
				next++
				enough := i >= n || len(failed) >= 3
				mu.Unlock()
				if enough {
					return
				}
				seed := from + uint64(i)
				w := New(seed, nil)
				err := w.Run()
				mu.Lock()
				total.Add(&w.Counts)
				if err != nil {
					failed = append(failed, fmt.Sprintf("seed %#x: %v\n%s\nreplay: make sim SEED=%#x TRACE=1", seed, err, w.Grid(), seed))
				}
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	return total, failed
}

// TestSameSeed: a seed gives one history, event for event. Pointers are no part
// of what is compared.
func TestSameSeed(t *testing.T) {
	for seed := uint64(1); seed <= 12; seed++ {
		var first, again []string
		for _, lines := range []*[]string{&first, &again} {
			w := New(seed, func(line string) { *lines = append(*lines, pointers.ReplaceAllString(line, "")) })
			if err := w.Run(); err != nil {
				t.Fatalf("seed %#x: %v", seed, err)
			}
		}
		for i := range min(len(first), len(again)) {
			if first[i] != again[i] {
				t.Fatalf("seed %#x differs in line %d:\n%s\n%s", seed, i, first[i], again[i])
			}
		}
		if len(first) != len(again) || len(first) < 100 {
			t.Errorf("seed %#x has %d events, and then %d", seed, len(first), len(again))
		}
	}
}

// pointers are addresses in what %+v makes of actions.
var pointers = regexp.MustCompile(`0x[0-9a-f]{10,}`)
