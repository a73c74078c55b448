package main

import (
	"encoding/json"
	"fmt"
	"os"

	"github.com/spf13/cobra"

	"github.com/paddock-io/paddock/internal/doctor"
)

func (a app) doctorCommand() *cobra.Command {
	var defines []string
	var output string
	cmd := &cobra.Command{
		Use:   "doctor zoo.cfg",
		Short: "Say whether a server can go from ZooKeeper to Paddock or back",
		Long: `Look at a server's configuration and data, before Paddock takes over from ZooKeeper or ZooKeeper from Paddock:
what carries over, what is missing or means nothing, and what must change first.

It is run on the server's machine, as the server's user, and may be run beside the server: it changes nothing and takes
no lock. System properties are those of a Java server that runs, or else of SERVER_JVMFLAGS and JVMFLAGS in the
environment and in java.env and zookeeper-env.sh beside zoo.cfg; -D wins.

The exit code is 0 if nothing must change, 1 if something must, and 2 if there was nothing to look at.`,
		Example: "  paddock doctor /etc/zookeeper/conf/zoo.cfg\n  paddock doctor -o json conf/zoo.cfg",
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if output != "text" && output != "json" {
				return &exitError{exitInvocation, fmt.Errorf("doctor: -o %s: want text or json", output)}
			}
			if _, err := os.Stat(args[0]); err != nil {
				return &exitError{exitInvocation, fmt.Errorf("doctor: %w", err)}
			}
			r := doctor.Examine(cmd.Context(), doctor.Options{File: args[0], Defines: definitions(defines), Getenv: a.getenv})
			if err := a.printReport(r, output); err != nil {
				return failed(err)
			}
			if !r.Healthy() {
				return exit(exitFailed)
			}
			return nil
		},
	}
	cmd.Flags().StringArrayVarP(&defines, "define", "D", nil, "set a Java system property, `name=value`")
	cmd.Flags().StringVarP(&output, "output", "o", "text", "`format`: text or json")
	return cmd
}

func (a app) printReport(r *doctor.Report, output string) error {
	if output == "text" {
		return r.WriteText(a.out)
	}
	e := json.NewEncoder(a.out)
	e.SetIndent("", "  ")
	return e.Encode(r)
}
