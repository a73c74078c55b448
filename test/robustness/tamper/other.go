//go:build !linux || !amd64

package tamper

import (
	"os"
	"os/exec"
	"time"
)

// Process is a running process that can be tampered with.
type Process struct{}

func launch() { os.Exit(1) }

// Start fails.
func Start(*exec.Cmd) (*Process, error) { return nil, ErrUnsupported }

// Wait does nothing.
func (p *Process) Wait() {}

// SetDisk does nothing.
func (p *Process) SetDisk(Disk) {}

// ShiftClock fails.
func (p *Process) ShiftClock(time.Duration) error { return ErrUnsupported }
