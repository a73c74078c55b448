package bench

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"

	"github.com/mattn/go-isatty"
	"github.com/schollz/progressbar/v3"
)

// Main runs the bench command with its arguments and returns the exit code.
func Main(ctx context.Context, args []string, out, errOut io.Writer) int {
	var cfg Config
	fs := flag.NewFlagSet("paddock bench", flag.ContinueOnError)
	fs.SetOutput(errOut)
	cfg.Flags(fs)
	asJSON := fs.Bool("json", false, "print the report as JSON")
	fs.Usage = func() {
		fmt.Fprint(errOut, "Usage: paddock bench [flags]\n\nLoads a running ensemble and prints rates and latencies, for example\n\n"+
			"  paddock bench -servers h1:2181,h2:2181 -reads 0 -duration 30s\n"+
			"  paddock bench -rate 2000 -reads 0.5 -json\n"+
			"  paddock bench -work load -keys 1000000 -size 100 -root /million -keep\n"+
			"  paddock bench -work idle -sessions 5000 -timeout 10s -pids 4711\n"+
			"  paddock bench -work watch -sessions 3000 -keys 1\n\nFlags:\n")
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
	if cfg.Sessions == 0 || cfg.Outstanding == 0 || cfg.Keys == 0 || cfg.Rounds == 0 {
		fmt.Fprintln(errOut, "bench: sessions, outstanding, keys and rounds must be at least 1")
		return 2
	}
	if cfg.Timeout <= 0 || cfg.Duration <= 0 || cfg.Warmup < 0 || cfg.Settle < 0 {
		fmt.Fprintln(errOut, "bench: duration and timeout must be positive, warmup and settle not negative")
		return 2
	}
	if err := cfg.pointless(fs); err != nil {
		fmt.Fprintln(errOut, "bench:", err)
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
