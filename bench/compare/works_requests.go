package main

import (
	"context"
	"fmt"
	"strconv"
	"time"
)

// warmUp gives Java's compiler time; both systems get it.
func warmUp(ctx context.Context, p *pass) error {
	if p.o.warmup <= 0 {
		return nil
	}
	_, err := p.load(ctx, "-reads", "0.5", "-duration", p.o.warmup.String())
	return err
}

// requests is a work that saturates the servers with requests of one kind.
func requests(key string, args ...string) func(ctx context.Context, p *pass) error {
	return func(ctx context.Context, p *pass) error {
		r, err := p.load(ctx, append([]string{"-duration", p.seconds(1)}, args...)...)
		if err != nil {
			return err
		}
		p.rate(key, r)
		return nil
	}
}

// oneAtATime is F4: what a client waits that does nothing else. A disk that has just
// taken as much as it can is slower for a while, so it gets some time first.
func oneAtATime(ctx context.Context, p *pass) error {
	if err := wait(ctx, 5*time.Second); err != nil {
		return err
	}
	r, err := p.load(ctx, "-reads", "0", "-sessions", "3", "-outstanding", "1", "-duration", p.seconds(1))
	if err != nil {
		return err
	}
	p.put("F4 p50 ms", r.All.P50)
	p.put("F4 p99 ms", r.All.P99)
	p.put("F4 per second", r.PerSecond)
	return nil
}

// creators are the numbers of sessions of F5.
var creators = []int{1, 10, 50, 100, 300}

// createsBySessions is F5.
func createsBySessions(ctx context.Context, p *pass) error {
	for _, n := range creators {
		r, err := p.load(ctx, "-reads", "0", "-write", "create", "-size", "100", "-keys", "1", "-outstanding", "1",
			"-sessions", strconv.Itoa(n), "-duration", p.seconds(0.5))
		if err != nil {
			return fmt.Errorf("%d sessions: %w", n, err)
		}
		p.put(fmt.Sprintf("F5 %d per second", n), r.PerSecond)
	}
	return nil
}

// linearizableReads is F17: plain reads and reads behind a sync, one right after
// the other.
func linearizableReads(ctx context.Context, p *pass) error {
	plain, err := p.load(ctx, "-reads", "1", "-duration", p.seconds(0.5))
	if err != nil {
		return err
	}
	synced, err := p.load(ctx, "-reads", "1", "-sync", "-duration", p.seconds(0.5))
	if err != nil {
		return err
	}
	p.rate("F17", synced)
	p.put("F17 cost %", 100*(1-synced.PerSecond/plain.PerSecond))
	return nil
}

// hotZnode is the first half of F18.
func hotZnode(ctx context.Context, p *pass) error {
	r, err := p.load(ctx, "-reads", "1", "-keys", "1", "-duration", p.seconds(0.5))
	if err != nil {
		return err
	}
	p.rate("F18 hot", r)
	return nil
}

// lists is the second half of F18.
func lists(ctx context.Context, p *pass) error {
	r, err := p.load(ctx, "-reads", "1", "-read", "children", "-outstanding", "10", "-duration", p.seconds(0.5))
	if err != nil {
		return err
	}
	p.rate("F18 list", r)
	return nil
}

// openLoopUnderSnapshots is F6. The stage's snapCount has each server write a
// snapshot every second or two; the znodes loaded before make it last.
func openLoopUnderSnapshots(ctx context.Context, p *pass) error {
	if err := warmUp(ctx, p); err != nil {
		return err
	}
	if _, err := p.load(ctx, "-work", "load", "-keys", strconv.Itoa(p.o.znodes/10), "-size", "100", "-root", "/ballast", "-keep"); err != nil {
		return err
	}
	before := p.e.snapshots()
	duration := time.Duration(max(2*p.o.seconds, 4)) * time.Second
	r, err := p.load(ctx, "-rate", "2000", "-reads", "0.5", "-duration", duration.String())
	if err != nil {
		return err
	}
	if err := p.e.haveSnapped(before); err != nil {
		return err
	}
	p.put("F6 p50 ms", r.All.P50)
	p.put("F6 p99 ms", r.All.P99)
	p.put("F6 p99.9 ms", r.All.P999)
	p.put("F6 worst second %", 100*float64(r.WorstSecond)/float64(max(r.MedianSecond, 1)))
	return nil
}
