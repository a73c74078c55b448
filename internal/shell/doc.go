// Package shell is the command shell of ZooKeeper, zkCli.sh: it reads commands, runs them against
// an ensemble through package zk, and prints what Apache ZooKeeper 3.9 prints, on the same stream
// and with the same exit code.
//
//	arguments ──► parseStart ──► one command ─────────────┐
//	                                                      ▼
//	stdin ──► lineReader or terminal ──► splitWords ──► table ──► flags ──► command.run
//	                                                                           │
//	          stdout, stderr ◄── screen ◄───────── results ◄───────────────────┤
//	                               ▲                                           ▼
//	                               └── notices: WATCHER::, WatchedEvent ◄── session (zk.Conn)
//
// One goroutine reads commands and runs them, one after the other. Watch events and changes of the
// connection arrive on the goroutines of zk.Conn, which only queue them as notices on the screen;
// they are printed before whatever the shell prints next, or at once while it waits for input.
//
// What a command is called, which flags it takes and what help says about it stand in the tables of
// the commands_*.go files. The words are those of ZooKeeper: ZooKeeperMain, org.apache.zookeeper.cli
// and, for the flags, the DefaultParser of commons-cli 1.5.
package shell
