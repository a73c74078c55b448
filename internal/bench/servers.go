package bench

import (
	"fmt"
	"os"
	"strconv"
	"strings"
)

// ServerUse is what a server process on this machine used. Memory is resident
// memory in KiB, as /proc/PID/status has it.
type ServerUse struct {
	PID       int     `json:"pid"`
	RSSBefore int64   `json:"rss_before_kib"` // before the load had opened a session
	RSSAfter  int64   `json:"rss_after_kib"`  // at the end of the measurement, with the load's sessions open
	PeakRSS   int64   `json:"peak_rss_kib"`   // of the process's whole life
	CPU       float64 `json:"cpu_seconds"`    // user and system, during the measurement
}

// watchServers reads what processes use; the zero value watches none.
type watchServers struct {
	uses  []ServerUse
	start []float64 // CPU seconds at the start of the measurement
}

// open notes the memory before the load.
func (w *watchServers) open(pids []int) error {
	for _, pid := range pids {
		rss, _, err := processMemory(pid)
		if err != nil {
			return err
		}
		w.uses = append(w.uses, ServerUse{PID: pid, RSSBefore: rss})
	}
	w.start = make([]float64, len(pids))
	return nil
}

// begin notes the processor time at the start of a measurement. A process that
// has ended counts with what it had used before.
func (w *watchServers) begin() {
	for i := range w.uses {
		w.start[i], _ = processCPU(w.uses[i].PID)
	}
}

// end notes processor time and memory at the end of it.
func (w *watchServers) end() {
	for i := range w.uses {
		u := &w.uses[i]
		if cpu, err := processCPU(u.PID); err == nil {
			u.CPU = cpu - w.start[i]
		}
		if rss, peak, err := processMemory(u.PID); err == nil {
			u.RSSAfter, u.PeakRSS = rss, peak
		}
	}
}

// processMemory returns the resident memory of a process and its peak, in KiB.
func processMemory(pid int) (rss, peak int64, err error) {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0, 0, fmt.Errorf("memory of process %d: %w", pid, err)
	}
	return parseMemory(string(b))
}

func parseMemory(status string) (rss, peak int64, err error) {
	for line := range strings.Lines(status) {
		name, value, _ := strings.Cut(line, ":")
		if name != "VmRSS" && name != "VmHWM" {
			continue
		}
		n, err := strconv.ParseInt(strings.TrimSpace(strings.TrimSuffix(strings.TrimSpace(value), "kB")), 10, 64)
		if err != nil {
			return 0, 0, fmt.Errorf("memory of a process: %w", err)
		}
		if name == "VmRSS" {
			rss = n
		} else {
			peak = n
		}
	}
	if rss == 0 {
		return 0, 0, fmt.Errorf("memory of a process: it has ended")
	}
	return rss, peak, nil
}

// processCPU returns the processor seconds that a process has used.
func processCPU(pid int) (float64, error) {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0, fmt.Errorf("processor time of process %d: %w", pid, err)
	}
	return parseCPU(string(b))
}

func parseCPU(stat string) (float64, error) {
	const ticksPerSecond = 100 // USER_HZ, fixed on Linux
	i := strings.LastIndex(stat, ") ")
	if i < 0 {
		return 0, fmt.Errorf("processor time of a process: %q", stat)
	}
	f := strings.Fields(stat[i+2:])
	if len(f) < 13 {
		return 0, fmt.Errorf("processor time of a process: %d fields", len(f))
	}
	total := int64(0)
	for _, s := range f[11:13] { // utime and stime, counted from the state
		n, err := strconv.ParseInt(s, 10, 64)
		if err != nil {
			return 0, fmt.Errorf("processor time of a process: %w", err)
		}
		total += n
	}
	return float64(total) / ticksPerSecond, nil
}
