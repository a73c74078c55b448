package server

import (
	"fmt"
	"os"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/paddock-io/paddock/internal/tree"
)

// maxArrivals is how many connections one look of the poller brings.
const maxArrivals = 128

// poller knows which connections at rest have input. It waits in the poller of
// the runtime for an epoll of its own, so that no thread of the system waits.
type poller struct {
	file *os.File
	rc   syscall.RawConn
	fd   int

	// Owned by Server.poll.
	events [maxArrivals]syscall.EpollEvent
	n      int
	in     *buffer // what read has brought
	look   func(fd uintptr) bool
	take   func(fd uintptr) bool
}

func newPoller() (*poller, error) {
	fd, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return nil, fmt.Errorf("create an epoll: %w", err)
	}
	if err := unix.SetNonblock(fd, true); err != nil { // or os would not leave it to the runtime
		unix.Close(fd)
		return nil, fmt.Errorf("create an epoll: %w", err)
	}
	p := &poller{file: os.NewFile(uintptr(fd), "epoll"), fd: fd}
	p.look, p.take = p.lookOnce, p.takeOnce
	if p.rc, err = p.file.SyscallConn(); err != nil {
		p.close()
		return nil, err
	}
	return p, nil
}

// close ends wait. No connection may be at rest any more.
func (p *poller) close() { p.file.Close() }

// add watches a connection. It is not told when that is closed.
func (p *poller) add(c *conn) error {
	ev := syscall.EpollEvent{Events: unix.EPOLLIN | unix.EPOLLRDHUP, Fd: int32(c.slot), Pad: int32(uint32(c.id))}
	return p.control(c, unix.EPOLL_CTL_ADD, &ev)
}

// remove watches a connection no longer; nothing is to be done for a closed one.
func (p *poller) remove(c *conn) { _ = p.control(c, unix.EPOLL_CTL_DEL, nil) }

func (p *poller) control(c *conn, op int, ev *syscall.EpollEvent) (err error) {
	ctl := func(fd uintptr) { err = syscall.EpollCtl(p.fd, op, int(fd), ev) }
	if closed := c.rc.Control(ctl); closed != nil {
		return closed
	}
	return err
}

// wait waits for input and appends where it is. It returns false after close.
func (p *poller) wait(list []arrival) ([]arrival, bool) {
	if err := p.rc.Read(p.look); err != nil {
		return list, false
	}
	for _, ev := range p.events[:p.n] {
		list = append(list, arrival{slot: tree.WatcherID(uint32(ev.Fd)), id: uint32(ev.Pad), only: ev.Events == unix.EPOLLIN})
	}
	return list, true
}

// lookOnce returns false to be called again when there is something to see.
func (p *poller) lookOnce(fd uintptr) bool {
	n, _, errno := syscall.RawSyscall6(unix.SYS_EPOLL_PWAIT, fd, uintptr(unsafe.Pointer(&p.events)), maxArrivals, 0, 0, 0)
	if errno != 0 && errno != syscall.EINTR {
		panic(fmt.Sprintf("server: wait for input: %v", errno)) // all who are at rest would be deaf
	}
	if p.n = 0; errno == 0 {
		p.n = int(n)
	}
	return p.n > 0
}

// read returns what a connection's socket holds, as far as a buffer does, nil if that
// is nothing. It is valid until the next call, and the caller may keep it, see give.
func (p *poller) read(c *conn) *buffer {
	if p.in == nil {
		p.in = getBuffer(readBufferSize)
	}
	p.in.b = p.in.b[:0]
	if err := c.rc.Read(p.take); err != nil || len(p.in.b) == 0 {
		return nil
	}
	return p.in
}

func (p *poller) takeOnce(fd uintptr) bool {
	n, _ := rawRead(fd, p.in.b[:cap(p.in.b)])
	p.in.b = p.in.b[:max(n, 0)]
	return true
}

// give lets go of what read has returned.
func (p *poller) give() { p.in = nil }
