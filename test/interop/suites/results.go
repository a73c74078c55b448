package suites

import (
	"bufio"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
)

// Outcome is how a test ended. The larger one wins when a test reports twice.
type Outcome int

// A test that was skipped has neither passed nor failed; one that broke in its set-up has failed.
const (
	Skipped Outcome = iota
	Passed
	Failed
)

var outcomeNames = []string{Skipped: "SKIP", Passed: "PASS", Failed: "FAIL"}

func (o Outcome) String() string { return outcomeNames[o] }

// Results are the outcomes of a suite's tests by their names.
type Results map[string]Outcome

// add notes an outcome of a test.
func (r Results) add(test string, o Outcome) {
	if before, known := r[test]; !known || o > before {
		r[test] = o
	}
}

// Count returns how many tests ended so.
func (r Results) Count(o Outcome) int {
	n := 0
	for _, got := range r {
		if got == o {
			n++
		}
	}
	return n
}

// Summary is one line of counts.
func (r Results) Summary() string {
	return fmt.Sprintf("%d tests: %d passed, %d failed, %d skipped", len(r), r.Count(Passed), r.Count(Failed), r.Count(Skipped))
}

// Write writes a line for each test, outcome first, sorted by name.
func (r Results) Write(w io.Writer) error {
	b := bufio.NewWriter(w)
	for _, test := range slices.Sorted(maps.Keys(r)) {
		fmt.Fprintf(b, "%v %s\n", r[test], test)
	}
	return b.Flush()
}

// Read reads what Write wrote.
func Read(rd io.Reader) (Results, error) {
	r := Results{}
	lines := bufio.NewScanner(rd)
	for lines.Scan() {
		word, test, ok := strings.Cut(lines.Text(), " ")
		o := slices.Index(outcomeNames, word)
		if !ok || o < 0 {
			return nil, fmt.Errorf("line %q is not an outcome and a test", lines.Text())
		}
		r.add(test, Outcome(o))
	}
	return r, lines.Err()
}

// Comparison is where two runs of a suite differ. The lists are sorted.
type Comparison struct {
	Lost   []string // passed with Java and not with Paddock
	Gained []string // passed with Paddock and not with Java
}

// Compare compares a suite's results with Java to those with Paddock.
func Compare(java, paddock Results) Comparison {
	return Comparison{Lost: onlyIn(java, paddock), Gained: onlyIn(paddock, java)}
}

// onlyIn returns the tests that passed in a and not in b.
func onlyIn(a, b Results) []string {
	var tests []string
	for test, o := range a {
		if o == Passed && b[test] != Passed {
			tests = append(tests, test)
		}
	}
	slices.Sort(tests)
	return tests
}
