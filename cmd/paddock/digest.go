package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/paddock-io/paddock/internal/auth"
	"github.com/paddock-io/paddock/internal/config"
)

func (a app) digestCommand() *cobra.Command {
	var algorithm string
	cmd := &cobra.Command{
		Use:   "digest USER:PASSWORD...",
		Short: "Print the digest of credentials, for superDigest and digest ACLs",
		Long: `Print the digest of credentials, for superDigest and digest ACLs.

The password is visible to others in the list of processes while this runs, as with ZooKeeper's own tool.`,
		Example: "  paddock digest super:secret",
		Args:    cobra.MinimumNArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			return a.printDigests(algorithm, args)
		},
	}
	cmd.Flags().StringVar(&algorithm, "alg", "SHA1", "hash function, as in DigestAuthenticationProvider.digestAlg")
	return cmd
}

// printDigests prints as DigestAuthenticationProvider.main does.
func (a app) printDigests(algorithm string, credentials []string) error {
	hash, ok := config.DigestAlgorithm(algorithm)
	if !ok {
		return &exitError{exitInvocation, fmt.Errorf("digest: don't support this ACL digest algorithm: %s", algorithm)}
	}
	for _, c := range credentials {
		fmt.Fprintf(a.out, "%s->%s\n", c, auth.Digest(hash, c))
	}
	return nil
}
