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

// Push implements File by sync_file_range, and by Sync where there is none or a filter of
// system calls forbids it.
func (f osFile) Push(off, n int64) error {
	const whole = unix.SYNC_FILE_RANGE_WAIT_BEFORE | unix.SYNC_FILE_RANGE_WRITE | unix.SYNC_FILE_RANGE_WAIT_AFTER
	for {
		err := unix.SyncFileRange(int(f.Fd()), off, n, whole)
		switch {
		case errors.Is(err, unix.EINTR):
		case errors.Is(err, unix.ENOSYS), errors.Is(err, unix.EPERM), errors.Is(err, unix.EINVAL), errors.Is(err, unix.EOPNOTSUPP):
			return f.Sync()
		default:
			return os.NewSyscallError("sync_file_range", err)
		}
	}
}
