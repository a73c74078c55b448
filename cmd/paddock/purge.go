package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"github.com/paddock-io/paddock/internal/storage"
)

// purgeUsage follows PurgeTxnLog.printUsage.
const purgeUsage = `Usage:
purge dataLogDir [snapDir] -n count
	dataLogDir -- path to the txn log directory
	snapDir -- path to the snapshot directory
	count -- the number of old snaps/logs you want to keep, value should be greater than or equal to 3
`

func (a app) purgeCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "purge dataLogDir [snapDir] -n count",
		Short: "Delete snapshots and logs that a restart does not need",
		Long: `Delete snapshots and logs that a restart does not need, except for the newest count snapshots and the logs
since the oldest of them. The server may run meanwhile.`,
		Example:            "  paddock purge /var/lib/zookeeper -n 3",
		DisableFlagParsing: true, // the order of PurgeTxnLog's arguments is fixed
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 1 && (args[0] == "-h" || args[0] == "--help") {
				return cmd.Help()
			}
			return a.purge(args)
		},
	}
}

// purge does what PurgeTxnLog does with args, and says what was removed.
func (a app) purge(args []string) error {
	if len(args) < 3 || len(args) > 4 || args[len(args)-2] != "-n" {
		fmt.Fprint(a.err, purgeUsage)
		return exit(exitFailed) // Java: printUsageThenExit
	}
	dirs := args[:len(args)-2]
	for _, dir := range dirs {
		if _, err := os.Stat(dir); err != nil {
			fmt.Fprintf(a.err, "Path '%s' does not exist. \n%s", dir, purgeUsage)
			return exit(exitFailed)
		}
	}
	keep, err := strconv.Atoi(args[len(args)-1])
	if err != nil || keep < storage.MinRetain {
		fmt.Fprintf(a.err, "%s is not a count of at least %d\n%s", args[len(args)-1], storage.MinRetain, purgeUsage)
		return exit(exitFailed)
	}
	logDir, snapDir := dirs[0], dirs[len(dirs)-1]
	times := modTimes(logDir, snapDir)
	removed, err := storage.PurgeDirs(snapDir, logDir, keep)
	for _, path := range removed {
		fmt.Fprintf(a.out, "Removing file: %s\t%s\n", times[path].Format("Jan 2, 2006, 3:04:05 PM"), path)
	}
	if err != nil {
		return failed(err)
	}
	return nil
}

// modTimes says when the files of data directories were last written, to be printed once they are gone.
func modTimes(dirs ...string) map[string]time.Time {
	times := map[string]time.Time{}
	for _, dir := range dirs {
		entries, _ := os.ReadDir(filepath.Join(dir, "version-2"))
		for _, e := range entries {
			if info, err := e.Info(); err == nil {
				times[filepath.Join(dir, "version-2", e.Name())] = info.ModTime()
			}
		}
	}
	return times
}
