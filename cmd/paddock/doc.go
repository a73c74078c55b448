// Command paddock is the whole of Paddock in one binary: server, shell, tools, and a stand-in for the java that other
// people's scripts call.
//
//	paddock server zoo.cfg          one server in the foreground ─► node
//	paddock status | 4lw            ask servers how they are
//	paddock purge | digest          the tools behind zkCleanup.sh and every superDigest how-to
//	paddock log | snap              check and print logs and snapshots, the tools behind zkTxnLogToolkit.sh and the like
//	paddock version
//	paddock java -cp ... CLASS ...  what the main class does in ZooKeeper ─► one of the above
//	java -cp ... CLASS ...          the same, when a link named java leads here
//
// The scripts of packaging/bin are thin: they find the configuration and call these commands.
//
// Exit codes are ZooKeeper's: 0 also after SIGTERM or SIGINT, 1 for an unexpected failure, 2 for a wrong command line
// or configuration, 3 for an unusable data directory. Java: ExitCode.
package main
