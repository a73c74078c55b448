package config

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strings"
)

// Problem is one reason not to start.
type Problem struct {
	File string // the file at fault, empty for a flag
	Line int    // counted from 1; 0 when no line is to blame
	Text string // what is wrong, in ZooKeeper's words where it has some
	Fix  string // what to do about it
}

func (p Problem) String() string { return at(p.File, p.Line) + p.Text + ": " + p.Fix }

// Problems is the error of Load and CheckDirs: everything found wrong, in the order of the file.
type Problems struct{ List []Problem }

func (p *Problems) Error() string {
	lines := make([]string, len(p.List))
	for i, problem := range p.List {
		lines[i] = problem.String()
	}
	return strings.Join(lines, "\n")
}

// Warning is something the operator should know but that does not keep the server from starting.
type Warning struct {
	File string // empty for a flag
	Line int    // counted from 1; 0 when no line is to blame
	Text string

	Unserved string // the feature that is not served and whose settings are left out; mostly empty
}

func (w Warning) String() string { return at(w.File, w.Line) + w.Text }

func at(file string, line int) string {
	switch {
	case file == "":
		return ""
	case line == 0:
		return file + ": "
	}
	return fmt.Sprintf("%s:%d: ", file, line)
}

// report collects what Load finds.
type report struct {
	problems []Problem
	warnings []Warning
}

func (r *report) problem(s setting, fix, format string, args ...any) {
	r.problems = append(r.problems, Problem{s.file, s.line, fmt.Sprintf(format, args...), fix})
}

func (r *report) warn(s setting, format string, args ...any) {
	r.warnings = append(r.warnings, Warning{File: s.file, Line: s.line, Text: fmt.Sprintf(format, args...)})
}

// err returns the problems in the order of the files, or nil.
func (r *report) err() error {
	if len(r.problems) == 0 {
		return nil
	}
	sortByLine(r.problems, func(p Problem) (string, int) { return p.File, p.Line })
	return &Problems{r.problems}
}

// sorted returns the warnings in the order of the files.
func (r *report) sorted() []Warning {
	sortByLine(r.warnings, func(w Warning) (string, int) { return w.File, w.Line })
	return r.warnings
}

// sortByLine brings what concerns one file together, the file met first at the front, in the order of its lines.
// What belongs to no line comes last.
func sortByLine[T any](list []T, place func(T) (file string, line int)) {
	rank := map[string]int{"": math.MaxInt} // flags come after all files
	for _, item := range list {
		file, _ := place(item)
		if _, ok := rank[file]; !ok {
			rank[file] = len(rank)
		}
	}
	slices.SortStableFunc(list, func(a, b T) int {
		fileA, lineA := place(a)
		fileB, lineB := place(b)
		return cmp.Or(cmp.Compare(rank[fileA], rank[fileB]), cmp.Compare(uint(lineA-1), uint(lineB-1)))
	})
}
