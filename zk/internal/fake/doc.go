// Package fake is a ZooKeeper of one map, for tests of the client and its
// recipes: no disk, no peers, no timeouts, and hooks to lose a connection at
// the worst moment.
//
//	zk.Options{Dial: server.Dial} ──net.Pipe──► conn ─► Server.execute ─► nodes
//	                                              └─► Hook: pass, drop, be silent
//
// It follows ZooKeeper where a client can tell the difference, and has no more:
// no ACL checks, no quotas, no path checks. Everything happens over in-memory
// pipes, so that it works in a bubble of testing/synctest too.
package fake
