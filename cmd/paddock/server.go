package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/paddock-io/paddock/internal/config"
	"github.com/paddock-io/paddock/internal/ensemble"
	"github.com/paddock-io/paddock/internal/logging"
	"github.com/paddock-io/paddock/internal/node"
	"github.com/paddock-io/paddock/internal/version"
)

func (a app) serverCommand() *cobra.Command {
	var defines []string
	var standalone bool
	cmd := &cobra.Command{
		Use:   "server { zoo.cfg | port datadir [tick [maxcnxns]] }",
		Short: "Run one server in the foreground",
		Long: `Run one server in the foreground until SIGTERM or SIGINT.

Either a configuration file is given, or, as to Java's ZooKeeperServerMain, the port, the data directory and
optionally the tick in milliseconds and the connections allowed from one address.

Java's system properties count where ZooKeeper reads them: from SERVER_JVMFLAGS and JVMFLAGS (and Debian's
JAVA_OPTS), and from -D flags of this command, which win.`,
		Example: "  paddock server conf/zoo.cfg\n  paddock server 2181 /var/lib/zookeeper",
		Args:    cobra.RangeArgs(1, 4),
		RunE: func(cmd *cobra.Command, args []string) error {
			props := a.environmentProperties("JAVA_OPTS", "SERVER_JVMFLAGS", "JVMFLAGS") // as zkServer.sh orders them
			maps.Copy(props, definitions(defines))
			return a.serve(cmd.Context(), server{args: args, props: props, standalone: standalone})
		},
	}
	cmd.Flags().StringArrayVarP(&defines, "define", "D", nil, "set a Java system property, `name=value`")
	cmd.Flags().BoolVar(&standalone, "standalone", false, "serve alone even if the file names an ensemble, as ZooKeeperServerMain does")
	return cmd
}

// environmentProperties reads the -D flags of environment variables; later ones win.
func (a app) environmentProperties(names ...string) map[string]string {
	props := map[string]string{}
	for _, name := range names {
		flags, _ := config.ParseJVMFlags(a.getenv(name))
		maps.Copy(props, flags)
	}
	return props
}

// definitions splits the values of -D flags.
func definitions(flags []string) map[string]string {
	props := map[string]string{}
	for _, flag := range flags {
		name, value, _ := strings.Cut(flag, "=")
		props[name] = value
	}
	return props
}

// server is what to serve.
type server struct {
	args       []string // one: a zoo.cfg; two to four: port, data directory, tick, connections
	props      map[string]string
	standalone bool
}

// load reads the configuration and says on a.err what is wrong with it.
func (a app) load(s server, log *slog.Logger) (*config.Config, error) {
	var cfg *config.Config
	var warnings []config.Warning
	var err error
	if len(s.args) == 1 {
		log.Info("Reading configuration from: " + s.args[0])
		cfg, warnings, err = config.Load(s.args[0], s.props)
	} else {
		cfg, warnings, err = config.LoadStandaloneArgs(s.args, s.props)
	}
	for _, w := range warnings {
		log.Warn(w.String())
	}
	if err != nil {
		return nil, a.refuse(log, exitInvocation, "Invalid config, exiting abnormally", err)
	}
	if s.standalone {
		cfg.Standalone, cfg.MyID, cfg.Ensemble = true, 0, ensemble.Single(0)
	}
	return cfg, nil
}

// refuse explains why there is no server: ZooKeeper's phrase, then each problem on a line of its own.
func (a app) refuse(log *slog.Logger, code int, phrase string, err error) error {
	log.Error(phrase, "exit", code)
	var problems *config.Problems
	if errors.As(err, &problems) {
		for _, p := range problems.List {
			fmt.Fprintf(a.err, "  %s\n", p)
		}
	} else {
		fmt.Fprintf(a.err, "  %s\n", strings.ReplaceAll(err.Error(), "\n", "\n  "))
	}
	return exit(code)
}

// serve runs one server until ctx ends.
func (a app) serve(ctx context.Context, s server) error {
	defer paceCollector(ctx)()
	level := logLevel(s.props)
	log := slog.New(logging.New(a.err, logging.Options{Level: level}))
	cfg, err := a.load(s, log)
	if err != nil {
		return err
	}
	log = slog.New(logging.New(a.err, logging.Options{Level: level, MyID: strconv.FormatInt(cfg.MyID, 10)}))
	build := version.Get()
	log.Info("starting server", "version", build.Banner(), "dataDir", cfg.DataDir, "dataLogDir", cfg.DataLogDir, "standalone", cfg.Standalone)

	n, err := node.New(node.Options{Config: cfg, Logger: log, Version: build.Banner()})
	if err == nil {
		err = n.Run(ctx)
	}
	if err == nil {
		log.Info("server has stopped")
		return nil
	}
	code, phrase := exitFailed, "Unexpected exception, exiting abnormally"
	if e := new(node.ExitError); errors.As(err, &e) {
		code = e.Code
	}
	if code == node.ExitDataDir {
		phrase = "Unable to access datadir, exiting abnormally"
	}
	log.Error(fmt.Sprintf("Exiting JVM with code %d", code)) // alerts look for it. Java: ServiceUtils
	return a.refuse(log, code, phrase, err)
}

// logLevel is INFO unless one of logback's or log4j's customary properties says otherwise.
func logLevel(props map[string]string) slog.Level {
	level := slog.LevelInfo
	for _, name := range []string{"zookeeper.console.threshold", "zookeeper.root.logger"} {
		if l, ok := logging.ParseLevel(props[name]); ok {
			level = l
		}
	}
	return level
}
