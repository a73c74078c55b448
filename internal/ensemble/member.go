package ensemble

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// Role tells whether a server's votes and acknowledgements count.
type Role uint8

// The two roles, in the words of a server line. Java: QuorumPeer.LearnerType.
const (
	Participant Role = iota
	Observer
)

// String returns the word that stands in a server line.
func (r Role) String() string {
	if r == Observer {
		return "observer"
	}
	return "participant"
}

// ParseRole reads "participant" or "observer" in any case. Java: QuorumServer.getType.
func ParseRole(s string) (Role, error) {
	switch strings.ToLower(strings.TrimSpace(s)) {
	case "participant":
		return Participant, nil
	case "observer":
		return Observer, nil
	}
	return Participant, inZooKeeperWords("Unrecognised peertype: %s; it is participant or observer", s)
}

// Member is one server of an ensemble.
type Member struct {
	ID   int64
	Role Role

	// QuorumAddrs and ElectionAddrs hold the same hosts in the same order. There is more than one only where
	// servers are reachable over several networks, written with '|'. Shared: do not modify.
	QuorumAddrs, ElectionAddrs []Addr

	// ClientAddr is where clients connect, if HasClientAddr. ClientFromStatic marks an address that comes from
	// clientPort of this server's own zoo.cfg: it is not part of the shared text.
	ClientAddr       Addr
	HasClientAddr    bool
	ClientFromStatic bool
}

// inZooKeeperWords makes an error that opens as ZooKeeper's does, capitals and all, because people search for it.
func inZooKeeperWords(format string, args ...any) error { return fmt.Errorf(format, args...) }

// maxAddrs bounds the addresses of one server.
const maxAddrs = 64

const serverForm = " does not have the form server_config or server_config;client_config" +
	" where server_config is the pipe separated list of host:port:port or host:port:port:type" +
	" and client_config is port or host:port"

// ParseServer reads what stands behind "server.<id>=", for example
//
//	zk1.example.org:2888:3888:participant;0.0.0.0:2181
//
// The role and the client part may be missing. The id is a decimal number not below 0. Whether several addresses are
// allowed (multiAddress.enabled) is for the caller to decide. Java: QuorumServer.initializeWithAddressString.
func ParseServer(id, spec string) (Member, error) {
	n, err := parseID(id)
	if err != nil {
		return Member{}, err
	}
	m := Member{ID: n}
	spec = strings.TrimSpace(spec)
	parts := splitDropEmpty(spec, ";")
	if len(parts) == 0 || len(parts) > 2 {
		return Member{}, errors.New(spec + serverForm)
	}
	if err := m.parseServers(spec, splitDropEmpty(parts[0], "|")); err != nil {
		return Member{}, err
	}
	if len(parts) == 2 {
		if m.ClientAddr, err = parseClient(strings.TrimSpace(parts[1])); err != nil {
			return Member{}, fmt.Errorf("client address %q: %w", parts[1], err)
		}
		m.HasClientAddr = true
	}
	return m, nil
}

// parseID reads the number of a server or group line.
func parseID(s string) (int64, error) {
	id, err := strconv.ParseInt(s, 10, 64)
	if err != nil || id < 0 {
		return 0, fmt.Errorf("%q is not a number of 0 or more", s)
	}
	return id, nil
}

// splitDropEmpty splits as Java's String.split: empty pieces at the end do not count.
func splitDropEmpty(s, sep string) []string {
	parts := strings.Split(s, sep)
	for len(parts) > 0 && parts[len(parts)-1] == "" {
		parts = parts[:len(parts)-1]
	}
	return parts
}

func (m *Member) parseServers(spec string, addrs []string) error {
	if len(addrs) == 0 || len(addrs) > maxAddrs {
		return errors.New(spec + serverForm)
	}
	roleKnown := false
	for _, text := range addrs {
		host, rest, err := splitHost(strings.TrimSpace(text))
		if err != nil {
			return err
		}
		fields := splitDropEmpty(rest, ":")
		if len(fields) < 2 || len(fields) > 3 {
			return errors.New(spec + serverForm)
		}
		if err := m.addPorts(host, fields[0], fields[1]); err != nil {
			return err
		}
		if len(fields) == 2 {
			continue
		}
		role, err := ParseRole(fields[2])
		if err != nil {
			return err
		}
		if roleKnown && role != m.Role {
			return inZooKeeperWords("Multiple addresses should have similar roles: %v vs %v", m.Role, role)
		}
		m.Role, roleKnown = role, true
	}
	m.sortAddrs()
	return nil
}

