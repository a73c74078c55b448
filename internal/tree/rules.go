package tree

import (
	"strings"

	"github.com/paddock-io/paddock/proto"
)

// ACLRules says which authentication schemes a server has and what ids of theirs mean in ACLs. The zero value has what
// every ZooKeeper server has unless told otherwise, digest and ip. A value is not changed while it is in use.
//
// A scheme that is not there has no valid ACL entry, matches nobody, and is no part of what scheme auth stands for; that
// a connection has an identity of it changes nothing. Source: ProviderRegistry.
type ACLRules struct {
	Skip bool // every permission is granted; what ACLs may say stays checked (zookeeper.skipACL)

	NoDigest bool // the scheme digest is switched off
	X509     bool // there is the scheme x509
	SASL     bool // there is the scheme sasl
	Key      bool // there is the scheme key

	AnySASLUser   string // an id of scheme sasl in an ACL that stands for all of them; "" for none
	X509SuperUser string // the id of scheme x509 that satisfies each entry of this scheme; "" for none
}

// Allowed reports whether a connection with the identities ids has one of the permissions perm by acl. An empty ACL
// allows everything, and so does an identity of scheme super. Source: ZooKeeperServer.checkACL.
func (r *ACLRules) Allowed(acl []proto.ACL, perm proto.Perms, ids []proto.ID) bool {
	if r.Skip || len(acl) == 0 {
		return true
	}
	for i := range ids {
		if ids[i].Scheme == "super" {
			return true
		}
	}
	if len(ids) > fewIDs && len(acl)*len(ids) > manyPairs {
		return r.allowedByMany(acl, perm, ids)
	}
	l := look{r: r, ids: ids}
	for i := range acl {
		a := &acl[i]
		if a.Perms&perm == 0 {
			continue
		}
		if l.names(&a.ID) {
			return true
		}
	}
	return false
}

// LookCost is about how many pairs of an entry and an identity a look at acl compares, at most.
func LookCost(acl []proto.ACL, ids []proto.ID) int {
	if pairs := len(acl) * len(ids); pairs <= manyPairs || len(ids) <= fewIDs {
		return pairs
	}
	return len(acl) + 8*len(ids) // the set is made first
}

// look is one look at an ACL. The address that a client comes from is parsed once for all entries.
type look struct {
	r    *ACLRules
	ids  []proto.ID
	addr address
	of   int // addr is that of ids[of-1]; 0 for none
	ok   bool
}

// names reports whether an ACL that names who means everybody, or one of l.ids.
func (l *look) names(who *proto.ID) bool {
	if who.Scheme == "world" && who.ID == "anyone" {
		return true
	}
	for i := range l.ids {
		id := &l.ids[i]
		switch {
		case id.Scheme != who.Scheme:
		case who.Scheme == "ip":
			if l.of != i+1 { // few clients have a second address
				l.of = i + 1
				l.addr, l.ok = parseAddress(id.ID)
			}
			if w, bits, ok := parseRange(who.ID); ok && l.ok && l.addr.in(&w, bits) {
				return true
			}
		case l.r.matches(who.Scheme, id.ID, who.ID):
			return true
		}
	}
	return false
}

const (
	// manyPairs is from how many pairs of an entry and an identity on it pays to put the identities into a set, unless
	// there are no more of those than fewIDs.
	manyPairs = 1 << 10
	fewIDs    = 8
)

// allowedByMany is the rest of Allowed in a time that grows with the sum of both lists. A client can give itself a
// thousand identities, and an ACL thousands of entries.
func (r *ACLRules) allowedByMany(acl []proto.ACL, perm proto.Perms, ids []proto.ID) bool {
	equal := make(map[proto.ID]struct{}, len(ids))
	var others []proto.ID // that match more than what is equal; they do not come from clients, and are few
	for _, id := range ids {
		if id.Scheme == "digest" || id.Scheme == "key" {
			equal[id] = struct{}{}
		} else {
			others = append(others, id)
		}
	}
	l := look{r: r, ids: others}
	for i := range acl {
		a := &acl[i]
		if a.Perms&perm == 0 {
			continue
		}
		if _, ok := equal[a.ID]; ok && r.has(a.ID.Scheme) || l.names(&a.ID) {
			return true
		}
	}
	return false
}

