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
)

// process is one server.
type process struct {
	sys    system
	id     int    // from 1 on
	client string // address
	peer   string // address for the other servers
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
			sys: sys, id: i + 1, client: loopback(ports[3*i+2]), peer: loopback(ports[3*i]),
			home: filepath.Join(dir, strconv.Itoa(i+1)), stop: func() {},
		})
	}
	for _, p := range e.servers {
		if err := os.MkdirAll(p.data(), 0o700); err != nil {
			return nil, err
		}
		if err := os.WriteFile(filepath.Join(p.data(), "myid"), fmt.Appendln(nil, p.id), 0o600); err != nil {
			return nil, err
		}
	}
	return e, e.configure(lines)
}

func (p *process) data() string   { return filepath.Join(p.home, "data") }
func (p *process) config() string { return filepath.Join(p.home, "zoo.cfg") }
func loopback(port int) string    { return "127.0.0.1:" + strconv.Itoa(port) }

// configure writes every server's configuration.
func (e *ensemble) configure(lines string) error {
	for _, p := range e.servers {
		if err := os.WriteFile(p.config(), []byte(e.sys.config(e, p, lines)), 0o600); err != nil {
			return err
		}
	}
	return nil
}

// zooConfig returns a server's zoo.cfg; Java and Paddock get the same.
func zooConfig(e *ensemble, p *process, lines string) string {
	_, port, _ := net.SplitHostPort(p.client)
	return fmt.Sprintf("tickTime=2000\ninitLimit=10\nsyncLimit=5\ndataDir=%s\nclientPort=%s\nclientPortAddress=127.0.0.1\nmaxClientCnxns=0\n4lw.commands.whitelist=*\n%s%s",
		p.data(), port, lines, e.members)
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

// awaitServing waits until a client of the server can read.
func (p *process) awaitServing(ctx context.Context) error {
	const patience = 10 * time.Minute // a full transfer of ten million znodes takes a while
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	for {
		try, cancel := context.WithTimeout(ctx, 5*time.Second)
		err := p.sys.probe(try, p.client)
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

// zooMode returns what srvr says a server is, "" if it does not serve.
func zooMode(addr string) string {
	nc, err := net.DialTimeout("tcp", addr, time.Second)
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
		if p.sys.mode(p.client) == mode {
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

// snapshots returns how many snapshot files each server has.
func (e *ensemble) snapshots() []int {
	var counts []int
	for _, p := range e.servers {
		files, _ := filepath.Glob(filepath.Join(p.data(), p.sys.snapshots))
		counts = append(counts, len(files))
	}
	return counts
}

// haveSnapped tells which server has taken no snapshot since snapshots returned
// before.
func (e *ensemble) haveSnapped(before []int) error {
	for i, n := range e.snapshots() {
		if n <= before[i] {
			return fmt.Errorf("server %d has taken no snapshot meanwhile", i+1)
		}
	}
	return nil
}
