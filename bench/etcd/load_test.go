package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"go.etcd.io/etcd/server/v3/etcdmain"

	"github.com/paddock-io/paddock/internal/bench"
)

// TestMain makes the test's program an etcd server, if it is called as one.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == "server" {
		etcdmain.Main(os.Args[1:])
		return
	}
	os.Exit(m.Run())
}

// server is an etcd of one member.
type server struct {
	addr string
	args []string
	cmd  *exec.Cmd
	log  bytes.Buffer
}

// startEtcd starts a server, which ends with the test.
func startEtcd(t *testing.T) *server {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	peers, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer peers.Close()
	s := &server{addr: ln.Addr().String()}
	client, peer := "http://"+s.addr, "http://"+peers.Addr().String()
	s.args = append(s.args, "server", "--name=1", "--data-dir="+filepath.Join(t.TempDir(), "data"),
		"--listen-client-urls="+client, "--advertise-client-urls="+client,
		"--listen-peer-urls="+peer, "--initial-advertise-peer-urls="+peer, "--initial-cluster=1="+peer)
	ln.Close()
	peers.Close()
	if err := s.start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		s.kill()
		if t.Failed() {
			t.Log(s.log.String())
		}
	})
	return s
}

func (s *server) start() error {
	s.cmd = exec.Command(os.Args[0], s.args...)
	s.cmd.Stdout, s.cmd.Stderr = &s.log, &s.log
	return s.cmd.Start()
}

func (s *server) kill() {
	s.cmd.Process.Kill()
	s.cmd.Wait()
}

// TestLoads: every work against a real server, and nothing left behind.
func TestLoads(t *testing.T) {
	s := startEtcd(t)
	for name, tc := range map[string]struct {
		args          string
		reads, writes bool
	}{
		"put":     {"-reads 0", false, true},
		"get":     {"-reads 1", true, false},
		"agreed":  {"-reads 1 -sync", true, false},
		"mixed":   {"-reads 0.5", true, true},
		"create":  {"-reads 0 -write create -size 100", false, true},
		"txn":     {"-reads 0 -write multi -multi-ops 5-15", false, true},
		"paced":   {"-reads 0.5 -rate 500", true, true},
		"load":    {"-work load -keys 1500 -size 100", false, true},
		"idle":    {"-work idle", false, false},
		"anybody": {"-reads 0 -spread=false", false, true},
	} {
		t.Run(name, func(t *testing.T) {
			r := loadFor(t, fmt.Sprintf("-json -servers %s -pids %d -sessions 2 -outstanding 5 -keys 20 -duration 200ms -warmup 50ms %s", s.addr, s.cmd.Process.Pid, tc.args))
			if r.Errors > 0 || (r.ReadLatency != nil) != tc.reads || (r.WriteLatency != nil) != tc.writes {
				t.Errorf("%d errors, reads %v, writes %v", r.Errors, r.ReadLatency, r.WriteLatency)
			}
			if name == "load" && r.All.Count != 1500 {
				t.Errorf("%d keys were put", r.All.Count)
			}
			if len(r.Servers) != 1 || r.Servers[0].RSSAfter == 0 {
				t.Errorf("servers: %+v", r.Servers)
			}
		})
	}
	c, err := dial([]string{s.addr})
	if err != nil {
		t.Fatal(err)
	}
	defer c.conn.Close()
	if err := c.get(t.Context(), "/paddock-bench/k0000001", true); !errors.Is(err, errNoKey) {
		t.Errorf("a key was left behind: %v", err)
	}
}

// TestLoadPutsEveryKey: a server that ends meanwhile takes some requests with it.
func TestLoadPutsEveryKey(t *testing.T) {
	s := startEtcd(t)
	c, err := dial([]string{s.addr})
	if err != nil {
		t.Fatal(err)
	}
	defer c.conn.Close()
	ctx, cancel := context.WithCancel(t.Context())
	restarted := make(chan error, 1)
	go func() {
		for c.get(ctx, "/loaded/k0000001/n000", false) != nil && ctx.Err() == nil {
			runtime.Gosched() // until the load is under way
		}
		s.kill()
		restarted <- s.start()
	}()
	const keys = 5000
	r := loadFor(t, fmt.Sprintf("-servers %s -work load -keys %d -size 100 -sessions 2 -outstanding 20 -root /loaded -keep", s.addr, keys))
	cancel()
	if err := <-restarted; err != nil {
		t.Fatal(err)
	}
	if r.Errors > 0 || r.All.Count != keys {
		t.Errorf("%+v", r)
	}
}

// loadFor makes a load, once the server answers, and returns its report.
func loadFor(t *testing.T, args string) *bench.Report {
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	var out bytes.Buffer
	if err := loadMain(ctx, strings.Fields(args), &out); err != nil {
		t.Fatal(err)
	}
	r := new(bench.Report)
	if err := json.Unmarshal(out.Bytes(), r); err != nil {
		t.Fatal(err)
	}
	return r
}

func TestLoadRefusesWhatEtcdHasNot(t *testing.T) {
	for _, args := range []string{"-work watch", "-read children", "-write multi -multi-ops 30 -keys 20", "-work nothing"} {
		if err := loadMain(t.Context(), strings.Fields("-servers 127.0.0.1:1 "+args), new(bytes.Buffer)); err == nil {
			t.Errorf("%s: accepted", args)
		}
	}
}

func TestHostsOf(t *testing.T) {
	servers := strings.Split("a b c", " ")
	for i, want := range []string{"a", "b", "c", "a"} {
		if got := strings.Join(hostsOf(servers, i, true), ""); got != want {
			t.Errorf("client %d stays at %s, want %s", i, got, want)
		}
	}
	if got := strings.Join(hostsOf(servers, 4, false), ""); got != "bca" {
		t.Errorf("client 4 tries %s", got)
	}
}
