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

// Push implements Pusher by sync_file_range, and by Sync where the file system has none.
func (f osFile) Push(off, n int64) error {
	const whole = unix.SYNC_FILE_RANGE_WAIT_BEFORE | unix.SYNC_FILE_RANGE_WRITE | unix.SYNC_FILE_RANGE_WAIT_AFTER
	err := unix.SyncFileRange(int(f.Fd()), off, n, whole)
	switch {
	case err == nil:
		return nil
	case errors.Is(err, unix.EINTR), errors.Is(err, unix.ENOSYS), errors.Is(err, unix.EINVAL), errors.Is(err, unix.EOPNOTSUPP):
		return f.Sync()
	}
	return os.NewSyscallError("sync_file_range", err)
}
