package main

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/paddock-io/paddock/internal/bench"
)

// system is something to measure.
type system struct {
	name    string
	version string                                  // of the program or what runs it
	command func(cfg string, heap string) *exec.Cmd // heap counts for Java alone; nil if it is not measured
	load    []string                                // the program that makes the load, and its first argument
	config  func(e *ensemble, p *process, lines string) string
	probe   func(ctx context.Context, addr string) error
	mode    func(addr string) string // leader, follower or ""
	// snapshots is the pattern of a server's snapshot files, below its data.
	snapshots string
	etcd      bool // it has some of the works only, and less time for each
}

// of returns a stage without the works that a system does not have in a round,
// counted from 0.
func (s system) of(st stage, round int) stage {
	if s.etcd {
		st.works = slices.DeleteFunc(slices.Clone(st.works), func(w work) bool { return !w.etcd || st.long && round > 0 })
	}
	return st
}

func (s system) options(o options) options {
	if s.etcd {
		return o.shorten()
	}
	return o
}

// findSystems returns Java, Paddock and, if it is wanted and can be had, etcd, in
// this order.
func findSystems(ctx context.Context, o options, tmp string) ([]system, error) {
	java, err := system{name: "Java", version: "not measured"}, error(nil)
	if !o.alone {
		java, err = findJava(o)
	}
	if err != nil {
		return nil, err
	}
	version, err := exec.Command(o.paddock, "version").Output()
	if err != nil {
		return nil, fmt.Errorf("ask %s for its version: %w", o.paddock, err)
	}
	first, _, _ := strings.Cut(string(version), "\n")
	paddock := system{name: "Paddock", version: first, command: func(cfg, _ string) *exec.Cmd {
		return exec.Command(o.paddock, "server", cfg)
	}}
	systems := []system{java, paddock}
	for i := range systems {
		s := &systems[i]
		s.load, s.config, s.probe, s.mode = []string{o.paddock, "bench"}, zooConfig, bench.Probe, zooMode
		s.snapshots = "version-2/snapshot.*"
	}
	if !o.wantsEtcd() {
		return systems, nil
	}
	etcd, err := findEtcd(ctx, tmp)
	if err != nil {
		say("without etcd: %v", err)
		return systems, nil
	}
	return append(systems, etcd), nil
}

// findJava finds the jars of the newest Java server.
func findJava(o options) (system, error) {
	dirs, err := filepath.Glob(filepath.Join(o.peers, "zookeeper-3.9.*"))
	if err != nil || len(dirs) == 0 {
		return system{}, fmt.Errorf("no Java ZooKeeper in %s; run test/peers/install.sh first", o.peers)
	}
	dir := slices.MaxFunc(dirs, func(a, b string) int { return cmp.Compare(patch(a), patch(b)) })
	var text bytes.Buffer
	ask := exec.Command("java", "-version")
	ask.Stderr = &text
	if err := ask.Run(); err != nil {
		return system{}, fmt.Errorf("ask java for its version: %w", err)
	}
	runtime, _, _ := strings.Cut(text.String(), "\n")
	return system{
		name:    "Java " + strings.TrimPrefix(filepath.Base(dir), "zookeeper-"),
		version: runtime,
		command: func(cfg, heap string) *exec.Cmd {
			return exec.Command("java", "-Xms"+heap, "-Xmx"+heap, "-Dzookeeper.admin.enableServer=false",
				"-cp", filepath.Join(dir, "conf")+":"+filepath.Join(dir, "lib", "*"),
				"org.apache.zookeeper.server.quorum.QuorumPeerMain", cfg)
		},
	}, nil
}

// patch returns the last number of a version, -1 if there is none.
func patch(dir string) int {
	n, err := strconv.Atoi(dir[strings.LastIndexByte(dir, '.')+1:])
	if err != nil {
		return -1
	}
	return n
}

// limits are what bench/limit has found: the fields of its JSON.
type limits struct {
	PerSecond float64 `json:"per_second"`
	OneAtTime float64 `json:"one_at_a_time_ms"`
	Of100     float64 `json:"of_100_per_second"`
	Of300     float64 `json:"of_300_per_second"`
	Small     float64 `json:"small_per_second"`
	Multi     float64 `json:"multi_per_second"`
	FanOut    float64 `json:"fan_out_ms"`
	Sync      float64 `json:"fdatasync_ms"`
}

// measureLimits runs bench/limit where the servers' data will be.
func measureLimits(ctx context.Context, o options, tmp string) (l limits, err error) {
	say("what the machine allows")
	program := filepath.Join(tmp, "limit")
	if err := build(ctx, program, "bench/limit"); err != nil {
		return l, err
	}
	out, err := exec.CommandContext(ctx, program, "-json", "-dir", tmp, "-seconds", strconv.Itoa(max(o.seconds/2, 1))).Output()
	if err != nil {
		return l, fmt.Errorf("measure what the machine allows: %w", err)
	}
	return l, json.Unmarshal(out, &l)
}
