// Package tree is the replicated state of one server: znodes, ACLs, ephemerals,
// sessions and their digest, and the watches that clients of this server left.
//
//	committed txn -- Apply --> +----------------------------------+
//	                           | index  path -> znode             |
//	reads  <-- Get, Children --| slabs of znodes, arena of texts  |--> SnapSessions,
//	                           | ACL table, ephemerals, sessions, |    SnapACLs, SnapNodes
//	                           | digest, last zxid                |
//	snapshot -- Loader ------> +-----------------+----------------+
//	                                             | fires
//	reads -- Watches.Add ----> watch table ------+--> Sink.Notify
//
// One goroutine writes: it holds Lock around Apply. Any number read under
// RLock. The watch table has a mutex of its own, a leaf below the tree's lock,
// so that readers may register watches side by side. A read that leaves a watch
// does both under one RLock; Apply changes a znode and notifies under one Lock.
// So no change falls between a read and its watch.
//
// Znodes have no pointers and their names and data lie in pages, so that the
// garbage collector has next to nothing to look at in ten million znodes
// (store.go, arena.go, index.go).
//
// Applying is idempotent in the way that replay over a fuzzy snapshot needs: a
// transaction that the tree already contains changes nothing that matters.
// Source: org.apache.zookeeper.server.DataTree, ReferenceCountedACLCache,
// DigestCalculator, watch.WatchManager.
package tree
