package main

import (
	"fmt"
	"html"
	"math"
	"strings"
)

// plot is a drawing of lines over logarithmic axes: a straight line is a power
// of the size, a level one no growth at all.
type plot struct {
	title, x, y string
	lines       []line
}

type line struct {
	name   string
	points []point
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
	low, high int // exponents
	from, to  float64
}

func (a axis) at(v float64) float64 {
	return a.from + (math.Log10(v)-float64(a.low))/float64(a.high-a.low)*(a.to-a.from)
}

// svg returns the drawing.
func (p plot) svg() string {
	x, y := axis{from: plotLeft, to: plotRight}, axis{from: plotBottom, to: plotTop}
	x.low, x.high = decades(p.lines, func(p point) float64 { return p.x })
	y.low, y.high = decades(p.lines, func(p point) float64 { return p.y })
	var b strings.Builder
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" width="%d" height="%d" viewBox="0 0 %[1]d %[2]d" font-family="sans-serif" font-size="12">`+"\n", plotWidth, plotHeight)
	fmt.Fprintf(&b, `<rect width="%d" height="%d" fill="white"/>`+"\n", plotWidth, plotHeight)
	text(&b, plotLeft, 24, "start", p.title)
	text(&b, (plotLeft+plotRight)/2, plotHeight-16, "middle", p.x)
	text(&b, plotLeft-8, plotTop-10, "end", p.y)
	for e := x.low; e <= x.high; e++ {
		at := x.at(math.Pow10(e))
		rule(&b, at, plotTop, at, plotBottom)
		text(&b, at, plotBottom+18, "middle", power(e))
	}
	for e := y.low; e <= y.high; e++ {
		at := y.at(math.Pow10(e))
		rule(&b, plotLeft, at, plotRight, at)
		text(&b, plotLeft-8, at+4, "end", power(e))
	}
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
		if p.x <= 0 || p.y <= 0 {
			continue // has no place on a logarithmic axis
		}
		px, py := x.at(p.x), y.at(p.y)
		at = append(at, fmt.Sprintf("%.1f,%.1f", px, py))
		fmt.Fprintf(b, `<circle cx="%.1f" cy="%.1f" r="4" fill="%s"/>`+"\n", px, py, colour)
		fmt.Fprintf(b, `<text x="%.1f" y="%.1f" text-anchor="middle" fill="%s">%s</text>`+"\n", px, py-8, colour, html.EscapeString(number(p.y)))
	}
	fmt.Fprintf(b, `<polyline points="%s" fill="none" stroke="%s" stroke-width="2"/>`+"\n", strings.Join(at, " "), colour)
	fmt.Fprintf(b, `<text x="%d" y="%d" text-anchor="end" fill="%s">%s</text>`+"\n", plotRight, 16+16*index, colour, html.EscapeString(l.name))
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
