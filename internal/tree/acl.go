package tree

import (
	"slices"
	"strings"

	"github.com/paddock-io/paddock/proto"
)

// Fix checks and normalises the ACL of a create or setACL: duplicates go, and
// an entry of scheme auth becomes one for each of ids that was authenticated.
// The error is OK or ErrInvalidACL, which also meets a list that comes out longer
// than anybody needs: it is checked on the goroutine that orders all writes. It
// is ErrMarshalling for a null id that a scheme would have to look at.
// Source: PrepRequestProcessor.fixupACL.
func (r *ACLRules) Fix(acl []proto.ACL, ids []proto.ID) ([]proto.ACL, proto.ErrCode) {
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
				if r.authenticates(id.Scheme) {
					fixed = append(fixed, proto.ACL{Perms: a.Perms, ID: id})
					bytes += len(id.ID)
				}
			}
			if len(fixed) == n {
				return nil, proto.ErrInvalidACL
			}
		case a.ID.ID == proto.NullID && (a.ID.Scheme == "world" || r.has(a.ID.Scheme)):
			return nil, proto.ErrMarshalling
		case r.validID(a.ID):
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
