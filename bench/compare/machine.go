package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
)

// ticks are what /proc/stat counts of all processors since the start of the machine.
type ticks struct{ all, idle, stolen float64 }

// parseTicks reads the first line of /proc/stat; zero if it is not as expected.
// Source: proc(5). The times of guests are in those of their hosts.
func parseTicks(stat string) (t ticks) {
	line, _, _ := strings.Cut(stat, "\n")
	f := strings.Fields(line)
	if len(f) < 9 || f[0] != "cpu" {
		return ticks{}
	}
	for i, s := range f[1:9] { // user, nice, system, idle, iowait, irq, softirq, steal
		n, err := strconv.ParseFloat(s, 64)
		if err != nil {
			return ticks{}
		}
		t.all += n
		switch i {
		case 3, 4:
			t.idle += n
		case 7:
			t.stolen = n
		}
	}
	return t
}

func readTicks() ticks {
	b, _ := os.ReadFile("/proc/stat")
	return parseTicks(string(b))
}

// busyFact tells how busy the processors were between two readings; "" where that
// cannot be read.
func busyFact(from, to ticks) string {
	if to.all <= from.all {
		return ""
	}
	return fmt.Sprintf("processors before: %.0f %% busy with other things", 100*(1-(to.idle-from.idle)/(to.all-from.all)))
}

// stolenFact tells how much of the processors other machines of the same host took.
func stolenFact(from, to ticks) string {
	if to.all <= from.all {
		return ""
	}
	return fmt.Sprintf("processor time that other machines of the host took meanwhile: %.1f %%", 100*(to.stolen-from.stolen)/(to.all-from.all))
}

// machineFacts returns what there is to know about the machine, one fact a line.
// What cannot be found is left out, and so is the commit of a binary that was not built here.
func machineFacts(dir string, built bool) []string {
	model := field("/proc/cpuinfo", "model name")
	memory, _ := strconv.Atoi(strings.TrimSuffix(field("/proc/meminfo", "MemTotal"), " kB"))
	facts := []string{fmt.Sprintf("%d processors (%s), %.0f GB of memory", runtime.NumCPU(), model, float64(memory)/1e6)}
	if kernel, err := os.ReadFile("/proc/sys/kernel/osrelease"); err == nil {
		facts = append(facts, "Linux "+strings.TrimSpace(string(kernel)))
	}
	if mounts, err := os.ReadFile("/proc/mounts"); err == nil {
		if abs, err := filepath.Abs(dir); err == nil {
			facts = append(facts, "data on "+fileSystem(string(mounts), abs))
		}
	}
	facts = append(facts, runtime.Version())
	if commit, err := exec.Command("git", "describe", "--always", "--dirty").Output(); err == nil && built {
		facts = append(facts, "Paddock at commit "+strings.TrimSpace(string(commit)))
	}
	if load, err := os.ReadFile("/proc/loadavg"); err == nil {
		facts = append(facts, "load average before: "+strings.Join(strings.Fields(string(load))[:3], ", "))
	}
	return facts
}

// field returns the first value of a name in a file of lines "name: value".
func field(file, name string) string {
	b, err := os.ReadFile(file)
	if err != nil {
		return ""
	}
	for line := range strings.Lines(string(b)) {
		if k, v, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(k) == name {
			return strings.TrimSpace(v)
		}
	}
	return ""
}

// fileSystem returns the type of the file system that holds a directory, by the
// lines of /proc/mounts.
func fileSystem(mounts, dir string) string {
	kind, longest := "an unknown file system", -1
	for line := range strings.Lines(mounts) {
		f := strings.Fields(line)
		if len(f) < 3 {
			continue
		}
		at := strings.TrimSuffix(f[1], "/")
		if (dir == at || strings.HasPrefix(dir, at+"/")) && len(at) >= longest {
			kind, longest = f[2], len(at)
		}
	}
	return kind
}

// availableMemory returns how much memory is free for use, in bytes.
func availableMemory() int64 {
	kib, _ := strconv.ParseInt(strings.TrimSuffix(field("/proc/meminfo", "MemAvailable"), " kB"), 10, 64)
	return kib << 10
}
