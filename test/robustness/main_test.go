package robustness

import (
	"flag"
	"os"
	"testing"

	"github.com/paddock-io/paddock/test/robustness/cluster"
	"github.com/paddock-io/paddock/test/robustness/tamper"
)

var (
	seconds     = flag.Int("robustness.seconds", 30, "how long TestRobustness works, about")
	seed        = flag.Uint64("robustness.seed", 0, "seed of its first round; 0 takes one from the clock")
	faults      = flag.String("robustness.faults", "", "kinds of faults to choose from, separated by commas; all if empty")
	historyFile = flag.String("robustness.history", "", "history for TestHistory to check")
	keep        = flag.String("robustness.keep", "", "directory for the histories of all rounds")
)

func TestMain(m *testing.M) {
	tamper.Main()
	code := m.Run()
	cluster.Remove()
	os.Exit(code)
}
