package tree

import "fmt"

// lateEntries are znodes that are in the store and not yet in its index. Each
// has its place in the index anywhere in memory, and waiting for one place after
// the other would take most of the time of loading; many at once are fetched side by side.
type lateEntries struct {
	n       int
	list    [128]lateEntry
	fetched uint32
}

type lateEntry struct {
	hash uint64 // of the path
	node nodeID
}

// add notes a znode. The error is that of enter.
func (l *lateEntries) add(s *store, h uint64, id nodeID) error {
	l.list[l.n] = lateEntry{h, id}
	if l.n++; l.n == len(l.list) {
		return l.enter(s)
	}
	return nil
}

// enter enters what was noted. The error is that a path is there twice.
func (l *lateEntries) enter(s *store) error {
	list := l.list[:l.n]
	l.n = 0
	for _, e := range list { // no load waits for the one before
		l.fetched += s.index.first(e.hash).hash
	}
	for _, e := range list {
		if s.twice(e.hash, e.node) {
			return fmt.Errorf("tree: load znode %q: it is there already", s.path(e.node))
		}
		s.index.add(e.hash, e.node)
	}
	return nil
}

// twice reports whether the path of a znode, whose hash is h, is in the index for another one.
func (s *store) twice(h uint64, id nodeID) bool {
	sh := s.index.shard(h)
	if sh.used == 0 {
		return false
	}
	mask := uint32(len(sh.slots) - 1)
	for i := uint32(h) & mask; sh.slots[i].node != 0; i = (i + 1) & mask {
		if e := sh.slots[i]; e.hash == uint32(h) && s.samePath(e.node, id) {
			return true
		}
	}
	return false
}

// samePath reports whether two znodes have the same path.
func (s *store) samePath(a, b nodeID) bool {
	for a != b {
		if a == rootID || b == rootID || string(s.name(s.at(a))) != string(s.name(s.at(b))) {
			return false
		}
		a, b = s.at(a).parent, s.at(b).parent
	}
	return true
}
