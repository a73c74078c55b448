package shell

// laterCommands are ZooKeeper's, but need requests or server features that Paddock does not have yet.
// They understand what they are told and then say so.
var laterCommands = []*command{
	{
		name: "addWatch", least: 2, most: 2, run: notServed, options: options{{"m", true, ""}},
		usage: "[-m mode] path # optional mode is one of [PERSISTENT, PERSISTENT_RECURSIVE] - default is PERSISTENT_RECURSIVE",
	},
	{
		name: "removewatches", usage: "path [-c|-d|-a] [-l]", least: 2, run: notServed,
		options: options{
			{"a", false, "any watcher type"},
			{"c", false, "child watcher type"},
			{"d", false, "data watcher type"},
			{"l", false, "remove locally when there is no server connection"},
			{"p", false, "persistent watcher type"},
			{"r", false, "persistent recursive watcher type"},
		},
	},
	{
		name: "config", usage: "[-c] [-w] [-s]", run: notServed,
		options: options{{"c", false, "client connection string"}, {"s", false, "stats"}, {"w", false, "watch"}},
	},
	{
		name: "reconfig", literal: true, run: notServed,
		usage: "[-s] [-v version] [[-file path] | [-members serverID=host:port1:port2;port3[,...]*]] | [-add serverId=host:port1:port2;port3[,...]]* [-remove serverId[,...]*]",
	},
	{name: "getEphemerals", usage: "path", run: notServed},
	{name: "getAllChildrenNumber", usage: "path", least: 2, run: notServed},
	{name: "listquota", usage: "path", least: 2, run: notServed},
	{name: "setquota", usage: "-n|-b|-N|-B val path", literal: true, run: notServed},
	{name: "delquota", usage: "[-n|-b|-N|-B] path", literal: true, run: notServed},
	{name: "whoami", literal: true, run: notServed},
}

func notServed(_ *shell, args *arguments) error {
	return fail(args.words[0] + " is not served by this version of Paddock's shell")
}
