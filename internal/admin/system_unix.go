//go:build unix

package admin

import (
	"fmt"
	"os"
	"strings"

	"golang.org/x/sys/unix"
)

// osVersion is the release of the kernel.
func osVersion() string {
	var u unix.Utsname
	if err := unix.Uname(&u); err != nil {
		return unknown
	}
	return unix.ByteSliceToString(u.Release[:])
}

// openFiles counts the files that this process has open.
func openFiles() (int64, bool) {
	for _, dir := range []string{"/proc/self/fd", "/dev/fd"} {
		f, err := os.Open(dir)
		if err != nil {
			continue
		}
		names, err := f.Readdirnames(-1)
		f.Close()
		if err == nil {
			return int64(len(names)) - 1, true // without f
		}
	}
	return 0, false
}

// maxOpenFiles is how many files this process may have open.
func maxOpenFiles() (int64, bool) {
	var r unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &r); err != nil {
		return 0, false
	}
	return int64(r.Cur), true
}

// physicalMemory is the machine's memory in bytes.
func physicalMemory() (uint64, bool) {
	text, err := os.ReadFile("/proc/meminfo")
	if err != nil {
		return 0, false
	}
	for line := range strings.Lines(string(text)) {
		var kb uint64
		if n, _ := fmt.Sscanf(line, "MemTotal: %d kB", &kb); n == 1 {
			return kb << 10, true
		}
	}
	return 0, false
}
