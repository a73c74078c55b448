package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/paddock-io/paddock/internal/version"
)

func (a app) javaCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "java [JVM flags] CLASS [arguments]",
		Short: "Do what a main class of ZooKeeper does, for scripts that call java",
		Long: `Do what a main class of ZooKeeper does, for scripts that call java. A link named java that leads to this
binary, put first in PATH or named by JAVA_HOME, makes init scripts and test harnesses start Paddock unchanged.

-Dname=value counts; class paths, memory and other JVM flags do not.`,
		DisableFlagParsing: true,
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.java(cmd.Context(), args)
		},
	}
}

// java runs a java command line.
func (a app) java(ctx context.Context, args []string) error {
	call, err := parseJava(args)
	if err != nil {
		return &exitError{exitInvocation, err}
	}
	if call.version {
		fmt.Fprintln(a.err, version.Get())
		return nil
	}
	main, known := mainClasses[call.class]
	switch {
	case known:
		return main(ctx, a, call)
	case slices.Contains(laterClasses, call.class):
		return &exitError{exitInvocation, fmt.Errorf("java: this version of Paddock does not do the work of %s", call.class)}
	}
	return &exitError{exitInvocation, fmt.Errorf("java: paddock stands in for java here and knows only ZooKeeper's main classes, not %q", call.class)}
}

// javaCall is a java command line without what concerns only a JVM.
type javaCall struct {
	class   string
	args    []string
	props   map[string]string
	version bool // java -version
}

// valueFlags of java take the next word for their value.
var valueFlags = []string{"-cp", "-classpath", "--class-path", "-p", "--module-path", "--upgrade-module-path", "--add-modules", "--add-opens", "--add-exports", "--add-reads"}

// droppedProperties are prefixes of -D flags that address the JVM or its logging.
var droppedProperties = []string{"file.encoding", "java.awt.headless", "log4j.", "logback.", "com.sun.management.", "sun."}

func parseJava(args []string) (javaCall, error) {
	call := javaCall{props: map[string]string{}}
	for i := 0; i < len(args); i++ {
		arg := args[i]
		switch {
		case slices.Contains(valueFlags, arg):
			i++
		case arg == "-version" || arg == "--version":
			call.version = true
			return call, nil
		case arg == "-jar":
			return call, errors.New("java: paddock stands in for java here and runs no jar files")
		case strings.HasPrefix(arg, "-D"):
			name, value, _ := strings.Cut(arg[2:], "=")
			dropped := slices.ContainsFunc(droppedProperties, func(p string) bool { return strings.HasPrefix(name, p) })
			if !dropped && name != "" {
				call.props[name] = value
			}
		case strings.HasPrefix(arg, "-"): // heap sizes, agents, garbage collectors
		default:
			call.class, call.args = arg, args[i+1:]
			return call, nil
		}
	}
	return call, errors.New("java: no main class is named")
}

// mainClasses are the main classes with something of Paddock behind them.
var mainClasses = map[string]func(context.Context, app, javaCall) error{
	"org.apache.zookeeper.server.quorum.QuorumPeerMain": func(ctx context.Context, a app, c javaCall) error {
		return a.javaServer(ctx, c, len(c.args) != 1)
	},
	"org.apache.zookeeper.server.ZooKeeperServerMain": func(ctx context.Context, a app, c javaCall) error {
		return a.javaServer(ctx, c, true)
	},
	"org.apache.zookeeper.ZooKeeperMain": func(ctx context.Context, a app, c javaCall) error {
		return exit(a.cli(ctx, c.args, a.out, a.err))
	},
	"org.apache.zookeeper.client.FourLetterWordMain": func(ctx context.Context, a app, c javaCall) error {
		if len(c.args) != 3 && len(c.args) != 4 {
			fmt.Fprintln(a.out, "Usage: FourLetterWordMain <host> <port> <cmd> <secure(optional)>")
			return nil
		}
		answer, err := askArgs(ctx, c.args)
		if err == nil {
			fmt.Fprintf(a.out, "%s\n", answer)
		}
		return err
	},
	"org.apache.zookeeper.version.VersionInfoMain": func(_ context.Context, a app, _ javaCall) error {
		fmt.Fprintln(a.out, version.Get().Compat())
		return nil
	},
	"org.apache.zookeeper.Version": func(_ context.Context, a app, c javaCall) error {
		return a.javaVersion(c.args)
	},
	"org.apache.zookeeper.server.PurgeTxnLog": func(_ context.Context, a app, c javaCall) error {
		return a.purge(c.args)
	},
	"org.apache.zookeeper.server.persistence.TxnLogToolkit": func(ctx context.Context, a app, c javaCall) error {
		return alone(ctx, a.logToolkitCommand(), a, c.args)
	},
	"org.apache.zookeeper.server.SnapshotFormatter": func(ctx context.Context, a app, c javaCall) error {
		return alone(ctx, a.snapToolkitCommand(), a, c.args)
	},
	"org.apache.zookeeper.server.SnapshotRecursiveSummary": func(ctx context.Context, a app, c javaCall) error {
		return alone(ctx, a.snapSummaryCommand(), a, c.args)
	},
	"org.apache.zookeeper.server.SnapshotComparer": func(ctx context.Context, a app, c javaCall) error {
		return alone(ctx, a.snapCompareCommand(), a, c.args)
	},
	"org.apache.zookeeper.server.auth.DigestAuthenticationProvider": func(_ context.Context, a app, c javaCall) error {
		algorithm, ok := c.props["zookeeper.DigestAuthenticationProvider.digestAlg"]
		if !ok {
			algorithm = "SHA1"
		}
		return a.printDigests(algorithm, c.args)
	},
}

// alone runs a command that is no part of the tree of commands.
func alone(ctx context.Context, cmd *cobra.Command, a app, args []string) error {
	cmd.SilenceErrors, cmd.SilenceUsage = true, true
	cmd.SetOut(a.out)
	cmd.SetErr(a.err)
	cmd.SetArgs(args)
	return cmd.ExecuteContext(ctx)
}

// laterClasses are main classes of ZooKeeper that Paddock knows by name only.
var laterClasses = []string{
	"org.apache.zookeeper.server.LogFormatter",
	"org.apache.zookeeper.server.util.LogChopper",
	"org.apache.zookeeper.server.TraceFormatter",
	"org.apache.zookeeper.server.auth.KerberosName",
	"org.apache.zookeeper.server.controller.ControllerService",
}

// javaServer is QuorumPeerMain, which hands everything but a single file on to ZooKeeperServerMain, and the latter.
func (a app) javaServer(ctx context.Context, c javaCall, standalone bool) error {
	if len(c.args) < 1 || len(c.args) > 4 {
		fmt.Fprintln(a.err, "Usage: ZooKeeperServerMain configfile | port datadir [ticktime] [maxcnxns]")
		return exit(exitInvocation)
	}
	return a.serve(ctx, server{args: c.args, props: c.props, standalone: standalone})
}

// javaVersion is Version.main.
func (a app) javaVersion(args []string) error {
	switch {
	case len(args) == 0 || len(args) == 1 && args[0] == "--full":
		fmt.Fprintln(a.out, version.Get().Banner())
	case len(args) == 1 && args[0] == "--short":
		fmt.Fprintln(a.out, version.Compatible)
	case len(args) == 1 && args[0] == "--revision":
		fmt.Fprintln(a.out, version.Get().Commit)
	default:
		fmt.Fprintln(a.err, "Usage:\tjava -cp ... org.apache.zookeeper.Version [--full | --short | --revision],\n\tPrints --full version info if no arg specified.")
		return exit(exitFailed)
	}
	return nil
}
