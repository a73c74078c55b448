package bench

import "testing"

func TestParseMemory(t *testing.T) {
	const status = "Name:\tjava\nVmPeak:\t 9000000 kB\nVmHWM:\t  204800 kB\nVmRSS:\t  102400 kB\nThreads:\t40\n"
	rss, peak, err := parseMemory(status)
	if err != nil || rss != 102400 || peak != 204800 {
		t.Errorf("%d, %d, %v", rss, peak, err)
	}
	for name, status := range map[string]string{"zombie": "Name:\tjava\nState:\tZ (zombie)\n", "nonsense": "VmRSS:\tmuch kB\n"} {
		if _, _, err := parseMemory(status); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}

func TestParseCPU(t *testing.T) {
	// utime is 1234 and stime 66 ticks of 10 ms; the name of the process tries to confuse.
	const stat = "42 (a b) c) S 1 42 42 0 -1 4194560 100 0 0 0 1234 66 7 8 20 0 5 0 1000 2000 300"
	if cpu, err := parseCPU(stat); err != nil || cpu != 13 {
		t.Errorf("%v, %v", cpu, err)
	}
	for _, stat := range []string{"", "42 (a) S 1 2 3", "42 (a) S 1 42 42 0 -1 4194560 100 0 0 0 x 66 7"} {
		if _, err := parseCPU(stat); err == nil {
			t.Errorf("%q: accepted", stat)
		}
	}
}
