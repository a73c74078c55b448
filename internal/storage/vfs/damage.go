package vfs

import (
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"slices"
)

// What a disk does to content that had long been durable. Damage hits the
// medium at once and readers too, except where an unsynced write lies over it:
// that is still in memory, and its sync mends the medium.
//
// All of it is determined by its arguments and, where there is one, by rng; the
// draws do not depend on the order of a map. A false result means that there was
// nothing to damage: no such file, or none of it is durable yet.

// Kind is a kind of damage.
type Kind string

// The kinds of damage.
const (
	BitFlipped        Kind = "bit flipped"
	SectorZeroed      Kind = "sector zeroed"
	SectorFilled      Kind = "sector filled with garbage"
	SectorUnreadable  Kind = "sector unreadable"
	SectorMisdirected Kind = "sector overwritten by another one's content"
	FileLost          Kind = "file lost"
	FileOld           Kind = "file as it was before"
)

// Kinds are those that Damage draws from if it is given none: all that need nothing but the file.
var Kinds = []Kind{BitFlipped, SectorZeroed, SectorFilled, SectorUnreadable, SectorMisdirected, FileLost}

// Damage says what was done.
type Damage struct {
	Kind   Kind
	Name   string
	Off, N int64 // bytes hit; 0 of 0 for a whole file
	From   int64 // of a misdirected write, the sector that it was meant for
}

func (d Damage) String() string {
	switch d.Kind {
	case FileLost, FileOld:
		return fmt.Sprintf("%s: %s", d.Name, d.Kind)
	case SectorMisdirected:
		return fmt.Sprintf("%s at byte %d: %s, byte %d", d.Name, d.Off, d.Kind, d.From)
	}
	return fmt.Sprintf("%s at byte %d: %s", d.Name, d.Off, d.Kind)
}

// Files returns the paths of all files, sorted.
func (m *Mem) Files() []string {
	m.mu.Lock()
	defer m.mu.Unlock()
	var files []string
	for dir, d := range m.dirs {
		for name := range d.names {
			files = append(files, filepath.Join(dir, name))
		}
	}
	slices.Sort(files)
	return files
}

// Damage does damage of one of the kinds, or of Kinds, at a place in the
// content of a file. Kind and place are drawn. The zeros that follow the
// content of a preallocated file are not hit.
func (m *Mem) Damage(rng *rand.Rand, name string, kinds ...Kind) (Damage, bool) {
	if len(kinds) == 0 {
		kinds = Kinds
	}
	switch kind := kinds[rng.IntN(len(kinds))]; kind {
	case BitFlipped:
		return m.FlipBit(rng, name)
	case FileLost:
		return m.Lose(name)
	default:
		return m.damageSector(rng, kind, name)
	}
}

func (m *Mem) damageSector(rng *rand.Rand, kind Kind, name string) (Damage, bool) {
	sectors := int((m.contentEnd(name) + SectorSize - 1) / SectorSize)
	if sectors == 0 {
		return Damage{}, false
	}
	at := SectorSize * int64(rng.IntN(sectors))
	switch kind {
	case SectorZeroed:
		return m.Zero(name, at, SectorSize)
	case SectorFilled:
		garbage := make([]byte, SectorSize)
		for i := range garbage {
			garbage[i] = byte(rng.Uint32())
		}
		return m.Fill(name, at, garbage)
	case SectorUnreadable:
		return m.Unreadable(name, at, SectorSize)
	case SectorMisdirected:
		if sectors == 1 {
			return Damage{}, false
		}
		other := SectorSize * int64(rng.IntN(sectors-1))
		if other >= at {
			other += SectorSize
		}
		return m.Misdirect(name, at, other)
	}
	panic(fmt.Sprintf("vfs: damage of the kind %q needs more than a file", kind))
}

// FlipBit inverts one bit of a file's content.
func (m *Mem) FlipBit(rng *rand.Rand, name string) (Damage, bool) {
	end := m.contentEnd(name)
	if end == 0 {
		return Damage{}, false
	}
	at, bit := rng.Int64N(end), rng.IntN(8)
	return m.hit(Damage{BitFlipped, name, at, 1, 0}, func(b []byte) { b[0] ^= 1 << bit })
}

// Zero makes n bytes at off zero.
func (m *Mem) Zero(name string, off, n int64) (Damage, bool) {
	return m.hit(Damage{SectorZeroed, name, off, n, 0}, func(b []byte) { clear(b) })
}

// Fill puts other bytes at off.
func (m *Mem) Fill(name string, off int64, garbage []byte) (Damage, bool) {
	return m.hit(Damage{SectorFilled, name, off, int64(len(garbage)), 0}, func(b []byte) { copy(b, garbage) })
}

// Misdirect puts the content of the sector at from over the one at to, as a
// write does that goes to the wrong place.
func (m *Mem) Misdirect(name string, to, from int64) (Damage, bool) {
	to, from = to&^(SectorSize-1), from&^(SectorSize-1)
	old, ok := m.Content(name)
	if !ok || from >= old.size {
		return Damage{}, false
	}
	sector := make([]byte, SectorSize)
	copy(sector, old.data[min(from, int64(len(old.data))):])
	return m.hit(Damage{SectorMisdirected, name, to, SectorSize, from}, func(b []byte) { copy(b, sector) })
}

