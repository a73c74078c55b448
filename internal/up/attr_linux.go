package up

import "syscall"

// childAttr puts a server into a process group of its own, so that Ctrl-C
// reaches only us, and ends it when we are killed without a chance to do so.
func childAttr() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGTERM}
}
