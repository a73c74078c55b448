package tree

import (
	"slices"
	"strings"

	"github.com/paddock-io/paddock/proto"
)

// Allowed reports whether a connection with the identities ids has one of the
// permissions perm by acl. An empty ACL allows everything, and so does an
// identity of scheme super. Source: ZooKeeperServer.checkACL.
func Allowed(acl []proto.ACL, perm proto.Perms, ids []proto.ID) bool {
	if len(acl) == 0 {
		return true
	}
	for i := range ids {
		if ids[i].Scheme == "super" {
			return true
		}
	}
	for i := range acl {
		a := &acl[i]
		if a.Perms&perm == 0 {
			continue
		}
		if a.ID.Scheme == "world" && a.ID.ID == "anyone" {
			return true
		}
		for j := range ids {
			if ids[j].Scheme == a.ID.Scheme && matches(a.ID.Scheme, ids[j].ID, a.ID.ID) {
				return true
			}
		}
	}
	return false
}

// matches reports whether a connection's id is the one an ACL names, or among
// those. Source: the matches methods of the authentication providers.
func matches(scheme, id, want string) bool {
	switch scheme {
	case "ip":
		return matchIP(id, want)
	case "digest", "x509":
		return id == want
	case "sasl":
		return id == want || id == "super"
	}
	return false
}

// FixACL checks and normalises the ACL of a create or setACL: duplicates go, and
// an entry of scheme auth becomes one for each of ids that was authenticated.
// The error is OK or ErrInvalidACL, which also meets a list that comes out longer
// than anybody needs: it is checked on the goroutine that orders all writes.
// Source: PrepRequestProcessor.fixupACL.
func FixACL(acl []proto.ACL, ids []proto.ID) ([]proto.ACL, proto.ErrCode) {
	if len(acl) == 0 || len(acl) > maxACLEntries {
		return nil, proto.ErrInvalidACL
	}
	fixed := make([]proto.ACL, 0, len(acl))
	bytes := 0
	seen := seenACLs(acl)
	for i, a := range acl {
		if len(fixed) > maxACLEntries || bytes > maxACLBytes {
			return nil, proto.ErrInvalidACL
		}
		switch {
		case seen(i):
		case a.ID.Scheme == "auth":
			n := len(fixed)
			for _, id := range ids {
				if authenticates(id.Scheme) {
					fixed = append(fixed, proto.ACL{Perms: a.Perms, ID: id})
					bytes += len(id.ID)
				}
			}
			if len(fixed) == n {
				return nil, proto.ErrInvalidACL
			}
		case validID(a.ID):
			fixed = append(fixed, a)
			bytes += len(a.ID.ID)
		default:
			return nil, proto.ErrInvalidACL
		}
	}
	if len(fixed) > maxACLEntries || bytes > maxACLBytes {
		return nil, proto.ErrInvalidACL
	}
	return fixed, proto.OK
}

// Bounds of one ACL. Java has none but the size of a request.
const (
	maxACLEntries = 4096
	maxACLBytes   = 1 << 20
)

// seenACLs returns a test whether entry i repeats an earlier one.
func seenACLs(acl []proto.ACL) func(i int) bool {
	if len(acl) <= 16 {
		return func(i int) bool { return slices.Contains(acl[:i], acl[i]) }
	}
	first := make(map[proto.ACL]int, len(acl))
	for i, a := range acl {
		if _, ok := first[a]; !ok {
			first[a] = i
		}
	}
	return func(i int) bool { return first[acl[i]] != i }
}

// authenticates reports whether an identity of the scheme proves who the client
// is. Source: AuthenticationProvider.isAuthenticated.
func authenticates(scheme string) bool {
	return scheme == "digest" || scheme == "sasl" || scheme == "x509"
}

// validID reports whether id may stand in an ACL. Source:
// AuthenticationProvider.isValid.
func validID(id proto.ID) bool {
	switch id.Scheme {
	case "world":
		return id.ID == "anyone"
	case "ip":
		return validIP(id.ID)
	case "digest":
		return validDigest(id.ID)
	case "x509":
		return validDN(id.ID)
	case "sasl":
		return validPrincipal(id.ID)
	}
	return false
}

// validDigest wants one colon with something behind it; colons at the end do
// not count, since String.split drops trailing empty parts.
func validDigest(id string) bool {
	return strings.Count(strings.TrimRight(id, ":"), ":") == 1
}

// validPrincipal allows what has no "@", and else primary[/host]@realm. Source:
// KerberosName.
func validPrincipal(id string) bool {
	name, realm, ok := strings.Cut(id, "@")
	return !ok || strings.Count(name, "/") <= 1 && !strings.ContainsAny(realm, "/@")
}
