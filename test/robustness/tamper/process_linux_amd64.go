package tamper

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"sync"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Process is a running process that can be tampered with.
type Process struct {
	listener int // owned by supervise
	pid      int
	done     chan struct{} // closed when the last thread of the process has gone
	calls    sync.WaitGroup

	mu    sync.Mutex
	disk  Disk
	off   time.Duration // of the wall clock
	clock *clock        // nil until the program has begun, or if it could not be patched
	err   error         // why not
}

// Start starts cmd, a program without C in it, by way of a launcher. The caller
// waits for cmd, and for the Process behind it.
func Start(cmd *exec.Cmd) (*Process, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	ends, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("make a socket pair: %w", err)
	}
	ours, theirs := ends[0], os.NewFile(uintptr(ends[1]), "launcher")
	defer unix.Close(ours)
	cmd.Args = append([]string{self, cmd.Path}, cmd.Args[1:]...)
	cmd.Path, cmd.ExtraFiles = self, []*os.File{theirs}
	cmd.Env = append(cmd.Environ(), launchVariable+"=1")
	err = cmd.Start()
	theirs.Close()
	if err != nil {
		return nil, err
	}
	listener, err := receive(ours)
	if err != nil {
		cmd.Process.Kill()
		cmd.Wait()
		return nil, errors.Join(ErrUnsupported, err)
	}
	p := &Process{listener: listener, pid: cmd.Process.Pid, done: make(chan struct{})}
	go p.supervise()
	return p, nil
}

// receive takes the listener from the launcher.
func receive(socket int) (int, error) {
	b, oob := make([]byte, 1), make([]byte, unix.CmsgSpace(4))
	n, oobn, _, _, err := unix.Recvmsg(socket, b, oob, unix.MSG_CMSG_CLOEXEC)
	if err != nil {
		return 0, fmt.Errorf("wait for the launcher: %w", err)
	}
	messages, err := unix.ParseSocketControlMessage(oob[:oobn])
	if err != nil || len(messages) != 1 || n != 1 {
		return 0, fmt.Errorf("the launcher has ended without a listener: %v", err)
	}
	fds, err := unix.ParseUnixRights(&messages[0])
	if err != nil || len(fds) != 1 {
		return 0, fmt.Errorf("the launcher sent no listener: %v", err)
	}
	return fds[0], nil
}

// Wait returns when nothing is left of the process.
func (p *Process) Wait() { <-p.done }

// SetDisk changes how syncs fare from now on.
func (p *Process) SetDisk(d Disk) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.disk = d
}

// ShiftClock sets how far the process's wall clock is from the right time.
func (p *Process) ShiftClock(d time.Duration) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.off = d
	switch {
	case p.err != nil:
		return errors.Join(ErrUnsupported, p.err)
	case p.clock == nil:
		return nil // begin will do it
	}
	return p.clock.shift(d)
}

// notification is the kernel's struct seccomp_notif, response its answer.
type notification struct {
	id    uint64
	pid   uint32
	flags uint32
	nr    int32
	arch  uint32
	ip    uint64
	args  [6]uint64
}

type response struct {
	id    uint64
	val   int64
	error int32
	flags uint32
}

// supervise answers until the process has gone.
func (p *Process) supervise() {
	defer close(p.done)
	defer unix.Close(p.listener)
	defer p.calls.Wait()
	for {
		fds := []unix.PollFd{{Fd: int32(p.listener), Events: unix.POLLIN}}
		if _, err := unix.Poll(fds, -1); err != nil && err != unix.EINTR {
			return
		}
		switch {
		case fds[0].Revents&unix.POLLIN != 0:
			var n notification
			if p.ioctl(unix.SECCOMP_IOCTL_NOTIF_RECV, unsafe.Pointer(&n)) == nil {
				p.calls.Go(func() { p.answer(n) })
			}
		case fds[0].Revents != 0:
			return // no thread has the filter any more
		}
	}
}

func (p *Process) ioctl(request uintptr, arg unsafe.Pointer) error {
	if _, _, errno := unix.Syscall(unix.SYS_IOCTL, uintptr(p.listener), request, uintptr(arg)); errno != 0 {
		return errno
	}
	return nil
}

// answer decides one call. If the thread has died meanwhile, nobody minds.
func (p *Process) answer(n notification) {
	resp := response{id: n.id, flags: unix.SECCOMP_USER_NOTIF_FLAG_CONTINUE}
	if n.nr == unix.SYS_ARCH_PRCTL {
		p.begin()
	} else {
		p.mu.Lock()
		disk := p.disk
		p.mu.Unlock()
		if disk.Delay > 0 {
			time.Sleep(disk.Delay)
		}
		if disk.Fail {
			resp.error, resp.flags = -int32(unix.EIO), 0
		}
	}
	p.ioctl(unix.SECCOMP_IOCTL_NOTIF_SEND, unsafe.Pointer(&resp))
}

// begin takes over the clock of a program that has not looked at it yet.
func (p *Process) begin() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.clock != nil || p.err != nil {
		return
	}
	if p.clock, p.err = takeClock(p.pid); p.err == nil {
		p.err = p.clock.shift(p.off)
	}
}
