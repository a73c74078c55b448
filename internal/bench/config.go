package bench

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
)

// The works that a run can do.
const (
	Mixed = "mixed" // reads and writes of a set of znodes, for a while
	Load  = "load"  // create so many znodes, as fast as the window allows
	Idle  = "idle"  // sessions that do nothing but stay alive
	Watch = "watch" // sessions that all watch znodes, which are set
)

// Config says what load to make. Servers is needed.
type Config struct {
	Work        string        // "" means Mixed
	Servers     string        // connect string
	Spread      bool          // session i talks to server i mod n only, instead of any
	Sessions    int           // 0 means 30
	Outstanding int           // requests in flight per session in a closed loop; 0 means 100
	Rate        float64       // requests per second of all sessions together; 0 is a closed loop
	Reads       float64       // share of reads, 0 to 1
	Read        string        // what a read is: get (default), children
	Sync        bool          // a sync goes ahead of each read
	Write       string        // what a write is: set (default), create, multi
	MultiOps    Range         // operations in a multi; zero means 10
	Size        int           // bytes of a value
	Keys        int           // znodes to read and set, to load or to watch; 0 means 1000
	Rounds      int           // of Watch: how often a znode is set; 0 means 20
	Duration    time.Duration // measured; 0 means 10s
	Warmup      time.Duration // before that, not measured
	Settle      time.Duration // of Load and Watch: wait so long before the servers' memory is read
	Timeout     time.Duration // session timeout; 0 means 30s
	Root        string        // znode to work under; "" means /paddock-bench
	Keep        bool          // leave the znodes behind
	PIDs        []int         // processes of servers on this machine, whose use of it is reported

	// Progress is called now and then with the share done and the requests
	// answered in the last interval per second. nil is fine.
	Progress func(share float64, perSecond float64)
}

// Range is a number, or one that is drawn anew each time; both ends belong to it.
type Range struct{ Min, Max int }

func (c *Config) setDefaults() error {
	setDefault(&c.Work, Mixed)
	setDefault(&c.Sessions, 30)
	setDefault(&c.Outstanding, 100)
	setDefault(&c.Keys, 1000)
	setDefault(&c.Rounds, 20)
	setDefault(&c.MultiOps, Range{10, 10})
	setDefault(&c.Duration, 10*time.Second)
	setDefault(&c.Timeout, 30*time.Second)
	setDefault(&c.Root, "/paddock-bench")
	setDefault(&c.Read, "get")
	setDefault(&c.Write, "set")
	if c.Work == Load {
		c.Reads, c.Rate = 0, 0
	}
	return c.check()
}

func (c *Config) check() error {
	for _, choice := range []struct {
		what, got string
		of        []string
	}{
		{"work", c.Work, []string{Mixed, Load, Idle, Watch}},
		{"kind of read", c.Read, []string{"get", "children"}},
		{"kind of write", c.Write, []string{"set", "create", "multi"}},
	} {
		if !slices.Contains(choice.of, choice.got) {
			return fmt.Errorf("unknown %s %q: choose one of %s", choice.what, choice.got, strings.Join(choice.of, ", "))
		}
	}
	switch {
	case c.Servers == "":
		return errors.New("no servers given")
	case c.Reads < 0 || c.Reads > 1:
		return fmt.Errorf("the share of reads is %v, but must lie between 0 and 1", c.Reads)
	case c.Sessions < 1 || c.Outstanding < 1 || c.Keys < 1 || c.Rounds < 1:
		return errors.New("sessions, outstanding, keys and rounds must be at least 1")
	case c.MultiOps.Min < 1 || c.MultiOps.Max < c.MultiOps.Min:
		return fmt.Errorf("operations in a multi from %d to %d: at least 1, and the smaller number first", c.MultiOps.Min, c.MultiOps.Max)
	case c.Size < 0 || c.Rate < 0:
		return errors.New("size and rate must be at least 0")
	case !strings.HasPrefix(c.Root, "/") || c.Root == "/":
		return fmt.Errorf("root %q is not the path of a znode to be made", c.Root)
	}
	return nil
}

func setDefault[T comparable](p *T, v T) {
	var zero T
	if *p == zero {
		*p = v
	}
}
