package main

import (
	"context"
	"io"

	"github.com/spf13/cobra"

	"github.com/paddock-io/paddock/internal/balance"
	"github.com/paddock-io/paddock/internal/bench"
	"github.com/paddock-io/paddock/internal/shell"
	"github.com/paddock-io/paddock/internal/up"
)

// wired returns the commands that live in packages of their own and parse their own arguments.
func (a app) wired() []*cobra.Command {
	return []*cobra.Command{
		a.wire("up [-n 3] [--data DIR] [--base-port 2181]", "Run a whole ensemble on this computer", up.Main),
		a.wire("cli [-server HOST:PORT,...[/chroot]] [-timeout MS] [COMMAND...]", "ZooKeeper's shell, zkCli.sh", a.cli),
		a.wire("balance [flags] HOST:PORT,HOST:PORT,...", "Hand clients that know one address to the servers of an ensemble", balance.Main),
		a.wire("bench [flags]", "Load a running ensemble and print rates and latencies", bench.Main),
	}
}

// wire makes a command of main, which gets all arguments and returns the exit code.
func (a app) wire(use, short string, main func(ctx context.Context, args []string, out, errOut io.Writer) int) *cobra.Command {
	return &cobra.Command{
		Use:                use,
		Short:              short,
		DisableFlagParsing: true,
		RunE: func(cmd *cobra.Command, args []string) error {
			return exit(main(cmd.Context(), args, a.out, a.err))
		},
	}
}

// cli is the shell. It does not watch ctx, so that an interrupt must be left to end the process.
func (a app) cli(_ context.Context, args []string, out, errOut io.Writer) int {
	a.releaseSignals()
	return shell.Main(args, a.in, out, errOut)
}
