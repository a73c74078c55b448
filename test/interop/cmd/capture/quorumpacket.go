package main

import (
	"fmt"
	"io"

	"github.com/paddock-io/paddock/test/interop/golden"
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
		m := &golden.Message{R: r}
		if snapshotNext {
			snapshotNext = false
			takeSnapshot(m)
			return m.Taken, "snapshot stream", m.Err
		}
		kind, zxid := m.Int(), m.Long()
		data := m.Buffer()
		for n := m.Int(); n > 0 && m.Err == nil; n-- {
			m.Buffer()
			m.Buffer()
		}
		snapshotNext = kind == packetSnap
		comment := fmt.Sprintf("%s zxid %#x", packetNames[kind], uint64(zxid))
		if data == nil {
			comment += ", data null"
		}
		return m.Taken, comment, m.Err
	}
}

// takeSnapshot takes the dump: sessions, ACLs, nodes up to the path "/", and the signature.
// Source: SerializeUtils.serializeSnapshot, DataTree.serialize, LearnerHandler.run.
func takeSnapshot(m *golden.Message) {
	for n := m.Int(); n > 0 && m.Err == nil; n-- {
		m.Long() // session
		m.Int()  // timeout
	}
	for n := m.Int(); n > 0 && m.Err == nil; n-- {
		m.Long() // ACL id
		for k := m.Int(); k > 0 && m.Err == nil; k-- {
			m.Int() // permissions
			m.Buffer()
			m.Buffer()
		}
	}
	for m.Err == nil && string(m.Buffer()) != "/" {
		m.Buffer() // data
		m.Long()   // ACL id
		m.Skip(60) // StatPersisted
	}
	if signature := m.Buffer(); m.Err == nil && string(signature) != "BenWasHere" {
		m.Err = fmt.Errorf("signature %q after the snapshot", signature)
	}
}

// splitElection returns the splitter of one direction of an election connection: the dialer first sends
// its initial message, then both send frames. Source: QuorumCnxManager.initiateConnection.
func splitElection(fromDialer bool) splitter {
	initial := fromDialer
	return func(r io.Reader) ([]byte, string, error) {
		if !initial {
			message, _, err := golden.SplitFrames(r)
			return message, "notification", err
		}
		initial = false
		m := &golden.Message{R: r}
		version, sid := m.Long(), m.Long()
		m.Buffer()
		return m.Taken, fmt.Sprintf("initial message, version %d, server %d", version, sid), m.Err
	}
}
