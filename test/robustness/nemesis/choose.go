package nemesis

import (
	"fmt"
	"strings"

	"github.com/paddock-io/paddock/test/robustness/cluster"
)

// faults are all kinds of faults. The weights make cheap and frequent troubles
// likelier than rare ones.
var faults = []fault{
	{"kill one", 6, killOne},
	{"kill leader", 6, killLeader},
	{"kill majority", 2, killMajority},
	{"kill all", 2, killAll},
	{"kill all while disks are slow", 4, killSlow},
	{"pause one", 3, pauseOne},
	{"pause leader", 4, pauseLeader},
	{"pause majority", 2, pauseMajority},
	{"partition", 5, partition},
	{"isolate leader", 4, isolateLeader},
	{"leader alone ahead", 4, leaderAhead},
	{"leader deposed unawares", 4, deposed},
	{"one way", 5, oneWay},
	{"bridge", 3, bridge},
	{"flapping link", 3, flap},
	{"delay", 5, delay},
	{"throttle", 3, throttle},
	{"break connections", 5, breakConnections},
	{"clients cut off", 5, cutClients},
	{"disk full", 4, diskFull},
	{"file size limit", 2, fileLimit},
	{"sync fails", 3, syncFails},
	{"slow disk", 4, slowDisk},
	{"clock shift", 3, clockShift},
	{"disk wiped", 4, wipeDisk},
	{"disk wiped while others are down", 4, wipeHolder},
	{"stale disk", 4, staleDisk},
}

// idle returns the running servers that no fault has in hand, in random order.
func (n *Nemesis) idle() []*cluster.Server {
	return n.c.Shuffled(n.rng, func(s *cluster.Server) bool { return !n.busy[s.ID] && s.Running() })
}

// someone returns one of them, or nil.
func (n *Nemesis) someone() *cluster.Server {
	if idle := n.idle(); len(idle) > 0 {
		return idle[0]
	}
	return nil
}

// leader returns the leader if it is idle, or nil.
func (n *Nemesis) leader() *cluster.Server {
	if s := n.c.Leader(); s != nil && !n.busy[s.ID] {
		return s
	}
	return nil
}

// idleVoters returns those of the idle servers that vote, and how many voters
// make a quorum.
func (n *Nemesis) idleVoters() (v []*cluster.Server, quorum int) {
	voters := 0
	for _, s := range n.c.Servers {
		if !s.Observer {
			voters++
		}
	}
	for _, s := range n.idle() {
		if !s.Observer {
			v = append(v, s)
		}
	}
	return v, voters/2 + 1
}

// majority returns as many idle voters as a quorum has, or fewer.
func (n *Nemesis) majority() []*cluster.Server {
	v, quorum := n.idleVoters()
	return v[:min(len(v), quorum)]
}

// take marks servers as in hand, and returns what takes that back.
func (n *Nemesis) take(servers ...*cluster.Server) (release func()) {
	for _, s := range servers {
		n.busy[s.ID] = true
	}
	return func() {
		for _, s := range servers {
			delete(n.busy, s.ID)
		}
	}
}

func ids(servers []*cluster.Server) string {
	var v []string
	for _, s := range servers {
		v = append(v, fmt.Sprint(s.ID))
	}
	return "server " + strings.Join(v, ", ")
}

// others returns all servers but one.
func (n *Nemesis) others(s *cluster.Server) []*cluster.Server {
	return n.c.Shuffled(n.rng, func(o *cluster.Server) bool { return o != s })
}
