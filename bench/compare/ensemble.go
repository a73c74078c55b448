package main

import (
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/paddock-io/paddock/internal/bench"
)

// process is one server.
type process struct {
	client string // address
	home   string
	stop   func() // kills it and waits
	pid    int
}

// ensemble is three servers on loopback.
type ensemble struct {
	sys     system
	heap    string
	members string // server lines of every zoo.cfg
	servers []*process
}

const members = 3

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

// newEnsemble lays out three servers in a directory, which must not exist, with
// more lines in each zoo.cfg. Nothing is started.
func newEnsemble(sys system, heap, dir, lines string) (*ensemble, error) {
	ports, err := freePorts(3 * members)
	if err != nil {
		return nil, err
	}
	e := &ensemble{sys: sys, heap: heap}
	for i := range members {
		e.members += fmt.Sprintf("server.%d=127.0.0.1:%d:%d\n", i+1, ports[3*i], ports[3*i+1])
		e.servers = append(e.servers, &process{
			client: "127.0.0.1:" + strconv.Itoa(ports[3*i+2]), home: filepath.Join(dir, strconv.Itoa(i+1)), stop: func() {},
		})
	}
	for i, p := range e.servers {
		if err := os.MkdirAll(p.data(), 0o700); err != nil {
			return nil, err
		}
		if err := os.WriteFile(filepath.Join(p.data(), "myid"), fmt.Appendln(nil, i+1), 0o600); err != nil {
			return nil, err
		}
	}
	return e, e.configure(lines)
}

func (p *process) data() string   { return filepath.Join(p.home, "data") }
func (p *process) config() string { return filepath.Join(p.home, "zoo.cfg") }

// configure writes every zoo.cfg; both systems get the same.
func (e *ensemble) configure(lines string) error {
	for _, p := range e.servers {
		_, port, _ := net.SplitHostPort(p.client)
		text := fmt.Sprintf("tickTime=2000\ninitLimit=10\nsyncLimit=5\ndataDir=%s\nclientPort=%s\nclientPortAddress=127.0.0.1\nmaxClientCnxns=0\n4lw.commands.whitelist=*\n%s%s",
			p.data(), port, lines, e.members)
		if err := os.WriteFile(p.config(), []byte(text), 0o600); err != nil {
			return err
		}
	}
	return nil
}

// start starts a server.
func (e *ensemble) start(p *process) error {
	log, err := os.OpenFile(filepath.Join(p.home, "server.log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer log.Close()
	cmd := e.sys.command(p.config(), e.heap)
	cmd.Dir, cmd.Stdout, cmd.Stderr = p.home, log, log
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("start a server: %w", err)
	}
	p.pid = cmd.Process.Pid
	exited := make(chan struct{})
	go func() {
		cmd.Wait()
		close(exited)
	}()
	p.stop = func() {
		cmd.Process.Kill()
		<-exited
	}
	return nil
}

// startAll starts all servers and returns how long it took until all served.
func (e *ensemble) startAll(ctx context.Context) (time.Duration, error) {
	started := time.Now()
	for _, p := range e.servers {
		if err := e.start(p); err != nil {
			return 0, err
		}
	}
	for _, p := range e.servers {
		if err := p.awaitServing(ctx); err != nil {
			return 0, err
		}
	}
	return time.Since(started), nil
}

// awaitServing waits until a session can be opened at the server and reads.
func (p *process) awaitServing(ctx context.Context) error {
	const patience = 10 * time.Minute // a full transfer of ten million znodes takes a while
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	for {
		try, cancel := context.WithTimeout(ctx, 5*time.Second)
		err := bench.Probe(try, p.client)
		cancel()
		if err == nil {
			return nil
		}
		if wait(ctx, 5*time.Millisecond) != nil {
			return fmt.Errorf("server at %s does not serve, and logs to %s: %w", p.client, p.home, err)
		}
	}
}

// wait waits for a time, or until ctx ends.
func wait(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(d):
		return nil
	}
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

// find returns a server of a mode: leader or follower.
func (e *ensemble) find(mode string) (*process, error) {
	for _, p := range e.servers {
		if p.mode() == mode {
			return p, nil
		}
	}
	return nil, fmt.Errorf("no server is %s", mode)
}

// stop kills every server.
func (e *ensemble) stop() {
	for _, p := range e.servers {
		p.stop()
	}
}

// snapshots returns how many snapshot files the server with the fewest has.
func (e *ensemble) snapshots() int {
	least := -1
	for _, p := range e.servers {
		files, _ := filepath.Glob(filepath.Join(p.data(), "version-2", "snapshot.*"))
		if least < 0 || len(files) < least {
			least = len(files)
		}
	}
	return least
}
