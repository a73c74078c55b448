package main

import (
	"fmt"
	"html"
	"math"
	"slices"
	"strings"
)

// plot is a drawing of lines over logarithmic axes: a straight line is a power
// of the size, a level one no growth at all. Over linear ones a straight line is
// what grows with the size.
type plot struct {
	title, x, y string
	linear      bool
	lines       []line
}

type line struct {
	name   string
	points []point
	beyond *point // where the line would go on to, if it does
}

// The drawing's measures, in pixels: left and bottom have room for labels.
const (
	plotWidth, plotHeight = 640, 400
	plotLeft, plotRight   = 80, 620
	plotTop, plotBottom   = 50, 340
)

var plotColours = []string{"#b5651d", "#1f6f8b", "#5b8c5a", "#7d5ba6"}

// decades returns the powers of ten that enclose all values, by their exponents.
func decades(lines []line, of func(point) float64) (low, high int) {
	least, most := math.Inf(1), math.Inf(-1)
	for _, l := range lines {
		for _, p := range l.points {
			if v := of(p); v > 0 {
				least, most = min(least, v), max(most, v)
			}
		}
	}
	if least > most {
		return 0, 1
	}
	low, high = int(math.Floor(math.Log10(least))), int(math.Ceil(math.Log10(most)))
	if high == low {
		high++
	}
	return low, high
}

// axis maps values to pixels.
type axis struct {
	low, high int     // exponents of ten
	most      float64 // of a linear axis, which begins at 0; 0 if it is not one
	from, to  float64
}

func (a axis) at(v float64) float64 {
	part := (math.Log10(v) - float64(a.low)) / float64(a.high-a.low)
	if a.most > 0 {
		part = v / a.most
	}
	return a.from + part*(a.to-a.from)
}

// has reports whether a value has a place on the axis.
func (a axis) has(v float64) bool { return v > 0 || v == 0 && a.most > 0 }

// ticks calls yield with the values that are marked.
func (a axis) ticks(yield func(v float64, name string)) {
	if a.most > 0 {
		for i := range linearTicks + 1 {
			v := a.most * float64(i) / linearTicks
			yield(v, fmt.Sprintf("%g", v))
		}
		return
	}
	for e := a.low; e <= a.high; e++ {
		yield(math.Pow10(e), power(e))
	}
}

// linearTicks is how many parts a linear axis has.
const linearTicks = 5

// axisOf returns the axis for one coordinate of all points.
func (p plot) axisOf(of func(point) float64, from, to float64) axis {
	a := axis{from: from, to: to}
	a.low, a.high = decades(p.lines, of)
	if !p.linear {
		return a
	}
	a.most = 1
	for _, l := range p.lines {
		for _, q := range l.all() {
			a.most = max(a.most, of(q))
		}
	}
	step := math.Pow10(int(math.Floor(math.Log10(a.most)))) / 2
	a.most = step * math.Ceil(a.most/step)
	return a
}

// all returns the points, and the one that the line would go on to.
func (l line) all() []point {
	if l.beyond == nil {
		return l.points
	}
	return append(slices.Clip(l.points), *l.beyond)
}

// svg returns the drawing.
func (p plot) svg() string {
	x := p.axisOf(func(p point) float64 { return p.x }, plotLeft, plotRight)
	y := p.axisOf(func(p point) float64 { return p.y }, plotBottom, plotTop)
	var b strings.Builder
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" width="%d" height="%d" viewBox="0 0 %[1]d %[2]d" font-family="sans-serif" font-size="12">`+"\n", plotWidth, plotHeight)
	fmt.Fprintf(&b, `<rect width="%d" height="%d" fill="white"/>`+"\n", plotWidth, plotHeight)
	text(&b, plotLeft, 24, "start", p.title)
	text(&b, (plotLeft+plotRight)/2, plotHeight-16, "middle", p.x)
	text(&b, plotLeft-8, plotTop-10, "end", p.y)
	x.ticks(func(v float64, name string) {
		rule(&b, x.at(v), plotTop, x.at(v), plotBottom)
		text(&b, x.at(v), plotBottom+18, "middle", name)
	})
	y.ticks(func(v float64, name string) {
		rule(&b, plotLeft, y.at(v), plotRight, y.at(v))
		text(&b, plotLeft-8, y.at(v)+4, "end", name)
	})
	for i, l := range p.lines {
		l.draw(&b, x, y, plotColours[i%len(plotColours)], i)
	}
	b.WriteString("</svg>\n")
	return b.String()
}

// draw draws a line with its points and its name in the legend.
func (l line) draw(b *strings.Builder, x, y axis, colour string, index int) {
	var at []string
	for _, p := range l.points {
		if !x.has(p.x) || !y.has(p.y) {
			continue
		}
		at = append(at, fmt.Sprintf("%.1f,%.1f", x.at(p.x), y.at(p.y)))
		mark(b, x.at(p.x), y.at(p.y), colour, colour, p.y)
	}
	fmt.Fprintf(b, `<polyline points="%s" fill="none" stroke="%s" stroke-width="2"/>`+"\n", strings.Join(at, " "), colour)
	if p := l.beyond; p != nil && len(at) > 0 {
		fmt.Fprintf(b, `<polyline points="%s %.1f,%.1f" fill="none" stroke="%s" stroke-width="2" stroke-dasharray="6 4"/>`+"\n", at[len(at)-1], x.at(p.x), y.at(p.y), colour)
		mark(b, x.at(p.x), y.at(p.y), colour, "white", p.y)
	}
	fmt.Fprintf(b, `<text x="%d" y="%d" text-anchor="end" fill="%s">%s</text>`+"\n", plotRight, 16+16*index, colour, html.EscapeString(l.name))
}

// mark draws a point and its value.
func mark(b *strings.Builder, x, y float64, colour, fill string, value float64) {
	fmt.Fprintf(b, `<circle cx="%.1f" cy="%.1f" r="4" stroke="%s" fill="%s"/>`+"\n", x, y, colour, fill)
	fmt.Fprintf(b, `<text x="%.1f" y="%.1f" text-anchor="middle" fill="%s">%s</text>`+"\n", x, y-8, colour, html.EscapeString(number(value)))
}

func text(b *strings.Builder, x, y float64, anchor, s string) {
	fmt.Fprintf(b, `<text x="%.1f" y="%.1f" text-anchor="%s">%s</text>`+"\n", x, y, anchor, html.EscapeString(s))
}

func rule(b *strings.Builder, x1, y1, x2, y2 float64) {
	fmt.Fprintf(b, `<line x1="%.1f" y1="%.1f" x2="%.1f" y2="%.1f" stroke="#ddd"/>`+"\n", x1, y1, x2, y2)
}

// power writes a power of ten as people read it.
func power(exponent int) string {
	if exponent >= 0 && exponent <= 9 {
		return thousands(int(math.Pow10(exponent)))
	}
	return fmt.Sprintf("%g", math.Pow10(exponent))
}
