package vfs

import (
	"fmt"
	"hash/maphash"
	"maps"
	"path/filepath"
	"slices"
)

// Replay is a disk that a record is played to, change by change, and that can
// tell at any moment what a crash might leave. It knows more than a Mem: which
// versions of a sector there have been since the last sync, and that a directory
// is an entry of its parent like any other.
//
//	Recorder ── Changes ──► Replay.Apply ──► Crash(Leftover) ──► Mem, all of it durable
//	                                   └───► Killed()        ──► Mem, as the next process finds it
type Replay struct{ root *replayNode }

// replayNode is a file or a directory.
type replayNode struct {
	// Of a directory; nil in a file.
	names, durable map[string]*replayNode
	moves          []move // since the last SyncDir, oldest first

	// Of a file.
	disk     []byte // at the last Sync; never changed in place
	diskSize int64
	writes   []Change // since then: write, truncate, preallocate
}

// move is a change of a directory; a rename is one move, so that no crash shows half of it.
type move struct {
	name string
	node *replayNode // nil removes it
	gone string      // removed together with it, or empty
}

func (m move) apply(names map[string]*replayNode) {
	if m.gone != "" {
		delete(names, m.gone)
	}
	if m.node == nil {
		delete(names, m.name)
		return
	}
	names[m.name] = m.node
}

func newReplayDir() *replayNode {
	return &replayNode{names: map[string]*replayNode{}, durable: map[string]*replayNode{}}
}

// NewReplay returns a disk that durably holds what m shows.
func NewReplay(m *Mem) *Replay {
	m.mu.Lock()
	defer m.mu.Unlock()
	r := &Replay{newReplayDir()}
	for _, dir := range sortedNames(m.dirs) {
		r.mkdir(dir, true)
		d := r.find(dir)
		for name, n := range m.dirs[dir].names {
			f := &replayNode{disk: slices.Clone(n.data), diskSize: n.size}
			d.names[name], d.durable[name] = f, f
		}
	}
	return r
}

// parts splits a path into the names below the root.
func parts(path string) (names []string) {
	for p := filepath.Clean(path); p != filepath.Dir(p); p = filepath.Dir(p) {
		names = append(names, filepath.Base(p))
	}
	slices.Reverse(names)
	return names
}

// find returns what readers see under a path, or nil.
func (r *Replay) find(path string) *replayNode {
	n := r.root
	for _, name := range parts(path) {
		if n = n.names[name]; n == nil {
			return nil
		}
	}
	return n
}

func (r *Replay) mkdir(path string, durable bool) {
	n := r.root
	for _, name := range parts(path) {
		if n.names[name] == nil {
			d := newReplayDir()
			n.move(move{name: name, node: d})
			if durable {
				n.syncDir()
			}
		}
		n = n.names[name]
	}
}

func (n *replayNode) move(m move) {
	m.apply(n.names)
	n.moves = append(n.moves, m)
}

func (n *replayNode) syncDir() {
	for _, m := range n.moves {
		m.apply(n.durable)
	}
	n.moves = nil
}

// Apply makes one change. It must be one that was possible when it was recorded.
func (r *Replay) Apply(c Change) {
	dir, base := r.find(filepath.Dir(c.Name)), filepath.Base(c.Name)
	n := r.find(c.Name)
	if dir == nil || dir.names == nil || n == nil && c.Op != OpCreate && c.Op != OpMkdir {
		panic(fmt.Sprintf("vfs: replay of %q, and there is no such name", c))
	}
	switch c.Op {
	case OpMkdir:
		r.mkdir(c.Name, false)
	case OpCreate:
		if n == nil {
			dir.move(move{name: base, node: &replayNode{}})
		} else {
			n.writes = append(n.writes, Change{Op: OpTruncate})
		}
	case OpRename:
		dir.move(move{name: filepath.Base(c.To), node: n, gone: base})
	case OpRemove:
		dir.move(move{name: base})
	case OpSyncDir:
		n.syncDir()
	case OpWrite, OpTruncate, OpPreallocate:
		n.writes = append(n.writes, c)
	case OpSync:
		n.disk, n.diskSize = n.left(everything)
		n.writes = nil
	default:
		panic(fmt.Sprintf("vfs: replay of %q", c))
	}
}

// Clone returns an independent copy, to be taken on along another way.
func (r *Replay) Clone() *Replay {
	return &Replay{r.root.clone(map[*replayNode]*replayNode{})}
}

// clone keeps it that a node is one node under all the names it has in names, durable and moves.
func (n *replayNode) clone(seen map[*replayNode]*replayNode) *replayNode {
	if n == nil {
		return nil
	}
	if c := seen[n]; c != nil {
		return c
	}
	c := &replayNode{disk: n.disk, diskSize: n.diskSize, writes: slices.Clone(n.writes)}
	seen[n] = c
	if n.names == nil {
		return c
	}
	c.names, c.durable, c.moves = maps.Clone(n.names), maps.Clone(n.durable), slices.Clone(n.moves)
	for name := range c.names {
		c.names[name] = c.names[name].clone(seen)
	}
	for name := range c.durable {
		c.durable[name] = c.durable[name].clone(seen)
	}
	for i := range c.moves {
		c.moves[i].node = c.moves[i].node.clone(seen)
	}
	return c
}

