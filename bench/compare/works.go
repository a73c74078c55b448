package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"time"

	"github.com/paddock-io/paddock/internal/bench"
)

// measurement is one report and what the servers used for it.
type measurement struct {
	Report bench.Report
	CPU    float64 // processor seconds of all servers
}

// value is one figure of a work.
type value struct {
	unit          string
	of            func(measurement) float64
	lowerIsBetter bool
}

// work is one row or more of the table. The numbers are those of the targets.
type work struct {
	id, text string
	args     []string
	kill     bool // kill the leader in the middle
	values   []value
}

var (
	perSecond = value{unit: "per second", of: func(m measurement) float64 { return m.Report.PerSecond }}
	perCPU    = value{unit: "per server CPU second", of: func(m measurement) float64 { return float64(m.Report.All.Count) / m.CPU }}
	p50       = value{unit: "p50 ms", of: func(m measurement) float64 { return m.Report.All.P50 }, lowerIsBetter: true}
	p99       = value{unit: "p99 ms", of: func(m measurement) float64 { return m.Report.All.P99 }, lowerIsBetter: true}
	gap       = value{unit: "ms", of: func(m measurement) float64 { return m.Report.LongestGap }, lowerIsBetter: true}
)

var works = []work{
	{id: "F1", text: "saturated setData, 1 KB, 1,000 keys, 30 sessions x 100 outstanding",
		args: []string{"-reads", "0"}, values: []value{perSecond, perCPU}},
	{id: "F2", text: "saturated getData, same",
		args: []string{"-reads", "1"}, values: []value{perSecond, perCPU}},
	{id: "F3", text: "90 % get, 10 % set, same",
		args: []string{"-reads", "0.9"}, values: []value{perSecond, perCPU}},
	{id: "F4", text: "three sessions, one setData at a time",
		args: []string{"-reads", "0", "-sessions", "3", "-outstanding", "1"}, values: []value{p50, p99, perSecond}},
	{id: "F17", text: "linearizable reads, a sync ahead of each getData, otherwise as F2",
		args: []string{"-reads", "1", "-sync"}, values: []value{perSecond, perCPU}},
	{id: "F11", text: "kill -9 of the leader under load: longest time without an acknowledged write",
		args: []string{"-reads", "0", "-outstanding", "10", "-spread=false", "-keep"}, kill: true, values: []value{gap}},
}

// measure runs all works on a fresh ensemble.
func measure(ctx context.Context, o options, s system, dir string) (map[string]measurement, error) {
	e, err := start(ctx, s, dir)
	if e != nil {
		defer e.stop()
	}
	if err != nil {
		return nil, err
	}
	if o.warmup > 0 {
		if _, err := load(ctx, o, e, work{args: []string{"-reads", "0.5"}}, o.warmup); err != nil {
			return nil, fmt.Errorf("warm up: %w", err)
		}
	}
	results := map[string]measurement{}
	for _, w := range works {
		if o.only != "" && !strings.Contains(","+o.only+",", ","+w.id+",") {
			continue
		}
		m, err := load(ctx, o, e, w, time.Duration(o.seconds)*time.Second)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", w.id, err)
		}
		results[w.id] = m
		fmt.Fprintf(os.Stderr, "  %s: %.0f/s, p50 %.2f ms, cpu %.1f s, gap %.0f ms, %d errors\n", w.id,
			m.Report.PerSecond, m.Report.All.P50, m.CPU, m.Report.LongestGap, m.Report.Errors)
	}
	return results, nil
}

// load runs the load program in a process of its own.
func load(ctx context.Context, o options, e *ensemble, w work, d time.Duration) (measurement, error) {
	args := append([]string{"bench", "-servers", e.connectString(), "-json", "-warmup", "1s", "-duration", d.String()}, w.args...)
	cmd := exec.CommandContext(ctx, o.paddock, args...)
	var out, errOut bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errOut
	if err := cmd.Start(); err != nil {
		return measurement{}, err
	}
	if w.kill {
		select {
		case <-time.After(1*time.Second + d/2):
		case <-ctx.Done():
		}
		if err := e.killLeader(); err != nil {
			return measurement{}, err
		}
	}
	before := e.cpu()
	if !w.kill {
		before = e.cpuAfter(ctx, time.Second) // the load's own warm-up is not counted
	}
	err := cmd.Wait()
	m := measurement{CPU: e.cpu() - before}
	if err != nil {
		return m, fmt.Errorf("%w: %s", err, &errOut)
	}
	return m, json.Unmarshal(out.Bytes(), &m.Report)
}

// cpuAfter waits and then returns the processor seconds used so far.
func (e *ensemble) cpuAfter(ctx context.Context, d time.Duration) float64 {
	select {
	case <-time.After(d):
	case <-ctx.Done():
	}
	return e.cpu()
}
