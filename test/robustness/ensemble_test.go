package robustness

import (
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// server is one process.
type server struct {
	id     int
	dir    string
	client string
	cmd    *exec.Cmd
	exited chan struct{}
}

// build makes the binary once.
func build(t *testing.T) string {
	t.Helper()
	if bin := os.Getenv("PADDOCK_BIN"); bin != "" {
		return bin
	}
	bin := filepath.Join(t.TempDir(), "paddock")
	out, err := exec.Command("go", "build", "-o", bin, "github.com/paddock-io/paddock/cmd/paddock").CombinedOutput()
	if err != nil {
		t.Fatalf("build: %v\n%s", err, out)
	}
	return bin
}

func freePorts(t *testing.T, n int) []int {
	t.Helper()
	ports := make([]int, n)
	for i := range ports {
		ln, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		defer ln.Close()
		ports[i] = ln.Addr().(*net.TCPAddr).Port
	}
	return ports
}

// ensemble is n servers of one binary.
type ensemble struct {
	t       *testing.T
	bin     string
	servers []*server
}

// newEnsemble writes the files of n servers; extra are further lines of zoo.cfg,
// the last of equal names counts.
func newEnsemble(t *testing.T, n int, extra ...string) *ensemble {
	t.Helper()
	e := &ensemble{t: t, bin: build(t)}
	ports := freePorts(t, 3*n)
	var members strings.Builder
	for i := range n {
		fmt.Fprintf(&members, "server.%d=127.0.0.1:%d:%d\n", i+1, ports[3*i], ports[3*i+1])
	}
	for i := range n {
		s := &server{id: i + 1, dir: t.TempDir(), client: fmt.Sprintf("127.0.0.1:%d", ports[3*i+2])}
		cfg := fmt.Sprintf("dataDir=%s/data\nclientPort=%d\nclientPortAddress=127.0.0.1\ntickTime=500\ninitLimit=20\nsyncLimit=8\nsnapCount=2000\n4lw.commands.whitelist=*\n%s%s\n",
			s.dir, ports[3*i+2], &members, strings.Join(extra, "\n"))
		for name, text := range map[string]string{"zoo.cfg": cfg, "data/myid": fmt.Sprintln(i + 1)} {
			path := filepath.Join(s.dir, name)
			if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		e.servers = append(e.servers, s)
	}
	t.Cleanup(func() {
		for _, s := range e.servers {
			e.kill(s)
			if t.Failed() {
				log, _ := os.ReadFile(filepath.Join(s.dir, "server.log"))
				t.Logf("end of server %d's log:\n%s", s.id, log[max(0, len(log)-3000):])
			}
		}
	})
	return e
}

func (e *ensemble) start(s *server) {
	e.t.Helper()
	log, err := os.OpenFile(filepath.Join(s.dir, "server.log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		e.t.Fatal(err)
	}
	defer log.Close()
	cmd := exec.Command(e.bin, "server", filepath.Join(s.dir, "zoo.cfg"))
	cmd.Stdout, cmd.Stderr = log, log
	if err := cmd.Start(); err != nil {
		e.t.Fatal(err)
	}
	exited := make(chan struct{})
	s.cmd, s.exited = cmd, exited
	go func() {
		cmd.Wait()
		close(exited)
	}()
}

// kill ends a process as a power failure would end it, but for the disk.
func (e *ensemble) kill(s *server) {
	if s.cmd == nil {
		return
	}
	s.cmd.Process.Signal(syscall.SIGKILL)
	<-s.exited
	s.cmd = nil
}

// mode asks a server what it is: leader, follower, or "" if it does not serve.
func (s *server) mode() string {
	nc, err := net.DialTimeout("tcp", s.client, time.Second)
	if err != nil {
		return ""
	}
	defer nc.Close()
	nc.SetDeadline(time.Now().Add(time.Second))
	io.WriteString(nc, "srvr")
	b, _ := io.ReadAll(nc)
	_, after, ok := strings.Cut(string(b), "Mode: ")
	if !ok {
		return ""
	}
	mode, _, _ := strings.Cut(after, "\n")
	return mode
}

// waitServing waits until all running servers serve.
func (e *ensemble) waitServing(ctx context.Context) {
	e.t.Helper()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		waiting := ""
		for _, s := range e.servers {
			if s.cmd != nil && s.mode() == "" {
				waiting += fmt.Sprintf(" %d", s.id)
			}
		}
		if waiting == "" {
			return
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			e.t.Fatalf("servers%s do not serve", waiting)
		}
	}
}

func (e *ensemble) connectString() string {
	var v []string
	for _, s := range e.servers {
		v = append(v, s.client)
	}
	return strings.Join(v, ",")
}