// Unreadable makes the sectors that hold the n bytes at off unreadable: reads
// of them fail with EIO, and so do writes of a part of one, until a sector is
// wholly rewritten or cut off.
func (m *Mem) Unreadable(name string, off, n int64) (Damage, bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	node := m.node(name)
	if node == nil || n <= 0 || off >= node.diskSize {
		return Damage{}, false
	}
	if node.bad == nil {
		node.bad = badSectors{}
	}
	if node.diskBad == nil {
		node.diskBad = badSectors{}
	}
	low := off &^ (SectorSize - 1)
	for at := low; at < min(off+n, node.diskSize); at += SectorSize {
		node.diskBad[at] = true
		if at < node.size && !node.dirty(at, at+SectorSize) {
			node.bad[at] = true
		}
	}
	return Damage{SectorUnreadable, name, low, n, 0}, true
}

// Lose takes a file away, as a file system check may.
func (m *Mem) Lose(name string) (Damage, bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	d, base := m.dirs[filepath.Dir(name)], filepath.Base(name)
	if d == nil || d.names[base] == nil && d.durable[base] == nil {
		return Damage{}, false
	}
	delete(d.names, base)
	delete(d.durable, base)
	d.pending = slices.DeleteFunc(d.pending, func(c dirChange) bool { return c.name == base })
	return Damage{Kind: FileLost, Name: name}, true
}

// Content is what a file durably held at some moment.
type Content struct {
	data []byte
	size int64
}

// Content returns the durable content of a file, for Restore.
func (m *Mem) Content(name string) (Content, bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	n := m.node(name)
	if n == nil {
		return Content{}, false
	}
	return Content{slices.Clone(n.disk), n.diskSize}, true
}

// Restore gives a file an older content, durably, and makes the file if it is
// gone. Its directory must be there.
func (m *Mem) Restore(name string, old Content) (Damage, bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	d, base := m.dirs[filepath.Dir(name)], filepath.Base(name)
	if d == nil {
		return Damage{}, false
	}
	fresh := memNode{data: slices.Clone(old.data), disk: slices.Clone(old.data), size: old.size, diskSize: old.size}
	n := d.names[base]
	if n == nil {
		n = new(memNode)
		d.names[base], d.durable[base] = n, n
	}
	*n = fresh // in place: who has it open sees the old content, too
	return Damage{Kind: FileOld, Name: name}, true
}

// hit changes the durable bytes that d names and shows them to readers.
func (m *Mem) hit(d Damage, change func(b []byte)) (Damage, bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	n := m.node(d.Name)
	if n == nil || d.Off >= n.diskSize || d.N <= 0 {
		return Damage{}, false
	}
	d.N = min(d.N, n.diskSize-d.Off)
	end := d.Off + d.N
	for _, b := range []*[]byte{&n.disk, &n.data} { // the zeros behind them are not stored
		if grow := min(end, n.size) - int64(len(*b)); grow > 0 {
			*b = append(*b, make([]byte, grow)...)
		}
	}
	if end = min(end, int64(len(n.disk))); d.Off >= end {
		return Damage{}, false
	}
	change(n.disk[d.Off:end])
	for at := d.Off; at < min(end, int64(len(n.data))); at++ {
		if !n.dirty(at, at+1) {
			n.data[at] = n.disk[at]
		}
	}
	return d, true
}

// node returns the file that readers see under a name, or nil.
func (m *Mem) node(name string) *memNode {
	if d := m.dirs[filepath.Dir(name)]; d != nil {
		return d.names[filepath.Base(name)]
	}
	return nil
}

// dirty reports whether some of [low, end) may differ from the medium.
func (n *memNode) dirty(low, end int64) bool { return low < n.dirtyEnd && n.dirtyLow < end }

// contentEnd returns the offset behind the last durable byte that is not zero.
func (m *Mem) contentEnd(name string) int64 {
	m.mu.Lock()
	defer m.mu.Unlock()
	n := m.node(name)
	if n == nil {
		return 0
	}
	end := len(n.disk)
	for end > 0 && n.disk[end-1] == 0 {
		end--
	}
	return int64(end)
}

// Limit makes the disk full when its files hold so many bytes: a write is then
// cut short with ENOSPC. Zeros that are only preallocated do not count, as in a
// sparse file. 0 takes the limit away.
func (m *Mem) Limit(bytes int64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.limit = bytes
}

// Used returns how many bytes the files hold, as Limit counts them.
func (m *Mem) Used() int64 {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.used()
}

func (m *Mem) used() (sum int64) {
	for _, d := range m.dirs {
		for _, n := range d.names {
			sum += int64(len(n.data))
		}
	}
	return sum
}

// room returns how long the bytes of n may become.
func (m *Mem) room(n *memNode) (bytes int64, limited bool) {
	if m.limit == 0 {
		return 0, false
	}
	return max(m.limit-m.used(), 0) + int64(len(n.data)), true
}
