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

// startEtcd starts a server of one member and returns its address and its
// process.
func startEtcd(t *testing.T) (addr string, pid int) {
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
	addr = ln.Addr().String()
	client, peer := "http://"+addr, "http://"+peers.Addr().String()
	cmd := exec.Command(os.Args[0], "server", "--name=1", "--data-dir="+filepath.Join(t.TempDir(), "data"),
		"--listen-client-urls="+client, "--advertise-client-urls="+client,
		"--listen-peer-urls="+peer, "--initial-advertise-peer-urls="+peer, "--initial-cluster=1="+peer)
	var log bytes.Buffer
	cmd.Stdout, cmd.Stderr = &log, &log
	ln.Close()
	peers.Close()
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cmd.Process.Kill()
		cmd.Wait()
		if t.Failed() {
			t.Log(log.String())
		}
	})
	return addr, cmd.Process.Pid
}

// TestLoads: every work against a real server, and nothing left behind.
func TestLoads(t *testing.T) {
	addr, pid := startEtcd(t)
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
			r := loadFor(t, fmt.Sprintf("-json -servers %s -pids %d -sessions 2 -outstanding 5 -keys 20 -duration 200ms -warmup 50ms %s", addr, pid, tc.args))
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
	c, err := dial([]string{addr})
	if err != nil {
		t.Fatal(err)
	}
	defer c.conn.Close()
	if err := c.get(t.Context(), "/paddock-bench/k0000001", true); !errors.Is(err, errNoKey) {
		t.Errorf("a key was left behind: %v", err)
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
