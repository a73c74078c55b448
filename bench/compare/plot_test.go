package main

import (
	"encoding/xml"
	"io"
	"math"
	"strings"
	"testing"
)

func TestDecadesEncloseValues(t *testing.T) {
	y := func(p point) float64 { return p.y }
	for name, tc := range map[string]struct {
		values    []float64
		low, high int
	}{
		"none": {nil, 0, 1}, "one power": {[]float64{100}, 2, 3}, "between": {[]float64{0.5, 70}, -1, 2}, "zero has no place": {[]float64{0, 5}, 0, 1},
	} {
		var l line
		for _, v := range tc.values {
			l.points = append(l.points, point{1, v})
		}
		if low, high := decades([]line{l}, y); low != tc.low || high != tc.high {
			t.Errorf("%s: 10^%d to 10^%d, want %d and %d", name, low, high, tc.low, tc.high)
		}
	}
}

func TestAxis(t *testing.T) {
	a := axis{low: -1, high: 1, from: 100, to: 300}
	for v, want := range map[float64]float64{0.1: 100, 1: 200, 10: 300} {
		if got := a.at(v); math.Abs(got-want) > 1e-9 {
			t.Errorf("%v lies at %v, want %v", v, got, want)
		}
	}
}

// TestPlotIsXML: names are text, whatever they contain, and every point that has
// a place is drawn.
func TestPlotIsXML(t *testing.T) {
	p := plot{title: "a < b", x: "znodes", y: "s", lines: []line{
		{name: "Java & more", points: []point{{1e5, 1}, {1e6, 13}}}, {name: "Paddock", points: []point{{1e5, 0.1}, {1e6, 1}, {1e7, 12}, {1e7, 0}}},
	}}
	svg := p.svg()
	for d := xml.NewDecoder(strings.NewReader(svg)); ; {
		_, err := d.Token()
		if err == io.EOF {
			break
		}
		if err != nil {
			t.Fatalf("%v\n%s", err, svg)
		}
	}
	if n := strings.Count(svg, "<circle"); n != 5 {
		t.Errorf("%d points, want 5", n)
	}
	for _, want := range []string{"a &lt; b", "Java &amp; more", ">10,000,000<", ">0.1<"} {
		if !strings.Contains(svg, want) {
			t.Errorf("missing: %s", want)
		}
	}
}

func TestGrowthTable(t *testing.T) {
	found := map[string]map[string][]point{
		"F8 s":          {"Paddock": {{1e5, 0.1}, {1e6, 1}, {1e7, 20}}, "Java": {{1e6, 13}, {1e7, 65}}},
		"F1 per second": {"Paddock": {{1e5, 60000}, {1e6, 60000}, {1e7, 30000}}},
		"F9 MiB":        {"Paddock": {{500, 3}, {5e3, 20}, {5e4, 200}}, "Java": {{5e3, 300}}},
		"F9 KiB":        {"Paddock": {{5e4, 3.5}}}, // interrupted, or the smaller ones have failed
	}
	got := growthTable(options{znodes: 1_000_000, sessions: 5000}, []system{{name: "Java"}, {name: "Paddock"}}, found)
	for _, want := range []string{
		"| F8, restart until it serves | s | Java | - | 13.0 (1,000,000) | 65.0 (10,000,000) | 0.50 x for 10 x |\n",
		"| F8, restart until it serves | s | Paddock | 0.100 (100,000) | 1.00 (1,000,000) | 20.0 (10,000,000) | 2.00 x for 100 x |\n",
		"| F1, saturated setData | per second | Paddock | 60,000 (100,000) | 60,000 (1,000,000) | 30,000 (10,000,000) | 2.00 x for 100 x |\n",
		"\nF9, all idle sessions, Paddock: 400 MiB at 100,000 sessions, by the line from 20.0 at 5,000 to 200 at 50,000.\n",
		"| F9, an idle session | KiB | Paddock | - | - | 3.50 (50,000) | - |\n",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("missing: %s\n%s", want, got)
		}
	}
}

// TestStraightLine: a linear plot has every point, and goes on to where the line leads.
func TestStraightLine(t *testing.T) {
	points := []point{{0, 0}, {5000, 20}, {50000, 200}}
	end := goOn(points, 100_000)
	if end == nil || *end != (point{100_000, 400}) {
		t.Fatalf("the line goes on to %v", end)
	}
	if goOn(points, 0) != nil || goOn(points[:1], 100_000) != nil {
		t.Error("there is a line where none is wanted, or through one point")
	}
	svg := plot{linear: true, lines: []line{{"Paddock", points, end}}}.svg()
	if n := strings.Count(svg, "<circle"); n != 4 {
		t.Errorf("%d points, want 4", n)
	}
	for _, want := range []string{"stroke-dasharray", ">100000<", ">80<", `<circle cx="350.0" cy="195.0"`} {
		if !strings.Contains(svg, want) {
			t.Errorf("missing: %s\n%s", want, svg)
		}
	}
	a := axis{most: 500, from: 340, to: 50}
	if a.at(0) != 340 || a.at(500) != 50 || a.at(250) != 195 || !a.has(0) || (axis{}).has(0) {
		t.Errorf("0 lies at %v, 250 at %v", a.at(0), a.at(250))
	}
}
