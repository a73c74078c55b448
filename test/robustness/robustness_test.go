package robustness

import (
	"os"
	"testing"

	"github.com/paddock-io/paddock/test/robustness/cluster"
	"github.com/paddock-io/paddock/test/robustness/round"
	"github.com/paddock-io/paddock/test/robustness/tamper"
)

var settings = round.Flags()

func TestMain(m *testing.M) {
	tamper.Main()
	code := m.Run()
	cluster.Remove()
	os.Exit(code)
}

// TestRobustness makes rounds until its time is over.
func TestRobustness(t *testing.T) { settings.Run(t) }

// TestHistory checks a history that was kept.
func TestHistory(t *testing.T) { settings.CheckHistory(t) }
