package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// options are the command's flags.
type options struct {
	rounds   int
	seconds  int
	warmup   time.Duration
	znodes   int
	sessions int
	only     string
	quick    bool
	growth   bool
	alone    bool
	etcd     bool
	peers    string
	paddock  string
	heap     string
	dir      string
	out      string
}

// theSix are the works of -quick.
const theSix = "F1,F2,F3,F4,F7,F11-empty"

func main() {
	o, err := parseFlags(os.Args[1:])
	if errors.Is(err, flag.ErrHelp) {
		return
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "compare:", err)
		os.Exit(2)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, o); err != nil {
		fmt.Fprintln(os.Stderr, "compare:", err)
		os.Exit(1)
	}
}

// parseFlags returns what the command line asks for.
func parseFlags(args []string) (o options, err error) {
	flags := flag.NewFlagSet("compare", flag.ContinueOnError)
	flags.IntVar(&o.rounds, "rounds", 3, "how often each system is measured; the median counts")
	flags.IntVar(&o.seconds, "seconds", 8, "length of one measurement")
	flags.DurationVar(&o.warmup, "warmup", 30*time.Second, "load before measuring, for Java's compiler; Paddock gets it too")
	flags.IntVar(&o.znodes, "znodes", 1_000_000, "znodes of the works with many")
	flags.IntVar(&o.sessions, "sessions", 5000, "sessions of the works with many idle ones")
	flags.StringVar(&o.only, "only", "", "comma list of the works to measure, for example F1,F16-sync; all if empty")
	flags.BoolVar(&o.quick, "quick", false, "the main six in three minutes: "+theSix+" with 100,000 znodes, one round")
	flags.BoolVar(&o.growth, "growth", false, "F1, F2, F7, F8, F9 and F15 at a tenth, at one and at ten times the size instead, with plots")
	flags.BoolVar(&o.alone, "alone", false, "measure Paddock only, which takes half the time and needs no jars; no goal is judged")
	flags.BoolVar(&o.etcd, "etcd", true, "measure etcd too, where a work has a meaning there; not with -quick, -growth and -alone")
	flags.StringVar(&o.peers, "peers", peersDir(), "directory that test/peers/install.sh has filled")
	flags.StringVar(&o.paddock, "paddock", "", "binary to measure; built from this checkout if empty")
	flags.StringVar(&o.heap, "heap", "2g", "Java's -Xms and -Xmx; of -growth the least")
	flags.StringVar(&o.dir, "dir", "", "directory for the servers' data; a temporary one if empty")
	flags.StringVar(&o.out, "out", "", "directory for the report; only the table is printed if empty")
	flags.SetOutput(io.Discard) // main prints the error
	if err := flags.Parse(args); errors.Is(err, flag.ErrHelp) {
		flags.SetOutput(os.Stdout)
		fmt.Println("Usage: compare [flags]")
		flags.PrintDefaults()
		return o, err
	} else if err != nil {
		return o, fmt.Errorf("%w; -h lists the flags", err)
	}
	if flags.NArg() > 0 {
		return o, fmt.Errorf("%q is no flag; try -only %[1]s", flags.Arg(0))
	}
	if _, err := heapMiB(o.heap); err != nil {
		return o, fmt.Errorf("-heap %s is no size such as 512m or 2g", o.heap)
	}
	if o.rounds < 1 || o.seconds < 1 || o.znodes < 10 || o.sessions < 10 {
		return o, errors.New("-rounds and -seconds must be at least 1, -znodes and -sessions 10")
	}
	if err := checkFlags(flags, o); err != nil {
		return o, err
	}
	if o.quick {
		o.rounds, o.seconds, o.warmup, o.znodes, o.only = 1, 4, 10*time.Second, o.znodes/10, theSix
		o.etcd = false
	}
	return o, nil
}

// checkFlags refuses a flag that another leaves without effect.
func checkFlags(flags *flag.FlagSet, o options) error {
	without := map[string]string{}
	if o.quick {
		without = map[string]string{"rounds": "-quick", "seconds": "-quick", "warmup": "-quick", "only": "-quick", "etcd": "-quick", "growth": "-quick"}
	}
	if o.alone {
		without["heap"], without["peers"], without["etcd"] = "-alone", "-alone", "-alone"
	}
	if o.growth {
		for _, name := range []string{"rounds", "only", "etcd", "alone"} {
			without[name] = "-growth"
		}
	}
	var failed error
	flags.Visit(func(f *flag.Flag) {
		if by, ok := without[f.Name]; ok && f.Value.String() != "false" {
			failed = errors.Join(failed, fmt.Errorf("-%s has no effect with %s", f.Name, by))
		}
	})
	return failed
}

func peersDir() string {
	if dir := os.Getenv("PADDOCK_PEERS"); dir != "" {
		return dir
	}
	cache, _ := os.UserCacheDir()
	return filepath.Join(cache, "paddock-peers")
}

func run(ctx context.Context, o options) error {
	if err := checkOnly(o.only); err != nil {
		return err
	}
	tmp, err := os.MkdirTemp(o.dir, "paddock-compare-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(tmp)
	built := o.paddock == ""
	if built {
		o.paddock = filepath.Join(tmp, "paddock")
		if err := build(ctx, o.paddock, "cmd/paddock"); err != nil {
			return err
		}
	}
	systems, err := findSystems(ctx, o, tmp)
	if err != nil {
		return err
	}
	facts := machineFacts(tmp, built)
	from := readTicks()
	if err := wait(ctx, 2*time.Second); err != nil {
		return err
	}
	facts = append(facts, busyFact(from, readTicks()))
	if o.growth {
		return measureGrowth(ctx, o, systems, tmp, facts)
	}
	limits, err := measureLimits(ctx, o, tmp)
	if err != nil {
		return err
	}
	started := time.Now()
	from = readTicks()
	r := measureRounds(ctx, o, systems, tmp)
	r.limits = limits
	facts = append(facts, stolenFact(from, readTicks()))
	return errors.Join(writeReport(o, facts, systems, r, started), r.failure())
}

// build compiles a program of this module.
func build(ctx context.Context, to, program string) error {
	return buildIn(ctx, "", to, "github.com/paddock-io/paddock/"+program)
}

// buildIn compiles a program of the module that a directory belongs to.
func buildIn(ctx context.Context, dir, to, program string) error {
	cmd := exec.CommandContext(ctx, "go", "build", "-o", to, program)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("build %s: %w\n%s", program, err, out)
	}
	return nil
}

// measureRounds measures the systems in turns.
func measureRounds(ctx context.Context, o options, systems []system, tmp string) *results {
	r := newResults(len(systems))
	for round := range o.rounds {
		for i, s := range systems {
			if s.command == nil {
				continue
			}
			for _, st := range stages {
				if ctx.Err() != nil {
					r.note(s.name, "all", ctx.Err())
					return r
				}
				if st = s.of(st, round); !st.wanted(o.only) {
					continue
				}
				say("round %d of %d: %s, %s", round+1, o.rounds, s.name, st.name)
				p := &pass{o: s.options(o), sys: s, put: func(key string, v float64) { r.put(i, key, v) }}
				if err := p.measure(ctx, st, filepath.Join(tmp, "servers")); err != nil {
					r.note(s.name, st.name, err)
				}
			}
		}
	}
	return r
}

// say tells whoever waits how far things are.
func say(format string, args ...any) {
	fmt.Fprintln(os.Stderr, time.Now().Format("15:04:05"), strings.TrimRight(fmt.Sprintf(format, args...), "\n"))
}
