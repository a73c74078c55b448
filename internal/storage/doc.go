// Package storage keeps a server's state on disk in the files of Apache
// ZooKeeper: transaction logs, snapshots and epochs. Either server can open
// what the other one left.
//
//	        log writer goroutine          snapshotter            loop
//	               │ Append, Flush             │ WriteSnapshot      │ SaveCurrentEpoch
//	               ▼                           ▼                    ▼
//	dataLogDir/version-2/log.<zxid>    dataDir/version-2/     dataDir/version-2/
//	                                   snapshot.<zxid>        acceptedEpoch, currentEpoch
//	               └──────────┬────────────────┘                    │
//	                          ▼ at start                            ▼
//	        Recover: newest good snapshot, then every          LoadEpochs
//	        logged transaction behind it, torn tail cut
//
// Durability in one sentence: what a returned Flush, WriteSnapshot, Truncate or
// Save...Epoch covers survives any crash, and what they do not cover is either
// there after a crash or not, but never half there.
//
// Damage is never repaired by guessing. A log may end in the middle of the
// batch that was being written when the machine stopped, because nobody was
// told that this batch is safe; anything else that does not read back as it was
// written is a [CorruptionError], and the server must not vote with it. tail.go
// and the index beside each log say how the two are told apart.
//
//	Recover fails ──► Survey: what is intact, and which transactions are missing
//	                     │                    ▲
//	                     │ Gaps               │ Lookup, on another server
//	                     ▼                    │
//	        Mend: the logs as they were ◄── entries     or  SetAside, when a leader's
//	                     │                                  snapshot replaces it all
//	                     ▼
//	                  Recover
//
// A failed write or sync is a [FatalError]. After it nothing is known about
// what the disk holds, so it sticks, nothing is retried, and the process must end.
//
// storage knows the tree only as a [Source] of znodes and a [Sink] for them. Log
// payloads are opaque to it but for the zxid in them. docs/formats describes
// every file byte by byte.
package storage
