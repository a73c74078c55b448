package tree

import "math/bits"

// WatcherID names a watcher, usually a connection. It is below MaxWatchers.
type WatcherID uint32

// MaxWatchers is how many watchers there can be: the kinds of a watcher's
// watches share a word with its id.
const MaxWatchers = 1 << (32 - watchKinds)

// kindSet is a set of kinds of watches.
type kindSet uint32

func (k WatchKind) set() kindSet { return 1 << k }

const allKinds kindSet = 1<<watchKinds - 1

// watchSet is who watches one path, and how: entries of a watcher and its kinds,
// which are at least one. A single entry takes nothing but the set itself, more
// take an open hash table. The zero value is empty.
type watchSet struct {
	n   uint32
	one watchEntry // if n is 1 and tab nil
	tab *watchTable
}

// watchEntry is a watcher in the high bits and its kinds in the low ones. No
// entry is zero.
type watchEntry uint32

func newEntry(id WatcherID, kinds kindSet) watchEntry {
	return watchEntry(id)<<watchKinds | watchEntry(kinds)
}

func (e watchEntry) id() WatcherID  { return WatcherID(e >> watchKinds) }
func (e watchEntry) kinds() kindSet { return kindSet(e) & allKinds }

// watchTable is a hash table with linear probing. Zero is an empty slot. The
// number of slots is a power of two and at most three quarters are full.
type watchTable struct {
	slots []watchEntry
	count [watchKinds]uint32 // entries with each kind
}

const watchTableMin = 4

// home returns where the search for a watcher starts: the high bits of a product
// with 2^32 divided by the golden ratio.
func (t *watchTable) home(id WatcherID) uint32 {
	return (uint32(id) * 2654435769) >> bits.LeadingZeros32(uint32(len(t.slots)-1))
}

// find returns the slot of a watcher, or the empty slot where it would go.
func (t *watchTable) find(id WatcherID) (i uint32, ok bool) {
	mask := uint32(len(t.slots) - 1)
	for i = t.home(id); t.slots[i] != 0; i = (i + 1) & mask {
		if t.slots[i].id() == id {
			return i, true
		}
	}
	return i, false
}

func (t *watchTable) resize(n int) {
	old := t.slots
	t.slots = make([]watchEntry, n)
	for _, e := range old {
		if e != 0 {
			i, _ := t.find(e.id())
			t.slots[i] = e
		}
	}
}

// erase empties slot i and moves up those that only stood behind it.
func (t *watchTable) erase(i uint32) {
	mask := uint32(len(t.slots) - 1)
	for j := (i + 1) & mask; t.slots[j] != 0; j = (j + 1) & mask {
		if h := t.home(t.slots[j].id()); (j-h)&mask >= (j-i)&mask {
			t.slots[i], i = t.slots[j], j
		}
	}
	t.slots[i] = 0
}

// tally adds n to the counts of kinds.
func (t *watchTable) tally(kinds kindSet, n uint32) {
	for k := range WatchKind(watchKinds) {
		if kinds&k.set() != 0 {
			t.count[k] += n
		}
	}
}

// kinds returns the kinds of a watcher, none if it is not in the set.
func (s *watchSet) kinds(id WatcherID) kindSet {
	if s.tab == nil {
		if s.n == 1 && s.one.id() == id {
			return s.one.kinds()
		}
		return 0
	}
	if i, ok := s.tab.find(id); ok {
		return s.tab.slots[i].kinds()
	}
	return 0
}

// any reports whether somebody has one of the kinds.
func (s *watchSet) any(kinds kindSet) bool {
	if s.tab == nil {
		return s.one.kinds()&kinds != 0
	}
	for k := range WatchKind(watchKinds) {
		if kinds&k.set() != 0 && s.tab.count[k] > 0 {
			return true
		}
	}
	return false
}

// add gives a watcher kinds that it does not have.
func (s *watchSet) add(id WatcherID, kinds kindSet) {
	if s.tab == nil {
		switch {
		case s.n == 0:
			s.n, s.one = 1, newEntry(id, kinds)
			return
		case s.one.id() == id:
			s.one |= watchEntry(kinds)
			return
		}
		s.tab = &watchTable{slots: make([]watchEntry, watchTableMin)}
		i, _ := s.tab.find(s.one.id())
		s.tab.slots[i] = s.one
		s.tab.tally(s.one.kinds(), 1)
		s.one = 0
	}
	s.tab.tally(kinds, 1)
	i, ok := s.tab.find(id)
	if ok {
		s.tab.slots[i] |= watchEntry(kinds)
		return
	}
	if n := len(s.tab.slots); int(s.n+1) > n/4*3 {
		s.tab.resize(2 * n)
		i, _ = s.tab.find(id)
	}
	s.tab.slots[i] = newEntry(id, kinds)
	s.n++
}

// remove takes kinds away from a watcher and returns those it had of them.
func (s *watchSet) remove(id WatcherID, kinds kindSet) kindSet {
	if s.tab == nil {
		if s.n == 0 || s.one.id() != id {
			return 0
		}
		had := s.one.kinds() & kinds
		if s.one &^= watchEntry(had); s.one.kinds() == 0 {
			*s = watchSet{}
		}
		return had
	}
	i, ok := s.tab.find(id)
	if !ok {
		return 0
	}
	had := s.tab.slots[i].kinds() & kinds
	s.tab.tally(had, ^uint32(0))
	if s.tab.slots[i] &^= watchEntry(had); s.tab.slots[i].kinds() != 0 {
		return had
	}
	s.tab.erase(i)
	s.n--
	switch n := len(s.tab.slots); {
	case s.n == 0:
		*s = watchSet{}
	case n > watchTableMin && int(s.n) < n/8:
		s.tab.resize(n / 2)
	}
	return had
}

// appendTo appends the entries with one of the kinds to dst, in an order that
// depends on nothing but the calls made so far.
func (s *watchSet) appendTo(dst []watchEntry, kinds kindSet) []watchEntry {
	if s.tab == nil {
		if s.one.kinds()&kinds != 0 {
			dst = append(dst, s.one)
		}
		return dst
	}
	for _, e := range s.tab.slots {
		if e.kinds()&kinds != 0 {
			dst = append(dst, e)
		}
	}
	return dst
}
