package deps

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

const module = "github.com/paddock-io/paddock"

// floors has a line for every package of the module, by its directory, except for the programs and tests on top.
// Imports point to lower numbers.
var floors = map[string]int{
	"jute":                 0,
	"proto":                0,
	"internal/ensemble":    0,
	"internal/tree":        0,
	"internal/config":      0,
	"internal/logging":     0,
	"internal/version":     0,
	"internal/storage/vfs": 0,
	"internal/memnet":      0, // a network for tests
	"internal/proxyproto":  0,
	"internal/deps":        0,
	"internal/slab":        0,

	"internal/prep":     1,
	"internal/election": 1,
	"internal/zab":      1,
	"internal/storage":  1,
	"internal/auth":     1,
	"internal/repair":   1,

	"internal/replica": 2,
	"internal/wire":    2,
	"internal/persist": 2,

	"internal/server":  3,
	"internal/quorum":  3,
	"internal/sim":     3,
	"zk":               3,
	"zk/internal/fake": 2, // a server for tests of zk

	"internal/admin":  4,
	"internal/bench":  4,
	"internal/doctor": 4,
	"zk/recipe":       4,

	"internal/node":    5,
	"internal/up":      5,
	"internal/shell":   5,
	"internal/balance": 5,

	"internal/node/nodetest": 5, // a server for tests of what needs one

	"zk/zktest": 5, // runs nodes, but is not one of them
}

// top is the floor of everything in these folders. Nobody imports it.
const top = 6

var topFolders = []string{"cmd/", "test/", "bench/"}

func floorOf(dir string) (floor int, known bool) {
	for _, folder := range topFolders {
		if strings.HasPrefix(dir, folder) {
			return top, true
		}
	}
	floor, known = floors[dir]
	return floor, known
}

// sameFloor lists the imports between packages of one floor.
var sameFloor = map[string][]string{
	"proto":                  {"jute", "internal/slab"},
	"internal/tree":          {"proto", "jute"},
	"zk/zktest":              {"internal/node"},
	"internal/node/nodetest": {"internal/node"},
	"internal/repair":        {"internal/storage"},  // whose gaps it fills
	"internal/persist":       {"internal/replica"},  // whose disk actions it runs
	"internal/config":        {"internal/ensemble"}, // zoo.cfg has the same server lines as the dynamic configuration

	// The robustness tests are several packages, from processes and records up to reports.
	"test/robustness/cluster":  {"test/robustness/proxy", "test/robustness/tamper"},
	"test/robustness/traffic":  {"test/robustness/history"},
	"test/robustness/nemesis":  {"test/robustness/cluster", "test/robustness/proxy", "test/robustness/tamper"},
	"test/robustness/model":    {"test/robustness/history"},
	"test/robustness/validate": {"test/robustness/history", "test/robustness/model"},
	"test/robustness/round": {
		"test/robustness/cluster", "test/robustness/traffic", "test/robustness/nemesis", "test/robustness/history",
		"test/robustness/validate", "test/robustness/report",
	},
	"test/robustness/report": {"test/robustness/history", "test/robustness/model", "test/robustness/nemesis", "test/robustness/validate"},
}

// only narrows what the floors would allow.
var only = map[string]struct {
	imports []string
	why     string
}{
	"zk":               {[]string{"proto", "jute"}, "users embed the client; it must not bring a server along"},
	"zk/internal/fake": {[]string{"proto", "jute"}, "a client tested against the server's own code would share its mistakes"},
	"zk/recipe":        {[]string{"zk"}, "recipes use what every user of the client has"},
	"internal/storage": {[]string{"proto", "jute", "internal/storage/vfs"}, "storage sees the tree only as something that can encode itself"},
	"internal/auth":    {[]string{"proto", "jute"}, "authentication knows identities, not znodes"},
	"internal/bench":   {[]string{"zk", "zk/recipe", "proto", "jute", "internal/version"}, "a load generator measures from outside"},
	"internal/balance": {[]string{"proto", "jute", "internal/ensemble", "internal/logging", "internal/proxyproto"}, "a balancer knows servers from outside, and no session"},
	"internal/shell":   {[]string{"zk", "zk/recipe", "proto", "internal/version", "internal/ensemble"}, "the shell is a client like any other"},
}

