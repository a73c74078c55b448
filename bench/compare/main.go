package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// options are the command's flags.
type options struct {
	rounds  int
	seconds int
	warmup  time.Duration
	only    string
	peers   string
	paddock string
	heap    string
	json    string
}

func main() {
	var o options
	flag.IntVar(&o.rounds, "rounds", 3, "how often each system is measured; the median counts")
	flag.IntVar(&o.seconds, "seconds", 10, "length of one measurement")
	flag.DurationVar(&o.warmup, "warmup", 30*time.Second, "load before measuring, for Java's compiler; Paddock gets it too")
	flag.StringVar(&o.only, "only", "", "comma list of the works to measure, for example F1,F4; all if empty")
	flag.StringVar(&o.peers, "peers", peersDir(), "directory that test/peers/install.sh has filled")
	flag.StringVar(&o.paddock, "paddock", "", "binary to measure; built from this checkout if empty")
	flag.StringVar(&o.heap, "heap", "1g", "Java's -Xms and -Xmx")
	flag.StringVar(&o.json, "json", "", "also write all measurements to this file")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, o); err != nil {
		fmt.Fprintln(os.Stderr, "compare:", err)
		os.Exit(1)
	}
}

func peersDir() string {
	if dir := os.Getenv("PADDOCK_PEERS"); dir != "" {
		return dir
	}
	cache, _ := os.UserCacheDir()
	return filepath.Join(cache, "paddock-peers")
}

func run(ctx context.Context, o options) error {
	tmp, err := os.MkdirTemp("", "paddock-compare-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(tmp)
	if o.paddock == "" {
		o.paddock = filepath.Join(tmp, "paddock")
		build := exec.CommandContext(ctx, "go", "build", "-o", o.paddock, "github.com/paddock-io/paddock/cmd/paddock")
		build.Env = append(os.Environ(), "CGO_ENABLED=0")
		if out, err := build.CombinedOutput(); err != nil {
			return fmt.Errorf("build: %w\n%s", err, out)
		}
	}
	java, version, err := javaCommand(o)
	if err != nil {
		return err
	}
	systems := []system{
		{name: "Java " + version, command: java},
		{name: "Paddock", command: func(cfg string) *exec.Cmd { return exec.Command(o.paddock, "server", cfg) }},
	}
	results := map[string][][]measurement{} // by work, then system, then round
	for round := range o.rounds {
		for i, s := range systems {
			fmt.Fprintf(os.Stderr, "round %d of %d: %s\n", round+1, o.rounds, s.name)
			dir := filepath.Join(tmp, fmt.Sprintf("%d-%d", round, i))
			ms, err := measure(ctx, o, s, dir)
			if err != nil {
				return fmt.Errorf("%s: %w", s.name, err)
			}
			for work, m := range ms {
				if results[work] == nil {
					results[work] = make([][]measurement, len(systems))
				}
				results[work][i] = append(results[work][i], m)
			}
			os.RemoveAll(dir)
		}
	}
	if o.json != "" {
		b, err := json.MarshalIndent(results, "", "  ")
		if err != nil {
			return err
		}
		if err := os.WriteFile(o.json, b, 0o644); err != nil {
			return err
		}
	}
	printTable(systems, results)
	return nil
}

// javaCommand finds the jars of the newest Java server.
func javaCommand(o options) (func(cfg string) *exec.Cmd, string, error) {
	dirs, err := filepath.Glob(filepath.Join(o.peers, "zookeeper-3.9.*"))
	if err != nil || len(dirs) == 0 {
		return nil, "", fmt.Errorf("no Java ZooKeeper in %s; run test/peers/install.sh first", o.peers)
	}
	slices.Sort(dirs)
	dir := dirs[len(dirs)-1]
	return func(cfg string) *exec.Cmd {
		return exec.Command("java", "-Xms"+o.heap, "-Xmx"+o.heap, "-Dzookeeper.admin.enableServer=false",
			"-cp", filepath.Join(dir, "conf")+":"+filepath.Join(dir, "lib", "*"),
			"org.apache.zookeeper.server.quorum.QuorumPeerMain", cfg)
	}, strings.TrimPrefix(filepath.Base(dir), "zookeeper-"), nil
}

// printTable prints the medians.
func printTable(systems []system, results map[string][][]measurement) {
	fmt.Printf("| # | work | unit | %s | %s | ratio |\n|---|---|---|---|---|---|\n", systems[0].name, systems[1].name)
	for _, w := range works {
		r := results[w.id]
		if r == nil {
			continue
		}
		for _, v := range w.values {
			a, b := median(r[0], v.of), median(r[1], v.of)
			ratio := b / a
			if v.lowerIsBetter {
				ratio = a / b
			}
			fmt.Printf("| %s | %s | %s | %s | %s | %.2f x |\n", w.id, w.text, v.unit, number(a), number(b), ratio)
		}
	}
	fmt.Println("\nratio: how many times better Paddock is.")
}

func median(ms []measurement, of func(measurement) float64) float64 {
	v := make([]float64, len(ms))
	for i, m := range ms {
		v[i] = of(m)
	}
	slices.Sort(v)
	return v[len(v)/2]
}

func number(v float64) string {
	switch {
	case v >= 1000:
		return fmt.Sprintf("%.0f", v)
	case v >= 10:
		return fmt.Sprintf("%.1f", v)
	}
	return fmt.Sprintf("%.3f", v)
}
