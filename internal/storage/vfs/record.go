package vfs

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path/filepath"
	"slices"
	"sync"
)

// Operations that only a record tells apart.
const (
	OpMkdir       Op = "mkdir"
	OpPreallocate Op = "preallocate"
)

// Change is one operation that changed something and succeeded, as far as it did.
type Change struct {
	Op   Op
	Name string // what the file is called at that moment, not when it was opened
	To   string // of a rename
	Off  int64  // of a write, in bytes
	Size int64  // of truncate and preallocate
	Data []byte // of a write
}

func (c Change) String() string {
	switch c.Op {
	case OpWrite:
		return fmt.Sprintf("write %s, bytes %d to %d", c.Name, c.Off, c.Off+int64(len(c.Data)))
	case OpTruncate, OpPreallocate:
		return fmt.Sprintf("%s %s to %d bytes", c.Op, c.Name, c.Size)
	case OpRename:
		return fmt.Sprintf("rename %s to %s", c.Name, filepath.Base(c.To))
	}
	return fmt.Sprintf("%s %s", c.Op, c.Name)
}

// Recorder is a file system that writes down, in order, everything that
// changes the one below it. The zero value with an FS is ready. What is done
// by other ways to the same files is not seen.
type Recorder struct {
	FS

	mu      sync.Mutex // held over each operation, so that the record has their true order
	files   map[string]*recordedName
	changes []Change
}

// recordedName is what open files of one identity share. A file that has been
// removed or replaced has no name, and no crash brings it back.
type recordedName struct{ path string }

// Changes returns the record so far.
func (r *Recorder) Changes() []Change {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clip(r.changes)
}

// Len returns the number of changes so far.
func (r *Recorder) Len() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.changes)
}

// do runs an operation and records c if it succeeds.
func (r *Recorder) do(c Change, op func() error) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	err := op()
	if err == nil {
		r.changes = append(r.changes, c)
	}
	return err
}

// Open implements FS.
func (r *Recorder) Open(name string) (File, error) { return r.open(name, r.FS.Open) }

// OpenWrite implements FS.
func (r *Recorder) OpenWrite(name string) (File, error) { return r.open(name, r.FS.OpenWrite) }

func (r *Recorder) open(name string, open func(string) (File, error)) (File, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	f, err := open(name)
	if err != nil {
		return nil, err
	}
	return &recordedFile{f, r, r.named(name)}, nil
}

// named returns the identity behind a name that exists.
func (r *Recorder) named(name string) *recordedName {
	if r.files == nil {
		r.files = map[string]*recordedName{}
	}
	if r.files[name] == nil {
		r.files[name] = &recordedName{name}
	}
	return r.files[name]
}

// Create implements FS.
func (r *Recorder) Create(name string) (f File, err error) {
	err = r.do(Change{Op: OpCreate, Name: name}, func() error {
		if f, err = r.FS.Create(name); err == nil {
			f = &recordedFile{f, r, r.named(name)}
		}
		return err
	})
	return f, err
}

// Rename implements FS.
func (r *Recorder) Rename(from, to string) error {
	return r.do(Change{Op: OpRename, Name: from, To: to}, func() error {
		err := r.FS.Rename(from, to)
		if err == nil {
			moved := r.named(from)
			r.forget(to)
			delete(r.files, from)
			moved.path, r.files[to] = to, moved
		}
		return err
	})
}

// Remove implements FS.
func (r *Recorder) Remove(name string) error {
	return r.do(Change{Op: OpRemove, Name: name}, func() error {
		err := r.FS.Remove(name)
		if err == nil {
			r.forget(name)
		}
		return err
	})
}

func (r *Recorder) forget(name string) {
	if n := r.files[name]; n != nil {
		n.path = ""
		delete(r.files, name)
	}
}

// MkdirAll implements FS. Each directory that is made is a change of its own.
func (r *Recorder) MkdirAll(dir string) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	var missing []Change
	for d := filepath.Clean(dir); ; d = filepath.Dir(d) {
		if _, err := r.FS.Stat(d); !errors.Is(err, fs.ErrNotExist) || d == filepath.Dir(d) {
			break
		}
		missing = append(missing, Change{Op: OpMkdir, Name: d})
	}
	err := r.FS.MkdirAll(dir)
	if err == nil {
		slices.Reverse(missing)
		r.changes = append(r.changes, missing...)
	}
	return err
}

// SyncDir implements FS.
func (r *Recorder) SyncDir(dir string) error {
	return r.do(Change{Op: OpSyncDir, Name: dir}, func() error { return r.FS.SyncDir(dir) })
}

// Lock implements FS. Only the making of the lock file is a change.
func (r *Recorder) Lock(name string) (lock io.Closer, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	_, missing := r.FS.Stat(name)
	if lock, err = r.FS.Lock(name); err == nil && missing != nil {
		r.changes = append(r.changes, Change{Op: OpCreate, Name: name})
	}
	return lock, err
}

type recordedFile struct {
	File
	r    *Recorder
	name *recordedName
}

// do is Recorder.do for a file that may have lost its name.
func (f *recordedFile) do(c Change, op func() error) error {
	f.r.mu.Lock()
	defer f.r.mu.Unlock()
	err := op()
	if c.Name = f.name.path; err == nil && c.Name != "" {
		f.r.changes = append(f.r.changes, c)
	}
	return err
}

func (f *recordedFile) WriteAt(p []byte, off int64) (n int, err error) {
	f.r.mu.Lock()
	defer f.r.mu.Unlock()
	n, err = f.File.WriteAt(p, off)
	if name := f.name.path; n > 0 && name != "" {
		f.r.changes = append(f.r.changes, Change{Op: OpWrite, Name: name, Off: off, Data: slices.Clone(p[:n])})
	}
	return n, err
}

func (f *recordedFile) Truncate(size int64) error {
	return f.do(Change{Op: OpTruncate, Size: size}, func() error { return f.File.Truncate(size) })
}

func (f *recordedFile) Preallocate(size int64) error {
	return f.do(Change{Op: OpPreallocate, Size: size}, func() error { return f.File.Preallocate(size) })
}

func (f *recordedFile) Sync() error { return f.do(Change{Op: OpSync}, f.File.Sync) }
