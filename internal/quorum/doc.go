// Package quorum is the shell around package replica: it owns the goroutines,
// sockets and files of one server, and knows as little of the protocol as it
// can.
//
//	clients' requests --> +-------------+ --Append, SaveEpoch...--> disk (1 goroutine) --> storage
//	link readers -------> |             | <-------Persisted...----
//	vote readers -------> | inbox, loop | --Send--> link writers (1 per link) --> sockets
//	disk ---------------> |   replica   | --SendVote--> voteNet
//	timer --------------> +-------------+ --Apply, Serve...--> StateMachine (the server)
//
// One goroutine, the loop, owns the Replica and writes the tree. It never
// blocks on a queue: what must wait, waits elsewhere. Completions and peers'
// messages are always taken; clients' requests only while few are undecided.
//
// A failed write or sync of the disk ends Run with an error that says which
// exit code ZooKeeper would use; nothing is acknowledged after it.
package quorum
