// Package slab makes objects of one type that are wanted about together, such as the
// records of a multi, in few pieces of memory.
//
//	Next, Next, Next ... ──► [ T | T | T | T ]   one allocation
//
// An object keeps those of its piece in memory. So this is for objects that are needed
// for about as long as one another.
package slab

// Max is how many objects are in a piece at most: what one that is kept alone may keep
// with it.
const Max = 16

// Slab makes objects. The zero value is ready.
type Slab[T any] struct{ rest []T }

// Next returns an object with its zero value. So many may still be wanted, with this
// one; it is at least 1.
func (s *Slab[T]) Next(wanted int) *T {
	if len(s.rest) == 0 {
		s.rest = make([]T, min(wanted, Max))
	}
	t := &s.rest[0]
	s.rest = s.rest[1:]
	return t
}