// Crash returns what is left when the machine stops now.
func (r *Replay) Crash(l Leftover) *Mem {
	m := NewMem()
	m.MkdirAll("/")
	r.root.crash(m, "/", l)
	return m
}

func (n *replayNode) crash(m *Mem, path string, l Leftover) {
	names := maps.Clone(n.durable)
	for _, change := range n.moves[:l.moves(len(n.moves))] {
		change.apply(names)
	}
	for _, name := range sortedNames(names) {
		m.put(filepath.Join(path, name), names[name], l)
	}
}

// Killed returns what the next process finds when only this one stops now.
func (r *Replay) Killed() *Mem {
	m := NewMem()
	m.MkdirAll("/")
	r.root.killed(m, "/")
	return m
}

func (n *replayNode) killed(m *Mem, path string) {
	for name, child := range n.names {
		if child.names == nil {
			m.put(filepath.Join(path, name), child, everything)
			continue
		}
		m.MkdirAll(filepath.Join(path, name))
		child.killed(m, filepath.Join(path, name))
	}
}

// put makes a node, durably, as far as l leaves it.
func (m *Mem) put(path string, n *replayNode, l Leftover) {
	if n.names != nil {
		m.MkdirAll(path)
		n.crash(m, path, l)
		return
	}
	d, base := m.dirs[filepath.Dir(path)], filepath.Base(path)
	data, size := n.left(l)
	f := &memNode{data: slices.Clone(data), disk: data, size: size, diskSize: size}
	d.names[base], d.durable[base] = f, f
}

// left returns content and length of a file as far as l leaves them; zeros
// follow the content. The slice may be part of no other node.
//
// Every sector is left in one of its versions: as it was at the last sync or after any of the
// writes to it since. A shortening is left out together with all that came after it,
// because what was written behind it waits in the journal for it.
func (n *replayNode) left(l Leftover) (data []byte, size int64) {
	writes, size := n.writes, n.diskSize
	cuts := 0
	for _, c := range writes {
		if c.Op == OpTruncate {
			cuts++
		}
	}
	if keep := l.cuts(cuts); keep < cuts {
		at := 0
		for ; writes[at].Op != OpTruncate || keep > 0; at++ {
			if writes[at].Op == OpTruncate {
				keep--
			}
		}
		writes = writes[:at]
	}
	versions := pickVersions(writes, l)
	data, fresh := slices.Clone(n.disk), n.diskSize
	for i, c := range writes {
		switch c.Op {
		case OpTruncate:
			if c.Size < int64(len(data)) {
				data = data[:c.Size:c.Size]
			}
			size, fresh = min(size, c.Size), c.Size
		case OpPreallocate:
			fresh = max(fresh, c.Size)
		case OpWrite:
			data = c.overlay(data, i, versions)
			fresh = max(fresh, c.Off+int64(len(c.Data)))
		}
	}
	size = l.size(size, fresh)
	return data[:min(int64(len(data)), size)], size
}

// pickVersions says of every sector with unsynced writes up to which of them it is left; -1 for none.
func pickVersions(writes []Change, l Leftover) map[int64]int {
	touched := map[int64][]int{} // by sector, the writes to it
	var order []int64            // the sectors, by when they were first written
	for i, c := range writes {
		if c.Op != OpWrite {
			continue
		}
		for s := c.Off &^ (SectorSize - 1); s < c.Off+int64(len(c.Data)); s += SectorSize {
			if touched[s] == nil {
				order = append(order, s)
			}
			touched[s] = append(touched[s], i)
		}
	}
	versions := make(map[int64]int, len(order))
	for i, s := range order {
		versions[s] = -1
		if v := l.version(i, len(order), len(touched[s])); v > 0 {
			versions[s] = touched[s][v-1]
		}
	}
	return versions
}

// overlay puts those sectors of the i-th write over data that are left up to it.
func (c Change) overlay(data []byte, i int, versions map[int64]int) []byte {
	end := c.Off + int64(len(c.Data))
	for s := c.Off &^ (SectorSize - 1); s < end; s += SectorSize {
		if versions[s] < i {
			continue
		}
		low, high := max(s, c.Off), min(s+SectorSize, end)
		if grow := high - int64(len(data)); grow > 0 {
			data = append(data, make([]byte, grow)...)
		}
		copy(data[low:high], c.Data[low-c.Off:high-c.Off])
	}
	return data
}

// Fingerprint returns a number that differs, in one process, between different
// contents of files or different names.
func (m *Mem) Fingerprint() uint64 {
	m.mu.Lock()
	defer m.mu.Unlock()
	var h maphash.Hash
	h.SetSeed(fingerprintSeed)
	for _, dir := range sortedNames(m.dirs) {
		for _, name := range sortedNames(m.dirs[dir].names) {
			n := m.dirs[dir].names[name]
			fmt.Fprintf(&h, "%q %d %d\n", filepath.Join(dir, name), n.size, len(n.data))
			h.Write(n.data)
		}
	}
	return h.Sum64()
}

var fingerprintSeed = maphash.MakeSeed()
