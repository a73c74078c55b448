package main

import (
	"fmt"
	"slices"
)

// row is one line of the table: what is under its key, and what it should be.
type row struct {
	id, key, text, unit string
	lowerIsBetter       bool
	goal                goal
}

// goal is what a row should reach; the zero goal is none.
type goal struct {
	text    string
	ofJava  bool // it cannot be judged without Java's value
	reached func(r *results, w row) bool
}

// ratio returns how many times better Paddock is.
func (w row) ratio(r *results) float64 {
	if w.lowerIsBetter {
		return r.java(w.key).median / r.paddock(w.key).median
	}
	return r.paddock(w.key).median / r.java(w.key).median
}

// times is a goal of so many times Java.
func times(x float64) goal {
	return goal{fmt.Sprintf(">= %g x", x), true, func(r *results, w row) bool { return w.ratio(r) >= x }}
}

// atMost is a goal of its own, whatever Java does.
func atMost(x float64) goal {
	return goal{fmt.Sprintf("<= %g", x), false, func(r *results, w row) bool { return r.paddock(w.key).median <= x }}
}

// oneSync is the goal of F4: a sync of this machine and a quarter of a
// millisecond.
var oneSync = goal{"<= fdatasync + 0.25", false, func(r *results, w row) bool { return r.paddock(w.key).median <= r.limits.Sync+0.25 }}

// calmTail is the goal of F6.
var calmTail = goal{"<= 20 and 10 x p50", false, func(r *results, w row) bool {
	p := r.paddock(w.key).median
	return p <= 20 && p <= 10*r.paddock("F6 p50 ms").median
}}

var atLeastHalf = goal{">= 50", false, func(r *results, w row) bool { return r.paddock(w.key).median >= 50 }}

const (
	perSecond = "per second"
	perCPU    = "per server CPU second"
)

// rows are the table. The numbers and goals are those that Paddock is built for.
var rows = slices.Concat(
	saturated("F1", "F1", "saturated setData, 1 KB, 1,000 keys, 30 sessions x 100 outstanding", times(4), times(5)),
	saturated("F2", "F2", "saturated getData, same", times(3), times(5)),
	saturated("F3", "F3", "90 % get, 10 % set, same", times(5), times(5)),
	[]row{
		{"F4", "F4 p50 ms", "three sessions, one setData at a time", "p50 ms", true, oneSync},
		{"F4", "F4 p99 ms", "", "p99 ms", true, goal{}},
		{"F4", "F4 per second", "", perSecond, false, times(1)},
	},
	creates(),
	[]row{
		{"F6", "F6 p50 ms", "open loop, 2,000 a second, half reads, under snapshots", "p50 ms", true, goal{}},
		{"F6", "F6 p99 ms", "", "p99 ms", true, goal{}},
		{"F6", "F6 p99.9 ms", "", "p99.9 ms", true, calmTail},
		{"F6", "F6 worst second %", "", "worst second, % of the median second", false, atLeastHalf},
		{"F7", "F7 per second", "load {znodes} znodes of 100 B", "znodes per second", false, times(8)},
		{"F7", "F7 MiB", "", "MiB, the largest server", true, atMost(300)},
		{"F8", "F8 s", "restart a server holding {znodes} znodes, until it serves", "s", true, atMost(1.5)},
		{"F9", "F9 KiB", "an idle session of {sessions}, all three servers together", "KiB", true, atMost(4)},
		{"F10", "F10 per second", "opening sessions", perSecond, false, times(5)},
		{"F11", "F11 empty ms", "kill -9 of the leader under load: longest time without an acknowledged write", "ms", true, atMost(150)},
		{"F11", "F11 loaded ms", "with {znodes} znodes", "ms", true, atMost(150)},
		{"F12", "F12 ms", "{watchers} sessions watch one znode: set until the last event", "p50 ms", true, atMost(15)},
		{"F13", "F13 MiB", "a fresh server, idle", "MiB, the largest server", true, atMost(20)},
		{"F13", "F13 start ms", "start of three processes until all serve", "ms", true, atMost(300)},
		{"F14", "F14 MB", "{watches} watches at one server", "MB", true, atMost(50)},
		{"F14", "F14 ms", "set until the last of its sessions has the event", "p50 ms", true, goal{}},
		{"F15", "F15 %", "{sessions} idle sessions, 10 s timeout", "% of a core, the busiest server", true, atMost(2)},
		{"F16", "F16 snapshot ms", "{znodes} znodes: longest write stall while snapshots are taken", "ms", true, atMost(20)},
		{"F16", "F16 sync ms", "while a follower takes a full sync", "ms", true, atMost(20)},
	},
	saturated("F17", "F17", "sync + get as one, otherwise as F2", goal{}, goal{}),
	[]row{{"F17", "F17 cost %", "a linearizable read against a plain one", "% less per second", true, atMost(25)}},
	saturated("F18", "F18 hot", "one hot znode read by all", times(5), goal{}),
	saturated("F18", "F18 list", "list of 1,000 children", times(5), goal{}),
	saturated("F19", "F19", "multi of 5 to 15 setData of 100 B", times(4), goal{}),
)

// saturated are the two rows of a rate.
func saturated(id, key, text string, second, cpu goal) []row {
	return []row{
		{id, key + " per second", text, perSecond, false, second},
		{id, key + " per CPU second", "", perCPU, false, cpu},
	}
}

// creates are the rows of F5.
func creates() (v []row) {
	for _, n := range creators {
		w := row{id: "F5", key: fmt.Sprintf("F5 %d per second", n), text: fmt.Sprintf("creates of 100 B, one at a time, sessions: %d", n), unit: perSecond, goal: times(1)}
		if n >= 100 {
			w.goal = times(3)
		}
		v = append(v, w)
	}
	return v
}
