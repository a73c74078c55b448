package bench

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/mattn/go-isatty"
	"github.com/schollz/progressbar/v3"
)

// Main runs the bench command with its arguments and returns the exit code.
func Main(ctx context.Context, args []string, out, errOut io.Writer) int {
	var cfg Config
	fs := flag.NewFlagSet("paddock bench", flag.ContinueOnError)
	fs.SetOutput(errOut)
	fs.StringVar(&cfg.Servers, "servers", "127.0.0.1:2181,127.0.0.1:2182,127.0.0.1:2183", "connect string")
	fs.BoolVar(&cfg.Spread, "spread", true, "spread the sessions evenly over the servers, each staying on its own")
	fs.IntVar(&cfg.Sessions, "sessions", 30, "number of sessions")
	fs.IntVar(&cfg.Outstanding, "outstanding", 100, "requests in flight per session (closed loop)")
	fs.Float64Var(&cfg.Rate, "rate", 0, "requests per second of all sessions together (open loop); 0 is a closed loop")
	fs.Float64Var(&cfg.Reads, "reads", 0.9, "share of reads, from 0 to 1")
	fs.BoolVar(&cfg.Sync, "sync", false, "send a sync ahead of each read and measure both as one, a linearizable read")
	fs.StringVar(&cfg.Write, "write", "set", "what a write is: set, create or multi")
	fs.IntVar(&cfg.MultiOps, "multi-ops", 10, "operations in a multi")
	fs.IntVar(&cfg.Size, "size", 1024, "bytes of a value")
	fs.IntVar(&cfg.Keys, "keys", 1000, "znodes to read and set")
	fs.DurationVar(&cfg.Duration, "duration", 10*time.Second, "how long to measure")
	fs.DurationVar(&cfg.Warmup, "warmup", time.Second, "how long to run before measuring")
	fs.DurationVar(&cfg.Timeout, "timeout", 30*time.Second, "session timeout")
	fs.StringVar(&cfg.Root, "root", "/paddock-bench", "znode to work under; must not exist")
	fs.BoolVar(&cfg.Keep, "keep", false, "leave the znodes behind")
	asJSON := fs.Bool("json", false, "print the report as JSON")
	fs.Usage = func() {
		fmt.Fprint(errOut, "Usage: paddock bench [flags]\n\nLoads a running ensemble and prints rates and latencies, for example\n\n"+
			"  paddock bench -servers h1:2181,h2:2181 -reads 0 -duration 30s\n  paddock bench -rate 2000 -reads 0.5 -json\n\nFlags:\n")
		fs.PrintDefaults()
	}
	if err := fs.Parse(args); err != nil {
		if errors.Is(err, flag.ErrHelp) {
			return 0
		}
		return 2
	}
	if fs.NArg() > 0 {
		fmt.Fprintf(errOut, "bench: unexpected argument %q; flags start with a dash\n", fs.Arg(0))
		return 2
	}
	if cfg.Sessions == 0 || cfg.Outstanding == 0 || cfg.Keys == 0 || cfg.MultiOps == 0 {
		fmt.Fprintln(errOut, "bench: sessions, outstanding, keys and multi-ops must be at least 1")
		return 2
	}
	if cfg.Timeout <= 0 || cfg.Duration <= 0 || cfg.Warmup < 0 {
		fmt.Fprintln(errOut, "bench: duration and timeout must be positive")
		return 2
	}
	finish := showProgress(&cfg)
	report, err := Run(ctx, cfg)
	finish()
	if report != nil {
		if *asJSON {
			err = errors.Join(err, report.WriteJSON(out))
		} else {
			err = errors.Join(err, report.WriteText(out))
		}
	}
	if err != nil {
		fmt.Fprintln(errOut, "bench:", err)
		return 1
	}
	return 0
}

// showProgress draws a bar on a terminal's standard error.
func showProgress(cfg *Config) (finish func()) {
	if !isatty.IsTerminal(os.Stderr.Fd()) {
		return func() {}
	}
	bar := progressbar.NewOptions(1000, progressbar.OptionSetWriter(os.Stderr),
		progressbar.OptionClearOnFinish(), progressbar.OptionSetPredictTime(false))
	cfg.Progress = func(share, perSecond float64) {
		bar.Describe(fmt.Sprintf("%9.0f/s", perSecond))
		_ = bar.Set(int(share * 1000))
	}
	return func() { _ = bar.Finish() }
}
