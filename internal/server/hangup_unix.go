//go:build unix && !linux

package server

import "syscall"

// hungUp reports whether the other end of a socket has closed. As long as
// something that it sent before has not been read, it does not know.
func hungUp(fd uintptr) bool {
	var b [1]byte
	n, _, err := syscall.Recvfrom(int(fd), b[:], syscall.MSG_PEEK|syscall.MSG_DONTWAIT)
	return n == 0 && err == nil || err != nil && err != syscall.EAGAIN && err != syscall.EINTR
}
