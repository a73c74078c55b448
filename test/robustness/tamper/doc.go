// Package tamper makes the disk of a real process slow or bad and its wall clock
// wrong, without a change to the program, which may be static.
//
//	test ─ fork, exec ─► launcher: filter for fsync, fdatasync, arch_prctl
//	  ▲                     │ listener over a socket         │ exec
//	  └─────────────────────┘                                ▼
//	  supervise ◄── "thread 17 wants to fdatasync" ─────── program
//	            ──► later: go on; or: EIO ───────────────►
//
// The launcher is the test's own binary, which asks for it first thing in
// TestMain. Its seccomp filter stays with the program that it becomes, and sends
// each sync of a file to the test, which holds it up for a while or lets it fail.
//
// The clock: before a Go program's first look at it, the runtime calls
// arch_prctl. While it waits for the answer to that, the test replaces
// clock_gettime in the program's own copy of the vDSO by the system call and an
// offset to wall time, which can be set from then on at any moment. Timers run
// by the monotonic clock, which stays as it is.
//
// This needs Linux 5.19, amd64 and a kernel that lets a process write the
// memory of its child.
package tamper

import (
	"errors"
	"os"
	"time"
)

// ErrUnsupported: this system has no such means.
var ErrUnsupported = errors.New("this system cannot tamper with processes")

// launchVariable tells the test's binary to be a launcher.
const launchVariable = "PADDOCK_TAMPER_LAUNCH"

// Main turns the process into a launcher, and does not return, if it was started
// as one. TestMain of every package that starts processes must call it.
func Main() {
	if os.Getenv(launchVariable) != "" {
		launch()
	}
}

// Disk is how the syncs of a process fare.
type Disk struct {
	Delay time.Duration // before each sync
	Fail  bool          // each sync fails with EIO and is not made
}
