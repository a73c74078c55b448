// Package vfs is the small part of a file system that storage needs, so that
// the same storage code runs on a disk, in memory, and on a disk that fails.
//
//	storage ──► FS, File ──┬── OS         the real one: fdatasync, fallocate, flock
//	                       ├── *Mem       in memory; CrashClone forgets what was not synced
//	                       ├── *Faulty    any of them, failing where a rule says so
//	                       └── *Recorder  any of them, with a record of all changes
//
// A Mem can be damaged (damage.go) and be full. A record can be played to a
// Replay, which knows at each point all that a crash there might leave.
//
// A file has no cursor: every read and write names its offset. What a caller
// may count on after a crash is exactly what POSIX promises: bytes that were
// there at the last Sync of the file, and names that were there at the last
// SyncDir of the directory. Everything later is there wholly, partly or not.
package vfs
