// Package model is the sequential specification of one znode, and the reading of
// a history in its terms, for porcupine.
//
// A history is linearizable if every path's part of it is: ZooKeeper orders all
// changes, and a multi stands here as one operation on each of its paths, all
// with the multi's times. (That its parts happen together is for others to check.)
// Writes and reads behind a sync take part; plain reads may be stale.
//
// An operation without an answer may have happened or not: its step has both
// outcomes. It cannot happen for ever, as it would if nothing were known of the
// order of a session's requests: once a later request of the session has been
// answered through the leader, or the session has ended, it has either happened
// or never will. That keeps the search small and the check sharp.
package model
