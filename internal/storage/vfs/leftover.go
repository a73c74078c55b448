package vfs

import (
	"fmt"
	"math/rand/v2"
)

// Leftover chooses what a crash leaves of that which was not synced: of every
// directory's changes a prefix, as a journal keeps them; of every file the old
// length, the new one or one in between; of every sector one of its versions.
type Leftover struct {
	Name string

	moves   func(n int) int            // how many of the n changes of a directory
	cuts    func(n int) int            // how many of the n shortenings of a file
	size    func(old, new int64) int64 // of a file, in bytes
	version func(i, n, latest int) int // of the i-th of n sectors in the order of writing: 0 is the oldest, latest the newest
}

func all(n int) int                { return n }
func none(int) int                 { return 0 }
func oldSize(old, _ int64) int64   { return old }
func newSize(_, fresh int64) int64 { return fresh }
func newest(_, _, latest int) int  { return latest }
func oldest(_, _, _ int) int       { return 0 }
func half(n int) int               { return n / 2 }
func allButOne(n int) int          { return max(n-1, 0) }
func sectorsIf(keep func(i, n int) bool) func(i, n, latest int) int {
	return func(i, n, latest int) int {
		if keep(i, n) {
			return latest
		}
		return 0
	}
}

var everything = Leftover{"everything", all, all, newSize, newest}

// Corners are the leftovers that go farthest, each in another direction.
var Corners = []Leftover{
	{"nothing", none, none, oldSize, oldest},
	everything,
	{"names without data", all, none, oldSize, oldest},
	{"names and lengths without data", all, all, newSize, oldest},
	{"data without names", none, all, newSize, newest},
	{"all but the last name, the last sector", allButOne, all, newSize, sectorsIf(func(i, n int) bool { return i == n-1 })},
	{"all but the first sector", all, all, newSize, sectorsIf(func(i, _ int) bool { return i > 0 })},
	{"all but the last sector", all, all, newSize, sectorsIf(func(i, n int) bool { return i < n-1 })},
	{"the first half", half, half, newSize, sectorsIf(func(i, n int) bool { return i < n/2 })},
	{"every other sector", all, all, newSize, sectorsIf(func(i, _ int) bool { return i%2 == 0 })},
	{"the other sectors", half, all, newSize, sectorsIf(func(i, _ int) bool { return i%2 == 1 })},
}

// RandomLeftover draws everything by a seed; the kinds of losses that occur
// together in practice are more likely than chance would make them.
func RandomLeftover(seed uint64) Leftover {
	rng := rand.New(rand.NewPCG(seed, 5))
	kind, part := rng.IntN(3), rng.Float64()
	upTo := func(n int) int { return rng.IntN(n + 1) }
	return Leftover{
		fmt.Sprintf("seed %d", seed), upTo, upTo,
		func(old, fresh int64) int64 {
			switch rng.IntN(3) {
			case 0:
				return old
			case 1:
				return fresh
			}
			low, high := min(old, fresh), max(old, fresh)
			return low + rng.Int64N(high-low+1)
		},
		func(i, n, latest int) int {
			switch kind {
			case 0: // a prefix
				if float64(i) < part*float64(n) {
					return latest
				}
				return 0
			case 1: // most of it
				if rng.IntN(8) > 0 {
					return latest
				}
			}
			return rng.IntN(latest + 1)
		},
	}
}
