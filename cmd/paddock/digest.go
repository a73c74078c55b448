package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/paddock-io/paddock/internal/auth"
)

func (a app) digestCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "digest USER:PASSWORD...",
		Short: "Print the digest of credentials, for superDigest and digest ACLs",
		Long: `Print the digest of credentials, for superDigest and digest ACLs.

The password is visible to others in the list of processes while this runs, as with ZooKeeper's own tool.`,
		Example: "  paddock digest super:secret",
		Args:    cobra.MinimumNArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			a.printDigests(args)
			return nil
		},
	}
}

// printDigests prints as DigestAuthenticationProvider.main does.
func (a app) printDigests(credentials []string) {
	for _, c := range credentials {
		fmt.Fprintf(a.out, "%s->%s\n", c, auth.Digest(c))
	}
}
