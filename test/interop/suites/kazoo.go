package suites

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/paddock-io/paddock/test/interop/peers"
)

// kazooTestLimit bounds one test of kazoo's. The longest takes some 25 s.
const kazooTestLimit = time.Minute

//go:embed pytest_progress.py
var pytestProgress []byte

// Kazoo is the test suite that a version of kazoo ships.
type Kazoo struct {
	Label    string // the suite's name
	Python   string // an interpreter that has kazoo and what its tests import
	Observer bool   // the third of its three servers is an observer
}

// DebianPython has the kazoo of Debian's package python3-kazoo, which comes with its tests.
const DebianPython = "/usr/bin/python3"

// Name implements Suite.
func (k Kazoo) Name() string { return k.Label }

// Tests returns the directory of the tests, or an error that says what is missing to run them.
func (k Kazoo) Tests() (string, error) {
	cmd := exec.Command(k.Python, "-c", "import kazoo.tests.test_client, pytest; print(kazoo.tests.__path__[0])")
	out, err := cmd.CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("the tests of %s cannot be run, see test/peers/install.sh: %w\n%s", k.Label, err, out)
	}
	return strings.TrimSpace(string(out)), nil
}

// Run implements Suite; only may name modules and classes, too. A test that hangs costs its process, and those
// behind it get another one.
func (k Kazoo) Run(ctx context.Context, server Server, only []string, dir string, log io.Writer) (Results, error) {
	tests, err := k.Tests()
	if err != nil {
		return nil, err
	}
	plugin := filepath.Join(dir, "pytest_progress.py")
	if err := os.WriteFile(plugin, pytestProgress, 0o644); err != nil {
		return nil, err
	}
	results, found := Results{}, only
	for first := true; first || len(found) > 0; first = false {
		seen, err := k.pytest(ctx, server, tests, found, dir, log)
		if err != nil {
			return nil, err
		}
		for test, o := range seen.results {
			results.add(test, o)
		}
		if first {
			found = seen.found
		}
		if seen.running != "" {
			results.add(seen.running, Failed)
		}
		left := slices.DeleteFunc(slices.Clone(found), func(test string) bool { _, ended := results[test]; return ended })
		if len(left) == len(found) {
			return nil, fmt.Errorf("pytest ran none of %d tests; the log says why", len(found))
		}
		found = left
	}
	return results, nil
}

// pytest runs the tests named, or all, until the end or until one takes too long.
func (k Kazoo) pytest(ctx context.Context, server Server, tests string, only []string, dir string, log io.Writer) (*progress, error) {
	port, err := portRange(kazooPorts)
	if err != nil {
		return nil, err
	}
	dir, err = os.MkdirTemp(dir, "run-")
	if err != nil {
		return nil, err
	}
	args := []string{
		"-m", "pytest", "-p", "no:cacheprovider", "-p", "pytest_progress", "-v", "--tb=short", "--rootdir=" + tests,
		fmt.Sprintf("-ofaulthandler_timeout=%.0f", (kazooTestLimit - 5*time.Second).Seconds()), // says where a test hangs
	}
	if only == nil {
		args = append(args, tests)
	}
	for _, test := range only {
		args = append(args, filepath.Join(tests, test))
	}
	file := filepath.Join(dir, "progress")
	cmd := exec.Command(k.Python, args...)
	cmd.Dir = dir
	cmd.Stdout, cmd.Stderr = log, log
	cmd.Env = server.environment(
		"ZOOKEEPER_VERSION="+server.Version, "ZOOKEEPER_CLASSPATH="+server.Classpath, "ZOOKEEPER_PORT_OFFSET="+strconv.Itoa(port),
		"PYTEST_PROGRESS="+file, "PYTHONPATH="+filepath.Dir(dir), "PYTHONDONTWRITEBYTECODE=1", "TMPDIR="+dir)
	if k.Observer {
		cmd.Env = append(cmd.Env, "ZOOKEEPER_OBSERVER_START_ID=3")
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	go watchProgress(ctx, file, cancel)
	if err := runGroup(ctx, cmd); err != nil && !errors.Is(err, errHangs) {
		return nil, fmt.Errorf("run pytest: %w", err)
	}
	return readProgress(file)
}

// errHangs is why watchProgress cancels.
var errHangs = errors.New("a test takes too long")

// watchProgress cancels when the same test has been running for longer than kazooTestLimit.
func watchProgress(ctx context.Context, file string, cancel context.CancelCauseFunc) {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	running, since := "", time.Now()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		seen, err := readProgress(file)
		if err != nil || seen.running == "" || seen.running != running {
			since = time.Now()
		}
		if seen != nil {
			running = seen.running
		}
		if time.Since(since) > kazooTestLimit {
			cancel(errHangs)
			return
		}
	}
}

// progress is what pytest_progress.py has written.
type progress struct {
	found   []string // in their order
	results Results
	running string // the test that has begun and not ended
}

func readProgress(file string) (*progress, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("pytest did not begin: %w", err)
	}
	p := &progress{results: Results{}}
	for line := range strings.Lines(string(text)) {
		word, test, _ := strings.Cut(strings.TrimSuffix(line, "\n"), " ")
		switch word {
		case "FOUND":
			p.found = append(p.found, test)
		case "BEGUN":
			p.running = test
		case "ENDED":
			p.running = ""
		default:
			if o := slices.Index(outcomeNames, word); o >= 0 {
				p.results.add(test, Outcome(o))
			}
		}
	}
	return p, nil
}

// kazooPorts is how many consecutive ports the harness uses: ten for each of its three servers.
const kazooPorts = 30

// portRange returns the first of n consecutive ports that are free now.
func portRange(n int) (int, error) {
	for range 100 {
		first, err := peers.FreePorts(1)
		if err != nil {
			return 0, err
		}
		if peers.AllFree(first[0], n) {
			return first[0], nil
		}
	}
	return 0, fmt.Errorf("find %d free ports in a row: none in 100 tries", n)
}
