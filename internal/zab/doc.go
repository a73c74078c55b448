// Package zab is ZooKeeper's atomic broadcast as two state machines without
// I/O and without a clock: a [Leader] that brings learners to one history and
// then orders new transactions, and a [Learner] that follows it.
//
//	learner                             leader
//	FollowerInfo(acceptedEpoch) ------->  discovery: a quorum of these fixes epoch E
//	        <------- LeaderInfo(E)        acceptedEpoch=E is on the leader's disk
//	acceptedEpoch=E to disk
//	AckEpoch(currentEpoch, last) ------>  a quorum of these: currentEpoch=E to disk
//	        <------- Diff | Trunc | Snap  synchronisation, decided per learner
//	        <------- Proposal, Commit ...
//	        <------- NewLeader(E)
//	history to disk, then currentEpoch=E
//	Ack(E,0) -------------------------->  a quorum of these: established
//	        <------- UpToDate             broadcast
//	        <------- Proposal(z)
//	z to disk, Ack(z) ----------------->  a quorum of these: committed
//	        <------- Commit(z)
//
// Input comes by method calls, one for each thing that can happen; output is
// appended to a slice of [Action]s that the caller must run in order. The
// durability rule: a promise (Ack, AckEpoch, LeaderInfo, Ack of NewLeader) is
// sent only while handling the call that says the thing is on disk.
//
// Links are connections, not servers: a server that reconnects gets a new
// [LinkID], and nothing that an old link promised is counted for the new one.
//
// Source of the protocol's facts: Leader, LearnerHandler, Learner and Follower
// of org.apache.zookeeper.server.quorum, ZooKeeper 3.9; the Zab paper (DSN
// 2011) for the phases.
package zab
