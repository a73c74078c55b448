package tree

import (
	"hash/maphash"
	"strings"
)

// watchPaths finds a watched path by a hash that the caller chooses, and names it
// by a number. Only paths that somebody watches are in it.
type watchPaths struct {
	index index
	slabs []*[watchSlab]watchedPath
	free  []nodeID
	fresh nodeID // the first number never used, but 0, which is none
	n     int
}

const watchSlab = 256

type watchedPath struct {
	path string
	set  watchSet
}

func (t *watchPaths) at(p nodeID) *watchedPath { return &t.slabs[p/watchSlab][p%watchSlab] }

// find returns the number of path, 0 if it has none.
func (t *watchPaths) find(h uint64, path string) nodeID {
	if t.n == 0 {
		return 0
	}
	sh := t.index.shard(h)
	if sh.used == 0 {
		return 0
	}
	mask := uint32(len(sh.slots) - 1)
	for i := uint32(h) & mask; sh.slots[i].node != 0; i = (i + 1) & mask {
		if e := sh.slots[i]; e.hash == uint32(h) && t.at(e.node).path == path {
			return e.node
		}
	}
	return 0
}

// add gives a number to a path that has none. It keeps path.
func (t *watchPaths) add(h uint64, path string) nodeID {
	var p nodeID
	if n := len(t.free); n > 0 {
		p, t.free = t.free[n-1], t.free[:n-1]
	} else {
		if t.fresh++; int(t.fresh/watchSlab) == len(t.slabs) {
			t.slabs = append(t.slabs, new([watchSlab]watchedPath))
		}
		p = t.fresh
	}
	if t.index.shards == nil {
		t.index.shards = new([256]shard)
	}
	t.index.shard(h).add(uint32(h), p)
	t.at(p).path = path
	t.n++
	return p
}

// remove frees the number of a path that nobody watches.
func (t *watchPaths) remove(h uint64, p nodeID) {
	t.index.shard(h).remove(uint32(h), p)
	*t.at(p) = watchedPath{}
	t.free = append(t.free, p)
	t.n--
}

// shrink gives the memory of a table that was large and is empty back, and
// reports whether it did. Numbers given before are void then.
func (t *watchPaths) shrink() bool {
	if t.n > 0 || len(t.slabs) <= 16 {
		return false
	}
	*t = watchPaths{index: index{seed: t.index.seed}}
	return true
}

// chain hashes a path from the hash of its parent's path, so that the hashes of
// all ancestors fall off on the way.
type chain struct{ seed maphash.Seed }

// root is the hash of a path of one byte, such as "/", and where all others that
// begin with the same byte start from.
func (x chain) root(path string) uint64 {
	if path == "" {
		return 1
	}
	return uint64(path[0]) << 1
}

// below returns the hash of the path that is name below the path of hash h.
func (x chain) below(h uint64, name string) uint64 {
	return (h ^ maphash.String(x.seed, name)) * 0x9E3779B97F4A7C15
}

// hash returns the hash of any string.
func (x chain) hash(path string) uint64 {
	h := x.root(path)
	if len(path) <= 1 {
		return h
	}
	for rest := path[1:]; ; {
		i := strings.IndexByte(rest, '/')
		if i < 0 {
			return x.below(h, rest)
		}
		h, rest = x.below(h, rest[:i]), rest[i+1:]
	}
}
