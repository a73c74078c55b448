package main

import (
	"os"
	"runtime"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// timerSlack is by how much the system may delay the timers of a server's
// threads. Go's monitor thread sleeps 20 us at a time while there is work, and
// the system's own slack of 50 us makes that some 3,000 wake-ups a second, which
// take up to a seventh of a server's processor time. What a server itself waits
// for is measured in milliseconds, as the timers of Go's poller are.
const timerSlack = time.Millisecond

// slackenTimers gives all threads of this process the timerSlack, unless they
// have as much already: TimerSlackNSec= of systemd, for instance, counts. A
// thread has its slack from the one that made it, and Go's monitor thread is
// there before the first line of a program runs. So the program is executed
// again, in the same process, which takes a few milliseconds. If that cannot be
// done, a server works as well, only with more wake-ups.
// Source: prctl(2), PR_SET_TIMERSLACK.
func slackenTimers() {
	runtime.LockOSThread() // the slack is this thread's, and execve keeps it
	defer runtime.UnlockOSThread()
	now, err := unix.PrctlRetInt(unix.PR_GET_TIMERSLACK, 0, 0, 0, 0)
	if err != nil || now >= int(timerSlack) {
		return
	}
	if unix.Prctl(unix.PR_SET_TIMERSLACK, uintptr(timerSlack), 0, 0, 0) != nil {
		return
	}
	// A thread of a real-time policy has no slack, and the system passes over what it is
	// told: executed again, the program would find things as they are now, for ever.
	if now, err = unix.PrctlRetInt(unix.PR_GET_TIMERSLACK, 0, 0, 0, 0); err != nil || now < int(timerSlack) {
		return
	}
	if path, err := os.Executable(); err == nil { // not /proc/self/exe, which would be the name that ps shows
		_ = syscall.Exec(path, os.Args, os.Environ())
	}
}
