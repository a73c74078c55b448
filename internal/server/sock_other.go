//go:build !unix

package server

import "syscall"

type rawWriter struct{}

func (c *conn) initRaw() {}

func (s *sock) fillRaw() error { panic("server: no raw reads on this system") }

func (s *sock) readReady(uintptr) bool { return false }

// tryWrite takes nothing: all writes are left to the goroutine that may wait.
func (c *conn) tryWrite([]byte) (int, error) { return 0, nil }

// peerClosed cannot tell.
func (s *sock) peerClosed() bool { return false }

// setBacklog leaves the system's backlog.
func setBacklog(syscall.Conn, int) error { return nil }
