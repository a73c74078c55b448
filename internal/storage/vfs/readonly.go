package vfs

import (
	"errors"
	"io"
)

// ReadOnly shows a file system and lets nothing be changed in it: for a look at
// files that may be somebody else's.
type ReadOnly struct{ FS }

// ErrReadOnly is the error of whatever would change something.
var ErrReadOnly = errors.New("opened for reading only")

// OpenWrite implements FS.
func (ReadOnly) OpenWrite(string) (File, error) { return nil, ErrReadOnly }

// Create implements FS.
func (ReadOnly) Create(string) (File, error) { return nil, ErrReadOnly }

// Rename implements FS.
func (ReadOnly) Rename(string, string) error { return ErrReadOnly }

// Remove implements FS.
func (ReadOnly) Remove(string) error { return ErrReadOnly }

// MkdirAll implements FS.
func (ReadOnly) MkdirAll(string) error { return ErrReadOnly }

// SyncDir implements FS.
func (ReadOnly) SyncDir(string) error { return ErrReadOnly }

// Lock implements FS.
func (ReadOnly) Lock(string) (io.Closer, error) { return nil, ErrReadOnly }
