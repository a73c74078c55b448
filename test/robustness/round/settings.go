package round

import (
	"flag"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/paddock-io/paddock/test/robustness/cluster"
)

// Settings are what rounds have in common.
type Settings struct {
	Java  cluster.Software // what the mixes call j; nil if none of them has it
	Mixes []Mix            // that rounds take turns with; those of Paddock alone if empty

	seconds int
	seed    uint64
	faults  string
	mix     string
	kept    string
	history string
}

// Flags makes the settings that come from the command line.
func Flags() *Settings {
	s := new(Settings)
	flag.IntVar(&s.seconds, "robustness.seconds", 30, "how long TestRobustness works, about")
	flag.Uint64Var(&s.seed, "robustness.seed", 0, "seed of its first round; 0 takes one from the clock")
	flag.StringVar(&s.faults, "robustness.faults", "", "kinds of faults to choose from, separated by commas; all if empty")
	flag.StringVar(&s.mix, "robustness.mix", "", "ensembles that rounds take turns with, separated by commas: jpp is a Java server and two of Paddock, ppP one with an observer")
	flag.StringVar(&s.kept, "robustness.keep", "", "directory for the histories of all rounds")
	flag.StringVar(&s.history, "robustness.history", "", "history for TestHistory to check")
	return s
}

// How long the faults of a round last, and what a round takes besides.
const (
	minFaults     = 8 * time.Second
	maxFaults     = 30 * time.Second
	roundOverhead = 6 * time.Second
)

// Run makes rounds until their time is over.
func (s *Settings) Run(t *testing.T) {
	if testing.Short() {
		s.seconds = 15
	}
	s.choose(t)
	total, end := figures{faults: map[string]int{}}, time.Now().Add(time.Duration(s.seconds)*time.Second)
	first := s.seed
	if first == 0 {
		first = uint64(time.Now().UnixNano())
	}
	for n := 0; ; n++ {
		left := time.Until(end) - roundOverhead
		if n > 0 && left < minFaults {
			break
		}
		seed := first + uint64(n)
		t.Run(fmt.Sprintf("seed=%d", seed), func(t *testing.T) {
			total.add(newRound(s, t, seed).run(min(max(left, minFaults), maxFaults)))
		})
	}
	t.Logf("in all: %s", total)
}

// choose settles which mixes rounds take turns with.
func (s *Settings) choose(t *testing.T) {
	if s.mix != "" {
		mixes, err := ParseMixes(s.mix)
		if err != nil {
			t.Fatal(err)
		}
		s.Mixes = mixes
	}
	if len(s.Mixes) == 0 {
		s.Mixes = paddockMixes
	}
	for _, m := range s.Mixes {
		if s.Java == nil && len(m.others(nil)) > 0 {
			t.Fatalf("mix %s has Java servers, which only the tests of test/interop can start", m)
		}
	}
}

func (s *Settings) chosen() []string {
	if s.faults == "" {
		return nil
	}
	return strings.Split(s.faults, ",")
}

// again returns the command that repeats the round of a seed. What a seed stands
// for depends on the mixes that there are.
func (s *Settings) again(seed uint64) string {
	command := fmt.Sprintf("make robustness SECONDS=30 SEED=%d", seed)
	if s.Java != nil {
		var names []string
		for _, m := range s.Mixes {
			names = append(names, string(m))
		}
		command += " MIX=" + strings.Join(names, ",")
	}
	if s.faults != "" {
		command += fmt.Sprintf(" FAULTS=%q", s.faults)
	}
	return command
}
