//go:build unix

package balance

import (
	"io"
	"net"
	"sync"
	"syscall"
)

// carryBytes is how much is read at once.
const carryBytes = 32 << 10

// buffers are those that nobody has bytes in.
var buffers = sync.Pool{New: func() any { return new([carryBytes]byte) }}

// copyAll copies from src to dst until src ends. While it waits for src it holds
// neither a buffer nor, as io.Copy on Linux does for each direction, a pipe of
// the system: most connections are silent most of the time.
func copyAll(dst, src net.Conn) error {
	sc, ok := src.(syscall.Conn)
	if !ok {
		_, err := io.Copy(dst, src)
		return err
	}
	rc, err := sc.SyscallConn()
	if err != nil {
		return err
	}
	var r reader
	for read := r.read; ; { // bound once
		if err := rc.Read(read); err != nil {
			return err
		}
		if r.err == nil && r.n > 0 {
			_, r.err = dst.Write(r.buf[:r.n])
		}
		buffers.Put(r.buf)
		if r.err != nil || r.n == 0 {
			return r.err
		}
	}
}

// reader is one read that takes its buffer when there is something to read.
type reader struct {
	buf *[carryBytes]byte
	n   int
	err error
}

// read is called by RawConn.Read until it returns true, each time that the
// socket may have something.
func (r *reader) read(fd uintptr) bool {
	r.buf = buffers.Get().(*[carryBytes]byte)
	for {
		r.n, r.err = syscall.Read(int(fd), r.buf[:])
		if r.err != syscall.EINTR {
			break
		}
	}
	if r.err == syscall.EAGAIN {
		buffers.Put(r.buf)
		return false
	}
	r.n = max(r.n, 0)
	return true
}
