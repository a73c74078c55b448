package cluster

import (
	"errors"
	"fmt"
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

// mount gives the server a file system of its own in memory. Where that is not
// allowed it stays without.
func (s *Server) mount() error {
	if err := os.MkdirAll(s.Data(), 0o700); err != nil {
		return err
	}
	err := unix.Mount("paddock-robustness", s.Data(), "tmpfs", 0, fmt.Sprintf("size=%d,mode=0700", diskBytes))
	if errors.Is(err, unix.EPERM) || errors.Is(err, unix.ENODEV) {
		return nil
	}
	s.mounted = err == nil
	return err
}

func (s *Server) unmount() {
	if s.mounted {
		unix.Unmount(s.Data(), unix.MNT_DETACH)
		s.mounted = false
	}
}

// LimitFiles bounds how long files of the process may become; false means that
// this cannot be had. It ends with the process.
func (s *Server) LimitFiles(bytes uint64) bool {
	pid, limit := s.Pid(), unix.Rlimit{Cur: bytes, Max: bytes}
	return pid != 0 && unix.Prlimit(pid, unix.RLIMIT_FSIZE, &limit, nil) == nil // 0 would be ourselves
}

// childAttr lets a server end with the test, however that ends.
func childAttr() *syscall.SysProcAttr { return &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL} }
