package memnet

import (
	"io"
	"net"
	"os"
	"syscall"
	"time"
)

// conn is one end of a pipe, whose mu guards what is not fixed.
type conn struct {
	p             *pipe
	host          *Host
	in, out       *stream
	local, remote *net.TCPAddr

	closed        bool
	readDeadline  deadline
	writeDeadline deadline
}

// Read implements net.Conn. What has arrived before a reset is read first.
func (c *conn) Read(b []byte) (int, error) {
	c.p.mu.Lock()
	defer c.p.mu.Unlock()
	for in := c.in; ; in.cond.Wait() {
		switch {
		case c.closed:
			return 0, c.opError("read", net.ErrClosed)
		case c.readDeadline.passed():
			return 0, c.opError("read", os.ErrDeadlineExceeded)
		case len(b) == 0:
			return 0, nil
		case in.ready > 0:
			n := copy(b, in.buf[:in.ready])
			in.buf = in.buf[n:]
			in.ready -= n
			in.cond.Broadcast() // there is room
			return n, nil
		case in.eof:
			return 0, io.EOF
		case in.reset:
			return 0, c.opError("read", os.NewSyscallError("read", syscall.ECONNRESET))
		}
	}
}

// Write implements net.Conn. It waits for room, not for the other end.
func (c *conn) Write(b []byte) (sent int, err error) {
	c.p.mu.Lock()
	defer c.p.mu.Unlock()
	for {
		if err := c.writable(); err != nil {
			return sent, c.opError("write", err)
		}
		sent += c.out.take(b[sent:min(len(b), sent+bufferBytes-len(c.out.buf))])
		if sent == len(b) {
			return sent, nil
		}
		if c.writable() == nil { // the buffer is full
			c.out.cond.Wait()
		}
	}
}

func (c *conn) writable() error {
	switch {
	case c.closed:
		return net.ErrClosed
	case c.writeDeadline.passed():
		return os.ErrDeadlineExceeded
	case c.in.reset || c.out.reset:
		return os.NewSyscallError("write", syscall.ECONNRESET)
	case c.out.ended:
		return os.NewSyscallError("write", syscall.EPIPE)
	}
	return nil
}

// take sends bytes for which there is room, up to where the connection is to be
// cut, and returns how many.
func (s *stream) take(b []byte) int {
	last := s.left >= 0 && s.left <= len(b)
	if last {
		b = b[:s.left]
	}
	if s.left > 0 {
		s.left -= len(b)
	}
	if len(b) > 0 {
		s.buf = append(s.buf, b...)
		s.send(segment{bytes: len(b)})
	}
	if last {
		s.left = -1
		s.p.cut()
	}
	return len(b)
}

// CloseWrite sends the end of the stream, as that of a TCP connection does.
func (c *conn) CloseWrite() error {
	c.p.mu.Lock()
	defer c.p.mu.Unlock()
	if c.closed {
		return c.opError("close", net.ErrClosed)
	}
	c.end(false)
	return nil
}

// Close implements net.Conn. What was written still arrives; if something that
// has arrived was not read, the other end gets a reset.
func (c *conn) Close() error {
	c.p.mu.Lock()
	defer c.p.mu.Unlock()
	if c.closed {
		return c.opError("close", net.ErrClosed)
	}
	c.close(c.in.ready > 0)
	return nil
}

// abort closes the end as if its process had died: what was in flight from it
// is lost. The caller holds the pipe's mu.
func (c *conn) abort() {
	if c.closed {
		return
	}
	c.out.buf = c.out.buf[:c.out.ready]
	c.out.flight = nil
	c.close(true)
}

// close ends both directions here. The caller holds the pipe's mu.
func (c *conn) close(reset bool) {
	c.closed = true
	c.readDeadline.stop()
	c.writeDeadline.stop()
	c.in.buf, c.in.ready = c.in.buf[c.in.ready:], 0
	c.in.deaf = true
	c.in.cond.Broadcast()
	c.out.cond.Broadcast()
	c.end(reset)
}

// end sends the end of the stream or a reset, unless one has been sent.
func (c *conn) end(reset bool) {
	switch {
	case c.out.reset || c.in.reset: // nobody listens
		c.out.deliver()
	case reset:
		c.out.ended = true
		c.out.send(segment{reset: true})
	case !c.out.ended:
		c.out.ended = true
		c.out.send(segment{end: true})
	default:
		c.out.deliver()
	}
}

// LocalAddr implements net.Conn; it is a *net.TCPAddr.
func (c *conn) LocalAddr() net.Addr { return c.local }

// RemoteAddr implements net.Conn; it is a *net.TCPAddr.
func (c *conn) RemoteAddr() net.Addr { return c.remote }

// SetDeadline implements net.Conn.
func (c *conn) SetDeadline(t time.Time) error {
	if err := c.SetReadDeadline(t); err != nil {
		return err
	}
	return c.SetWriteDeadline(t)
}

// SetReadDeadline implements net.Conn.
func (c *conn) SetReadDeadline(t time.Time) error { return c.setDeadline(&c.readDeadline, t) }

// SetWriteDeadline implements net.Conn.
func (c *conn) SetWriteDeadline(t time.Time) error { return c.setDeadline(&c.writeDeadline, t) }

func (c *conn) setDeadline(d *deadline, t time.Time) error {
	c.p.mu.Lock()
	defer c.p.mu.Unlock()
	if c.closed {
		return c.opError("set", net.ErrClosed)
	}
	d.set(t)
	return nil
}

func (c *conn) opError(op string, err error) error {
	return &net.OpError{Op: op, Net: "tcp", Source: c.local, Addr: c.remote, Err: err}
}

// deadline wakes who waits on a stream.
type deadline struct {
	s     *stream
	at    time.Time   // zero: never
	timer *time.Timer // nil until it is needed
}

func (d *deadline) passed() bool { return !d.at.IsZero() && !time.Now().Before(d.at) }

func (d *deadline) set(t time.Time) {
	d.at = t
	left := time.Until(t)
	switch {
	case t.IsZero():
		d.stop()
	case left <= 0:
		d.stop()
		d.s.cond.Broadcast()
	case d.timer == nil:
		d.timer = time.AfterFunc(left, func() {
			d.s.p.mu.Lock()
			defer d.s.p.mu.Unlock()
			d.s.cond.Broadcast()
		})
	default:
		d.timer.Reset(left)
	}
}

func (d *deadline) stop() {
	if d.timer != nil {
		d.timer.Stop()
	}
}
