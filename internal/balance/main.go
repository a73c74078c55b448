package balance

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/paddock-io/paddock/internal/logging"
)

// command is what the arguments ask for.
type command struct {
	opts   Options
	listen string
	list   func() ([]string, error) // reads the servers anew
	debug  bool
}

const usage = `Usage: paddock balance [flags] HOST:PORT,HOST:PORT,...
       paddock balance [flags] -file FILE
       paddock balance [flags] -config zoo.cfg

Takes clients that know one address and hands each to a server that serves, for example

  paddock balance -listen :2180 zk1:2181,zk2:2181,zk3:2181

A client has the same server each time, by its address. SIGHUP reads the file anew; SIGTERM and SIGINT take no more
clients and end when the last has left, or after -drain. The servers see one address for all clients: set their
maxClientCnxns to 0, or, if they are Paddock's, their proxyProtocol.from to this host and -proxy-protocol 2.

Flags:
`

// Main runs the balance command with its arguments until ctx ends, and returns
// the exit code.
func Main(ctx context.Context, args []string, _, errOut io.Writer) int {
	c, code := parse(args, errOut)
	if code >= 0 {
		return code
	}
	level := slog.LevelInfo
	if c.debug {
		level = slog.LevelDebug
	}
	c.opts.Logger = slog.New(logging.New(errOut, logging.Options{Level: level}))
	if err := c.run(ctx); err != nil {
		fmt.Fprintln(errOut, "balance:", err)
		return 1
	}
	return 0
}

// parse returns the command, or an exit code of 0 or more.
func parse(args []string, errOut io.Writer) (*command, int) {
	c := &command{}
	o := &c.opts
	fs := flag.NewFlagSet("paddock balance", flag.ContinueOnError)
	fs.SetOutput(errOut)
	fs.StringVar(&c.listen, "listen", ":2180", "address for clients")
	file := fs.String("file", "", "file with the servers, host:port by commas or lines; SIGHUP reads it again")
	config := fs.String("config", "", "zoo.cfg whose server lines are the servers; SIGHUP reads it again")
	by := fs.String("by", "address", "what decides a client's server: address, or connection for address and port, so that many clients of one machine spread")
	fs.BoolVar(&o.ReadOnly, "read-only", false, "servers that have no quorum, and serve reads, take clients too")
	fs.IntVar(&o.ProxyHeader, "proxy-protocol", 0, "version of the PROXY header to send to servers, 1 or 2; 0 sends none")
	fs.DurationVar(&o.CheckEvery, "check", 2*time.Second, "time between two checks of a server")
	fs.DurationVar(&o.DialTimeout, "timeout", 2*time.Second, "how long a server may take to connect, and to answer a check")
	fs.DurationVar(&o.Grace, "grace", 5*time.Second, "how long connections to a server that serves no more are kept")
	fs.DurationVar(&o.Drain, "drain", 30*time.Second, "how long connections may last after SIGTERM")
	fs.IntVar(&o.MaxConns, "max-connections", 10_000, "connections of clients, in all")
	fs.BoolVar(&c.debug, "debug", false, "log every connection")
	fs.Usage = func() {
		fmt.Fprint(errOut, usage)
		fs.PrintDefaults()
	}
	if err := fs.Parse(args); err != nil {
		if errors.Is(err, flag.ErrHelp) {
			return nil, 0
		}
		return nil, 2
	}
	if err := c.settle(fs.Args(), *file, *config, *by); err != nil {
		fmt.Fprintf(errOut, "balance: %v\nRun 'paddock balance -h' for the flags.\n", err)
		return nil, 2
	}
	return c, -1
}

// settle checks the arguments as a whole and reads the servers for the first time.
func (c *command) settle(args []string, file, config, by string) (err error) {
	o := &c.opts
	sources := 0
	if len(args) > 0 {
		sources, c.list = len(args), func() ([]string, error) { return ParseList(args[0]) }
	}
	if file != "" {
		sources, c.list = sources+1, func() ([]string, error) { return ReadList(file) }
	}
	if config != "" {
		sources, c.list = sources+1, func() ([]string, error) { return ReadZooCfg(config) }
	}
	switch {
	case sources != 1:
		return errors.New("give the servers in one argument, or -file, or -config")
	case by != "address" && by != "connection":
		return fmt.Errorf("-by %s: it is address or connection", by)
	case o.ProxyHeader < 0 || o.ProxyHeader > 2:
		return fmt.Errorf("-proxy-protocol %d: there are versions 1 and 2", o.ProxyHeader)
	case o.CheckEvery <= 0 || o.DialTimeout <= 0 || o.MaxConns <= 0:
		return errors.New("-check, -timeout and -max-connections must be more than 0")
	case o.Grace < 0 || o.Drain < 0:
		return errors.New("-grace and -drain must not be negative")
	}
	// The zero value of these stands for the default.
	if o.Grace == 0 {
		o.Grace = -1
	}
	if o.Drain == 0 {
		o.Drain = -1
	}
	o.ByConnection = by == "connection"
	o.Servers, err = c.list()
	return err
}

// reportEvery is how often the log says how many connections there are.
const reportEvery = time.Minute

// run serves until ctx ends.
func (c *command) run(ctx context.Context) error {
	var lc net.ListenConfig
	l, err := lc.Listen(ctx, "tcp", c.listen)
	if err != nil {
		return fmt.Errorf("listen for clients: %w", err)
	}
	f, err := New(c.opts)
	if err != nil {
		l.Close()
		return err
	}
	hangups := make(chan os.Signal, 1)
	signal.Notify(hangups, syscall.SIGHUP)
	defer signal.Stop(hangups)
	done := make(chan error, 1)
	go func() { done <- f.Run(ctx, l) }()
	report := time.NewTicker(reportEvery)
	defer report.Stop()
	for {
		select {
		case err := <-done:
			return err
		case <-report.C:
			f.Report()
		case <-hangups:
			c.reload(f)
		}
	}
}

// reload reads the servers anew. A list that cannot be read changes nothing.
func (c *command) reload(f *Front) {
	list, err := c.list()
	if err == nil {
		err = f.SetServers(list)
	}
	if err != nil {
		c.opts.Logger.Error("cannot read the servers anew, the old ones stay", "err", err)
		return
	}
	c.opts.Logger.Info("servers read anew", "servers", list)
	f.Report()
}
