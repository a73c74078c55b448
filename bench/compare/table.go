package main

import (
	"fmt"
	"math"
	"strconv"
	"strings"
)

// table renders all rows that have values, and counts the goals.
func table(o options, systems []system, r *results) string {
	var b strings.Builder
	fmt.Fprintf(&b, "| # | work | unit |")
	for _, s := range systems {
		fmt.Fprintf(&b, " %s |", s.name)
	}
	fmt.Fprintf(&b, " ratio | goal | reached |\n|%s\n", strings.Repeat("---|", 6+len(systems)))
	last, reached, judged := "", 0, 0
	for _, w := range rows {
		cells, n := "", 0
		for i := range systems {
			v := r.of(i, w.key)
			cells, n = cells+cell(v)+" | ", n+v.n
		}
		if n == 0 {
			continue
		}
		id := w.id
		if id == last {
			id = ""
		}
		last = w.id
		verdict := w.verdict(r, o.alone)
		if verdict != "" {
			judged++
		}
		if verdict == "yes" {
			reached++
		}
		fmt.Fprintf(&b, "| %s | %s | %s | %s%s | %s | %s |\n", id, sized(o, w.text), w.unit, cells, ratioCell(w.ratio(r)), w.goal.text, verdict)
	}
	fmt.Fprintf(&b, "\n%d of %d goals reached. Ratio: how many times better Paddock is than Java. Medians, with the least and the greatest value in brackets.\n", reached, judged)
	return b.String()
}

// verdict tells whether a row's goal was reached, "" if it has none. A value that
// is missing, of one of the two, must not take a goal out of the count: alone, Java
// has none, and what compares with it is not judged.
func (w row) verdict(r *results, alone bool) string {
	switch {
	case w.goal.reached == nil || alone && w.goal.ofJava:
		return ""
	case r.paddock(w.key).n == 0 || w.goal.ofJava && r.java(w.key).n == 0:
		return "not measured"
	case w.goal.reached(r, w):
		return "yes"
	}
	return "no"
}

// sized fills in the sizes of this run.
func sized(o options, text string) string {
	return strings.NewReplacer(
		"{znodes}", thousands(o.znodes), "{sessions}", thousands(o.sessions),
		"{watchers}", thousands(3*o.sessions/5), "{watches}", thousands(o.sessions/5*1000),
	).Replace(text)
}

// cell shows a median and, if there are several values, the spread.
func cell(s summary) string {
	switch s.n {
	case 0:
		return "-"
	case 1:
		return number(s.median)
	}
	return fmt.Sprintf("%s (%s to %s)", number(s.median), number(s.min), number(s.max))
}

func ratioCell(v float64) string {
	if v <= 0 || math.IsNaN(v) || math.IsInf(v, 0) { // a value is missing, or none that divides
		return "-"
	}
	return fmt.Sprintf("%.2f x", v)
}

// number shows three digits or all before the point.
func number(v float64) string {
	switch a := math.Abs(v); {
	case a >= 1000:
		return thousands(int(math.Round(v)))
	case a >= 100:
		return strconv.FormatFloat(v, 'f', 0, 64)
	case a >= 10:
		return strconv.FormatFloat(v, 'f', 1, 64)
	case a >= 1:
		return strconv.FormatFloat(v, 'f', 2, 64)
	}
	return strconv.FormatFloat(v, 'f', 3, 64)
}

// thousands writes 1234567 as 1,234,567.
func thousands(n int) string {
	if n < 0 {
		return "-" + thousands(-n)
	}
	s := strconv.Itoa(n)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}
