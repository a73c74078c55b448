package peers

import (
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"syscall"
)

// awaitStop waits until every thread of a process that got SIGSTOP stands still: the signal comes some time after it
// was sent.
func (p *process) awaitStop() error {
	dir := fmt.Sprintf("/proc/%d/task", p.cmd.Process.Pid)
	for {
		threads, err := os.ReadDir(dir)
		if err != nil {
			return fmt.Errorf("look whether a process has stopped: %w", err)
		}
		moving := false
		for _, thread := range threads {
			stat, err := os.ReadFile(dir + "/" + thread.Name() + "/stat")
			if err != nil {
				moving = true
				break
			}
			_, state, _ := strings.Cut(string(stat), ") ") // behind the name, which has parentheses of its own
			moving = moving || !strings.HasPrefix(state, "T")
		}
		if !moving {
			return nil
		}
		runtime.Gosched()
	}
}

// dieWithParent has the kernel kill the child when this process dies without its cleanups, as after
// the panic by which go test ends a run that took too long.
func dieWithParent(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
}
