package tree

import "math/bits"

// WatcherID names a watcher, usually a connection. The largest value is not
// allowed.
type WatcherID uint32

// idSet is a set of watchers: nothing but itself for one member, an open hash
// table for more. The zero value is empty.
type idSet struct {
	n   uint32
	one WatcherID // the member if n is 1 and tab nil
	tab *idTable
}

// idTable is a hash table with linear probing. Slots hold the complement of a
// member, so that zero is empty. Its length is a power of two and it is at most
// three quarters full.
type idTable struct{ slots []uint32 }

const idTableMin = 4

// home returns where the search for v starts: the high bits of a product with
// 2^32 divided by the golden ratio.
func (t *idTable) home(v uint32) uint32 {
	return (v * 2654435769) >> bits.LeadingZeros32(uint32(len(t.slots)-1))
}

// find returns the slot of v, or the empty slot where it would go.
func (t *idTable) find(v uint32) (i uint32, ok bool) {
	mask := uint32(len(t.slots) - 1)
	for i = t.home(v); t.slots[i] != 0; i = (i + 1) & mask {
		if t.slots[i] == v {
			return i, true
		}
	}
	return i, false
}

func (t *idTable) resize(n int) {
	old := t.slots
	t.slots = make([]uint32, n)
	for _, v := range old {
		if v != 0 {
			i, _ := t.find(v)
			t.slots[i] = v
		}
	}
}

// erase empties slot i and moves up those that only stood behind it.
func (t *idTable) erase(i uint32) {
	mask := uint32(len(t.slots) - 1)
	for j := (i + 1) & mask; t.slots[j] != 0; j = (j + 1) & mask {
		if h := t.home(t.slots[j]); (j-h)&mask >= (j-i)&mask {
			t.slots[i], i = t.slots[j], j
		}
	}
	t.slots[i] = 0
}

func (s *idSet) has(id WatcherID) bool {
	if s.tab == nil {
		return s.n == 1 && s.one == id
	}
	_, ok := s.tab.find(^uint32(id))
	return ok
}

// add reports whether id is new.
func (s *idSet) add(id WatcherID) bool {
	if s.tab == nil {
		if s.n == 0 {
			s.n, s.one = 1, id
			return true
		}
		if s.one == id {
			return false
		}
		s.tab = &idTable{make([]uint32, idTableMin)}
		i, _ := s.tab.find(^uint32(s.one))
		s.tab.slots[i] = ^uint32(s.one)
	}
	i, ok := s.tab.find(^uint32(id))
	if ok {
		return false
	}
	if n := len(s.tab.slots); int(s.n+1) > n/4*3 {
		s.tab.resize(2 * n)
		i, _ = s.tab.find(^uint32(id))
	}
	s.tab.slots[i] = ^uint32(id)
	s.n++
	return true
}

// remove reports whether id was there.
func (s *idSet) remove(id WatcherID) bool {
	if s.tab == nil {
		if s.n == 0 || s.one != id {
			return false
		}
		*s = idSet{}
		return true
	}
	i, ok := s.tab.find(^uint32(id))
	if !ok {
		return false
	}
	s.tab.erase(i)
	s.n--
	switch n := len(s.tab.slots); {
	case s.n == 0:
		*s = idSet{}
	case n > idTableMin && int(s.n) < n/8:
		s.tab.resize(n / 2)
	}
	return true
}

// appendTo appends the members to dst, in an order that depends on nothing but
// the calls made so far.
func (s *idSet) appendTo(dst []WatcherID) []WatcherID {
	if s.tab == nil {
		if s.n == 1 {
			dst = append(dst, s.one)
		}
		return dst
	}
	for _, v := range s.tab.slots {
		if v != 0 {
			dst = append(dst, WatcherID(^v))
		}
	}
	return dst
}
