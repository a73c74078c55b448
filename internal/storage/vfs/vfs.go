package vfs

import (
	"fmt"
	"io"
)

// SectorSize is the unit in which an interrupted write reaches the medium, in
// bytes: of each aligned sector either the old or the new content survives.
const SectorSize = 512

// FS opens, names and removes files. Implementations are safe for concurrent use.
type FS interface {
	// Open opens an existing file for reading.
	Open(name string) (File, error)
	// OpenWrite opens an existing file for reading and writing.
	OpenWrite(name string) (File, error)
	// Create makes an empty file for reading and writing, in place of one that may exist.
	Create(name string) (File, error)
	// Rename gives a file a new name, in place of one that may exist.
	Rename(from, to string) error
	// Remove deletes a file.
	Remove(name string) error
	// MkdirAll makes a directory and its parents, as far as they are missing.
	MkdirAll(dir string) error
	// List returns the names in a directory, sorted, without subdirectories.
	List(dir string) ([]string, error)
	// Stat tells whether a name is a directory and how long a file is.
	Stat(name string) (Info, error)
	// SyncDir makes the names of a directory durable.
	SyncDir(dir string) error
	// Lock takes the exclusive lock that a file stands for and makes the file if
	// need be. It does not wait: a lock held elsewhere is a *LockedError. Closing
	// the result releases it, and so does the end of the process.
	Lock(name string) (io.Closer, error)
}

// File is an open file. Distinct ranges may be read and written concurrently.
type File interface {
	io.ReaderAt
	io.WriterAt
	io.Closer
	// Size returns the length in bytes.
	Size() (int64, error)
	// Truncate sets the length; new bytes are zero.
	Truncate(size int64) error
	// Preallocate makes the file size bytes long if it is shorter and reserves
	// the space where the file system can. New bytes are zero.
	Preallocate(size int64) error
	// Push has n bytes at off written to the disk, and returns when they are. It promises
	// nothing: they are durable after a Sync, which will have less to do. Unlike Sync it
	// does not have the disk empty its own cache, for which everybody's syncs wait.
	Push(off, n int64) error
	// Sync makes content and length durable, but not the file's name.
	Sync() error
}

// Forgetter is a File whose content the system can be told to keep no copy of in
// memory.
type Forgetter interface {
	// Forget says that n bytes at off, which were synced, will hardly be read again.
	// It is a hint.
	Forget(off, n int64)
}

// Info is what Stat tells.
type Info struct {
	Size int64 // bytes
	Dir  bool
}

// LockedError says that somebody else holds a lock.
type LockedError struct {
	Name   string // of the lock file
	Holder string // what the holder says about itself, a process id; may be empty
}

func (e *LockedError) Error() string {
	if e.Holder == "" {
		return fmt.Sprintf("%s is locked by another process", e.Name)
	}
	return fmt.Sprintf("%s is locked by process %s", e.Name, e.Holder)
}
