package slab

import "testing"

type object struct{ a, b *int }

// TestPieces: how many pieces of memory there are for objects of which so many are
// wanted, or are said to be.
func TestPieces(t *testing.T) {
	for name, tc := range map[string]struct {
		made, said int
		pieces     float64
	}{
		"one":                   {1, 1, 1},
		"some":                  {5, 5, 1},
		"as many as in a piece": {Max, Max, 1},
		"one more":              {Max + 1, Max + 1, 2},
		"many":                  {5 * Max, 5 * Max, 5},
		"fewer than said":       {1, 1000, 1},
		"each said to be alone": {7, -1, 7},
	} {
		var last *object
		got := testing.AllocsPerRun(20, func() {
			var s Slab[object]
			for i := range tc.made {
				if tc.said < 0 {
					last = s.Next(1)
				} else {
					last = s.Next(tc.said - i)
				}
			}
		})
		if got != tc.pieces || last == nil {
			t.Errorf("%s: %v pieces, want %v", name, got, tc.pieces)
		}
	}
}

// TestPiecesAreShort: one object keeps no more than Max in memory, whatever is said.
func TestPiecesAreShort(t *testing.T) {
	var s Slab[object]
	if s.Next(1 << 30); len(s.rest) != Max-1 {
		t.Errorf("%d more are made", len(s.rest))
	}
}

// TestApart: each object is a new one, and empty.
func TestApart(t *testing.T) {
	var s Slab[object]
	seen := map[*object]bool{}
	for i := range 3 * Max {
		o := s.Next(2*Max - i%Max)
		if seen[o] || *o != (object{}) {
			t.Fatalf("object %d: seen before %v, %+v", i, seen[o], *o)
		}
		seen[o] = true
		o.a, o.b = &i, &i
	}
}
