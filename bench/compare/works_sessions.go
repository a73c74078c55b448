package main

import (
	"context"
	"errors"
	"strconv"
	"time"

	"github.com/paddock-io/paddock/internal/bench"
)

// freshMemory is F13; how long the start took is put for every stage.
func freshMemory(ctx context.Context, p *pass) error {
	if err := wait(ctx, 5*time.Second); err != nil {
		return err
	}
	r, err := p.load(ctx, "-work", "idle", "-sessions", "1", "-warmup", "0s", "-duration", "1ms")
	if err != nil {
		return err
	}
	most := int64(0)
	for _, u := range r.Servers {
		most = max(most, u.RSSBefore)
	}
	p.put("F13 MiB", float64(most)/1024)
	return nil
}

// idle keeps idle sessions, each server's by a process of its own: one process
// may not have as many files as three servers together.
func (p *pass) idle(ctx context.Context, sessions int, args ...string) ([]*bench.Report, error) {
	n := len(p.e.servers)
	reports := make([]*bench.Report, n)
	errs := make(chan error, n)
	for i, s := range p.e.servers {
		go func() {
			share := strconv.Itoa((sessions + i) / n)
			l := load{servers: []*process{s}, args: append([]string{"-work", "idle", "-sessions", share}, args...)}
			var err error
			reports[i], err = l.run(ctx)
			errs <- err
		}()
	}
	var failed error
	for range n {
		failed = errors.Join(failed, <-errs)
	}
	return reports, failed
}

// idleSessions is F9 and F15.
func idleSessions(ctx context.Context, p *pass) error {
	length := max(2*p.o.seconds, 4)
	reports, err := p.idle(ctx, p.o.sessions, "-timeout", "10s", "-warmup", "5s", "-duration", strconv.Itoa(length)+"s")
	if err != nil {
		return err
	}
	memory, cpu := 0.0, 0.0
	for _, r := range reports {
		memory += grown(r)
		cpu = max(cpu, serverCPU(r)/r.Seconds)
	}
	p.put("F9 KiB", memory/float64(p.o.sessions))
	p.put("F9 MiB", memory/1024)
	p.put("F15 %", 100*cpu)
	return nil
}

// openSessions is F10.
func openSessions(ctx context.Context, p *pass) error {
	reports, err := p.idle(ctx, 3*p.o.sessions/5, "-warmup", "0s", "-duration", "100ms")
	if err != nil {
		return err
	}
	sessions, longest := 0, 0.0
	for _, r := range reports {
		sessions += r.Sessions
		longest = max(longest, float64(r.Sessions)/r.SessionsPerSecond)
	}
	p.put("F10 per second", float64(sessions)/longest)
	return nil
}

// tellWatchers is F12.
func tellWatchers(ctx context.Context, p *pass) error {
	r, err := p.load(ctx, "-work", "watch", "-sessions", strconv.Itoa(3*p.o.sessions/5), "-keys", "1", "-size", "100", "-rounds", "20")
	if err != nil {
		return err
	}
	p.put("F12 ms", r.All.P50)
	return nil
}

// manyWatches is F14: all at one server, as the goal has it.
func manyWatches(ctx context.Context, p *pass) error {
	follower, err := p.e.find("follower")
	if err != nil {
		return err
	}
	l := load{servers: []*process{follower}, args: []string{"-work", "watch", "-sessions", strconv.Itoa(p.o.sessions / 5), "-keys", "1000", "-size", "10",
		"-rounds", "10", "-settle", "3s"}}
	r, err := l.run(ctx)
	if err != nil {
		return err
	}
	p.put("F14 MB", grown(r)*1024/1e6)
	p.put("F14 ms", r.All.P50)
	return nil
}
