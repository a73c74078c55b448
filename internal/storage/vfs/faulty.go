package vfs

import (
	"io"
	"path/filepath"
	"sync"
)

// Op names what is about to happen to a file or a directory.
type Op string

// The operations a rule may see.
const (
	OpOpen     Op = "open" // for reading or writing
	OpCreate   Op = "create"
	OpRead     Op = "read"
	OpWrite    Op = "write"
	OpSync     Op = "sync"
	OpTruncate Op = "truncate" // and Preallocate
	OpRename   Op = "rename"
	OpRemove   Op = "remove"
	OpSyncDir  Op = "syncdir"
)

// Rule decides whether an operation fails: with the error it returns, or not
// at all. For a failing write, keep bytes are written first. Rules run
// concurrently if the file system is used concurrently.
type Rule func(op Op, name string) (keep int, err error)

// Faulty is a file system that fails by rule. List, Stat, Lock and MkdirAll never fail by rule.
type Faulty struct {
	FS
	Rule Rule
	// Sectors lets short writes end between two sectors, as those of a page cache do.
	Sectors bool
}

// FailNth returns a rule that lets n matching operations pass and fails every
// later one: a disk that broke does not heal. Pattern is matched against the
// base name as by filepath.Match.
func FailNth(op Op, pattern string, n int, err error) Rule {
	var mu sync.Mutex
	return func(o Op, name string) (int, error) {
		if ok, _ := filepath.Match(pattern, filepath.Base(name)); !ok || o != op {
			return 0, nil
		}
		mu.Lock()
		defer mu.Unlock()
		if n--; n >= 0 {
			return 0, nil
		}
		return 0, err
	}
}

// Open implements FS.
func (f *Faulty) Open(name string) (File, error) {
	return f.file(OpOpen, name, f.FS.Open)
}

// OpenWrite implements FS.
func (f *Faulty) OpenWrite(name string) (File, error) {
	return f.file(OpOpen, name, f.FS.OpenWrite)
}

// Create implements FS.
func (f *Faulty) Create(name string) (File, error) {
	return f.file(OpCreate, name, f.FS.Create)
}

func (f *Faulty) file(op Op, name string, open func(string) (File, error)) (File, error) {
	if _, err := f.Rule(op, name); err != nil {
		return nil, pathError(string(op), name, err)
	}
	file, err := open(name)
	if err != nil {
		return nil, err
	}
	return &faultyFile{file, f, name}, nil
}

// Rename implements FS; the rule sees the new name.
func (f *Faulty) Rename(from, to string) error {
	if _, err := f.Rule(OpRename, to); err != nil {
		return pathError("rename", to, err)
	}
	return f.FS.Rename(from, to)
}

// Remove implements FS.
func (f *Faulty) Remove(name string) error {
	if _, err := f.Rule(OpRemove, name); err != nil {
		return pathError("remove", name, err)
	}
	return f.FS.Remove(name)
}

// SyncDir implements FS.
func (f *Faulty) SyncDir(dir string) error {
	if _, err := f.Rule(OpSyncDir, dir); err != nil {
		return pathError("sync", dir, err)
	}
	return f.FS.SyncDir(dir)
}

type faultyFile struct {
	File
	fs   *Faulty
	name string
}

func (f *faultyFile) ReadAt(p []byte, off int64) (int, error) {
	if _, err := f.fs.Rule(OpRead, f.name); err != nil {
		return 0, pathError("read", f.name, err)
	}
	return f.File.ReadAt(p, off)
}

func (f *faultyFile) WriteAt(p []byte, off int64) (int, error) {
	keep, err := f.fs.Rule(OpWrite, f.name)
	if err == nil {
		return f.File.WriteAt(p, off)
	}
	if f.fs.Sectors && keep < len(p) {
		keep = int(max((off+int64(keep))&^(SectorSize-1)-off, 0))
	}
	n, werr := f.File.WriteAt(p[:min(keep, len(p))], off)
	if werr != nil {
		err = werr
	}
	return n, pathError("write", f.name, err)
}

func (f *faultyFile) Push(off, n int64) error {
	if _, err := f.fs.Rule(OpSync, f.name); err != nil {
		return pathError("push", f.name, err)
	}
	return f.File.Push(off, n)
}

func (f *faultyFile) Sync() error {
	if _, err := f.fs.Rule(OpSync, f.name); err != nil {
		return pathError("sync", f.name, err)
	}
	return f.File.Sync()
}

func (f *faultyFile) Truncate(size int64) error {
	if _, err := f.fs.Rule(OpTruncate, f.name); err != nil {
		return pathError("truncate", f.name, err)
	}
	return f.File.Truncate(size)
}

func (f *faultyFile) Preallocate(size int64) error {
	if _, err := f.fs.Rule(OpTruncate, f.name); err != nil {
		return pathError("preallocate", f.name, err)
	}
	return f.File.Preallocate(size)
}

var (
	_ FS        = OS{}
	_ FS        = (*Mem)(nil)
	_ FS        = (*Faulty)(nil)
	_ io.Closer = memLock{}
)
