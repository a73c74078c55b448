package up

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/paddock-io/paddock/internal/config"
	"github.com/paddock-io/paddock/zk"
)

// freeBase returns a port with n free ones from it on.
func freeBase(t *testing.T, n int) int {
	t.Helper()
	for range 50 {
		ln, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		base := ln.Addr().(*net.TCPAddr).Port
		ln.Close()
		ok := base+n < 60000
		for i := range n {
			ok = ok && free(base+i)
		}
		if ok {
			return base
		}
	}
	t.Fatal("no free ports")
	return 0
}

func TestPlanRefuses(t *testing.T) {
	dir := t.TempDir()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	busy := ln.Addr().(*net.TCPAddr).Port
	for name, tc := range map[string]struct {
		n, base int
		want    string
	}{
		"none":         {0, 2181, "choose 1 to 15"},
		"many":         {16, 2181, "choose 1 to 15"},
		"port 0":       {3, 0, "between 1 and 65535"},
		"past the end": {3, 65534, "between 1 and 65535"},
		"taken":        {1, busy, "is taken"},
	} {
		if _, err := plan(dir, tc.n, tc.base); err == nil || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%s: %v, want %q", name, err, tc.want)
		}
	}
}

func TestWrittenConfigurationLoads(t *testing.T) {
	for _, n := range []int{1, 3, 5} {
		dir := filepath.Join(t.TempDir(), `odd \name: x`)
		servers, err := plan(dir, n, freeBase(t, n))
		if err != nil {
			t.Fatal(err)
		}
		if err := write(dir, servers); err != nil {
			t.Fatal(err)
		}
		for _, s := range servers {
			c, warnings, err := config.Load(s.config(), nil)
			if err != nil {
				t.Fatal(err)
			}
			if len(warnings) > 0 && n != 1 {
				t.Errorf("%d servers: warnings %v", n, warnings)
			}
			if c.ClientPort != s.client || c.Standalone != (n == 1) || n > 1 && c.MyID != int64(s.id) {
				t.Errorf("%d servers: server %d loads as %d on port %d, standalone %v", n, s.id, c.MyID, c.ClientPort, c.Standalone)
			}
			if want := filepath.Join(s.dir, "data"); c.DataDir != want {
				t.Errorf("data directory %q, want %q", c.DataDir, want)
			}
		}
		if err := write(dir, servers[:1]); n > 1 && err == nil {
			t.Errorf("an ensemble of %d was taken for one of 1", n)
		}
	}
}

// running is a paddock up in a process of its own.
type running struct {
	cmd   *exec.Cmd
	lines *bufio.Scanner
}

func startUp(t *testing.T, bin string, args ...string) *running {
	t.Helper()
	cmd := exec.Command(bin, append([]string{"up"}, args...)...)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	cmd.Stderr = cmd.Stdout
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { cmd.Process.Signal(os.Interrupt); cmd.Wait() })
	return &running{cmd, bufio.NewScanner(out)}
}

// await returns the first line that contains text.
func (r *running) await(t *testing.T, text string) string {
	t.Helper()
	var seen strings.Builder
	for r.lines.Scan() {
		if strings.Contains(r.lines.Text(), text) {
			return r.lines.Text()
		}
		fmt.Fprintln(&seen, r.lines.Text())
	}
	t.Fatalf("no line with %q in:\n%s", text, &seen)
	return ""
}

func TestUp(t *testing.T) {
	bin := filepath.Join(t.TempDir(), "paddock")
	if out, err := exec.Command("go", "build", "-o", bin, "github.com/paddock-io/paddock/cmd/paddock").CombinedOutput(); err != nil {
		t.Fatalf("build: %v\n%s", err, out)
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	data, base := filepath.Join(t.TempDir(), "data"), freeBase(t, 3)
	args := []string{"--data", data, "--base-port", fmt.Sprint(base)}
	for run := range 2 {
		r := startUp(t, bin, args...)
		r.await(t, "3 servers are up")
		servers := strings.TrimPrefix(r.await(t, "connect string: "), "connect string: ")
		c, err := zk.Connect(ctx, servers, zk.Options{})
		if err != nil {
			t.Fatal(err)
		}
		if run == 0 {
			_, err = c.Create(ctx, "/kept", nil, zk.Persistent, zk.OpenACL)
			second := exec.Command(bin, "up", "--data", data, "--base-port", fmt.Sprint(freeBase(t, 3)))
			if out, err := second.CombinedOutput(); err == nil || !bytes.Contains(out, []byte("in use by another paddock up")) {
				t.Errorf("a second one on the same data: %v\n%s", err, out)
			}
		} else {
			_, _, err = c.Get(ctx, "/kept")
		}
		if err != nil {
			t.Fatal(err)
		}
		c.Close()
		r.cmd.Process.Signal(os.Interrupt)
		r.await(t, "stopping")
		if err := r.cmd.Wait(); err != nil {
			t.Errorf("ended with %v", err)
		}
		for i := range 3 {
			if !free(base + i) {
				t.Errorf("port %d is still taken", base+i)
			}
		}
	}
}
