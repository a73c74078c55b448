//go:build unix && (!linux || race)

package server

import "syscall"

// Package syscall tells the race detector that who reads comes after who wrote.

func rawRead(fd uintptr, p []byte) (int, error)  { return syscall.Read(int(fd), p) }
func rawWrite(fd uintptr, p []byte) (int, error) { return syscall.Write(int(fd), p) }
