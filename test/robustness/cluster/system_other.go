//go:build !linux

package cluster

import "syscall"

// mount does nothing: the server's disk is the machine's.
func (s *Server) mount() error { return nil }

func (s *Server) unmount() {}

// LimitFiles cannot be had.
func (s *Server) LimitFiles(uint64) bool { return false }

// childAttr asks for nothing special.
func childAttr() *syscall.SysProcAttr { return nil }
