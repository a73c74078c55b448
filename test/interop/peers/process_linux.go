package peers

import (
	"os/exec"
	"syscall"
)

// dieWithParent has the kernel kill the child when this process dies without its cleanups, as after
// the panic by which go test ends a run that took too long.
func dieWithParent(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
}
