package tamper

import (
	"fmt"
	"os"
	"runtime"
	"strings"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// socketFD is where the launcher finds the socket to the test.
const socketFD = 3

// launch installs the filter, sends its listener and becomes the program in os.Args[1:].
func launch() {
	runtime.LockOSThread() // the filter belongs to this thread, and exec keeps it alone
	if err := becomeProgram(); err != nil {
		fmt.Fprintf(os.Stderr, "launch %v: %v\n", os.Args[1:], err)
		os.Exit(127)
	}
}

func becomeProgram() error {
	listener, err := installFilter()
	if err != nil {
		return err
	}
	if err := unix.Sendmsg(socketFD, []byte{0}, unix.UnixRights(listener), nil, 0); err != nil {
		return fmt.Errorf("send the listener: %w", err)
	}
	unix.Close(listener)
	unix.Close(socketFD)
	var env []string
	for _, v := range os.Environ() {
		if !strings.HasPrefix(v, launchVariable+"=") {
			env = append(env, v)
		}
	}
	return syscall.Exec(os.Args[1], os.Args[1:], env)
}

// watched are the system calls that wait for the test's answer.
var watched = []uint32{unix.SYS_FSYNC, unix.SYS_FDATASYNC, unix.SYS_ARCH_PRCTL}

// filter is the BPF program: load the number of the call, compare, answer.
func filter() []unix.SockFilter {
	load := unix.SockFilter{Code: unix.BPF_LD | unix.BPF_W | unix.BPF_ABS, K: 0} // seccomp_data.nr
	program := []unix.SockFilter{load}
	for i, nr := range watched {
		program = append(program, unix.SockFilter{Code: unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K, Jt: uint8(len(watched) - i), K: nr})
	}
	return append(program,
		unix.SockFilter{Code: unix.BPF_RET | unix.BPF_K, K: unix.SECCOMP_RET_ALLOW},
		unix.SockFilter{Code: unix.BPF_RET | unix.BPF_K, K: unix.SECCOMP_RET_USER_NOTIF})
}

// installFilter puts the filter on this thread and returns its listener. A
// signal does not make a waiting call start again, only its process's death.
func installFilter() (int, error) {
	if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
		return 0, fmt.Errorf("give up new privileges: %w", err)
	}
	program := filter()
	prog := unix.SockFprog{Len: uint16(len(program)), Filter: &program[0]}
	fd, _, errno := unix.Syscall(unix.SYS_SECCOMP, unix.SECCOMP_SET_MODE_FILTER,
		unix.SECCOMP_FILTER_FLAG_NEW_LISTENER|unix.SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV, uintptr(unsafe.Pointer(&prog)))
	if errno != 0 {
		return 0, fmt.Errorf("install a seccomp filter: %w", errno)
	}
	return int(fd), nil
}
