//go:build unix && !linux

package vfs

import (
	"errors"
	"os"
)

func reserve(*os.File, int64, int64) error { return errors.ErrUnsupported }

// Sync implements File.
func (f osFile) Sync() error { return f.File.Sync() }
