package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/paddock-io/paddock/internal/version"
)

func (a app) versionCommand() *cobra.Command {
	var compat bool
	cmd := &cobra.Command{
		Use:   "version",
		Short: "Print which build this is",
		Args:  cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			if compat {
				fmt.Fprintln(a.out, version.Get().Compat())
			}
			fmt.Fprintln(a.out, version.Get())
			return nil
		},
	}
	cmd.Flags().BoolVar(&compat, "compat", false, "put the line of zkServer.sh version before it")
	return cmd
}
