package main

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"time"
)

// loadZnodes is F7.
func loadZnodes(ctx context.Context, p *pass) error {
	r, err := p.load(ctx, "-work", "load", "-keys", strconv.Itoa(p.o.znodes), "-size", "100", "-root", "/loaded", "-keep", "-settle", "5s")
	if err != nil {
		return err
	}
	p.put("F7 per second", r.PerSecond)
	p.put("F7 MiB", largest(r)/1024)
	return nil
}

// restartFollower is F8: from the start of the process until it has answered a
// session of its own.
func restartFollower(ctx context.Context, p *pass) error {
	s, err := p.e.find("follower")
	if err != nil {
		return err
	}
	s.stop()
	started := time.Now()
	if err := p.e.start(s); err != nil {
		return err
	}
	if err := s.awaitServing(ctx); err != nil {
		return err
	}
	p.put("F8 s", time.Since(started).Seconds())
	return nil
}

// killLeader is a work that kills the leader under load, and starts it again
// when the load is over.
func killLeader(key, root string) func(ctx context.Context, p *pass) error {
	return func(ctx context.Context, p *pass) error {
		var leader *process
		length, more := time.Duration(p.o.seconds)*time.Second, []string(nil)
		if p.sys.etcd { // its elections take longer, and what was forwarded to the dead leader is never answered
			length, more = 2*length, []string{"-timeout", "1s"}
		}
		kill := func(ctx context.Context) (err error) {
			if err := wait(ctx, time.Second+length/2); err != nil {
				return err
			}
			if leader, err = p.e.find("leader"); err == nil {
				leader.stop()
			}
			return err
		}
		l := load{servers: p.e.servers, during: kill, lossy: true, args: append([]string{
			"-reads", "0", "-outstanding", "10", "-spread=false", "-root", root, "-duration", length.String(),
		}, more...)}
		r, err := l.run(ctx)
		if err != nil {
			return err
		}
		if r.Errors == 0 && !p.sys.etcd { // whose sessions are not lost
			return errors.New("the load lost nothing: the leader did not die in the time that is measured")
		}
		p.put(key, r.LongestGap)
		if err := p.e.start(leader); err != nil {
			return err
		}
		return leader.awaitServing(ctx)
	}
}

// steadyWrites are the arguments of a load whose longest time without an
// acknowledged write is a stall of the servers.
var steadyWrites = []string{"-reads", "0", "-rate", "1000", "-size", "100"}

// stallOfSnapshots is the first half of F16: the servers start anew with a small
// snapCount, so that each takes some snapshots meanwhile.
func stallOfSnapshots(ctx context.Context, p *pass) error {
	p.e.stop()
	if err := p.e.configure("snapCount=5000\n"); err != nil {
		return err
	}
	if _, err := p.e.startAll(ctx); err != nil {
		return err
	}
	before := p.e.snapshots()
	r, err := p.load(ctx, append([]string{"-duration", strconv.Itoa(max(2*p.o.seconds, 12)) + "s"}, steadyWrites...)...)
	if err != nil {
		return err
	}
	if err := p.e.haveSnapped(before); err != nil {
		return err
	}
	p.put("F16 snapshot ms", r.LongestGap)
	return nil
}

// stallOfFullSync is the second half of F16: a follower that has lost all comes
// back, while the two others are written to. What it has lost is moved away, since
// to delete it stalls a disk whose file system discards what is freed, for 0.3 ms a
// MiB, and that into the measurement.
func stallOfFullSync(ctx context.Context, p *pass) error {
	lost, err := p.e.find("follower")
	if err != nil {
		return err
	}
	lost.stop()
	if err := os.Rename(filepath.Join(lost.data(), "version-2"), filepath.Join(lost.data(), "lost")); err != nil {
		return err
	}
	var others []*process
	for _, s := range p.e.servers {
		if s != lost {
			others = append(others, s)
		}
	}
	comeBack := func(ctx context.Context) error {
		if err := wait(ctx, 3*time.Second); err != nil {
			return err
		}
		if err := p.e.start(lost); err != nil {
			return err
		}
		if err := lost.awaitServing(ctx); err != nil {
			return err
		}
		return wait(ctx, time.Second)
	}
	r, err := load{servers: others, during: comeBack, cut: true, args: append([]string{"-duration", "10m", "-warmup", "0s"}, steadyWrites...)}.run(ctx)
	if err != nil {
		return err
	}
	p.put("F16 sync ms", r.LongestGap)
	return nil
}
