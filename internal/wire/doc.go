// Package wire is the form that package zab's messages have on a connection
// between a learner and a leader, as ZooKeeper's servers send them.
//
//	zab.Message ── AppendMessage ──► QuorumPacket, bytes
//	bytes ── ReadPacket ──► Packet ── FromLearner, FromLeader ──► zab.Message
//
// A packet's meaning depends on who sends it: a PING from the leader is not one
// from a learner. What a peer sends is hostile: lengths are bounded before they
// are believed, and an unknown type is no message and no error.
//
// The bytes of a SNAP's tree follow its packet and are storage's business.
package wire
