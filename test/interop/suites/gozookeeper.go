package suites

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"
)

// goZooKeeper is the module whose tests GoZooKeeper runs; test/interop/go.mod says which version.
const goZooKeeper = "github.com/go-zookeeper/zk"

// goTestLimit bounds one test of go-zookeeper's. The longest takes some 40 s.
const goTestLimit = 3 * time.Minute

// GoZooKeeper is the tests that go-zookeeper has beside its sources.
//
// Its harness waits until the client's own FLWSrvr can read the answers to srvr, and that function does not know
// the date of the version banner since ZooKeeper 3.7. Two expressions in flw.go are therefore replaced while
// the tests are compiled, alike for both servers; the tests and everything else are as they are.
type GoZooKeeper struct{}

// Name implements Suite.
func (GoZooKeeper) Name() string { return "go-zookeeper" }

// bannerDates are what acceptBanner replaces, and by what.
var bannerDates = [][2]string{
	{`built on (\d\d/\d\d/\d\d\d\d \d\d:\d\d`, `built on (\d+[-/]\d\d[-/]\d+ \d\d:\d\d`},
	{
		`buildTime, err := time.Parse("01/02/2006 15:04 MST", match[1])`,
		`buildTime, err := time.Parse("01/02/2006 15:04 MST", match[1])
		if err != nil {
			buildTime, err = time.Parse("2006-01-02 15:04 MST", match[1])
		}`,
	},
}

// acceptBanner returns the source text of flw.go with the date in either form accepted.
func acceptBanner(text string) (string, error) {
	for _, pair := range bannerDates {
		if strings.Count(text, pair[0]) != 1 {
			return "", fmt.Errorf("%q is not there once", pair[0])
		}
		text = strings.Replace(text, pair[0], pair[1], 1)
	}
	return text, nil
}

// Run implements Suite. Every top-level test runs in a process of its own, so that one that panics or hangs is one
// that fails; subtests count as tests.
func (g GoZooKeeper) Run(ctx context.Context, server Server, only []string, dir string, log io.Writer) (Results, error) {
	source, err := moduleDir(goZooKeeper)
	if err != nil {
		return nil, err
	}
	binary, err := compileTests(source, dir)
	if err != nil {
		return nil, err
	}
	list, err := exec.Command(binary, "-test.list", "^Test").Output()
	if err != nil {
		return nil, fmt.Errorf("list tests of %s: %w", goZooKeeper, err)
	}
	results := Results{}
	for test := range strings.Lines(string(list)) {
		test = strings.TrimSpace(test)
		if only != nil && !slices.ContainsFunc(only, func(o string) bool { return topLevel(o) == test }) {
			continue
		}
		if err := g.runOne(ctx, server, binary, test, log, results); err != nil {
			return nil, err
		}
	}
	return results, nil
}

// runOne runs one top-level test and adds what it and its subtests came to.
func (GoZooKeeper) runOne(ctx context.Context, server Server, binary, test string, log io.Writer, results Results) error {
	var out strings.Builder
	cmd := exec.Command(binary, "-test.v", "-test.run", "^"+test+"$", "-test.timeout", goTestLimit.String())
	cmd.Dir = filepath.Dir(binary)
	// With -test.v the harness has its servers write to the standard error.
	cmd.Stdout, cmd.Stderr = io.MultiWriter(&out, log), log
	cmd.Env = server.environment("ZOOKEEPER_BIN_PATH="+server.ScriptDir, "ZK_VERSION="+server.Version, "TMPDIR="+cmd.Dir)
	ctx, cancel := context.WithTimeout(ctx, goTestLimit+time.Minute)
	defer cancel()
	if err := runGroup(ctx, cmd); err != nil && !errors.Is(err, context.DeadlineExceeded) {
		return fmt.Errorf("run %s: %w", test, err)
	}
	found := readGoTest(out.String())
	if _, ended := found[test]; !ended {
		found.add(test, Failed) // by a panic, or a timeout
	}
	for name, o := range found {
		results.add(name, o)
	}
	return nil
}

// topLevel is the test that a subtest belongs to.
func topLevel(test string) string {
	test, _, _ = strings.Cut(test, "/")
	return test
}

// moduleDir downloads a module if need be and returns where its sources are.
func moduleDir(module string) (string, error) {
	out, err := exec.Command("go", "mod", "download", "-json", module).Output()
	if err != nil {
		return "", fmt.Errorf("go mod download %s: %w\n%s", module, err, out)
	}
	var found struct{ Dir string }
	if err := json.Unmarshal(out, &found); err != nil || found.Dir == "" {
		return "", fmt.Errorf("go mod download %s: no directory in %q (%v)", module, out, err)
	}
	return found.Dir, nil
}

// compileTests compiles the tests of the module at source, copied to dir, with flw.go as acceptBanner makes it.
func compileTests(source, dir string) (string, error) {
	if err := os.CopyFS(dir, os.DirFS(source)); err != nil {
		return "", err
	}
	flw := filepath.Join(dir, "flw.go")
	text, err := os.ReadFile(flw)
	if err != nil {
		return "", err
	}
	changed, err := acceptBanner(string(text))
	if err != nil {
		return "", fmt.Errorf("%s: %w", flw, err)
	}
	if err := os.WriteFile(flw, []byte(changed), 0o644); err != nil {
		return "", err
	}
	cmd := exec.Command("go", "test", "-c", "-o", "zk.test", ".")
	cmd.Dir = dir
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("compile the tests of %s: %w\n%s", goZooKeeper, err, out)
	}
	return filepath.Join(dir, "zk.test"), nil
}

// goTestLine is what the testing package prints at the end of a test. It may follow on unfinished output.
var goTestLine = regexp.MustCompile(`(?m)--- (PASS|FAIL|SKIP): (\S+) \(\d+\.\d+s\)$`)

// readGoTest reads the output of go test -v.
func readGoTest(text string) Results {
	results := Results{}
	for _, m := range goTestLine.FindAllStringSubmatch(text, -1) {
		results.add(m[2], Outcome(slices.Index(outcomeNames, m[1])))
	}
	return results
}
