//go:build unix && !linux

package up

import "syscall"

// childAttr puts a server into a process group of its own, so that Ctrl-C
// reaches only us.
func childAttr() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setpgid: true} }
