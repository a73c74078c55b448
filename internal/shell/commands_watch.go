package shell

import (
	"strings"

	"github.com/paddock-io/paddock/zk"
)

var watchCommands = []*command{
	{
		name: "addWatch", least: 2, most: 2, run: addWatch, options: options{{"m", true, ""}},
		usage: "[-m mode] path # optional mode is one of [PERSISTENT, PERSISTENT_RECURSIVE] - default is PERSISTENT_RECURSIVE",
	},
	{
		name: "removewatches", usage: "path [-c|-d|-a] [-l]", least: 2, run: removeWatches,
		options: options{
			{"a", false, "any watcher type"},
			{"c", false, "child watcher type"},
			{"d", false, "data watcher type"},
			{"l", false, "remove locally when there is no server connection"},
			{"p", false, "persistent watcher type"},
			{"r", false, "persistent recursive watcher type"},
		},
	},
}

var watchModes = map[string]zk.AddWatchMode{
	"PERSISTENT": zk.WatchPersistent, "PERSISTENT_RECURSIVE": zk.WatchPersistentRecursive,
}

// addWatch keeps the mode for the next time, as the object does that is ZooKeeper's command.
// Source: AddWatchCommand.
func addWatch(sh *shell, args *arguments) error {
	if args.has("m") {
		mode, ok := watchModes[strings.ToUpper(args.flags["m"])]
		if !ok {
			return findCommand("addWatch").misuse()
		}
		sh.watchMode = mode
	}
	if err := checkPath(args.words[1]); err != nil {
		return err
	}
	_, err := sh.session.watch(zk.AddWatchOp(args.words[1], sh.watchMode), true)
	return err
}

// Source: RemoveWatchesCommand.exec.
func removeWatches(sh *shell, args *arguments) error {
	if err := checkPath(args.words[1]); err != nil {
		return err
	}
	typ := zk.WatcherAny
	switch {
	case args.has("c"):
		typ = zk.WatcherChildren
	case args.has("d"):
		typ = zk.WatcherData
	case args.has("p"):
		typ = zk.WatcherPersistent
	case args.has("r"):
		typ = zk.WatcherPersistentRecursive
	}
	return sh.session.removeWatches(args.words[1], typ, args.has("l"))
}
