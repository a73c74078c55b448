package suites

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/paddock-io/paddock/test/interop/peers"
)

func TestResultsAreWrittenAndRead(t *testing.T) {
	r := Results{"b::two words": Passed, "a": Failed, "c": Skipped}
	var text strings.Builder
	if err := r.Write(&text); err != nil {
		t.Fatal(err)
	}
	if want := "FAIL a\nPASS b::two words\nSKIP c\n"; text.String() != want {
		t.Errorf("wrote %q, want %q", text.String(), want)
	}
	got, err := Read(strings.NewReader(text.String()))
	if err != nil || len(got) != 3 || got["b::two words"] != Passed || got["a"] != Failed || got["c"] != Skipped {
		t.Errorf("read %v, %v", got, err)
	}
	if _, err := Read(strings.NewReader("PASSED a\n")); err == nil {
		t.Error("an unknown outcome was read")
	}
	if got, want := r.Summary(), "3 tests: 1 passed, 1 failed, 1 skipped"; got != want {
		t.Errorf("summary %q, want %q", got, want)
	}
}

func TestAFailureStays(t *testing.T) {
	r := Results{}
	for _, o := range []Outcome{Passed, Failed, Passed, Skipped} { // as when the clean-up fails after the test has passed
		r.add("t", o)
	}
	if r["t"] != Failed {
		t.Errorf("outcome %v", r["t"])
	}
}

func TestCompare(t *testing.T) {
	java := Results{"both": Passed, "breaks": Passed, "missing": Passed, "skipped": Passed, "never": Failed, "new": Failed}
	paddock := Results{"both": Passed, "breaks": Failed, "skipped": Skipped, "never": Failed, "new": Passed, "more": Passed}
	c := Compare(java, paddock)
	if want := []string{"breaks", "missing", "skipped"}; !slices.Equal(c.Lost, want) {
		t.Errorf("lost %v, want %v", c.Lost, want)
	}
	if want := []string{"more", "new"}; !slices.Equal(c.Gained, want) {
		t.Errorf("gained %v, want %v", c.Gained, want)
	}
}

func TestReadProgress(t *testing.T) {
	for name, tc := range map[string]struct {
		text    string
		results Results
		running string
	}{
		"ended":   {"FOUND a\nFOUND b\nBEGUN a\nPASS a\nENDED a\nBEGUN b\nSKIP b\nENDED b\n", Results{"a": Passed, "b": Skipped}, ""},
		"cleanup": {"FOUND a\nBEGUN a\nPASS a\nFAIL a\nENDED a\n", Results{"a": Failed}, ""},
		"hangs":   {"FOUND a\nFOUND b\nBEGUN a\nPASS a\nENDED a\nBEGUN b\n", Results{"a": Passed}, "b"},
		"spaces":  {"BEGUN x[a b]\nPASS x[a b]\nENDED x[a b]\n", Results{"x[a b]": Passed}, ""},
	} {
		file := filepath.Join(t.TempDir(), "progress")
		if err := os.WriteFile(file, []byte(tc.text), 0o644); err != nil {
			t.Fatal(err)
		}
		p, err := readProgress(file)
		if err != nil || p.running != tc.running || !same(p.results, tc.results) {
			t.Errorf("%s: %+v, %v", name, p, err)
		}
	}
}

func same(a, b Results) bool {
	var x, y strings.Builder
	_, _ = a.Write(&x), b.Write(&y)
	return x.String() == y.String()
}

func TestReadGoTest(t *testing.T) {
	text := "=== RUN   TestA\n=== RUN   TestA/sub_one\n    a_test.go:3: --- PASS: me\nhalf a line--- FAIL: TestA (0.12s)\n" +
		"    --- PASS: TestA/sub_one (0.00s)\n--- SKIP: TestB (0.00s)\npanic: test timed out after 3m0s\n"
	if got, want := readGoTest(text), (Results{"TestA": Failed, "TestA/sub_one": Passed, "TestB": Skipped}); !same(got, want) {
		t.Errorf("read %v, want %v", got, want)
	}
}

// TestAcceptBanner changes the sources that go.mod names, so that a new version of them is noticed here.
func TestAcceptBanner(t *testing.T) {
	dir, err := moduleDir(goZooKeeper)
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(filepath.Join(dir, "flw.go"))
	if err != nil {
		t.Fatal(err)
	}
	changed, err := acceptBanner(string(text))
	if err != nil || strings.Count(changed, "\n") != strings.Count(string(text), "\n")+3 {
		t.Errorf("changed to %d lines from %d, %v", strings.Count(changed, "\n"), strings.Count(string(text), "\n"), err)
	}
	if _, err := acceptBanner(changed); err == nil {
		t.Error("changed a second time")
	}
}

// TestRunGroupEndsWhatIsLeft has a shell leave a child behind that would hold the output open.
func TestRunGroupEndsWhatIsLeft(t *testing.T) {
	var out strings.Builder
	cmd := exec.Command("/bin/sh", "-c", "sleep 600 & echo $!; exit 3")
	cmd.Stdout = &out
	if err := runGroup(t.Context(), cmd); err != nil {
		t.Fatal(err)
	}
	err := peers.Await(t.Context(), "the child to end", func(context.Context) error {
		stat, err := os.ReadFile("/proc/" + strings.TrimSpace(out.String()) + "/stat")
		if err != nil || strings.Contains(string(stat), ") Z ") {
			return nil
		}
		return errors.New("runs")
	})
	if err != nil {
		t.Error(err)
	}
}

func TestRunGroupSaysWhy(t *testing.T) {
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(errHangs)
	if err := runGroup(ctx, exec.Command("/bin/sh", "-c", "sleep 600")); !errors.Is(err, errHangs) {
		t.Errorf("ended with %v", err)
	}
	if err := runGroup(t.Context(), exec.Command("/does/not/exist")); err == nil {
		t.Error("a program that does not exist ran")
	}
}
