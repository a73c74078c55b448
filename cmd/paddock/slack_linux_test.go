package main

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
)

// TestTimerSlack: a server's threads have the slack, in the process that was
// started, which still ends when it is told to.
func TestTimerSlack(t *testing.T) {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), self)
	cmd.Args = []string{"paddock", "server", "0", t.TempDir()}
	log, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(log)
	for lines.Scan() && !strings.Contains(lines.Text(), "serving") {
	}
	threads, err := os.ReadDir(fmt.Sprintf("/proc/%d/task", cmd.Process.Pid))
	if err != nil || len(threads) < 2 {
		t.Fatalf("%d threads (%v)", len(threads), err)
	}
	for _, thread := range threads { // Go's monitor thread is one of them
		slack, err := os.ReadFile("/proc/" + thread.Name() + "/timerslack_ns")
		if errors.Is(err, os.ErrNotExist) {
			continue // it has ended
		}
		if errors.Is(err, os.ErrPermission) {
			t.Log("not compared: another process's slack is for root to read")
			break
		}
		if err != nil || strings.TrimSpace(string(slack)) != fmt.Sprint(int64(timerSlack)) {
			t.Errorf("thread %s: slack %q ns (%v), want %d", thread.Name(), slack, err, timerSlack)
		}
	}
	if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Error(err)
	}
	for lines.Scan() { // until it ends
	}
	if err := cmd.Wait(); err != nil {
		t.Errorf("after SIGTERM: %v", err)
	}
}
