package vfs

import (
	"errors"
	"io"
	"io/fs"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"sync"
)

// Mem is a file system in memory that knows what is durable. The zero value
// is empty and ready.
//
//	node   data  what readers see         dirs   names   what List shows
//	       disk  what the last Sync saw          pending changes since SyncDir, in order
type Mem struct {
	mu    sync.Mutex
	dirs  map[string]*memDir
	locks map[string]bool
	limit int64 // bytes that fit, 0 for any number
}

type memDir struct {
	names   map[string]*memNode
	durable map[string]*memNode
	pending []dirChange // what SyncDir would make durable, oldest first
}

// dirChange sets name to node, or removes it if node is nil. A rename is one
// change with two names, so that a crash never shows half of it.
type dirChange struct {
	name string
	node *memNode
	gone string // removed together with it, or empty
}

// memNode is a file's content. Bytes of data beyond its slice, up to size, are zero.
type memNode struct {
	data, disk         []byte
	size, diskSize     int64
	dirtyLow, dirtyEnd int64 // range of data that may differ from disk
	cut                int64 // shortest length since Sync, plus one; 0 if it never shrank
	bad, diskBad       badSectors
}

// NewMem returns an empty file system.
func NewMem() *Mem { return &Mem{} }

// Open implements FS.
func (m *Mem) Open(name string) (File, error) { return m.open("open", name) }

// OpenWrite implements FS.
func (m *Mem) OpenWrite(name string) (File, error) { return m.open("open", name) }

func (m *Mem) open(op, name string) (File, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	d, base := m.dirs[filepath.Dir(name)], filepath.Base(name)
	if d == nil || d.names[base] == nil {
		return nil, pathError(op, name, fs.ErrNotExist)
	}
	return &memFile{m, d.names[base], name}, nil
}

// Create implements FS. As with O_TRUNC, an existing file keeps its identity.
func (m *Mem) Create(name string) (File, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	d, base := m.dirs[filepath.Dir(name)], filepath.Base(name)
	if d == nil {
		return nil, pathError("create", name, fs.ErrNotExist)
	}
	if n := d.names[base]; n != nil {
		n.truncate(0)
		return &memFile{m, n, name}, nil
	}
	n := &memNode{}
	d.change(dirChange{name: base, node: n})
	return &memFile{m, n, name}, nil
}

// Rename implements FS within one directory.
func (m *Mem) Rename(from, to string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	d, base := m.dirs[filepath.Dir(from)], filepath.Base(from)
	switch {
	case d == nil || d.names[base] == nil:
		return pathError("rename", from, fs.ErrNotExist)
	case filepath.Dir(from) != filepath.Dir(to):
		return pathError("rename", from, errors.ErrUnsupported)
	}
	d.change(dirChange{name: filepath.Base(to), node: d.names[base], gone: base})
	return nil
}

// Remove implements FS.
func (m *Mem) Remove(name string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	d, base := m.dirs[filepath.Dir(name)], filepath.Base(name)
	if d == nil || d.names[base] == nil {
		return pathError("remove", name, fs.ErrNotExist)
	}
	d.change(dirChange{name: base})
	return nil
}

// MkdirAll implements FS; directories are durable at once.
func (m *Mem) MkdirAll(dir string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.dirs == nil {
		m.dirs, m.locks = map[string]*memDir{}, map[string]bool{}
	}
	for dir = filepath.Clean(dir); m.dirs[dir] == nil; dir = filepath.Dir(dir) {
		m.dirs[dir] = &memDir{names: map[string]*memNode{}, durable: map[string]*memNode{}}
	}
	return nil
}

// List implements FS.
func (m *Mem) List(dir string) ([]string, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	d := m.dirs[filepath.Clean(dir)]
	if d == nil {
		return nil, pathError("list", dir, fs.ErrNotExist)
	}
	return sortedNames(d.names), nil
}

// Stat implements FS.
func (m *Mem) Stat(name string) (Info, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.dirs[filepath.Clean(name)] != nil {
		return Info{Dir: true}, nil
	}
	d := m.dirs[filepath.Dir(name)]
	if d == nil || d.names[filepath.Base(name)] == nil {
		return Info{}, pathError("stat", name, fs.ErrNotExist)
	}
	return Info{Size: d.names[filepath.Base(name)].size}, nil
}

// SyncDir implements FS.
func (m *Mem) SyncDir(dir string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	d := m.dirs[filepath.Clean(dir)]
	if d == nil {
		return pathError("sync", dir, fs.ErrNotExist)
	}
	for _, c := range d.pending {
		c.apply(d.durable)
	}
	d.pending = d.pending[:0]
	return nil
}

// Lock implements FS. A lock dies with its owner: CrashClone has none.
func (m *Mem) Lock(name string) (io.Closer, error) {
	f, err := m.Create(name)
	if err != nil {
		return nil, err
	}
	f.Close()
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.locks[name] {
		return nil, &LockedError{Name: name}
	}
	m.locks[name] = true
	return memLock{m, name}, nil
}

// WriteBack makes everything durable as it is, as a machine does by and by.
func (m *Mem) WriteBack() {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, dir := range sortedNames(m.dirs) {
		d := m.dirs[dir]
		for _, c := range d.pending {
			c.apply(d.durable)
		}
		d.pending = d.pending[:0]
		for _, name := range sortedNames(d.names) {
			d.names[name].sync()
		}
	}
}

// ReleaseLocks is what the end of a process does to the locks it held.
func (m *Mem) ReleaseLocks() {
	m.mu.Lock()
	defer m.mu.Unlock()
	clear(m.locks)
}

type memLock struct {
	m    *Mem
	name string
}

func (l memLock) Close() error {
	l.m.mu.Lock()
	defer l.m.mu.Unlock()
	delete(l.m.locks, l.name)
	return nil
}

// CrashClone returns what a machine might find after losing power now: all that
// was synced, of every unsynced sector the old or the new content, and of every
// directory's unsynced changes a prefix, as a journal keeps them. Equal draws
// give equal results. The original is unchanged.
func (m *Mem) CrashClone(rng *rand.Rand) *Mem {
	m.mu.Lock()
	defer m.mu.Unlock()
	out := &Mem{dirs: map[string]*memDir{}, locks: map[string]bool{}, limit: m.limit}
	seen := map[*memNode]*memNode{}
	for _, dir := range sortedNames(m.dirs) {
		d := m.dirs[dir]
		names := make(map[string]*memNode, len(d.durable))
		for name, n := range d.durable {
			names[name] = n
		}
		for _, c := range d.pending[:rng.IntN(len(d.pending)+1)] {
			c.apply(names)
		}
		after := &memDir{names: map[string]*memNode{}, durable: map[string]*memNode{}}
		for _, name := range sortedNames(names) {
			n := names[name]
			if seen[n] == nil {
				seen[n] = n.crash(rng)
			}
			after.names[name], after.durable[name] = seen[n], seen[n]
		}
		out.dirs[dir] = after
	}
	return out
}

// crash draws what is left of a file.
func (n *memNode) crash(rng *rand.Rand) *memNode {
	if n.dirtyEnd <= n.dirtyLow && n.size == n.diskSize {
		return n.durable()
	}
	disk, size := n.disk, n.diskSize
	if n.cut > 0 { // a file is shortened wholly or not at all, and before what was written afterwards
		if rng.IntN(2) == 0 {
			return n.durable()
		}
		disk, size = disk[:min(n.cut-1, int64(len(disk)))], min(n.cut-1, size)
	}
	switch rng.IntN(3) {
	case 0:
		size = n.size
	case 1:
		low, high := min(size, n.size), max(size, n.size)
		size = low + rng.Int64N(high-low+1)
	}
	// Losses come in kinds: nothing reached the medium, everything did, a
	// prefix, or any subset of sectors.
	kind, cut := rng.IntN(4), n.dirtyLow
	if n.dirtyEnd > n.dirtyLow {
		cut += rng.Int64N(n.dirtyEnd - n.dirtyLow)
	}
	data := slices.Clone(disk)
	data = append(data, make([]byte, max(0, int64(len(n.data))-int64(len(data))))...)
	bad := n.diskBad.clone()
	for s := n.dirtyLow &^ (SectorSize - 1); s < n.dirtyEnd; s += SectorSize {
		if kind == 0 || kind == 2 && s > cut || kind == 3 && rng.IntN(2) == 0 {
			continue
		}
		end := min(s+SectorSize, int64(len(data)))
		if s >= end {
			break
		}
		if !n.bad[s] {
			delete(bad, s)
		}
		clear(data[s:end])
		if s < int64(len(n.data)) {
			copy(data[s:end], n.data[s:])
		}
	}
	data = data[:min(int64(len(data)), size)]
	bad.shorten(size)
	return &memNode{data: data, disk: slices.Clone(data), size: size, diskSize: size, bad: bad, diskBad: bad.clone()}
}

// durable returns the file as the last Sync left it.
func (n *memNode) durable() *memNode {
	return &memNode{
		data: slices.Clone(n.disk), disk: slices.Clone(n.disk), size: n.diskSize, diskSize: n.diskSize,
		bad: n.diskBad.clone(), diskBad: n.diskBad.clone(),
	}
}

func (d *memDir) change(c dirChange) {
	c.apply(d.names)
	d.pending = append(d.pending, c)
}

func (c dirChange) apply(names map[string]*memNode) {
	if c.gone != "" {
		delete(names, c.gone)
	}
	if c.node == nil {
		delete(names, c.name)
		return
	}
	names[c.name] = c.node
}

func sortedNames[V any](m map[string]V) []string {
	names := make([]string, 0, len(m))
	for name := range m {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

func pathError(op, name string, err error) error {
	return &fs.PathError{Op: op, Path: name, Err: err}
}
