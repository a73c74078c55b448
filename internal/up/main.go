package up

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/mattn/go-isatty"
)

// options are the command's flags.
type options struct {
	n       int
	data    string
	base    int
	program string // what to run as `program server zoo.cfg`
}

// Main runs the up command with its arguments until ctx ends, and returns the
// exit code.
func Main(ctx context.Context, args []string, out, errOut io.Writer) int {
	o, code := parse(args, errOut)
	if code >= 0 {
		return code
	}
	if err := run(ctx, o, out); err != nil {
		fmt.Fprintln(errOut, "up:", err)
		return 1
	}
	return 0
}

// parse returns the options, or an exit code of 0 or more.
func parse(args []string, errOut io.Writer) (options, int) {
	var o options
	fs := flag.NewFlagSet("paddock up", flag.ContinueOnError)
	fs.SetOutput(errOut)
	fs.IntVar(&o.n, "n", 3, "number of servers")
	fs.StringVar(&o.data, "data", "paddock-data", "directory for the servers' data; kept between runs")
	fs.IntVar(&o.base, "base-port", 2181, "client port of the first server; the others follow")
	fs.Usage = func() {
		fmt.Fprint(errOut, "Usage: paddock up [-n 3] [--data DIR] [--base-port 2181]\n\n"+
			"Runs a whole ensemble on this computer until Ctrl-C; the data stays for the next time.\n\nFlags:\n")
		fs.PrintDefaults()
	}
	if err := fs.Parse(args); err != nil {
		if errors.Is(err, flag.ErrHelp) {
			return o, 0
		}
		return o, 2
	}
	if fs.NArg() > 0 {
		fmt.Fprintf(errOut, "up: unexpected argument %q; flags start with a dash\n", fs.Arg(0))
		return o, 2
	}
	var err error
	if o.program, err = os.Executable(); err == nil {
		o.data, err = filepath.Abs(o.data)
	}
	if err != nil {
		fmt.Fprintln(errOut, "up:", err)
		return o, 1
	}
	return o, -1
}

// run brings the ensemble up, shows it, and takes it down when ctx ends.
func run(ctx context.Context, o options, out io.Writer) (err error) {
	began := time.Now()
	servers, err := plan(o.data, o.n, o.base)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(o.data, 0o700); err != nil {
		return fmt.Errorf("make the data directory: %w", err)
	}
	unlock, err := lock(filepath.Join(o.data, ".paddock-up.lock"))
	if err != nil {
		return fmt.Errorf("the data directory %s is in use by another paddock up; stop that one, or choose another directory with --data: %w", o.data, err)
	}
	defer unlock()
	if err := write(o.data, servers); err != nil {
		return err
	}
	e := &ensemble{program: o.program, data: o.data}
	for _, s := range servers {
		e.children = append(e.children, &child{serverFiles: s})
	}
	defer func() { err = errors.Join(err, e.stop()) }()
	for _, c := range e.children {
		if err := c.start(o.program); err != nil {
			return err
		}
	}
	if err := e.waitReady(ctx); err != nil || ctx.Err() != nil {
		return err
	}
	e.took = time.Since(began)
	if f, ok := out.(*os.File); ok && isatty.IsTerminal(f.Fd()) {
		return e.screen(ctx, f)
	}
	return e.lines(ctx, out)
}

// ensemble is the running whole.
type ensemble struct {
	program  string
	data     string
	children []*child
	took     time.Duration // from the command to serving
}

// readyTimeout bounds the wait for the first leader.
const readyTimeout = 30 * time.Second

// waitReady waits until every server serves, or one has ended.
func (e *ensemble) waitReady(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, readyTimeout)
	defer cancel()
	for {
		rows := poll(e.children)
		if !slices.ContainsFunc(rows, func(r row) bool { return !r.Serving }) {
			return nil
		}
		for i, c := range e.children {
			if up, how := c.running(); !up {
				return fmt.Errorf("server %d ended at once (%s); the end of %s says:\n%s", rows[i].ID, how, c.log(), tail(c.log()))
			}
		}
		select {
		case <-ctx.Done():
			if errors.Is(context.Cause(ctx), context.DeadlineExceeded) {
				return fmt.Errorf("the servers do not serve after %v; look into %s", readyTimeout, filepath.Join(e.data, "server-*", "server.log"))
			}
			return nil
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// tail returns the last lines of a file.
func tail(path string) string {
	b, err := os.ReadFile(path)
	if err != nil {
		return err.Error()
	}
	lines := strings.Split(strings.TrimRight(string(b), "\n"), "\n")
	return "  " + strings.Join(lines[max(0, len(lines)-6):], "\n  ")
}

// stop ends all servers, at the same time.
func (e *ensemble) stop() error {
	errs := make(chan error, len(e.children))
	for _, c := range e.children {
		go func() { errs <- c.stop() }()
	}
	var all error
	for range e.children {
		all = errors.Join(all, <-errs)
	}
	return all
}

// connectString is what clients are told.
func (e *ensemble) connectString() string {
	var v []string
	for _, c := range e.children {
		v = append(v, c.address())
	}
	return strings.Join(v, ",")
}

// self is how the reader can run this program again.
func (e *ensemble) self() string {
	name := filepath.Base(e.program)
	switch found, err := exec.LookPath(name); {
	case strings.Contains(e.program, "go-build"): // go run
		return "go run ./cmd/paddock"
	case err == nil && found == e.program:
		return name
	}
	return e.program
}

// hints are things to try next.
func (e *ensemble) hints() []string {
	first := e.children[0]
	self := e.self()
	v := []string{
		self + " cli -server " + e.connectString() + " ls /",
		self + " bench -servers " + e.connectString(),
	}
	if len(e.children) > 2 {
		v = append(v, fmt.Sprintf("kill -9 %d    # server %d; clients go on with the others", first.cmd.Process.Pid, first.id))
	}
	return v
}
