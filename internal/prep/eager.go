package prep

import (
	"github.com/paddock-io/paddock/internal/tree"
	"github.com/paddock-io/paddock/proto"
)

// Refusal says what a server may answer to a write before anybody else has seen it, by the ACLs in its own tree: an ACL
// that may not be stored, or a permission that is missing. Everything else, OK included, is for Prepare to decide, which
// knows what is outstanding. Only the simple writes of one znode are judged. The caller holds the tree's lock. Source:
// ZooKeeperServer.authWriteRequest.
func Refusal(t *tree.Tree, rules *tree.ACLRules, body proto.Request, op proto.OpCode, ids []proto.ID) proto.ErrCode {
	var path string
	var perm proto.Perms
	var acl []proto.ACL // to be stored
	stores := false
	switch r := body.(type) {
	case *proto.CreateRequest:
		if op != proto.OpCreate && op != proto.OpCreate2 {
			return proto.OK
		}
		path, perm, acl, stores = r.Path, proto.PermCreate, r.ACL, true
	case *proto.DeleteRequest:
		path, perm = r.Path, proto.PermDelete
	case *proto.SetDataRequest:
		path, perm = r.Path, proto.PermWrite
	case *proto.SetACLRequest:
		path, perm, acl, stores = r.Path, proto.PermAdmin, r.ACL, true
	default:
		return proto.OK
	}
	if perm == proto.PermCreate || perm == proto.PermDelete {
		if special(path) {
			return proto.OK
		}
		above, err := splitParent(path)
		if err != proto.OK {
			return proto.OK
		}
		path = above
	}
	if stores {
		if _, err := rules.Fix(acl, ids); err == proto.ErrInvalidACL {
			return err
		}
	}
	if n, ok := t.Get(path); ok && !rules.Allowed(n.ACL(), perm, ids) {
		return proto.ErrNoAuth
	}
	return proto.OK
}