// Verdicts remember what Allowed has said, so that coming to one long ACL again and again costs it once. The zero value
// is ready.
type Verdicts struct {
	Max  int32 // ACLs to remember at a time, which also stay in memory; 0 for any number; see Wide
	wide bool
	said *said // nil for nothing: every connection has Verdicts, and few come to a long ACL
}

// said is what Allowed has said to these identities.
type said struct {
	ids   []proto.ID
	known map[verdictKey]bool
}

// Wide lets v remember any number of ACLs until Narrow, for a request that may come to many of them by turns.
func (v *Verdicts) Wide() { v.wide = true }

// Narrow ends Wide, and forgets everything if that was more than Max.
func (v *Verdicts) Narrow() {
	if v.wide = false; v.said != nil && v.Max > 0 && len(v.said.known) > int(v.Max) {
		v.said = nil
	}
}

type verdictKey struct {
	first *proto.ACL // keeps the ACL from becoming another one
	n     int
	perm  proto.Perms
}

// shortACL is up to how many entries asking again is as cheap as remembering.
const shortACL = 8

// Allowed is r.Allowed, remembered if acl is long, until it is asked for other identities.
func (v *Verdicts) Allowed(r *ACLRules, acl []proto.ACL, perm proto.Perms, ids []proto.ID) bool {
	if len(acl) <= shortACL {
		return r.Allowed(acl, perm, ids)
	}
	if v.said == nil || !v.said.to(ids) {
		v.said = &said{ids, make(map[verdictKey]bool)}
	}
	known := v.said.known
	k := verdictKey{&acl[0], len(acl), perm}
	ok, found := known[k]
	if !found {
		if v.Max > 0 && len(known) >= int(v.Max) && !v.wide {
			clear(known)
		}
		ok = r.Allowed(acl, perm, ids)
		known[k] = ok
	}
	return ok
}

func (s *said) to(ids []proto.ID) bool {
	return len(ids) == len(s.ids) && (len(ids) == 0 || &ids[0] == &s.ids[0])
}

// Reset forgets everything.
func (v *Verdicts) Reset() { v.said = nil }

// matches reports whether a connection's id, of any scheme but ip, is the one an ACL names, or among those. Source: the matches methods of the
// authentication providers.
func (r *ACLRules) matches(scheme, id, want string) bool {
	switch scheme {
	case "digest":
		return !r.NoDigest && id == want
	case "x509":
		return r.X509 && (id == want || r.X509SuperUser != "" && id == r.X509SuperUser)
	case "sasl":
		return r.SASL && (id == want || id == "super" || r.AnySASLUser != "" && want == r.AnySASLUser)
	case "key":
		return r.Key && id == want
	}
	return false
}

// authenticates reports whether an identity of the scheme proves who the client is. Source:
// AuthenticationProvider.isAuthenticated.
func (r *ACLRules) authenticates(scheme string) bool { return scheme != "ip" && r.has(scheme) }

// has reports whether ACL entries of the scheme are checked by what it says itself, which leaves out world and auth.
func (r *ACLRules) has(scheme string) bool {
	switch scheme {
	case "ip":
		return true
	case "digest":
		return !r.NoDigest
	case "x509":
		return r.X509
	case "sasl":
		return r.SASL
	case "key":
		return r.Key
	}
	return false
}

// validID reports whether id may stand in an ACL. Source: AuthenticationProvider.isValid.
func (r *ACLRules) validID(id proto.ID) bool {
	if id.Scheme == "world" {
		return id.ID == "anyone"
	}
	if !r.has(id.Scheme) {
		return false
	}
	switch id.Scheme {
	case "ip":
		return validIP(id.ID)
	case "digest":
		return validDigest(id.ID)
	case "x509":
		return validDN(id.ID)
	case "sasl":
		return validPrincipal(id.ID)
	}
	return true
}

// User returns the name that an identity has for others to see: that of digest goes without its hash, and a scheme that
// is not there has none. Source: AuthUtil.getClientInfos.
func (r *ACLRules) User(id proto.ID) string {
	switch {
	case !r.has(id.Scheme):
		return ""
	case id.Scheme == "digest":
		user, _, _ := strings.Cut(id.ID, ":")
		return user
	}
	return id.ID
}