// pure is what a simulation runs a million times: the same inputs must give the same outputs.
var pure = []string{
	"jute", "proto", "internal/ensemble", "internal/tree",
	"internal/prep", "internal/election", "internal/zab", "internal/replica", "internal/wire",
	"internal/repair", "internal/slab",
}

// banned are imports that the pure floor does without.
var banned = map[string]string{
	"os":           "files belong to storage, the environment to cmd",
	"io/ioutil":    "files belong to storage",
	"os/exec":      "no processes",
	"syscall":      "no system calls",
	"net":          "sockets belong to server and quorum",
	"net/http":     "sockets belong to admin",
	"log":          "the core says what happened with Note",
	"log/slog":     "the core says what happened with Note; the shell logs it",
	"context":      "nothing here blocks, so there is nothing to cancel",
	"math/rand":    "random choices come in as events, or a seed could not replay a run",
	"math/rand/v2": "random choices come in as events, or a seed could not replay a run",
	"crypto/rand":  "random choices come in as events, or a seed could not replay a run",
	"sync":         "one goroutine runs the core; only tree has readers beside it",
	"sync/atomic":  "one goroutine runs the core",
}

// mayImport are the exceptions.
var mayImport = map[string][]string{
	"internal/tree": {"sync", "sync/atomic"}, // reads of many connections run beside Apply
}

// clocks are what the pure floor must not ask package time for. Time is an argument.
var clocks = []string{"Now", "Since", "Until", "Sleep", "After", "AfterFunc", "Tick", "NewTimer", "NewTicker"}

func TestFloors(t *testing.T) {
	for _, f := range sources(t) {
		for _, complaint := range floorRules(f) {
			t.Error(complaint)
		}
	}
}

func TestPureFloor(t *testing.T) {
	for _, f := range sources(t) {
		if slices.Contains(pure, f.dir) && !f.test {
			for _, complaint := range pureRules(f) {
				t.Error(complaint)
			}
		}
	}
}

// TestNoSleep: a test that sleeps is slow on a fast machine and wrong on a slow one.
func TestNoSleep(t *testing.T) {
	for _, f := range sources(t) {
		if f.test {
			for _, at := range f.calls("time", "Sleep") {
				t.Errorf("%s: time.Sleep in a test; wait for the event itself, or use testing/synctest", at)
			}
		}
	}
}

// floorRules checks the imports of non-test files. Tests may look at what is above them.
func floorRules(f *source) (complaints []string) {
	floor, known := floorOf(f.dir)
	if !known {
		return []string{fmt.Sprintf("%s: package %s has no floor; give it one in internal/deps/floors_test.go", f.name, f.dir)}
	}
	if f.test {
		return nil
	}
	for _, path := range f.imports {
		dir, ours := strings.CutPrefix(path, module+"/")
		if !ours {
			continue
		}
		if rule, narrow := only[f.dir]; narrow && !slices.Contains(rule.imports, dir) {
			complaints = append(complaints, fmt.Sprintf("%s: imports %s: %s", f.name, dir, rule.why))
		}
		if under, known := floorOf(dir); known && under >= floor && !slices.Contains(sameFloor[f.dir], dir) {
			complaints = append(complaints, fmt.Sprintf("%s: on floor %d imports %s of floor %d; imports point down", f.name, floor, dir, under))
		}
	}
	return complaints
}

// pureRules checks a non-test file of the pure floor.
func pureRules(f *source) (complaints []string) {
	for _, path := range f.imports {
		why, bad := banned[path]
		if first, _, _ := strings.Cut(path, "/"); strings.Contains(first, ".") && !strings.HasPrefix(path, module+"/") {
			why, bad = "the pure floor uses the standard library only", true
		}
		if bad && !slices.Contains(mayImport[f.dir], path) {
			complaints = append(complaints, fmt.Sprintf("%s: imports %s: %s", f.name, path, why))
		}
	}
	for _, name := range clocks {
		for _, at := range f.calls("time", name) {
			complaints = append(complaints, fmt.Sprintf("%s: uses time.%s: time is passed in, so that a simulation can bend it", at, name))
		}
	}
	for _, at := range f.goStatements() {
		complaints = append(complaints, fmt.Sprintf("%s: starts a goroutine: the scheduler would decide what happens first", at))
	}
	return complaints
}
