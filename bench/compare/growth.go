package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
)

// curve is a figure whose cost grows with some size.
type curve struct {
	key, name, size, unit string
	// cost turns a value into what one unit of work costs: it must not grow.
	cost   func(value, size float64) float64
	beyond float64 // a size that no machine here has room for, and of which the line is to tell; 0 for none
}

// manySessions are more than a machine has files for.
const manySessions = 100_000

var (
	ofRate  = func(v, _ float64) float64 { return 1 / v }
	ofTotal = func(v, size float64) float64 { return v / size }
	ofEach  = func(v, _ float64) float64 { return v }
)

var curves = []curve{
	{"F1 per second", "F1, saturated setData", "znodes in the tree", "per second", ofRate, 0},
	{"F2 per second", "F2, saturated getData", "znodes in the tree", "per second", ofRate, 0},
	{"F7 per second", "F7, loading znodes", "znodes loaded", "znodes per second", ofRate, 0},
	{"F7 MiB", "F7, memory of the largest server", "znodes in the tree", "MiB", ofTotal, 0},
	{"F8 s", "F8, restart until it serves", "znodes in the tree", "s", ofTotal, 0},
	{"F9 KiB", "F9, an idle session", "sessions", "KiB", ofEach, 0},
	{"F9 MiB", "F9, all idle sessions", "sessions", "MiB", ofTotal, manySessions},
	{"F15 %", "F15, processor time of the busiest server for them", "sessions", "% of a core", ofTotal, manySessions},
}

func curveOf(key string) curve {
	return curves[slices.IndexFunc(curves, func(c curve) bool { return c.key == key })]
}

// point is a value at a size.
type point struct{ x, y float64 }

// measureGrowth measures at a tenth, at one and at ten times the size. The keys
// of F1 and F2 grow with the tree that they lie in.
func measureGrowth(ctx context.Context, o options, systems []system, tmp string, facts []string) error {
	started := time.Now()
	found := map[string]map[string][]point{} // by curve, then system
	for _, c := range curves {
		found[c.key] = map[string][]point{}
	}
	var notes []error
	for _, tenths := range []int{1, 10, 100} {
		sized := o
		sized.znodes, sized.sessions = o.znodes*tenths/10, o.sessions*tenths/10
		for _, s := range slices.Backward(systems) { // Java's largest takes longest, and may be interrupted
			heap, fits := heapFor(o.heap, sized.znodes)
			if strings.HasPrefix(s.name, "Java") {
				if !fits {
					notes = append(notes, fmt.Errorf("%s with %s znodes does not fit: three heaps of %s", s.name, thousands(sized.znodes), heap))
					continue
				}
				facts = append(facts, fmt.Sprintf("%s has a heap of %s with %s znodes", s.name, heap, thousands(sized.znodes)))
			}
			say("%s, %s znodes, %s sessions", s.name, thousands(sized.znodes), thousands(sized.sessions))
			p := &pass{o: sized, sys: s, heap: heap, put: func(key string, v float64) {
				if curve, ok := found[key]; ok {
					x := sized.znodes
					if curveOf(key).size == "sessions" {
						x = sized.sessions
					}
					curve[s.name] = append(curve[s.name], point{float64(x), v})
				}
			}}
			for _, st := range growthStages(strconv.Itoa(max(sized.znodes/1000, 1))) {
				err := p.measure(ctx, st, filepath.Join(tmp, "servers"))
				if ctx.Err() != nil {
					err = errors.New("interrupted")
				}
				if err != nil {
					notes = append(notes, fmt.Errorf("%s, %s znodes, %s: %w", s.name, thousands(sized.znodes), st.name, err))
				}
				if ctx.Err() != nil { // what there is until an interrupt is worth having
					return errors.Join(writeGrowth(o, facts, systems, found, notes, started), ctx.Err())
				}
			}
		}
	}
	return errors.Join(writeGrowth(o, facts, systems, found, notes, started), errors.Join(notes...))
}

func growthStages(keys string) []stage {
	return []stage{
		{name: "sessions", works: []work{{name: "F9", run: idleSessions}}},
		{name: "znodes", works: []work{
			{name: "warm up", run: warmUp, always: true},
			{name: "F7", run: loadZnodes},
			{name: "F1", run: requests("F1", "-reads", "0", "-keys", keys)},
			{name: "F2", run: requests("F2", "-reads", "1", "-keys", keys)},
			{name: "F8", run: restartFollower},
		}},
	}
}

// heapFor returns a heap that takes so many znodes, and whether the memory at
// hand takes three of them. A znode of 100 B is about half a KB to Java; loading
// and writing snapshots need some room beside.
func heapFor(least string, znodes int) (heap string, fits bool) {
	const perZnode, mib = 600, 1 << 20
	need := int64(znodes) * perZnode / mib
	size, err := heapMiB(least)
	if err != nil || need > size {
		size = need
	}
	return strconv.FormatInt(size, 10) + "m", members*size*mib < availableMemory()*8/10
}

// heapMiB reads Java's notation: 512m, 2g.
func heapMiB(s string) (int64, error) {
	unit := int64(1)
	n, found := strings.CutSuffix(strings.ToLower(s), "g")
	if found {
		unit = 1024
	} else {
		n = strings.TrimSuffix(n, "m")
	}
	v, err := strconv.ParseInt(n, 10, 64)
	return v * unit, err
}

