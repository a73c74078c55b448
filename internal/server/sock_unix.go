//go:build unix

package server

import (
	"io"
	"syscall"
)

// rawWriter is one write that does not wait.
type rawWriter struct {
	p   []byte
	n   int
	err error
}

func (c *conn) initRaw() {
	sc, ok := c.nc.(syscall.Conn)
	if !ok {
		return
	}
	rc, err := sc.SyscallConn()
	if err != nil {
		return
	}
	c.rc, c.write1 = rc, c.writer.try
}

func (s *sock) fillRaw() error {
	if err := s.rc.Read(s.ready); err != nil {
		return err
	}
	switch {
	case s.err != nil:
		return s.err
	case s.n == 0:
		return io.EOF
	}
	return nil
}

// readReady reads once, into a buffer that it holds only if there was
// something to read. It returns false to be called again when there is.
func (s *sock) readReady(fd uintptr) bool {
	if s.in == nil {
		s.in = getBuffer(s.size)
	}
	for {
		s.n, s.err = rawRead(fd, s.in.b[len(s.in.b):cap(s.in.b)])
		if s.err != syscall.EINTR {
			break
		}
	}
	if s.n > 0 {
		s.in.b = s.in.b[:len(s.in.b)+s.n]
		return true
	}
	if len(s.in.b) == 0 {
		putBuffer(s.in)
		s.in = nil
	}
	return s.err != syscall.EAGAIN
}

// tryWrite writes what the socket takes at once and returns how much that was.
func (c *conn) tryWrite(p []byte) (int, error) {
	if c.rc == nil {
		return 0, nil
	}
	w := &c.writer
	*w = rawWriter{p: p}
	err := c.rc.Write(c.write1)
	if err == nil {
		err = w.err
	}
	n := w.n
	*w = rawWriter{}
	return n, err
}

// try is called by RawConn.Write, which waits only if it returns false.
func (w *rawWriter) try(fd uintptr) bool {
	for w.n < len(w.p) {
		n, err := rawWrite(fd, w.p[w.n:])
		switch {
		case n > 0:
			w.n += n
		case err == syscall.EINTR:
		case err == syscall.EAGAIN:
			return true
		default:
			w.err = err
			return true
		}
	}
	return true
}

// peerClosed reports whether the client has closed its end, as far as the
// system tells without its input being read.
func (s *sock) peerClosed() bool {
	if s.rc == nil {
		return false
	}
	closed := false
	err := s.rc.Control(func(fd uintptr) { closed = hungUp(fd) })
	return closed || err != nil
}

// setBacklog changes how many connections a listener lets wait for Accept.
func setBacklog(l syscall.Conn, n int) error {
	rc, err := l.SyscallConn()
	if err != nil {
		return err
	}
	var listenErr error
	if err := rc.Control(func(fd uintptr) { listenErr = syscall.Listen(int(fd), n) }); err != nil {
		return err
	}
	return listenErr
}
