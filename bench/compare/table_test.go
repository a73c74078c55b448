package main

import (
	"strings"
	"testing"
)

func TestNumber(t *testing.T) {
	for v, want := range map[float64]string{
		0: "0.000", 0.1234: "0.123", 1.5: "1.50", 15.25: "15.2", 203.5: "204", 999.4: "999", 1234567.8: "1,234,568", -1500: "-1,500", -0.5: "-0.500",
	} {
		if got := number(v); got != want {
			t.Errorf("number(%v) = %s, want %s", v, got, want)
		}
	}
	for n, want := range map[int]string{0: "0", 999: "999", 1000: "1,000", 123456: "123,456", -1234567: "-1,234,567"} {
		if got := thousands(n); got != want {
			t.Errorf("thousands(%d) = %s, want %s", n, got, want)
		}
	}
}

func TestSummary(t *testing.T) {
	for name, tc := range map[string]struct {
		values []float64
		want   summary
	}{
		"none": {nil, summary{}},
		"one":  {[]float64{7}, summary{1, 7, 7, 7}},
		"odd":  {[]float64{3, 9, 1}, summary{3, 3, 1, 9}},
		"even": {[]float64{8, 2, 4, 6}, summary{4, 5, 2, 8}},
	} {
		if got := summarise(tc.values); got != tc.want {
			t.Errorf("%s: %+v, want %+v", name, got, tc.want)
		}
	}
}

func someResults() *results {
	r := newResults(2)
	r.limits.Sync = 0.5
	for key, v := range map[string][2]float64{
		"F1 per second": {100, 400}, "F1 per CPU second": {100, 499}, "F4 p50 ms": {2, 0.75}, "F4 per second": {10, 9},
		"F6 p50 ms": {1, 1}, "F6 p99.9 ms": {300, 15}, "F6 worst second %": {10, 50}, "F8 s": {13, 1.6}, "F17 cost %": {60, 25},
	} {
		r.put(0, key, v[0])
		r.put(1, key, v[1])
	}
	r.put(1, "F8 s", 1.2)
	return r
}

func TestGoals(t *testing.T) {
	r := someResults()
	want := map[string]string{
		"F1 per second": "yes", "F1 per CPU second": "no", "F4 p50 ms": "yes", "F4 per second": "no",
		"F6 p50 ms": "", "F6 p99.9 ms": "no", "F6 worst second %": "yes", "F8 s": "yes", "F17 cost %": "yes", "F2 per second": "not measured", "F12 ms": "not measured",
	}
	for _, w := range rows {
		if verdict, ok := want[w.key]; ok && w.verdict(r, false) != verdict {
			t.Errorf("%s: reached %q, want %q", w.key, w.verdict(r, false), verdict)
		}
	}
	r.put(1, "F6 p99.9 ms", 3) // the median is 9
	for _, w := range rows {
		if w.key == "F6 p99.9 ms" && w.verdict(r, false) != "yes" {
			t.Error("9 ms is below 20 ms and 10 x p50")
		}
	}
}

func TestTable(t *testing.T) {
	r := someResults()
	r.put(1, "F14 MB", 20) // Java has failed there
	got := table(options{znodes: 1_000_000, sessions: 5000}, []system{{name: "Java 3.9.5"}, {name: "Paddock"}}, r)
	for _, want := range []string{
		"| F1 | saturated setData, 1 KB, 1,000 keys, 30 sessions x 100 outstanding | per second | 100 | 400 | 4.00 x | >= 4 x | yes |\n",
		"|  |  | per server CPU second | 100 | 499 | 4.99 x | >= 5 x | no |\n",
		"| F8 | restart a server holding 1,000,000 znodes, until it serves | s | 13.0 | 1.40 (1.20 to 1.60) | 9.29 x | <= 1.5 | yes |\n",
		"| F14 | 1,000,000 watches at one server | MB | - | 20.0 | - | <= 50 | yes |\n",
		"6 of 9 goals reached.",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("missing: %s", want)
		}
	}
	if strings.Contains(got, "F2") {
		t.Error("a row without values is shown")
	}
	if t.Failed() {
		t.Log(got)
	}
}

// TestRowsAreDistinct: two rows with one key would show the same values.
func TestRowsAreDistinct(t *testing.T) {
	seen := map[string]bool{}
	for _, w := range rows {
		if seen[w.key] {
			t.Errorf("two rows have key %q", w.key)
		}
		seen[w.key] = true
		if !strings.HasPrefix(w.key, w.id+" ") {
			t.Errorf("key %q of row %s", w.key, w.id)
		}
	}
}
