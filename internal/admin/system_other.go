//go:build !unix

package admin

// What cannot be found out is left out.

func osVersion() string { return unknown }

func openFiles() (int64, bool) { return 0, false }

func maxOpenFiles() (int64, bool) { return 0, false }

func physicalMemory() (uint64, bool) { return 0, false }
