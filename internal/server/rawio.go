//go:build linux && !race

package server

import (
	"syscall"
	"unsafe"
)

// Client sockets do not block, so the scheduler is not told when a little is
// read or written. It would prepare to take the processor away from a call that
// takes long, and in a program that was idle wake a thread of its own to look
// for such calls: on a server of idle sessions that is a fifth of all it does.

// rawMax is how many bytes are a little: copying them takes some ten
// microseconds, for which the collector may have to wait.
const rawMax = 64 << 10

func rawRead(fd uintptr, p []byte) (int, error) {
	if len(p) == 0 || len(p) > rawMax {
		return syscall.Read(int(fd), p)
	}
	return outcome(syscall.RawSyscall(syscall.SYS_READ, fd, uintptr(unsafe.Pointer(unsafe.SliceData(p))), uintptr(len(p))))
}

func rawWrite(fd uintptr, p []byte) (int, error) {
	if len(p) == 0 || len(p) > rawMax {
		return syscall.Write(int(fd), p)
	}
	return outcome(syscall.RawSyscall(syscall.SYS_WRITE, fd, uintptr(unsafe.Pointer(unsafe.SliceData(p))), uintptr(len(p))))
}

func outcome(n, _ uintptr, errno syscall.Errno) (int, error) {
	if errno != 0 {
		return -1, errno
	}
	return int(n), nil
}
