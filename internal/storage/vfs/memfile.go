package vfs

import (
	"io"
	"io/fs"
	"syscall"
)

// memFile is an open file of a Mem. Closing it changes nothing.
type memFile struct {
	m    *Mem
	n    *memNode
	name string // it was opened by
}

func (f *memFile) ReadAt(p []byte, off int64) (int, error) {
	f.m.mu.Lock()
	defer f.m.mu.Unlock()
	if off >= f.n.size {
		return 0, io.EOF
	}
	want := p[:min(int64(len(p)), f.n.size-off)]
	n := 0
	if off < int64(len(f.n.data)) {
		n = copy(want, f.n.data[off:])
	}
	clear(want[n:])
	if at, ok := f.n.bad.first(off, off+int64(len(want))); ok {
		return int(max(at-off, 0)), &fs.PathError{Op: "read", Path: f.name, Err: syscall.EIO}
	}
	if len(want) < len(p) {
		return len(want), io.EOF
	}
	return len(want), nil
}

func (f *memFile) WriteAt(p []byte, off int64) (int, error) {
	f.m.mu.Lock()
	defer f.m.mu.Unlock()
	p, err := f.fits(p, off)
	n, end := f.n, off+int64(len(p))
	if grow := end - int64(len(n.data)); grow > 0 {
		n.data = append(n.data, make([]byte, grow)...)
	}
	copy(n.data[off:], p)
	n.size = max(n.size, end)
	n.bad.rewrite(off, end, n.size)
	n.touch(off, end)
	return len(p), err
}

// fits returns the part of a write at off that the disk takes, and why not all.
func (f *memFile) fits(p []byte, off int64) ([]byte, error) {
	end := off + int64(len(p))
	if at, ok := f.n.bad.partly(off, end, f.n.size); ok {
		// A part of a sector is written by reading the rest of it first.
		return p[:min(max(at-off, 0), int64(len(p)))], pathError("write", f.name, syscall.EIO)
	}
	if room, limited := f.m.room(f.n); limited && end > room {
		return p[:min(max(room-off, 0), int64(len(p)))], pathError("write", f.name, syscall.ENOSPC)
	}
	return p, nil
}

func (f *memFile) Size() (int64, error) {
	f.m.mu.Lock()
	defer f.m.mu.Unlock()
	return f.n.size, nil
}

func (f *memFile) Truncate(size int64) error {
	f.m.mu.Lock()
	defer f.m.mu.Unlock()
	f.n.truncate(size)
	return nil
}

func (f *memFile) Preallocate(size int64) error {
	f.m.mu.Lock()
	defer f.m.mu.Unlock()
	f.n.size = max(f.n.size, size)
	return nil
}

func (f *memFile) Push(int64, int64) error { return nil } // and a crash may lose it all the same

func (f *memFile) Sync() error {
	f.m.mu.Lock()
	defer f.m.mu.Unlock()
	f.n.sync()
	return nil
}

func (f *memFile) Close() error { return nil }

func (n *memNode) touch(low, end int64) {
	if n.dirtyEnd <= n.dirtyLow {
		n.dirtyLow, n.dirtyEnd = low, end
		return
	}
	n.dirtyLow, n.dirtyEnd = min(n.dirtyLow, low), max(n.dirtyEnd, end)
}

func (n *memNode) truncate(size int64) {
	if size < n.size && (n.cut == 0 || size < n.cut-1) {
		n.cut = size + 1
	}
	if old := int64(len(n.data)); size < old {
		clear(n.data[size:])
		n.data = n.data[:size]
		n.touch(size, old)
	}
	n.size = size
	n.bad.shorten(size)
}

// sync copies only what changed, so that appending stays linear.
func (n *memNode) sync() {
	have := int64(len(n.data))
	if d := have - int64(len(n.disk)); d > 0 {
		n.disk = append(n.disk, make([]byte, d)...)
	}
	n.disk = n.disk[:have]
	if low, end := n.dirtyLow, min(n.dirtyEnd, have); low < end {
		copy(n.disk[low:end], n.data[low:end])
	}
	n.diskSize, n.dirtyLow, n.dirtyEnd, n.cut = n.size, 0, 0, 0
	n.diskBad = n.bad.clone()
}