func (m *Member) addPorts(host, quorumPort, electionPort string) error {
	quorum, err := parsePort(quorumPort, 1)
	if err != nil {
		return fmt.Errorf("quorum %w", err)
	}
	election, err := parsePort(electionPort, 1)
	if err != nil {
		return fmt.Errorf("election %w", err)
	}
	if quorum == election {
		// ZooKeeper's own text says "Client and election port", meaning these two.
		return fmt.Errorf("quorum and election port must be different, both are %d", quorum)
	}
	q := Addr{host, quorum}
	if slices.ContainsFunc(m.QuorumAddrs, q.same) {
		return fmt.Errorf("address %v is listed twice", q)
	}
	m.QuorumAddrs = append(m.QuorumAddrs, q)
	m.ElectionAddrs = append(m.ElectionAddrs, Addr{host, election})
	return nil
}

// sortAddrs orders several addresses by host, as QuorumServer.toString prints them; both lists move together.
func (m *Member) sortAddrs() {
	if len(m.QuorumAddrs) < 2 {
		return
	}
	order := make([]int, len(m.QuorumAddrs))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int {
		return cmp.Or(cmp.Compare(m.QuorumAddrs[a].Host, m.QuorumAddrs[b].Host),
			cmp.Compare(m.QuorumAddrs[a].Port, m.QuorumAddrs[b].Port))
	})
	quorum, election := make([]Addr, len(order)), make([]Addr, len(order))
	for to, from := range order {
		quorum[to], election[to] = m.QuorumAddrs[from], m.ElectionAddrs[from]
	}
	m.QuorumAddrs, m.ElectionAddrs = quorum, election
}

// parseClient reads "port" or "host:port"; a lone port listens everywhere.
func parseClient(s string) (Addr, error) {
	host, port := "0.0.0.0", s
	if strings.Contains(s, ":") {
		var err error
		if host, port, err = splitHost(s); err != nil {
			return Addr{}, err
		}
	}
	n, err := parsePort(port, 0)
	return Addr{host, n}, err
}

// String writes the server line's value as every server of the ensemble would: with the role, and without a client
// address that is only this server's own. Java: QuorumServer.toString.
func (m Member) String() string {
	var b strings.Builder
	for i, q := range m.QuorumAddrs {
		if i > 0 {
			b.WriteByte('|')
		}
		fmt.Fprintf(&b, "%s:%d:%d", bracketed(q.Host), q.Port, m.ElectionAddrs[i].Port)
	}
	b.WriteString(":" + m.Role.String())
	if m.HasClientAddr && !m.ClientFromStatic {
		b.WriteString(";" + m.ClientAddr.String())
	}
	return b.String()
}

// Equal reports whether two members have one id, role and set of addresses. Where the client address came from does
// not matter, what it is does. Java: QuorumServer.equals.
func (m Member) Equal(o Member) bool {
	return m.ID == o.ID && m.Role == o.Role && m.HasClientAddr == o.HasClientAddr &&
		(!m.HasClientAddr || m.ClientAddr.same(o.ClientAddr)) &&
		sameAddrs(m.QuorumAddrs, o.QuorumAddrs) && sameAddrs(m.ElectionAddrs, o.ElectionAddrs)
}

func sameAddrs(a, b []Addr) bool {
	if len(a) != len(b) {
		return false
	}
	for _, x := range a {
		if !slices.ContainsFunc(b, x.same) {
			return false
		}
	}
	return true
}

// addrs lists every address of m that another machine could use.
func (m Member) addrs() []Addr {
	all := slices.Concat(m.QuorumAddrs, m.ElectionAddrs)
	if m.HasClientAddr {
		all = append(all, m.ClientAddr)
	}
	return all
}
