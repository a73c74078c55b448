//go:build !unix

package server

func raiseFileLimit() int { return 1024 }
