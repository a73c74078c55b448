//go:build !linux

package main

// slackenTimers does nothing where the system has no such thing.
func slackenTimers() {}
