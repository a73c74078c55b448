//go:build unix && !linux

package vfs

import (
	"errors"
	"os"
)

func reserve(*os.File, int64, int64) error { return errors.ErrUnsupported }

// Push implements File by Sync.
func (f osFile) Push(int64, int64) error { return f.Sync() }

// Sync implements File.
func (f osFile) Sync() error { return f.File.Sync() }
