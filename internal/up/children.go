package up

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"sync"
	"syscall"
	"time"
)

// child is one server's process.
type child struct {
	serverFiles
	mu      sync.Mutex
	cmd     *exec.Cmd     // guarded by mu; nil before start
	exited  chan struct{} // closed when the process has ended
	exitErr error         // set before exited is closed
}

// stopTimeout is how long a server may take to stop before it is killed.
const stopTimeout = 10 * time.Second

// start runs the server. Its output goes behind that of earlier runs.
func (c *child) start(program string) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	out, err := os.OpenFile(c.log(), os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return err
	}
	defer out.Close() // the child has its own descriptor
	cmd := exec.Command(program, "server", c.config())
	cmd.Stdout, cmd.Stderr = out, out
	cmd.SysProcAttr = childAttr() // Ctrl-C is for us; we pass on an orderly stop
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("start server %d: %w", c.id, err)
	}
	exited := make(chan struct{})
	c.cmd, c.exited = cmd, exited
	go func() {
		err := cmd.Wait()
		c.mu.Lock()
		c.exitErr = err
		c.mu.Unlock()
		close(exited)
	}()
	return nil
}

// running reports whether the process lives, and otherwise how it ended.
func (c *child) running() (bool, string) {
	c.mu.Lock()
	exited := c.exited
	c.mu.Unlock()
	select {
	case <-exited:
	default:
		return true, ""
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	var exit *exec.ExitError
	switch {
	case c.exitErr == nil:
		return false, "stopped"
	case errors.As(c.exitErr, &exit):
		return false, exit.ProcessState.String()
	}
	return false, c.exitErr.Error()
}

// stop asks the process to end and waits; one that does not is killed.
func (c *child) stop() error {
	c.mu.Lock()
	cmd, exited := c.cmd, c.exited
	c.mu.Unlock()
	if cmd == nil {
		return nil
	}
	if err := cmd.Process.Signal(syscall.SIGTERM); errors.Is(err, os.ErrProcessDone) {
		return nil
	}
	select {
	case <-exited:
		return nil
	case <-time.After(stopTimeout):
	}
	err := cmd.Process.Kill()
	<-exited
	return errors.Join(err, fmt.Errorf("server %d did not stop within %v and was killed", c.id, stopTimeout))
}
