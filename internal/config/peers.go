package config

import (
	"math"
	"strconv"
	"time"
)

// Peers is how the servers of an ensemble find and feed each other.
type Peers struct {
	ObserverMasterPort      int           // where followers feed observers; 0 for nowhere
	ObserverMasterSizeLimit int           // bytes kept for an observer that is being synchronised
	ObserverReconnectDelay  time.Duration // the most an observer waits before it connects again
	ObserverElectionDelay   time.Duration // and before it looks for a leader again

	MaxConcurrentSnapSyncs int           // observers synchronised by snapshot at once
	MaxConcurrentDiffSyncs int           // and by transactions
	MaxTimeToWaitForEpoch  time.Duration // of a leader for a quorum; negative for Paddock's own limit
	LeaderConnectDelay     time.Duration // between a learner's tries to reach its leader
	QuorumCnxnTimeout      time.Duration // for an election connection to introduce itself; 0 for SyncLimit
	SnapshotSizeFactor     float64       // share of a snapshot that may be read from logs instead; negative for none

	OraclePath string // the file that lets one of two voters go on alone; empty for none

	InitialZxid            uint32 // counter with which an epoch begins, in tests
	DiscontinuousProposals bool   // a learner takes such an epoch
}

// peers reads what concerns learners and elections.
func (l *loader) peers() {
	c := l.cfg
	p := &c.Peers
	p.ObserverMasterSizeLimit = l.propPositive("zookeeper.observerMaster.sizeLimit", 32<<20)
	p.ObserverReconnectDelay = l.propMillis("zookeeper.observer.reconnectDelayMs", 0, 0)
	p.ObserverElectionDelay = l.propMillis("zookeeper.observer.election.DelayMs", 200, 0)
	p.MaxConcurrentSnapSyncs = l.propPositive("zookeeper.leader.maxConcurrentSnapSyncs", 10)
	p.MaxConcurrentDiffSyncs = l.propPositive("zookeeper.leader.maxConcurrentDiffSyncs", 100)
	p.MaxTimeToWaitForEpoch = l.propMillis("zookeeper.leader.maxTimeToWaitForEpoch", -1, -1)
	p.LeaderConnectDelay = l.propMillis("zookeeper.leaderConnectDelayDuringRetryMs", 100, 1)
	p.QuorumCnxnTimeout = max(0, l.propMillis("zookeeper.quorumCnxnTimeoutMs", -1, -1))
	p.SnapshotSizeFactor = l.sizeFactor()
	p.InitialZxid = uint32(l.propNumber("zookeeper.testingonly.initialZxid", 0, 0, math.MaxUint32-2))
	p.DiscontinuousProposals = l.propBool("zookeeper.test.allowDiscontinuousProposals", false)
	if s, ok := l.props["zookeeper.testingonly.initialZxid"]; ok {
		l.warn(s, "%s leaves holes in the zxids of every epoch; it is for tests only", s.name)
	}
}

// sizeFactor reads a share. One that is not a number counts as absent, as in Java, but with a warning.
func (l *loader) sizeFactor() float64 {
	const fallback = 0.33
	s, ok := l.props["zookeeper.snapshotSizeFactor"]
	if !ok {
		return fallback
	}
	v, err := strconv.ParseFloat(javaTrim(s.value), 64)
	switch {
	case err != nil || math.IsNaN(v) || math.IsInf(v, 0):
		l.warn(s, "%s: %q is not a number; %v is used", s.name, s.value, fallback)
		return fallback
	case v == 0: // nothing fits into nothing
		return -1
	}
	return v
}
