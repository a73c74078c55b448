package main

import (
	"fmt"
	"io"
)

// packetNames are QuorumPacket types; source: org.apache.zookeeper.server.quorum.Leader.
var packetNames = map[int32]string{
	1: "REQUEST", 2: "PROPOSAL", 3: "ACK", 4: "COMMIT", 5: "PING", 6: "REVALIDATE", 7: "SYNC", 8: "INFORM",
	9: "COMMITANDACTIVATE", 10: "NEWLEADER", 11: "FOLLOWERINFO", 12: "UPTODATE", 13: "DIFF", 14: "TRUNC",
	15: "SNAP", 16: "OBSERVERINFO", 17: "LEADERINFO", 18: "ACKEPOCH", 19: "INFORMANDACTIVATE",
}

const packetSnap = 15

// splitQuorum returns the splitter of one direction of a learner's connection: QuorumPackets back to back,
// int32 type, int64 zxid, buffer data, vector of (scheme, id), and after SNAP the raw dump of the tree.
func splitQuorum(bool) splitter {
	snapshotNext := false
	return func(r io.Reader) ([]byte, string, error) {
		m := &message{r: r}
		if snapshotNext {
			snapshotNext = false
			m.snapshot()
			return m.taken, "snapshot stream", m.err
		}
		kind, zxid := m.int(), m.long()
		data := m.buffer()
		for n := m.int(); n > 0 && m.err == nil; n-- {
			m.buffer()
			m.buffer()
		}
		snapshotNext = kind == packetSnap
		comment := fmt.Sprintf("%s zxid %#x", packetNames[kind], uint64(zxid))
		if data == nil {
			comment += ", data null"
		}
		return m.taken, comment, m.err
	}
}

// snapshot takes the dump: sessions, ACLs, nodes up to the path "/", and the signature.
// Source: SerializeUtils.serializeSnapshot, DataTree.serialize, LearnerHandler.run.
func (m *message) snapshot() {
	for n := m.int(); n > 0 && m.err == nil; n-- {
		m.long() // session
		m.int()  // timeout
	}
	for n := m.int(); n > 0 && m.err == nil; n-- {
		m.long() // ACL id
		for k := m.int(); k > 0 && m.err == nil; k-- {
			m.int() // permissions
			m.buffer()
			m.buffer()
		}
	}
	for m.err == nil && string(m.buffer()) != "/" {
		m.buffer() // data
		m.long()   // ACL id
		m.skip(60) // StatPersisted
	}
	if signature := m.buffer(); m.err == nil && string(signature) != "BenWasHere" {
		m.err = fmt.Errorf("signature %q after the snapshot", signature)
	}
}

// splitElection returns the splitter of one direction of an election connection: the dialer first sends
// its initial message, then both send frames. Source: QuorumCnxManager.initiateConnection.
func splitElection(fromDialer bool) splitter {
	initial := fromDialer
	return func(r io.Reader) ([]byte, string, error) {
		if !initial {
			message, _, err := splitFrames(r)
			return message, "notification", err
		}
		initial = false
		m := &message{r: r}
		version, sid := m.long(), m.long()
		m.buffer()
		return m.taken, fmt.Sprintf("initial message, version %d, server %d", version, sid), m.err
	}
}
