package ensemble

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// Ensemble is one membership of an ensemble. The zero value has no members and no quorum: a standalone server.
//
// Values are shared freely; treat Members as read-only.
type Ensemble struct {
	Members []Member // sorted by id
	// Version is the zxid of the reconfiguration that made this membership, 0 for one written by hand.
	Version int64

	// Hierarchical quorums only. A text with a group or weight line is hierarchical even when it has no group.
	hierarchical bool
	groups       []group  // sorted by id
	weights      []weight // sorted by server id; every participant has one
}

// New makes a majority ensemble of the given members, in any order, with version 0.
func New(members []Member) (Ensemble, error) {
	e := Ensemble{Members: slices.Clone(members)}
	slices.SortFunc(e.Members, func(a, b Member) int { return cmp.Compare(a.ID, b.ID) })
	for i, m := range e.Members {
		if i > 0 && m.ID == e.Members[i-1].ID {
			return Ensemble{}, fmt.Errorf("two servers have the id %d", m.ID)
		}
		if len(m.QuorumAddrs) == 0 || len(m.QuorumAddrs) != len(m.ElectionAddrs) {
			return Ensemble{}, fmt.Errorf("server.%d needs a quorum and an election address for each host", m.ID)
		}
	}
	return e, nil
}

// Single is the ensemble of a server that runs alone: one participant without peer addresses, always a quorum.
func Single(id int64) Ensemble { return Ensemble{Members: []Member{{ID: id}}} }

// Member returns the member with the given id.
func (e Ensemble) Member(id int64) (Member, bool) {
	i, ok := slices.BinarySearchFunc(e.Members, id, func(m Member, id int64) int { return cmp.Compare(m.ID, id) })
	if !ok {
		return Member{}, false
	}
	return e.Members[i], true
}

// Voters returns the ids of the participants in ascending order.
func (e Ensemble) Voters() []int64 { return e.ids(Participant) }

// Observers returns the ids of the observers in ascending order.
func (e Ensemble) Observers() []int64 { return e.ids(Observer) }

func (e Ensemble) ids(role Role) []int64 {
	var ids []int64
	for _, m := range e.Members {
		if m.Role == role {
			ids = append(ids, m.ID)
		}
	}
	return ids
}

// IsVoter reports whether id is a participant.
func (e Ensemble) IsVoter(id int64) bool {
	m, ok := e.Member(id)
	return ok && m.Role == Participant
}

// WithVersion returns e with another version.
func (e Ensemble) WithVersion(version int64) Ensemble {
	e.Version = version
	return e
}

// WithStaticClient returns e where server id takes its client address from its own zoo.cfg, unless the membership
// gives it one. Java: QuorumPeerConfig.setupClientPort.
func (e Ensemble) WithStaticClient(id int64, client Addr) Ensemble {
	e.Members = slices.Clone(e.Members)
	for i := range e.Members {
		if m := &e.Members[i]; m.ID == id && !m.HasClientAddr {
			m.ClientAddr, m.HasClientAddr, m.ClientFromStatic = client, true, true
		}
	}
	return e
}

// Equal reports whether two ensembles count as one configuration: of one kind of quorum, and of the same version or
// with the same members, groups and weights. Java: QuorumMaj.equals, QuorumHierarchical.equals.
func (e Ensemble) Equal(o Ensemble) bool {
	if e.hierarchical != o.hierarchical {
		return false
	}
	return e.Version == o.Version || slices.EqualFunc(e.Members, o.Members, Member.Equal) &&
		slices.EqualFunc(e.groups, o.groups, group.equal) && slices.Equal(e.weights, o.weights)
}

// CheckRoles refuses memberships that cannot work: observers with nobody to observe, and no participant at all where
// standalone operation is switched off. It does not look at versions or addresses.
// Java: QuorumPeerConfig.parseDynamicConfig.
func (e Ensemble) CheckRoles(standaloneEnabled bool) error {
	switch voters, observers := len(e.Voters()), len(e.Observers()); {
	case voters == 0 && !standaloneEnabled:
		return inZooKeeperWords("standaloneEnabled = false then number of participants should be >0")
	case voters == 0 && observers > 0:
		return inZooKeeperWords("Observers w/o participants is an invalid configuration")
	case voters == 1 && standaloneEnabled && observers > 0:
		return inZooKeeperWords("Observers w/o quorum is an invalid configuration")
	}
	return nil
}

// Conflict is an address that two servers claim.
type Conflict struct {
	Addr  Addr
	First int64 // the lower id
	Other int64
}

func (c Conflict) Error() string {
	return fmt.Sprintf("%v of server.%d conflicts %v of server.%d", c.Addr, c.First, c.Addr, c.Other)
}

// Conflicts lists every address that appears with two servers. Wildcards mean another machine on each server and are
// left out. Loopback addresses are listed, but ZooKeeper lets them pass (see Addr.Loopback), since a text may have
// been written for one machine. Java: QuorumServer.checkAddressDuplicate, which only a reconfiguration calls.
func (e Ensemble) Conflicts() []Conflict {
	claimed := map[Addr]int64{} // by its first server
	var conflicts []Conflict
	for _, m := range e.Members {
		for _, a := range m.addrs() {
			if a.Wildcard() || m.ClientFromStatic && a == m.ClientAddr {
				continue
			}
			key := Addr{strings.ToLower(canonicalHost(a.Host)), a.Port}
			if first, ok := claimed[key]; !ok {
				claimed[key] = m.ID
			} else if first != m.ID {
				conflicts = append(conflicts, Conflict{a, first, m.ID})
			}
		}
	}
	return conflicts
}
