package server

import "golang.org/x/sys/unix"

// hungUp reports whether the other end of a socket has closed, also if
// something that it sent before has not been read.
func hungUp(fd uintptr) bool {
	fds := []unix.PollFd{{Fd: int32(fd), Events: unix.POLLRDHUP}}
	n, err := unix.Poll(fds, 0)
	return err == nil && n > 0
}