// writeGrowth prints the curves and, if asked to, writes them with plots.
func writeGrowth(o options, facts []string, systems []system, found map[string]map[string][]point, notes []error, started time.Time) error {
	text := growthTable(o, systems, found)
	fmt.Println(text)
	if o.out == "" {
		return nil
	}
	if err := os.MkdirAll(o.out, 0o755); err != nil {
		return err
	}
	name := "growth-" + started.Format(time.DateOnly)
	plots, err := writePlots(o.out, filepath.Base(freeName(o.out, name)), systems, found)
	if err != nil {
		return err
	}
	var b strings.Builder
	fmt.Fprintf(&b, "# How cost grows with size, %s\n\n%s\n%s\n", started.Format(time.DateOnly), text, plots)
	for _, err := range notes {
		fmt.Fprintf(&b, "Not measured: %s.\n", strings.ReplaceAll(err.Error(), "\n", " "))
	}
	b.WriteString(howTaken(facts, systems))
	fmt.Fprintf(&b, "- One round, %d s a measurement; %.0f minutes in all.\n", o.seconds, time.Since(started).Minutes())
	return writeFiles(o.out, name, b.String(), pairs(found))
}

// writePlots draws each curve into a file of its own, and returns what shows them.
func writePlots(dir, base string, systems []system, found map[string]map[string][]point) (string, error) {
	var b strings.Builder
	for _, c := range curves {
		file := base + "-" + plotName.Replace(strings.ToLower(c.key)) + ".svg"
		p := plot{title: c.name, x: c.size, y: c.unit}
		for _, s := range systems {
			p.lines = append(p.lines, line{name: s.name, points: found[c.key][s.name]})
		}
		if err := show(&b, dir, file, p); err != nil {
			return "", err
		}
		if c.beyond == 0 {
			continue
		}
		file = strings.TrimSuffix(file, ".svg") + "-line.svg"
		if err := show(&b, dir, file, c.straight(systems, found)); err != nil {
			return "", err
		}
	}
	return b.String(), nil
}

// show writes a drawing and appends what shows it.
func show(b *strings.Builder, dir, file string, p plot) error {
	fmt.Fprintf(b, "![%s](%s)\n", p.title, file)
	return os.WriteFile(filepath.Join(dir, file), []byte(p.svg()), 0o644)
}

var plotName = strings.NewReplacer(" ", "-", "%", "percent")

// pairs returns the curves as JSON shows them: size and value.
func pairs(found map[string]map[string][]point) map[string]map[string][][2]float64 {
	values := map[string]map[string][][2]float64{}
	for key, bySystem := range found {
		values[key] = map[string][][2]float64{}
		for s, points := range bySystem {
			for _, p := range points {
				values[key][s] = append(values[key][s], [2]float64{p.x, p.y})
			}
		}
	}
	return values
}

// growthTable shows each curve, and what a unit of work costs at its largest
// size against its smallest.
func growthTable(o options, systems []system, found map[string]map[string][]point) string {
	var b strings.Builder
	b.WriteString("| figure | unit | system | a tenth | one | ten times | cost of a unit of work, largest against smallest |\n|---|---|---|---|---|---|---|\n")
	for _, c := range curves {
		for _, s := range systems {
			points := found[c.key][s.name]
			if len(points) == 0 {
				continue
			}
			base := o.znodes
			if c.size == "sessions" {
				base = o.sessions
			}
			cells := []string{"-", "-", "-"}
			for _, p := range points {
				cells[1+cmp.Compare(p.x, float64(base))] = fmt.Sprintf("%s (%s)", number(p.y), thousands(int(p.x)))
			}
			grown := "-"
			if first, last := points[0], points[len(points)-1]; len(points) > 1 {
				grown = fmt.Sprintf("%.2f x for %g x", c.cost(last.y, last.x)/c.cost(first.y, first.x), last.x/first.x)
			}
			fmt.Fprintf(&b, "| %s | %s | %s | %s | %s |\n", c.name, c.unit, s.name, strings.Join(cells, " | "), grown)
		}
	}
	b.WriteString("\nIn brackets the size: znodes in the tree, of F9 and F15 sessions. More than 1 x means that cost grows faster than the work.\n")
	b.WriteString(extrapolated(systems, found))
	return b.String()
}

// extrapolated tells what the curves that go on would come to.
func extrapolated(systems []system, found map[string]map[string][]point) string {
	var b strings.Builder
	for _, c := range curves {
		for _, s := range systems {
			points := found[c.key][s.name]
			end := goOn(points, c.beyond)
			if end == nil {
				continue
			}
			p, q := points[len(points)-2], points[len(points)-1]
			fmt.Fprintf(&b, "\n%s, %s: %s %s at %s %s, by the line from %s at %s to %s at %s.\n", c.name, s.name, number(end.y), c.unit,
				thousands(int(end.x)), c.size, number(p.y), thousands(int(p.x)), number(q.y), thousands(int(q.x)))
		}
	}
	return b.String()
}

// goOn returns where the straight line through the last two points is at size x, nil
// if x is 0 or there is no line.
func goOn(points []point, x float64) *point {
	if x == 0 || len(points) < 2 {
		return nil
	}
	p, q := points[len(points)-2], points[len(points)-1]
	return &point{x, q.y + (q.y-p.y)/(q.x-p.x)*(x-q.x)}
}

// straight draws a curve over linear axes, up to the size that it goes on to.
func (c curve) straight(systems []system, found map[string]map[string][]point) plot {
	p := plot{title: c.name, x: c.size, y: c.unit, linear: true}
	for _, s := range systems {
		points := found[c.key][s.name]
		p.lines = append(p.lines, line{s.name, points, goOn(points, c.beyond)})
	}
	return p
}
