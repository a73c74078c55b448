// Package prep turns requests into transactions. A leader decides what a write
// does when it proposes it, long before it is applied, so prep looks at the
// tree as it will be: the applied state covered by the changes of every
// transaction that has been proposed since.
//
//	Request{op, record, identities}, zxid, wall clock
//	        |
//	        v          looks up a path: change record first, then tree
//	     Prepare  -------------------------------------------------+
//	        |  checks in ZooKeeper's order, resolves names         |
//	        |                                                      v
//	        |                 changes   "/a" -> {stat, acl, children, digest}
//	        |  records        (newest)  "/a/n-0000000003" -> {deleted}
//	        +---------------->                    ^       ^
//	        |                 fifo      z7 -------+       |   oldest first
//	        |                           z8 ---------------+
//	        v                                             |
//	     *proto.Txn, encoded                              |
//	        |                                             |
//	        v        ... logged, acknowledged, applied    |
//	     tree.Apply ---------> Applied(z) drops what the tree now holds
//
// A path has at most one change record, always its newest state; each
// transaction that touched it adds an entry to the fifo, and the record goes
// when its last entry does. Memory therefore grows only with the transactions
// that are outstanding.
//
// A refused request becomes a transaction as well: the error takes a zxid and
// its place in the log, so that order never depends on success.
//
// Nothing here is safe for concurrent use: one goroutine prepares and applies.
// Source: PrepRequestProcessor, ZooKeeperServer.ChangeRecord.
package prep
