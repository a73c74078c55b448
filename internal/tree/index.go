package tree

import "hash/maphash"

// nodeID names a znode: its place in the slabs. 0 is none, 1 the root.
type nodeID uint32

// index finds a znode by the hash of its path. It is a hash table in shards that
// grow one at a time, so that growing never holds the lock for long: with ten
// million znodes a shard has 40,000. It knows nothing of paths; the caller says
// whether a znode with the right hash is the right one.
type index struct {
	seed   maphash.Seed
	shards *[256]shard
}

// shard is an open table with linear probing, its length a power of two, at most
// four fifths full.
type shard struct {
	slots []slot
	used  int
}

type slot struct {
	hash uint32 // the low half of the path's
	node nodeID // 0 is empty
}

const shardMin = 8

func newIndex() index { return index{seed: maphash.MakeSeed(), shards: new([256]shard)} }

func (x *index) hash(path string) uint64 { return maphash.String(x.seed, path) }

func (x *index) shard(h uint64) *shard { return &x.shards[h>>56] }

// first returns the slot where a search for a hash begins.
func (x *index) first(h uint64) slot {
	sh := x.shard(h)
	if len(sh.slots) == 0 {
		return slot{}
	}
	return sh.slots[int(uint32(h))&(len(sh.slots)-1)]
}

// add enters a znode that is not there yet, under the hash of its path.
func (x *index) add(h uint64, n nodeID) { x.shard(h).add(uint32(h), n) }

// add enters a znode that is not there yet.
func (s *shard) add(h uint32, n nodeID) {
	if s.used >= len(s.slots)/5*4 {
		s.grow()
	}
	s.put(slot{h, n})
	s.used++
}

func (s *shard) put(e slot) {
	mask := uint32(len(s.slots) - 1)
	i := e.hash & mask
	for s.slots[i].node != 0 {
		i = (i + 1) & mask
	}
	s.slots[i] = e
}

func (s *shard) grow() {
	old := s.slots
	s.slots = make([]slot, max(shardMin, 2*len(old)))
	for _, e := range old {
		if e.node != 0 {
			s.put(e)
		}
	}
}

// remove takes out a znode that is there, and moves up those that only stood
// behind it.
func (s *shard) remove(h uint32, n nodeID) {
	mask := uint32(len(s.slots) - 1)
	i := h & mask
	for s.slots[i].node != n {
		i = (i + 1) & mask
	}
	for j := (i + 1) & mask; s.slots[j].node != 0; j = (j + 1) & mask {
		if home := s.slots[j].hash & mask; (j-home)&mask >= (j-i)&mask {
			s.slots[i], i = s.slots[j], j
		}
	}
	s.slots[i] = slot{}
	s.used--
}
