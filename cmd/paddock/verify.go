package main

import (
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/paddock-io/paddock/internal/storage"
	"github.com/paddock-io/paddock/internal/storage/vfs"
	"github.com/paddock-io/paddock/internal/tree"
	"github.com/paddock-io/paddock/proto"
)

func (a app) logCommand() *cobra.Command {
	return group("log", "Look into transaction logs", &cobra.Command{
		Use:     "verify FILE...",
		Short:   "Read logs with all checks and say what is in them",
		Example: "  paddock log verify data/version-2/log.100000001",
		Args:    cobra.MinimumNArgs(1),
		RunE:    func(_ *cobra.Command, files []string) error { return verify(files, a.verifyLog) },
	}, a.logToolkitCommand())
}

func (a app) snapCommand() *cobra.Command {
	return group("snap", "Look into snapshots", &cobra.Command{
		Use:     "verify FILE...",
		Short:   "Read snapshots with all checks and say what is in them",
		Example: "  paddock snap verify data/version-2/snapshot.0",
		Args:    cobra.MinimumNArgs(1),
		RunE:    func(_ *cobra.Command, files []string) error { return verify(files, a.verifySnapshot) },
	}, a.snapToolkitCommand(), a.snapSummaryCommand(), a.snapCompareCommand())
}

func group(name, short string, sub ...*cobra.Command) *cobra.Command {
	cmd := &cobra.Command{Use: name, Short: short, Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() }}
	cmd.AddCommand(sub...)
	return cmd
}

// verify checks every file, whatever is wrong with those before it.
func verify(files []string, check func(file string) error) error {
	var errs []error
	for _, file := range files {
		errs = append(errs, check(file))
	}
	if err := errors.Join(errs...); err != nil {
		return failed(err)
	}
	return nil
}

func (a app) verifyLog(file string) error {
	info, err := storage.VerifyLog(vfs.OS{}, file, func(_ int64, e storage.Entry) error {
		_, err := proto.DecodeTxn(e.Payload)
		return err
	})
	what := "no transactions"
	if info.Entries > 0 {
		what = fmt.Sprintf("%d transactions, zxid %s to %s", info.Entries, info.First, info.Last)
	}
	if err != nil {
		return fmt.Errorf("%s is damaged behind %s: %w", file, what, err)
	}
	fmt.Fprintf(a.out, "%s: %s, entries end at byte %d of %d\n", file, what, info.End, info.Size)
	if info.Torn {
		fmt.Fprintln(a.out, "  remains of an interrupted write follow; a server cuts them off when it starts")
	}
	return nil
}

// census counts what a snapshot holds and loads it like a server.
type census struct {
	tree                  *tree.Loader
	sessions, acls, nodes int
	bytes                 int64
	digest, last          string
}

func (c *census) Session(id proto.SessionID, ms int32) error {
	c.sessions++
	return c.tree.Session(id, ms)
}

func (c *census) ACL(id int64, acl []proto.ACL) error {
	c.acls++
	return c.tree.ACL(id, acl)
}

func (c *census) Node(n *storage.SnapNode) error {
	c.nodes++
	c.bytes += int64(len(n.Data))
	return c.tree.Node(n.Path, n.Data, n.ACL, &n.Stat)
}

func (c *census) Digest(z proto.Zxid, _ int32, d int64) {
	c.digest = fmt.Sprintf(", digest %d at %s", d, z)
}
func (c *census) Last(z proto.Zxid) { c.last = fmt.Sprintf(", last zxid %s", z) }

func (a app) verifySnapshot(file string) error {
	c := census{tree: tree.NewLoader()}
	if err := storage.VerifySnapshot(vfs.OS{}, file, &c); err != nil {
		return err
	}
	if _, err := c.tree.Done(); err != nil {
		return fmt.Errorf("%s: %w", file, err)
	}
	fmt.Fprintf(a.out, "%s: %d znodes with %d bytes of data, %d ACLs, %d sessions%s%s\n",
		file, c.nodes, c.bytes, c.acls, c.sessions, c.last, c.digest)
	return nil
}
