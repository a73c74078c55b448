package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// findEtcd builds etcd with its load program, a module of its own.
func findEtcd(ctx context.Context, tmp string) (system, error) {
	const patience = 15 * time.Minute // the first time all of etcd is fetched and compiled
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	dir, err := exec.CommandContext(ctx, "go", "list", "-m", "-f", "{{.Dir}}", "github.com/paddock-io/paddock").Output()
	if err != nil {
		return system{}, fmt.Errorf("find bench/etcd: %w", err)
	}
	program := filepath.Join(tmp, "etcd")
	if err := buildIn(ctx, filepath.Join(strings.TrimSpace(string(dir)), "bench", "etcd"), program, "github.com/paddock-io/paddock/bench/etcd"); err != nil {
		return system{}, err
	}
	version, err := exec.CommandContext(ctx, program, "server", "--version").Output()
	if err != nil {
		return system{}, fmt.Errorf("ask etcd for its version: %w", err)
	}
	return etcdSystem(program, string(version)), nil
}

// etcdSystem returns etcd as a program of bench/etcd that gives its version so.
func etcdSystem(program, version string) system {
	lines := strings.Split(version, "\n")
	return system{
		name:      "etcd " + strings.TrimPrefix(lines[0], "etcd Version: "),
		version:   "built with " + strings.TrimPrefix(lines[min(2, len(lines)-1)], "Go Version: "),
		command:   func(cfg, _ string) *exec.Cmd { return exec.Command(program, "server", "--config-file", cfg) },
		load:      []string{program, "load"},
		config:    etcdConfig,
		probe:     etcdProbe,
		mode:      etcdMode,
		snapshots: "etcd/member/snap/*.snap",
		etcd:      true,
	}
}

// etcdConfig returns a server's configuration: etcd's defaults, a sync of every
// write among them, but for a quota that a million keys and their history fit
// into. Nothing is compacted meanwhile. Of the lines of a zoo.cfg it has snapCount;
// old snapshots stay then, so that new ones can be counted.
func etcdConfig(e *ensemble, p *process, lines string) string {
	var members []string
	for _, s := range e.servers {
		members = append(members, fmt.Sprintf("%d=http://%s", s.id, s.peer))
	}
	snapshots, count := "", 0
	if _, err := fmt.Sscanf(lines, "snapCount=%d", &count); err == nil {
		snapshots = fmt.Sprintf("snapshot-count: %d\nmax-snapshots: 0\n", count)
	}
	return snapshots + fmt.Sprintf("name: '%d'\ndata-dir: %s\nlisten-client-urls: http://%[3]s\nadvertise-client-urls: http://%[3]s\n"+
		"listen-peer-urls: http://%[4]s\ninitial-advertise-peer-urls: http://%[4]s\ninitial-cluster: %[5]s\nquota-backend-bytes: %[6]d\n",
		p.id, filepath.Join(p.data(), "etcd"), p.client, p.peer, strings.Join(members, ","), 8<<30)
}

// etcdProbe tells whether a server answers a linearizable read. It uses the JSON
// gateway that every server has, as this module knows no gRPC.
func etcdProbe(ctx context.Context, addr string) error {
	return askEtcd(ctx, addr, "kv/range", `{"key":"Lw=="}`, &struct{}{})
}

// etcdMode tells what a server is, "" if it does not say.
func etcdMode(addr string) string {
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	var status struct {
		Header struct {
			Member string `json:"member_id"`
		} `json:"header"`
		Leader string `json:"leader"`
	}
	if err := askEtcd(ctx, addr, "maintenance/status", "{}", &status); err != nil {
		return ""
	}
	if status.Leader == status.Header.Member {
		return "leader"
	}
	return "follower"
}

func askEtcd(ctx context.Context, addr, what, request string, answer any) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://"+addr+"/v3/"+what, strings.NewReader(request))
	if err != nil {
		return err
	}
	r, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer r.Body.Close()
	if r.StatusCode != http.StatusOK {
		return fmt.Errorf("etcd at %s answers %s", addr, r.Status)
	}
	return json.NewDecoder(r.Body).Decode(answer)
}

// wantsEtcd tells whether etcd belongs to a run. That it is wanted does not mean
// that it can be built.
func (o options) wantsEtcd() bool { return o.etcd && !o.growth && !o.alone }

// shorten makes room for etcd in a run that is long enough as it is. Its works
// are as those of the others, but for their length; it has no compiler to warm.
func (o options) shorten() options {
	o.seconds = min(o.seconds, 4)
	o.warmup = min(o.warmup, 3*time.Second)
	return o
}
