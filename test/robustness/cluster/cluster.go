package cluster

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

// Cluster is an ensemble of processes. Its methods that change something are
// for one goroutine at a time.
type Cluster struct {
	Servers []*Server // by id, from 1
	opts    Options
	bin     string
	peers   map[way]peerLinks
	clients map[way]*clientLink // from a client to a server
	wg      sync.WaitGroup      // of goroutines that wait for processes

	mu        sync.Mutex
	surprises []string // servers that ended though nobody ended them
}

// New makes the files and links of an ensemble, and ends everything that was
// started when the test ends.
func New(t testing.TB, opts Options) *Cluster {
	t.Helper()
	if opts.Tick == 0 {
		opts.Tick = 500 * time.Millisecond
	}
	bin, err := build()
	if err != nil {
		t.Fatal(err)
	}
	addrs, err := freeAddrs(3 * opts.size())
	if err != nil {
		t.Fatal(err)
	}
	c := &Cluster{opts: opts, bin: bin, peers: map[way]peerLinks{}, clients: map[way]*clientLink{}}
	for i := range opts.size() {
		c.Servers = append(c.Servers, &Server{
			ID: i + 1, Observer: i >= opts.Voters, Dir: t.TempDir(), cluster: c, other: opts.Others[i+1],
			quorum: addrs[3*i], election: addrs[3*i+1], Client: addrs[3*i+2],
		})
	}
	t.Cleanup(c.close)
	if opts.Proxies {
		if err := c.openLinks(); err != nil {
			t.Fatal(err)
		}
	}
	for _, s := range c.Servers {
		if opts.SmallDisk {
			if err := s.mount(); err != nil {
				t.Fatal(err)
			}
		}
		if err := c.write(s); err != nil {
			t.Fatal(err)
		}
	}
	return c
}

// close ends all processes and links.
func (c *Cluster) close() {
	Kill(c.Servers...)
	c.wg.Wait()
	for _, s := range c.Servers {
		s.unmount()
	}
	for _, p := range c.peers {
		p.quorum.Close()
		p.election.Close()
	}
	for _, l := range c.clients {
		l.Close()
	}
}

// Start starts every server that does not run.
func (c *Cluster) Start() error {
	for _, s := range c.Servers {
		if !s.Running() {
			if err := s.Start(); err != nil {
				return err
			}
		}
	}
	return nil
}

// WaitServing waits until all running servers serve.
func (c *Cluster) WaitServing(ctx context.Context) error {
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		var waiting []string
		for _, s := range c.Servers {
			if s.Running() && s.Mode() == "" {
				waiting = append(waiting, fmt.Sprint(s.ID))
			}
		}
		if len(waiting) == 0 {
			return nil
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return fmt.Errorf("servers %s do not serve: %w", strings.Join(waiting, ", "), ctx.Err())
		}
	}
}

// Leader returns the server that says it leads, or nil.
func (c *Cluster) Leader() *Server {
	for _, s := range c.Servers {
		if s.Running() && s.Mode() == "leader" {
			return s
		}
	}
	return nil
}

// ConnectString returns the servers' own addresses, without proxies.
func (c *Cluster) ConnectString() string {
	var v []string
	for _, s := range c.Servers {
		v = append(v, s.Client)
	}
	return strings.Join(v, ",")
}

// Surprises returns which servers ended by themselves and should not have.
func (c *Cluster) Surprises() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return append([]string(nil), c.surprises...)
}

func (c *Cluster) surprise(text string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.surprises = append(c.surprises, text)
}

// built is the directory of the binary, and what went wrong.
var built struct {
	once sync.Once
	dir  string
	err  error
}

// build makes the binary once in a process, without C, unless PADDOCK_BIN names
// one that exists.
func build() (string, error) {
	if bin := os.Getenv("PADDOCK_BIN"); bin != "" {
		return bin, nil
	}
	built.once.Do(func() {
		if built.dir, built.err = os.MkdirTemp("", "paddock-robustness-"); built.err != nil {
			return
		}
		root, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", "github.com/paddock-io/paddock").Output()
		if err != nil {
			built.err = fmt.Errorf("look for the module of paddock: %w", err)
			return
		}
		cmd := exec.Command("go", "build", "-o", filepath.Join(built.dir, "paddock"), "./cmd/paddock")
		cmd.Dir = strings.TrimSpace(string(root)) // another module, of tests, need not have all that the binary has
		cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
		if out, err := cmd.CombinedOutput(); err != nil {
			built.err = fmt.Errorf("build paddock: %w\n%s", err, out)
		}
	})
	return filepath.Join(built.dir, "paddock"), built.err
}

// Remove deletes the binary that New has built. TestMain calls it last.
func Remove() {
	if built.dir != "" {
		os.RemoveAll(built.dir)
	}
}
