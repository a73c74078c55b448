package bench

import (
	"errors"
	"flag"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Flags names the fields of c for the command line.
func (c *Config) Flags(fs *flag.FlagSet) {
	c.MultiOps = Range{10, 10}
	fs.StringVar(&c.Work, "work", Mixed, "mixed: reads and writes; load: create -keys znodes and leave nothing else to do;\n"+
		"idle: sessions that only stay alive; watch: all sessions watch all -keys, which are set one after the other")
	fs.StringVar(&c.Servers, "servers", "127.0.0.1:2181,127.0.0.1:2182,127.0.0.1:2183", "connect string")
	fs.BoolVar(&c.Spread, "spread", true, "spread the sessions evenly over the servers, each staying on its own")
	fs.IntVar(&c.Sessions, "sessions", 30, "number of sessions")
	fs.IntVar(&c.Outstanding, "outstanding", 100, "requests in flight per session (closed loop)")
	fs.Float64Var(&c.Rate, "rate", 0, "requests per second of all sessions together (open loop), latencies counted from when\neach was due; 0 is a closed loop")
	fs.Float64Var(&c.Reads, "reads", 0.9, "share of reads, from 0 to 1")
	fs.StringVar(&c.Read, "read", "get", "what a read is: get, or children, a list of all -keys")
	fs.BoolVar(&c.Sync, "sync", false, "send a sync ahead of each read and measure both as one, a linearizable read")
	fs.StringVar(&c.Write, "write", "set", "what a write is: set, create or multi")
	fs.Func("multi-ops", "operations in a multi, for example 10, or 5-15 for a number drawn each time (default 10)", c.MultiOps.set)
	fs.IntVar(&c.Size, "size", 1024, "bytes of a value")
	fs.IntVar(&c.Keys, "keys", 1000, "znodes to read and set, to load or to watch")
	fs.IntVar(&c.Rounds, "rounds", 20, "how often -work watch sets a znode")
	fs.DurationVar(&c.Duration, "duration", 10*time.Second, "how long to measure")
	fs.DurationVar(&c.Warmup, "warmup", time.Second, "how long to run before measuring")
	fs.DurationVar(&c.Settle, "settle", 0, "how long -work load and watch wait before they read the servers' memory")
	fs.DurationVar(&c.Timeout, "timeout", 30*time.Second, "session timeout")
	fs.StringVar(&c.Root, "root", "/paddock-bench", "znode to work under; must not exist")
	fs.BoolVar(&c.Keep, "keep", false, "leave the znodes behind")
	fs.Func("pids", "comma list of server processes on this machine, whose memory and processor time to report", c.setPIDs)
}

// unknownTo are the flags that each work but Mixed knows nothing of.
var unknownTo = map[string][]string{
	Load:  {"rate", "reads", "read", "sync", "write", "multi-ops", "rounds", "duration", "warmup"},
	Idle:  {"spread", "outstanding", "rate", "reads", "read", "sync", "write", "multi-ops", "size", "keys", "rounds", "settle", "root", "keep"},
	Watch: {"spread", "outstanding", "rate", "reads", "read", "sync", "write", "multi-ops", "duration", "warmup"},
}

// pointless returns an error for a flag that was given and would change nothing.
func (c *Config) pointless(fs *flag.FlagSet) (err error) {
	fs.Visit(func(f *flag.Flag) {
		if err != nil {
			return
		}
		if slices.Contains(unknownTo[c.Work], f.Name) {
			err = fmt.Errorf("-%s means nothing to -work %s", f.Name, c.Work)
			return
		}
		if c.Work != Mixed {
			return
		}
		switch f.Name {
		case "rounds", "settle":
			err = fmt.Errorf("-%s means nothing to -work %s", f.Name, c.Work)
		case "outstanding":
			if c.Rate > 0 {
				err = errors.New("-outstanding means nothing to an open loop, which -rate makes")
			}
		case "read", "sync":
			if c.Reads == 0 {
				err = fmt.Errorf("-%s means nothing without reads, and -reads is 0", f.Name)
			}
		case "write", "multi-ops":
			if c.Reads == 1 {
				err = fmt.Errorf("-%s means nothing without writes, and -reads is 1", f.Name)
			} else if f.Name == "multi-ops" && c.Write != "multi" {
				err = fmt.Errorf("-multi-ops means nothing to -write %s", c.Write)
			}
		}
	})
	return err
}

// set reads n or min-max.
func (r *Range) set(text string) error {
	low, high, ranged := strings.Cut(text, "-")
	if !ranged {
		high = low
	}
	var err error
	if r.Min, err = strconv.Atoi(low); err == nil {
		r.Max, err = strconv.Atoi(high)
	}
	if err != nil || r.Min < 1 || r.Max < r.Min {
		return fmt.Errorf("%q is neither a number nor a range such as 5-15", text)
	}
	return nil
}

func (c *Config) setPIDs(text string) error {
	for s := range strings.SplitSeq(text, ",") {
		pid, err := strconv.Atoi(s)
		if err != nil || pid < 1 {
			return fmt.Errorf("%q is not the number of a process", s)
		}
		c.PIDs = append(c.PIDs, pid)
	}
	return nil
}
