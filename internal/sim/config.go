package sim

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"github.com/paddock-io/paddock/internal/ensemble"
)

// config is what a seed has drawn before anything happens. Most classes of
// faults are off in any one history (a swarm): a few that meet often find more
// than all of them in turns.
type config struct {
	voters, observers, clients int
	reconfig                   bool // the membership changes
	spares                     int  // servers that are no members at first

	tick, initTimeout, syncTimeout time.Duration
	readOnlyAfter                  time.Duration
	local                          bool // sessions begin as local ones
	split                          bool // logs have a directory of their own
	window                         int  // transactions kept for learners
	maxBatch                       int  // transactions in one sync
	snapCount                      int  // transactions between snapshots
	logSize                        int64
	masters                        bool // followers feed observers
	readLogs                       bool // what a learner misses may come from the logs
	syncs                          int  // learners of one kind that are synchronised at once; 0 for the default
	lastCounter                    uint32
	electionDelay                  time.Duration // of an observer, at most
	batch                          time.Duration // how long a server's loop may collect events
	slowReaders                    bool          // of links: what has come meanwhile is told together

	delay, hop time.Duration // of a message: the least, and what is drawn on top
	disk       time.Duration // of a disk operation, at most
	drift      bool          // clocks run up to a twentieth fast or slow

	trouble time.Duration // how long the first phase lasts
	pace    time.Duration // between two faults of one class, on average
	faults  []fault
}

func draw(rng *rand.Rand) config {
	c := config{
		voters: 3, observers: max(rng.IntN(5)-2, 0), clients: 2 + rng.IntN(4),
		tick: 400 * ms, initTimeout: 4 * time.Second, syncTimeout: 2 * time.Second,
		local: rng.IntN(4) == 0, split: rng.IntN(3) == 0,
		window:    pick(rng, 0, 5, 20, 100),
		maxBatch:  pick(rng, 1, 5, 1000),
		snapCount: pick(rng, 10, 40, 150, 100_000),
		logSize:   int64(pick(rng, 0, 0, 2000, 20_000)),
		batch:     time.Duration(pick(rng, 0, 0, 300, 3000)) * time.Microsecond,
		delay:     time.Duration(pick(rng, 50, 200, 1000)) * time.Microsecond,
		hop:       time.Duration(pick(rng, 200, 3000, 20_000)) * time.Microsecond,
		disk:      time.Duration(pick(rng, 300, 3000, 30_000)) * time.Microsecond,
		drift:     rng.IntN(3) == 0,
		trouble:   time.Duration(3000+rng.IntN(9000)) * ms,
		pace:      time.Duration(pick(rng, 300, 800, 2500)) * ms,
	}
	switch n := rng.IntN(10); {
	case n < 3:
		c.voters = 5
	case n == 3:
		c.voters, c.clients = 7, min(c.clients, 3)
	}
	if rng.IntN(3) == 0 {
		c.readOnlyAfter = 300 * ms
	}
	if c.masters = rng.IntN(2) == 0; c.masters && rng.IntN(2) == 0 {
		c.observers = max(c.observers, 2) // many behind one follower
	}
	c.readLogs = rng.IntN(3) > 0
	c.syncs = pick(rng, 0, 0, 1)
	c.lastCounter = uint32(pick(rng, 0, 0, 0, 200, 600))
	c.electionDelay = time.Duration(pick(rng, 0, 200)) * ms
	some := 1 + rng.IntN(4)
	for _, i := range rng.Perm(len(faults))[:some] {
		c.faults = append(c.faults, faults[i])
	}
	if rng.IntN(3) > 0 { // most of what matters begins with a crash
		c.faults = append(c.faults, fault{"crash", (*World).crashOne})
	}
	return c
}

// drawMembers has a generator of its own, so that the other histories are what
// they would be without it.
func (c *config) drawMembers(rng *rand.Rand) {
	if rng.IntN(4) > 0 {
		return
	}
	c.reconfig, c.spares = true, rng.IntN(3)
	c.faults = append(slices.Clip(c.faults), fault{"change of members", (*World).changeMembers}, fault{"change of members", (*World).changeMembers})
}

// drawReaders has one of its own, too.
func (c *config) drawReaders(rng *rand.Rand) { c.slowReaders = rng.IntN(3) == 0 }

func pick(rng *rand.Rand, from ...int) int { return from[rng.IntN(len(from))] }

func (c *config) ensemble() ensemble.Ensemble {
	var text strings.Builder
	for i := 1; i <= c.voters+c.observers; i++ {
		role := "participant"
		if i > c.voters {
			role = "observer"
		}
		fmt.Fprintf(&text, "server.%d=h%d:2888:3888:%s;0.0.0.0:2181\n", i, i, role)
	}
	ens, err := ensemble.Parse(text.String() + "version=0")
	must(err)
	return ens
}
