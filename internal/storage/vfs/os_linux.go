package vfs

import (
	"errors"
	"os"

	"golang.org/x/sys/unix"
)

// reserve allocates blocks for n bytes at off and lengthens the file.
func reserve(f *os.File, off, n int64) error { return unix.Fallocate(int(f.Fd()), 0, off, n) }

// Forget implements Forgetter.
func (f osFile) Forget(off, n int64) {
	_ = unix.Fadvise(int(f.Fd()), off, n, unix.FADV_DONTNEED) // a hint
}

// Sync implements File by fdatasync, which flushes the length when it changed.
func (f osFile) Sync() error {
	for {
		err := unix.Fdatasync(int(f.Fd()))
		if !errors.Is(err, unix.EINTR) {
			return os.NewSyscallError("fdatasync", err)
		}
	}
}
