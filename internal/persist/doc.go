// Package persist runs the replica's disk operations and builds a tree from
// what the disk holds. It has no clock, and no goroutine of its own but while a directory is
// loaded: the server's disk goroutine calls it, and so does a simulated disk.
//
//	replica ── Append, SaveEpoch, Truncate, SaveSnapshot, Reload ──► Disk.Work ──► storage
//	   ▲                                                                │
//	   └── Persisted, EpochSaved, Truncated, SnapshotSaved, Reloaded ───┘
//
//	storage.Recover ──► Sink ──► tree     tree ──► Source ──► storage.WriteSnapshot
//
// An event is reported when what it says is durable, never before.
package persist
