package ensemble

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// EditRules are what a server's settings say of changes to the membership.
type EditRules struct {
	StandaloneEnabled bool // one participant is not enough
	MultiAddress      bool // a server may have several addresses
}

// ErrUnexpected is in the errors that ZooKeeper does not expect and so answers as MarshallingError: numbers that are
// none, and memberships whose roles do not fit. All other errors of Edit and Replace are BadArguments.
var ErrUnexpected = errors.New("the change cannot be read")

// maxEdit bounds the servers of one incremental change, which is read before it is known who asks. A session id has a
// byte for its server.
const maxEdit = 256

// Edit makes an incremental change: of leaving, ids separated by commas, and then of joining, server lines separated by
// commas. A line of an id that is there replaces it. The version stays. Java: PrepRequestProcessor.pRequest2Txn.
func (e Ensemble) Edit(joining, leaving string, rules EditRules) (Ensemble, error) {
	if e.hierarchical {
		return Ensemble{}, inZooKeeperWords("Incremental reconfiguration requested but last configuration seen has a non-majority quorum system")
	}
	e.Members = slices.Clone(e.Members)
	left, joined := splitTrimmed(leaving, ","), splitTrimmed(joining, ",")
	if len(left) > maxEdit || len(joined) > maxEdit {
		return Ensemble{}, fmt.Errorf("more than %d servers in one change", maxEdit)
	}
	for _, text := range left {
		id, err := strconv.ParseInt(text, 10, 64)
		if err != nil {
			return Ensemble{}, fmt.Errorf("%w: %q is no server id", ErrUnexpected, text)
		}
		e.Members = slices.DeleteFunc(e.Members, func(m Member) bool { return m.ID == id })
	}
	for _, line := range joined {
		m, err := joiner(line, rules)
		if err != nil {
			return Ensemble{}, err
		}
		e.Members = slices.DeleteFunc(e.Members, func(o Member) bool { return o.ID == m.ID })
		if c, clash := e.clash(m); clash {
			return Ensemble{}, c
		}
		if len(e.Members) == maxMembers {
			return Ensemble{}, fmt.Errorf("more than %d servers", maxMembers)
		}
		e.Members = append(e.Members, m)
	}
	slices.SortFunc(e.Members, func(a, b Member) int { return cmp.Compare(a.ID, b.ID) })
	return e, e.enough(rules)
}

// Replace reads a whole new membership, its lines separated by newlines or commas. It may be of another kind of quorum.
// The version is 0. Java: PrepRequestProcessor.pRequest2Txn, QuorumPeerConfig.parseDynamicConfig.
func Replace(text string, rules EditRules) (Ensemble, error) {
	e, err := Parse(strings.ReplaceAll(text, ",", "\n"))
	if err != nil {
		return Ensemble{}, err
	}
	for _, m := range e.Members {
		if err := m.checkMulti(rules); err != nil {
			return Ensemble{}, err
		}
	}
	if err := e.CheckRoles(rules.StandaloneEnabled); err != nil {
		return Ensemble{}, fmt.Errorf("%w: %w", ErrUnexpected, err)
	}
	return e.WithVersion(0), e.enough(rules)
}

// joiner reads "server.N=spec" or "N=spec", in which the spec must have all three ports.
func joiner(line string, rules EditRules) (Member, error) {
	parts := splitTrimmed(line, "=")
	if len(parts) != 2 {
		return Member{}, inZooKeeperWords("Wrong format of server string: %q", line)
	}
	number := parts[0][strings.LastIndexByte(parts[0], '.')+1:]
	if _, err := strconv.ParseInt(number, 10, 64); err != nil {
		return Member{}, fmt.Errorf("%w: %q is no server id", ErrUnexpected, number)
	}
	m, err := ParseServer(number, parts[1])
	switch {
	case err != nil:
		return Member{}, err
	case !m.HasClientAddr:
		return Member{}, inZooKeeperWords("Wrong format of server string - each server should have 3 ports specified")
	}
	return m, m.checkMulti(rules)
}

func (m *Member) checkMulti(rules EditRules) error {
	if len(m.QuorumAddrs) > 1 && !rules.MultiAddress {
		return inZooKeeperWords("Multiple address feature is disabled, but multiple addresses were specified for sid %d", m.ID)
	}
	return nil
}

// clash finds an address that m has in common with a member. Wildcards and loopback addresses may be the same on
// different machines. Java: QuorumServer.checkAddressDuplicate.
func (e Ensemble) clash(m Member) (Conflict, bool) {
	for _, o := range e.Members {
		theirs := o.addrs()
		for _, a := range m.addrs() {
			if !a.Wildcard() && !a.Loopback() && slices.ContainsFunc(theirs, a.same) {
				return Conflict{a, o.ID, m.ID}, true
			}
		}
	}
	return Conflict{}, false
}

// enough refuses memberships with too few participants.
func (e Ensemble) enough(rules EditRules) error {
	switch voters := len(e.Voters()); {
	case rules.StandaloneEnabled && voters < 2:
		return inZooKeeperWords("Reconfig failed - new configuration must include at least 2 followers")
	case voters < 1:
		return inZooKeeperWords("Reconfig failed - new configuration must include at least 1 follower")
	}
	return nil
}

// splitTrimmed splits, trims the pieces and leaves out empty ones. Java: StringUtils.split of ZooKeeper.
func splitTrimmed(s, sep string) []string {
	var parts []string
	for part := range strings.SplitSeq(s, sep) {
		if part = strings.TrimSpace(part); part != "" {
			parts = append(parts, part)
		}
	}
	return parts
}

// SameQuorumAddrs reports whether server id is a participant of both ensembles, at the same addresses for learners: one
// that leads may go on. Java: Leader.getDesignatedLeader, QuorumPeer.processReconfig.
func (e Ensemble) SameQuorumAddrs(o Ensemble, id int64) bool {
	m, ok := e.Member(id)
	n, too := o.Member(id)
	return ok && too && m.Role == Participant && n.Role == Participant && sameAddrs(m.QuorumAddrs, n.QuorumAddrs)
}
