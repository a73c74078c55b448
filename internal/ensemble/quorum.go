package ensemble

import (
	"cmp"
	"fmt"
	"slices"
)

// group is one group of a hierarchical quorum. Its weight is the sum over its servers.
type group struct {
	id      int64
	servers []int64 // ascending
	weight  int64
}

func (g group) equal(o group) bool { return g.id == o.id && slices.Equal(g.servers, o.servers) }

// weight is the say of one server within its group.
type weight struct{ server, weight int64 }

// maxWeight keeps sums of weights far from overflow.
const maxWeight = 1 << 31

// Quorum reports whether the participants for which has returns true form a quorum. Observers and strangers are not
// asked about. has must be pure; it is called at most once for each server.
//
// Majority: more than half of the participants. Hierarchical: in more than half of the groups with weight, servers
// of more than half of the group's weight. Java: QuorumMaj.containsQuorum, QuorumHierarchical.containsQuorum.
func (e Ensemble) Quorum(has func(id int64) bool) bool {
	if e.hierarchical {
		return e.groupQuorum(has)
	}
	voters, acked := 0, 0
	for i := range e.Members {
		if e.Members[i].Role != Participant {
			continue
		}
		voters++
		if has(e.Members[i].ID) {
			acked++
		}
	}
	return acked > voters/2
}

func (e Ensemble) groupQuorum(has func(id int64) bool) bool {
	counted, won := 0, 0
	for _, g := range e.groups {
		if g.weight == 0 {
			continue
		}
		counted++
		var acked int64
		for _, id := range g.servers {
			if e.IsVoter(id) && has(id) {
				acked += e.Weight(id)
			}
		}
		if acked > g.weight/2 {
			won++
		}
	}
	return won > counted/2
}

// Weight is the say of server id in a quorum: 1 for everybody under majority rules, 0 for a server a hierarchical
// configuration does not weigh. A server of weight 0 never leads.
func (e Ensemble) Weight(id int64) int64 {
	if !e.hierarchical {
		return 1
	}
	i, ok := slices.BinarySearchFunc(e.weights, id, func(w weight, id int64) int { return cmp.Compare(w.server, id) })
	if !ok {
		return 0
	}
	return e.weights[i].weight
}

// Hierarchical reports whether groups and weights decide instead of a plain majority.
func (e Ensemble) Hierarchical() bool { return e.hierarchical }

// OfTwo reports whether two servers vote, by majority: where something outside may let one of them go on alone. Java:
// QuorumOracleMaj.
func (e Ensemble) OfTwo() bool { return !e.hierarchical && len(e.Voters()) == 2 }

// settle completes a hierarchical ensemble whose lines were read: default weights, group weights, and the rule that
// every participant is in a group. Java: QuorumHierarchical.parse and computeGroupWeight.
func (e *Ensemble) settle() error {
	slices.SortFunc(e.groups, func(a, b group) int { return cmp.Compare(a.id, b.id) })
	for _, m := range e.Members {
		if m.Role != Participant {
			continue
		}
		if !slices.ContainsFunc(e.groups, func(g group) bool { return slices.Contains(g.servers, m.ID) }) {
			return inZooKeeperWords("Server %d is not in a group; name every participant in one group line", m.ID)
		}
		if !slices.ContainsFunc(e.weights, func(w weight) bool { return w.server == m.ID }) {
			e.weights = append(e.weights, weight{m.ID, 1})
		}
	}
	slices.SortFunc(e.weights, func(a, b weight) int { return cmp.Compare(a.server, b.server) })
	for i := range e.groups {
		g := &e.groups[i]
		for _, id := range g.servers {
			if !slices.ContainsFunc(e.weights, func(w weight) bool { return w.server == id }) {
				return fmt.Errorf("group.%d names server %d, which is no participant and has no weight", g.id, id)
			}
			g.weight += e.Weight(id)
		}
	}
	return nil
}
