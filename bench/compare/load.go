package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"time"

	"github.com/paddock-io/paddock/internal/bench"
)

// load is a run of the load program, in a process of its own.
type load struct {
	servers []*process
	args    []string
	during  func(ctx context.Context) error // runs beside it; nil for nothing
	cut     bool                            // interrupt it when during has returned
	lossy   bool                            // what was under way when a server was killed may fail
}

// run makes the load and returns its report.
func (l load) run(ctx context.Context) (*bench.Report, error) {
	program := l.servers[0].sys.load
	var addrs, pids []string
	for _, p := range l.servers {
		addrs, pids = append(addrs, p.client), append(pids, strconv.Itoa(p.pid))
	}
	args := append([]string{program[1], "-json", "-servers", strings.Join(addrs, ","), "-pids", strings.Join(pids, ",")}, l.args...)
	cmd := exec.CommandContext(ctx, program[0], args...)
	var out, errOut bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errOut
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("start the load: %w", err)
	}
	var failed error
	if l.during != nil {
		failed = l.during(ctx)
	}
	if l.cut || failed != nil {
		_ = cmd.Process.Signal(os.Interrupt)
	}
	if err := cmd.Wait(); err != nil {
		failed = errors.Join(failed, fmt.Errorf("load %s: %w: %s", strings.Join(l.args, " "), err, &errOut))
	}
	if failed != nil {
		return nil, failed
	}
	r := new(bench.Report)
	if err := json.Unmarshal(out.Bytes(), r); err != nil {
		return nil, fmt.Errorf("read the load's report: %w", err)
	}
	// What failed is in no latency and in no rate. etcd's are let pass: it is not judged,
	// and gives up requests when its leader is short of processor time.
	if r.Errors > 0 && !l.lossy && !l.servers[0].sys.etcd {
		return nil, fmt.Errorf("load %s: %d requests failed or sessions were lost", strings.Join(l.args, " "), r.Errors)
	}
	return r, nil
}

// pass measures one stage of one system in one round.
type pass struct {
	o    options
	sys  system
	heap string // o.heap if empty
	e    *ensemble
	put  func(key string, v float64)
}

// measure runs the wanted works of a stage on a fresh ensemble, whose directory
// must not exist. After an error the rest of the stage would tell little.
func (p *pass) measure(ctx context.Context, st stage, dir string) (err error) {
	if p.heap == "" {
		p.heap = p.o.heap
	}
	if p.e, err = newEnsemble(p.sys, p.heap, dir, st.lines); err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	defer p.e.stop()
	took, err := p.e.startAll(ctx)
	if err != nil {
		return err
	}
	p.put("F13 start ms", ms(took))
	for _, w := range st.works {
		if !w.always && !selected(p.o.only, w.name) {
			continue
		}
		started := time.Now()
		if err := w.run(ctx, p); err != nil {
			return fmt.Errorf("%s: %w", w.name, err)
		}
		say("  %s took %.0f s", w.name, time.Since(started).Seconds())
	}
	return nil
}

// load loads all servers.
func (p *pass) load(ctx context.Context, args ...string) (*bench.Report, error) {
	return load{servers: p.e.servers, args: args}.run(ctx)
}

// seconds is the length of one measurement as an argument, a share of it for
// works of many parts.
func (p *pass) seconds(share float64) string {
	return (time.Duration(share * float64(p.o.seconds) * float64(time.Second))).String()
}

// rate puts a rate under a work's keys: per second, and per second of the
// servers' processors.
func (p *pass) rate(key string, r *bench.Report) {
	p.put(key+" per second", r.PerSecond)
	if cpu := serverCPU(r); cpu > 0 {
		p.put(key+" per CPU second", float64(r.All.Count)/cpu)
	}
}

// serverCPU returns the processor seconds of all servers.
func serverCPU(r *bench.Report) float64 {
	total := 0.0
	for _, u := range r.Servers {
		total += u.CPU
	}
	return total
}

// grown returns by how much the servers' memory has grown, together, in KiB.
func grown(r *bench.Report) float64 {
	total := int64(0)
	for _, u := range r.Servers {
		total += u.RSSAfter - u.RSSBefore
	}
	return float64(total)
}

// largest returns the memory of the largest server, in KiB.
func largest(r *bench.Report) float64 {
	most := int64(0)
	for _, u := range r.Servers {
		most = max(most, u.RSSAfter)
	}
	return float64(most)
}

func ms(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }
