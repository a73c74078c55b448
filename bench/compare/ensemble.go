package main

import (
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// system is something to measure.
type system struct {
	name    string
	command func(cfg string) *exec.Cmd
}

// process is one server.
type process struct {
	client string
	cmd    *exec.Cmd
	exited chan struct{}
}

// ensemble is three servers on loopback.
type ensemble struct {
	dir     string
	servers []*process
}

func freePorts(n int) ([]int, error) {
	ports := make([]int, n)
	for i := range ports {
		ln, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return nil, err
		}
		defer ln.Close()
		ports[i] = ln.Addr().(*net.TCPAddr).Port
	}
	return ports, nil
}

// start runs three servers and waits until all of them serve.
func start(ctx context.Context, s system, dir string) (*ensemble, error) {
	const n = 3
	ports, err := freePorts(3 * n)
	if err != nil {
		return nil, err
	}
	var members strings.Builder
	for i := range n {
		fmt.Fprintf(&members, "server.%d=127.0.0.1:%d:%d\n", i+1, ports[3*i], ports[3*i+1])
	}
	e := &ensemble{dir: dir}
	for i := range n {
		home := filepath.Join(dir, strconv.Itoa(i+1))
		data := filepath.Join(home, "data")
		if err := os.MkdirAll(data, 0o700); err != nil {
			return e, err
		}
		cfg := filepath.Join(home, "zoo.cfg")
		text := fmt.Sprintf("tickTime=2000\ninitLimit=10\nsyncLimit=5\ndataDir=%s\nclientPort=%d\nclientPortAddress=127.0.0.1\nmaxClientCnxns=0\n4lw.commands.whitelist=*\n%s",
			data, ports[3*i+2], &members)
		if err := os.WriteFile(cfg, []byte(text), 0o600); err != nil {
			return e, err
		}
		if err := os.WriteFile(filepath.Join(data, "myid"), fmt.Appendln(nil, i+1), 0o600); err != nil {
			return e, err
		}
		p, err := run1(s, cfg, home)
		if err != nil {
			return e, err
		}
		p.client = "127.0.0.1:" + strconv.Itoa(ports[3*i+2])
		e.servers = append(e.servers, p)
	}
	return e, e.wait(ctx)
}

func run1(s system, cfg, home string) (*process, error) {
	log, err := os.Create(filepath.Join(home, "server.log"))
	if err != nil {
		return nil, err
	}
	defer log.Close()
	p := &process{cmd: s.command(cfg), exited: make(chan struct{})}
	p.cmd.Dir, p.cmd.Stdout, p.cmd.Stderr = home, log, log
	if err := p.cmd.Start(); err != nil {
		return nil, err
	}
	go func() {
		p.cmd.Wait()
		close(p.exited)
	}()
	return p, nil
}

// wait waits until every server serves.
func (e *ensemble) wait(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	for _, p := range e.servers {
		for p.mode() == "" {
			select {
			case <-ctx.Done():
				return fmt.Errorf("server at %s does not serve; see %s", p.client, e.dir)
			case <-time.After(50 * time.Millisecond):
			}
		}
	}
	return nil
}

// mode returns what srvr says a server is, "" if it does not serve.
func (p *process) mode() string {
	nc, err := net.DialTimeout("tcp", p.client, time.Second)
	if err != nil {
		return ""
	}
	defer nc.Close()
	nc.SetDeadline(time.Now().Add(time.Second))
	io.WriteString(nc, "srvr")
	b, _ := io.ReadAll(nc)
	_, after, _ := strings.Cut(string(b), "Mode: ")
	mode, _, _ := strings.Cut(after, "\n")
	return mode
}

func (e *ensemble) connectString() string {
	var v []string
	for _, p := range e.servers {
		v = append(v, p.client)
	}
	return strings.Join(v, ",")
}

// killLeader ends the leader as a crash would.
func (e *ensemble) killLeader() error {
	for _, p := range e.servers {
		if p.mode() == "leader" {
			return p.cmd.Process.Signal(syscall.SIGKILL)
		}
	}
	return fmt.Errorf("no leader to kill")
}

// stop kills every server; their data is of no further use.
func (e *ensemble) stop() {
	for _, p := range e.servers {
		p.cmd.Process.Kill()
		<-p.exited
	}
}

// cpu returns the processor seconds that all servers have used.
func (e *ensemble) cpu() float64 {
	const ticksPerSecond = 100 // USER_HZ, fixed on Linux
	total := 0.0
	for _, p := range e.servers {
		b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", p.cmd.Process.Pid))
		if err != nil {
			continue
		}
		_, after, _ := strings.Cut(string(b), ") ")
		f := strings.Fields(after)
		for _, i := range []int{11, 12} { // utime and stime, counted from the state
			if len(f) > i {
				v, _ := strconv.ParseFloat(f[i], 64)
				total += v / ticksPerSecond
			}
		}
	}
	return total
}
