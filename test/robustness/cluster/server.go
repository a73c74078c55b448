package cluster

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"sync"
	"syscall"
	"time"

	"github.com/paddock-io/paddock/test/robustness/tamper"
)

// Server is one process, or the files of one that does not run.
type Server struct {
	ID       int
	Observer bool
	Dir      string // zoo.cfg, server.log and the directory data
	Client   string // host:port that it binds for clients
	quorum   string
	election string
	other    Software // nil if it runs Paddock
	cluster  *Cluster
	mounted  bool
	logged   int64 // bytes in LogFile when the process began

	mu      sync.Mutex
	cmd     *exec.Cmd       // nil when nothing runs
	exited  chan struct{}   // closed when cmd has ended
	control *tamper.Process // nil if it cannot be tampered with
	ending  bool            // we are about to kill it
	allowed []int           // exit codes that are no surprise
	state   *os.ProcessState
}

// Data returns the directory of snapshots and logs.
func (s *Server) Data() string { return filepath.Join(s.Dir, "data") }

// LogFile returns the file with the process's output, of all its runs.
func (s *Server) LogFile() string { return filepath.Join(s.Dir, "server.log") }

// Ports returns the address of every port that the server listens at.
func (s *Server) Ports() map[string]string {
	return map[string]string{"client": s.Client, "quorum": s.quorum, "election": s.election}
}

// Start runs the server. Its output goes through a pipe, so that no limit of
// the process reaches the file.
func (s *Server) Start() error {
	log, err := os.OpenFile(s.LogFile(), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	if s.logged, err = log.Seek(0, io.SeekEnd); err != nil {
		log.Close()
		return err
	}
	cmd := s.command()
	cmd.SysProcAttr = childAttr()
	out := struct{ io.Writer }{log}
	cmd.Stdout, cmd.Stderr = out, out
	control, err := s.launch(cmd)
	if err != nil {
		log.Close()
		return fmt.Errorf("start server %d: %w", s.ID, err)
	}
	exited := make(chan struct{})
	s.mu.Lock()
	s.cmd, s.exited, s.control, s.ending, s.state = cmd, exited, control, false, nil
	s.mu.Unlock()
	s.cluster.wg.Go(func() {
		cmd.Wait()
		log.Close()
		s.ended(cmd.ProcessState)
		close(exited)
		if control != nil {
			control.Wait() // for a call that was held up when the process died
		}
	})
	return nil
}

// launch starts cmd, such that it can be tampered with if that is possible.
func (s *Server) launch(cmd *exec.Cmd) (*tamper.Process, error) {
	if !s.cluster.opts.Tamper {
		return nil, cmd.Start()
	}
	again := *cmd
	control, err := tamper.Start(cmd)
	if errors.Is(err, tamper.ErrUnsupported) {
		*cmd = again
		return nil, cmd.Start()
	}
	return control, err
}

// ended notes how a process ended, and whether somebody wanted it to.
func (s *Server) ended(state *os.ProcessState) {
	s.mu.Lock()
	s.state = state
	surprise := !s.ending && !slices.Contains(s.allowed, state.ExitCode())
	s.mu.Unlock()
	if surprise {
		s.cluster.surprise(fmt.Sprintf("server %d has ended by itself: %v", s.ID, state))
	}
}

// Running reports whether the process has been started and has not ended.
func (s *Server) Running() bool {
	s.mu.Lock()
	cmd, exited := s.cmd, s.exited
	s.mu.Unlock()
	if cmd == nil {
		return false
	}
	select {
	case <-exited:
		return false
	default:
		return true
	}
}

// Exited returns a channel that is closed when the present process has ended.
func (s *Server) Exited() <-chan struct{} {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.exited
}

// ExitCode returns how the last process ended; -1 if by a signal.
func (s *Server) ExitCode() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.state.ExitCode()
}

// Allow makes an end with one of these codes no surprise, and with any other one.
func (s *Server) Allow(codes ...int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.allowed = codes
}

// Kill ends processes all at once, as a power failure would end them, but for
// the disk.
func Kill(servers ...*Server) { end(syscall.SIGKILL, servers) }

// Stop ends processes in good order.
func Stop(servers ...*Server) { end(syscall.SIGTERM, servers) }

func end(sig os.Signal, servers []*Server) {
	for _, s := range servers {
		s.mu.Lock()
		s.ending = true
		s.mu.Unlock()
		s.Signal(sig)
	}
	for _, s := range servers {
		if exited := s.Exited(); exited != nil {
			<-exited
		}
		s.mu.Lock()
		s.cmd = nil
		s.mu.Unlock()
	}
}

// Signal sends a signal, to a process that may have ended.
func (s *Server) Signal(sig os.Signal) {
	s.mu.Lock()
	cmd := s.cmd
	s.mu.Unlock()
	if cmd != nil {
		cmd.Process.Signal(sig)
	}
}

// Pid returns the number of the process, 0 if there is none.
func (s *Server) Pid() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.cmd == nil {
		return 0
	}
	return s.cmd.Process.Pid
}

// SetDisk changes how syncs fare; false means that this cannot be had.
func (s *Server) SetDisk(d tamper.Disk) bool {
	s.mu.Lock()
	control := s.control
	s.mu.Unlock()
	if control == nil {
		return false
	}
	control.SetDisk(d)
	return true
}

// ShiftClock sets the wall clock off by d; false means that this cannot be had.
func (s *Server) ShiftClock(d time.Duration) bool {
	s.mu.Lock()
	control := s.control
	s.mu.Unlock()
	return control != nil && control.ShiftClock(d) == nil
}
