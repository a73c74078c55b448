package nemesis

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/paddock-io/paddock/test/robustness/cluster"
	"github.com/paddock-io/paddock/test/robustness/tamper"
)

// Entry is one line of what happened.
type Entry struct {
	At    time.Duration
	Until time.Duration // 0 for a moment
	Text  string
}

// Nemesis belongs to one goroutine, but for the log.
type Nemesis struct {
	c    *cluster.Cluster
	rng  *rand.Rand
	now  func() time.Duration
	ctx  context.Context // of the present Run
	kind []*fault        // those of this run
	busy map[int]bool    // servers whose process or disk a fault has in hand

	wiped    *cluster.Server // its disk was wiped and it has not served since
	problems []string        // of servers that did not do what a fault asks of them

	mu    sync.Mutex
	log   []Entry
	count map[string]int // faults by kind
	exits int            // of servers that a bad disk has ended, with the code for it
}

// fault is a kind of fault. begin returns what ends it, or nil if it cannot be
// had now.
type fault struct {
	name   string
	weight int
	begin  func(*Nemesis) (what string, heal func())
}

// active is a fault that has begun.
type active struct {
	*fault
	what  string
	began time.Duration
	heal  func()
}

// New returns a nemesis for c, with its own choice of faults; only, if it is
// not empty, names those to choose from. now gives the time for the log.
func New(c *cluster.Cluster, rng *rand.Rand, now func() time.Duration, only ...string) *Nemesis {
	n := &Nemesis{c: c, rng: rng, now: now, busy: map[int]bool{}, count: map[string]int{}}
	for {
		n.kind = nil
		for i := range faults {
			f := &faults[i]
			switch {
			case len(only) > 0 && !slices.Contains(only, f.name):
			case len(only) > 0 || n.rng.IntN(5) < 3:
				n.kind = append(n.kind, f)
			}
		}
		if len(n.kind) > 0 {
			return n
		}
		if len(only) > 0 {
			panic(fmt.Sprintf("no fault is called %s", strings.Join(only, " or ")))
		}
	}
}

// Kinds returns the names of all faults there are.
func Kinds() []string {
	var v []string
	for i := range faults {
		v = append(v, faults[i].name)
	}
	return v
}

// Run makes faults until ctx ends, and leaves everything healed and started.
func (n *Nemesis) Run(ctx context.Context) error {
	n.ctx = ctx
	var now []active
	for ctx.Err() == nil {
		if f, ok := n.begin(); ok {
			now = append(now, f)
		}
		if n.rng.IntN(2) == 0 {
			n.hold(100, 1200) // over before anybody gives up
		} else {
			n.hold(1200, 3500)
		}
		if len(now) > 1 || n.rng.IntN(3) > 0 {
			for _, f := range now {
				n.end(f)
			}
			now = nil
			n.hold(0, 1200)
		}
	}
	for _, f := range now {
		n.end(f)
	}
	return n.healAll()
}

// begin begins a fault drawn from those of this run.
func (n *Nemesis) begin() (active, bool) {
	total := 0
	for _, f := range n.kind {
		total += f.weight
	}
	at := n.rng.IntN(total)
	for _, f := range n.kind {
		if at -= f.weight; at >= 0 {
			continue
		}
		began := n.now()
		what, heal := f.begin(n)
		if heal == nil {
			return active{}, false
		}
		n.mu.Lock()
		n.count[f.name]++
		n.mu.Unlock()
		return active{f, what, began, heal}, true
	}
	panic("the weights do not add up")
}

func (n *Nemesis) end(f active) {
	f.heal()
	n.mu.Lock()
	defer n.mu.Unlock()
	n.log = append(n.log, Entry{f.began, n.now(), f.name + ": " + f.what})
}

// note logs a moment.
func (n *Nemesis) note(format string, args ...any) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.log = append(n.log, Entry{At: n.now(), Text: fmt.Sprintf(format, args...)})
}

// healAll ends what a fault may have left.
func (n *Nemesis) healAll() error {
	n.c.HealLinks()
	for _, s := range n.c.Servers {
		s.Signal(cont)
		s.SetDisk(tamper.Disk{})
		s.ShiftClock(0)
		if err := s.Free(); err != nil {
			return err
		}
	}
	return n.c.Start()
}

// hold waits for a time between two numbers of milliseconds.
func (n *Nemesis) hold(from, to int) {
	n.wait(time.Duration(from+n.rng.IntN(to-from)) * time.Millisecond)
}

func (n *Nemesis) wait(d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-n.ctx.Done():
	}
}

// Log returns what happened, in the order of the beginning.
func (n *Nemesis) Log() []Entry {
	n.mu.Lock()
	defer n.mu.Unlock()
	log := slices.Clone(n.log)
	slices.SortStableFunc(log, func(a, b Entry) int { return int(a.At - b.At) })
	return log
}

// Counts returns how many faults of each kind there were.
func (n *Nemesis) Counts() map[string]int {
	n.mu.Lock()
	defer n.mu.Unlock()
	counts := map[string]int{}
	for name, k := range n.count {
		counts[name] = k
	}
	return counts
}

// DiskExits returns how many servers have ended as they should for a bad disk.
func (n *Nemesis) DiskExits() int {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.exits
}

// Problems returns what servers did wrong under a fault. It is for after Run.
func (n *Nemesis) Problems() []string { return n.problems }

func (n *Nemesis) problem(format string, args ...any) {
	n.problems = append(n.problems, fmt.Sprintf(format, args...))
}
