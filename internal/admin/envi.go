package admin

import (
	"bufio"
	"fmt"
	"math"
	"os"
	"os/user"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
)

// unknown is Java's text for a property that is not set.
const unknown = "<NA>"

// envi: what the server runs on. The keys are ZooKeeper's in its order, since
// clients take the version from the first; those about Java tell of Go. Source:
// Environment.list.
func (w *Words) envi(b *bufio.Writer) {
	program := orUnknown(os.Executable())
	free, limit, total := memory()
	b.WriteString("Environment:\n")
	for _, e := range [...]struct{ key, value string }{
		{"zookeeper.version", w.src.Version},
		{"host.name", orUnknown(os.Hostname())},
		{"java.version", runtime.Version()},
		{"java.vendor", "Paddock"},
		{"java.home", filepath.Dir(program)},
		{"java.class.path", program},
		{"java.library.path", unknown},
		{"java.io.tmpdir", os.TempDir()},
		{"java.compiler", unknown},
		{"os.name", osName()},
		{"os.arch", osArch()},
		{"os.version", osVersion()},
		{"user.name", userName()},
		{"user.home", orUnknown(os.UserHomeDir())},
		{"user.dir", orUnknown(os.Getwd())},
		{"os.memory.free", megabytes(free)},
		{"os.memory.max", megabytes(limit)},
		{"os.memory.total", megabytes(total)},
	} {
		fmt.Fprintf(b, "%s=%s\n", e.key, e.value)
	}
}

func orUnknown(s string, err error) string {
	if err != nil || s == "" {
		return unknown
	}
	return s
}

func userName() string {
	if u, err := user.Current(); err == nil {
		return u.Username
	}
	return unknown
}

// osName is Java's name of the operating system.
func osName() string {
	names := map[string]string{"linux": "Linux", "darwin": "Mac OS X", "freebsd": "FreeBSD", "windows": "Windows"}
	if name, ok := names[runtime.GOOS]; ok {
		return name
	}
	return runtime.GOOS
}

// osArch is Java's name of the processor.
func osArch() string {
	names := map[string]string{"arm64": "aarch64", "386": "i386"}
	if name, ok := names[runtime.GOARCH]; ok {
		return name
	}
	return runtime.GOARCH
}

// memory returns, in bytes, what the heap has got from the system and not in
// use, how far it may grow, and what the process has got in all.
func memory() (free, limit, total uint64) {
	samples := []metrics.Sample{
		{Name: "/memory/classes/heap/free:bytes"},
		{Name: "/memory/classes/heap/unused:bytes"},
		{Name: "/memory/classes/heap/released:bytes"},
		{Name: "/memory/classes/total:bytes"},
	}
	metrics.Read(samples)
	free = samples[0].Value.Uint64() + samples[1].Value.Uint64()
	total = samples[3].Value.Uint64() - samples[2].Value.Uint64()
	if n := debug.SetMemoryLimit(-1); n < math.MaxInt64 {
		limit = uint64(n)
	} else if n, ok := physicalMemory(); ok {
		limit = n
	} else {
		limit = total
	}
	return free, limit, total
}

func megabytes(n uint64) string { return fmt.Sprintf("%dMB", n>>20) }
