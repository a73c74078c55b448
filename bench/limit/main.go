package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// Limits are what this machine allows.
type Limits struct {
	PerSecond  float64 `json:"per_second"`        // 30 sessions with 100 requests of 1 KB each
	OneAtATime float64 `json:"one_at_a_time_ms"`  // median latency of three sessions with one request each
	Of100      float64 `json:"of_100_per_second"` // 100 sessions with one request of 100 B each
	Of300      float64 `json:"of_300_per_second"` // 300 of them
	Small      float64 `json:"small_per_second"`  // 30 sessions with 100 requests of 100 B each
	Multi      float64 `json:"multi_per_second"`  // 30 sessions with 20 requests of 1,300 B each
	FanOut     float64 `json:"fan_out_ms"`        // median until the last of 3,000 connections has an event
	Sync       float64 `json:"fdatasync_ms"`      // median of one write of 1 KB and its sync, with nothing else going on
}

func main() {
	seconds := flag.Int("seconds", 5, "length of each measurement")
	dir := flag.String("dir", "", "directory for the logs; a temporary one if empty")
	asJSON := flag.Bool("json", false, "print the limits as JSON")
	role := flag.String("role", "", "used by the program itself: follower, leader or teller")
	flag.Parse()
	if *role != "" {
		go endWithParent()
	}
	var err error
	switch *role {
	case "follower":
		err = follow(*dir)
	case "leader":
		err = lead(*dir, flag.Args())
	case "teller":
		err = tell()
	default:
		err = measure(*dir, time.Duration(*seconds)*time.Second, *asJSON)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "limit:", err)
		os.Exit(1)
	}
}

// measure starts the servers and prints what they can do.
func measure(dir string, duration time.Duration, asJSON bool) error {
	tmp, err := os.MkdirTemp(dir, "paddock-limit-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(tmp)
	limits, err := limitsOf(tmp, duration)
	if err != nil {
		return err
	}
	if asJSON {
		return json.NewEncoder(os.Stdout).Encode(limits)
	}
	for _, l := range []struct {
		format string
		value  float64
	}{
		{"%12.0f writes of 1 KB a second, 30 sessions x 100 outstanding\n", limits.PerSecond},
		{"%12.3f ms a write, three sessions, one at a time\n", limits.OneAtATime},
		{"%12.0f writes of 100 B a second, 100 sessions, one at a time\n", limits.Of100},
		{"%12.0f writes of 100 B a second, 300 sessions, one at a time\n", limits.Of300},
		{"%12.0f writes of 100 B a second, 30 sessions x 100 outstanding\n", limits.Small},
		{"%12.0f writes of 1,300 B a second, 30 sessions x 20 outstanding\n", limits.Multi},
		{"%12.3f ms until 3,000 connections have an event\n", limits.FanOut},
		{"%12.3f ms for a write and its fdatasync\n", limits.Sync},
	} {
		if _, err := fmt.Printf(l.format, l.value); err != nil {
			return err
		}
	}
	return nil
}

func limitsOf(dir string, duration time.Duration) (limits Limits, err error) {
	j, err := openJournal(dir, journalSize)
	if err != nil {
		return limits, err
	}
	sync, err := j.syncTime(500, 1024)
	if err := errors.Join(err, j.f.Close()); err != nil {
		return limits, err
	}
	limits.Sync = milliseconds(sync)
	var followers []string
	for _, name := range []string{"1", "2"} {
		addr, stop, err := spawn(filepath.Join(dir, name), "follower")
		if err != nil {
			return limits, err
		}
		defer stop()
		followers = append(followers, addr)
	}
	addr, stop, err := spawn(filepath.Join(dir, "3"), "leader", followers...)
	if err != nil {
		return limits, err
	}
	defer stop()
	_, latency, err := load{addr: addr, sessions: 3, outstanding: 1, size: 1024, duration: duration}.run()
	if err != nil {
		return limits, err
	}
	limits.OneAtATime = milliseconds(latency.Quantile(0.5))
	for _, l := range []struct {
		to *float64
		load
	}{
		{&limits.Of100, load{sessions: 100, outstanding: 1, size: 100}},
		{&limits.Of300, load{sessions: 300, outstanding: 1, size: 100}},
		{&limits.Small, load{sessions: 30, outstanding: 100, size: 100}},
		{&limits.Multi, load{sessions: 30, outstanding: 20, size: 1300}},
		// Last, as a disk that has taken so much at once is slower for a while.
		{&limits.PerSecond, load{sessions: 30, outstanding: 100, size: 1024}},
	} {
		l.addr, l.duration = addr, duration
		if *l.to, _, err = l.run(); err != nil {
			return limits, err
		}
	}
	limits.FanOut, err = fanOutLimit(dir)
	return limits, err
}

// fanOutLimit starts what the fan-out takes and returns its median in
// milliseconds.
func fanOutLimit(dir string) (float64, error) {
	var addrs []string
	for range tellers {
		addr, stop, err := spawn(dir, "teller")
		if err != nil {
			return 0, err
		}
		defer stop()
		addrs = append(addrs, addr)
	}
	h, err := fanOut(addrs)
	if err != nil {
		return 0, err
	}
	return milliseconds(h.Quantile(0.5)), nil
}

// endWithParent ends this process when the one that has started it is gone, and
// with it the other end of standard input.
func endWithParent() {
	_, _ = io.Copy(io.Discard, os.Stdin)
	os.Exit(0)
}

// spawn runs this program as a server and returns its address.
func spawn(dir, role string, args ...string) (addr string, stop func(), err error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return "", nil, err
	}
	self, err := os.Executable()
	if err != nil {
		return "", nil, err
	}
	cmd := exec.Command(self, append([]string{"-role", role, "-dir", dir}, args...)...)
	cmd.Stderr = os.Stderr
	if _, err := cmd.StdinPipe(); err != nil {
		return "", nil, err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return "", nil, err
	}
	if err := cmd.Start(); err != nil {
		return "", nil, fmt.Errorf("start %s: %w", role, err)
	}
	stop = func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		stop()
		return "", nil, fmt.Errorf("%s does not start: %w", role, err)
	}
	return strings.TrimSpace(line), stop, nil
}

func milliseconds(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }
