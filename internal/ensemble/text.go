package ensemble

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// Text writes the configuration as every server stores and sends it: server lines, then group and weight lines of a
// hierarchical one, then the version in hex, joined by newlines with none at the end. Java prints members in the
// order of a hash map, which for small ids is the ascending order used here.
// Java: QuorumMaj.toString, QuorumHierarchical.toString.
func (e Ensemble) Text() string {
	var b strings.Builder
	for _, m := range e.Members {
		fmt.Fprintf(&b, "server.%d=%v\n", m.ID, m)
	}
	for _, g := range e.groups {
		ids := make([]string, len(g.servers))
		for i, id := range g.servers {
			ids[i] = strconv.FormatInt(id, 10)
		}
		fmt.Fprintf(&b, "group.%d=%s\n", g.id, strings.Join(ids, ":"))
	}
	for _, w := range e.weights {
		fmt.Fprintf(&b, "weight.%d=%d\n", w.server, w.weight)
	}
	return b.String() + "version=" + strconv.FormatInt(e.Version, 16)
}

// Parse reads what Text writes, from this server or a Java one. It refuses keys it does not know, as ZooKeeper does,
// but not memberships that could not run: see CheckRoles and Conflicts for those.
func Parse(text string) (Ensemble, error) {
	props, err := ParseProperties(text)
	if err != nil {
		return Ensemble{}, err
	}
	e, problems := FromProperties(lastOfEach(props))
	if len(problems) > 0 {
		return Ensemble{}, problems[0]
	}
	return e, nil
}

// lastOfEach keeps the last property of every key, as a Java Properties object does.
func lastOfEach(props []Property) []Property {
	last := make(map[string]int, len(props))
	for i, p := range props {
		last[p.Key] = i
	}
	var kept []Property
	for i, p := range props {
		if last[p.Key] == i {
			kept = append(kept, p)
		}
	}
	return kept
}

// IsMembershipKey reports whether key belongs to the membership rather than to one server's own settings.
func IsMembershipKey(key string) bool {
	return strings.HasPrefix(key, "server.") || strings.HasPrefix(key, "group") || strings.HasPrefix(key, "weight")
}

// FromProperties builds an ensemble from membership lines and returns every problem found, each with its line. With
// problems the ensemble holds the lines that were good, so that a caller can look for further ones.
func FromProperties(props []Property) (Ensemble, []*PropertyError) {
	p := textParser{servers: map[int64]bool{}, grouped: map[int64]int64{}}
	for _, prop := range props {
		if err := p.property(prop.Key, strings.TrimSpace(prop.Value)); err != nil {
			p.problems = append(p.problems, &PropertyError{prop, err})
		}
	}
	slices.SortFunc(p.e.Members, func(a, b Member) int { return cmp.Compare(a.ID, b.ID) })
	if p.e.hierarchical && len(p.problems) == 0 {
		if err := p.e.settle(); err != nil {
			at := props[slices.IndexFunc(props, func(p Property) bool { return IsMembershipKey(p.Key) && p.Key[0] != 's' })]
			p.problems = append(p.problems, &PropertyError{at, err})
		}
	}
	return p.e, p.problems
}

// maxMembers bounds servers, groups and weights. Session ids leave one byte for the server id.
const maxMembers = 4096

type textParser struct {
	e        Ensemble
	servers  map[int64]bool
	grouped  map[int64]int64 // server id to group id
	problems []*PropertyError
}

func (p *textParser) property(key, value string) error {
	kind, id, _ := strings.Cut(key, ".")
	switch {
	case key == "version":
		return p.version(value)
	case kind == "server":
		return p.server(id, value)
	case strings.HasPrefix(key, "group"):
		p.e.hierarchical = true
		return p.group(id, value)
	case strings.HasPrefix(key, "weight"):
		p.e.hierarchical = true
		return p.weight(id, value)
	}
	return inZooKeeperWords("Unrecognised parameter: %s", key)
}

func (p *textParser) version(value string) error {
	v, err := strconv.ParseInt(value, 16, 64)
	if err != nil || v < 0 {
		return fmt.Errorf("version %q is not a hex number", value)
	}
	p.e.Version = v
	return nil
}

func (p *textParser) server(id, spec string) error {
	m, err := ParseServer(id, spec)
	if err != nil {
		return err
	}
	if p.servers[m.ID] {
		return fmt.Errorf("two servers have the id %d; each needs its own", m.ID)
	}
	if len(p.e.Members) == maxMembers {
		return fmt.Errorf("more than %d servers", maxMembers)
	}
	p.servers[m.ID] = true
	p.e.Members = append(p.e.Members, m)
	return nil
}

func (p *textParser) group(id, value string) error {
	gid, err := parseID(id)
	if err != nil {
		return fmt.Errorf("group number %w", err)
	}
	if len(p.e.groups) == maxMembers || slices.ContainsFunc(p.e.groups, func(g group) bool { return g.id == gid }) {
		return fmt.Errorf("group %d is listed twice, or there are more than %d groups", gid, maxMembers)
	}
	g := group{id: gid}
	for _, s := range splitDropEmpty(value, ":") {
		sid, err := parseID(s)
		if err != nil {
			return fmt.Errorf("server id %w", err)
		}
		if _, ok := p.grouped[sid]; ok || len(p.grouped) == maxMembers {
			return inZooKeeperWords("Server %d is in multiple groups; groups must not overlap", sid)
		}
		p.grouped[sid] = gid
		g.servers = append(g.servers, sid)
	}
	if len(g.servers) == 0 {
		return errors.New("the group is empty; list server ids separated by ':'")
	}
	slices.Sort(g.servers)
	p.e.groups = append(p.e.groups, g)
	return nil
}

func (p *textParser) weight(id, value string) error {
	sid, err := parseID(id)
	if err != nil {
		return fmt.Errorf("server id %w", err)
	}
	w, err := strconv.ParseInt(value, 10, 64)
	if err != nil || w < 0 || w > maxWeight {
		return fmt.Errorf("weight %q is not a number from 0 to %d", value, int64(maxWeight))
	}
	if len(p.e.weights) == maxMembers || slices.ContainsFunc(p.e.weights, func(o weight) bool { return o.server == sid }) {
		return fmt.Errorf("server %d has two weights, or there are more than %d weights", sid, maxMembers)
	}
	p.e.weights = append(p.e.weights, weight{sid, w})
	return nil
}
