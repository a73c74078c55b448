package traffic

import (
	"fmt"
	"math/rand/v2"
	"sync"

	"github.com/paddock-io/paddock/test/robustness/history"
)

// Roots are the znodes that must exist before clients run.
var Roots = []string{"/reg", "/eph", "/seq", "/queue"}

// How much happens to a group of znodes before the clients take new ones. To
// tell whether a history is linearizable takes time exponential in how many
// requests went without an answer.
const (
	groupSize    = 4
	groupOps     = 300
	groupUnknown = 6
)

// world is what the clients have in common.
type world struct {
	mu      sync.Mutex
	group   int
	ops     int
	unknown int
	recent  []string // znodes whose names only their creators knew
}

// register returns a znode that many write to.
func (w *world) register(rng *rand.Rand) string {
	return fmt.Sprintf("/reg/g%d-%d", w.current(), rng.IntN(groupSize))
}

// lock returns a name that many want for an ephemeral znode of theirs.
func (w *world) lock(rng *rand.Rand) string {
	return fmt.Sprintf("/eph/g%d-%d", w.current(), rng.IntN(2))
}

func (w *world) current() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.group
}

// note counts what has become of a request.
func (w *world) note(r *history.Record) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.ops++
	if r.Outcome == history.Unknown && r.Writes() {
		w.unknown++
	}
	if w.ops >= groupOps*groupSize || w.unknown >= groupUnknown {
		w.group, w.ops, w.unknown = w.group+1, 0, 0
	}
	if r.Sequence && r.Name != "" {
		if w.recent = append(w.recent, r.Name); len(w.recent) > 20 {
			w.recent = w.recent[1:]
		}
	}
}

// any returns a znode of any kind.
func (w *world) any(rng *rand.Rand) string {
	switch rng.IntN(4) {
	case 0:
		return w.lock(rng)
	case 1:
		w.mu.Lock()
		defer w.mu.Unlock()
		if n := len(w.recent); n > 0 {
			return w.recent[rng.IntN(n)]
		}
		return "/queue/nothing"
	}
	return w.register(rng)
}
