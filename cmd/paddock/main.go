package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/paddock-io/paddock/internal/version"
)

// Exit codes. Java: ExitCode; Unix shells for what a tool refuses.
const (
	exitFailed     = 1
	exitInvocation = 2
)

func main() {
	if serves(os.Args) {
		slackenTimers() // before signals are caught: one that came in between would be lost
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second signal ends the process at once
	os.Exit(run(ctx, os.Args, app{in: os.Stdin, out: os.Stdout, err: os.Stderr, getenv: os.Getenv, releaseSignals: stop}))
}

// serves reports whether a command line is that of a server, of several, or of what
// stands in front of them.
func serves(args []string) bool {
	return filepath.Base(args[0]) == "java" || len(args) > 1 && slices.Contains([]string{"server", "up", "java", "balance"}, args[1])
}

// app is what the commands know of the process they run in.
type app struct {
	in     io.Reader
	out    io.Writer // answers
	err    io.Writer // everything else, logs too
	getenv func(string) string

	releaseSignals func() // lets signals end the process again, and ends the commands' context
}

// run is main without the process around it. args[0] is the name the program was called by.
func run(ctx context.Context, args []string, a app) int {
	if filepath.Base(args[0]) == "java" {
		args = append([]string{args[0], "java"}, args[1:]...)
	}
	root := a.root()
	root.SetArgs(args[1:])
	return a.exitCode(root.ExecuteContext(ctx))
}

// root is the tree of commands.
func (a app) root() *cobra.Command {
	root := &cobra.Command{
		Use:           "paddock",
		Short:         "Apache ZooKeeper's job, done by one binary",
		Version:       version.Get().String(),
		SilenceErrors: true, // exitCode prints them
		SilenceUsage:  true,
		Args:          cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return cmd.Help()
		},
	}
	root.SetVersionTemplate("{{.Version}}\n")
	root.SetIn(a.in)
	root.SetOut(a.out)
	root.SetErr(a.err)
	root.AddCommand(a.serverCommand(), a.statusCommand(), a.wordCommand(), a.versionCommand(),
		a.purgeCommand(), a.digestCommand(), a.javaCommand(), a.logCommand(), a.snapCommand(), a.doctorCommand())
	root.AddCommand(a.wired()...)
	return root
}

// exitError ends the program with a code. A nil err means that everything has been said.
type exitError struct {
	code int
	err  error
}

func (e *exitError) Error() string {
	if e.err == nil {
		return fmt.Sprintf("exit code %d", e.code)
	}
	return e.err.Error()
}
func (e *exitError) Unwrap() error { return e.err }

// exit wraps code as an error, nil for 0.
func exit(code int) error {
	if code == 0 {
		return nil
	}
	return &exitError{code: code}
}

// failed is the error of a command that was understood but did not succeed.
func failed(err error) error { return &exitError{exitFailed, err} }

// exitCode prints err, if there is something left to say, and returns the code to exit with.
func (a app) exitCode(err error) int {
	if err == nil {
		return 0
	}
	var e *exitError
	if !errors.As(err, &e) { // cobra's own: an unknown command, flag or number of arguments
		fmt.Fprintf(a.err, "paddock: %v\nRun 'paddock --help' for the commands and their arguments.\n", err)
		return exitInvocation
	}
	if e.err != nil {
		fmt.Fprintf(a.err, "paddock: %v\n", e.err)
	}
	return e.code
}
