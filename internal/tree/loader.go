package tree

import (
	"errors"
	"fmt"

	"github.com/paddock-io/paddock/proto"
)

// lockedACL stands in for an ACL that a dump does not contain because it was
// interned after the dump of the ACLs: nobody may do anything with the znode
// until replay sets its ACL.
var lockedACL = []proto.ACL{{Perms: 0, ID: proto.ID{Scheme: "world", ID: "anyone"}}}

// Loader builds a tree from what a dump yielded, in the same order. It copies
// paths and data and keeps the ACLs.
type Loader struct {
	t     *Tree
	byID  map[int64]aclSlot
	maxID int64 // the largest id in the table of ACLs
}

// NewLoader returns a loader that has loaded nothing.
func NewLoader() *Loader {
	return &Loader{t: newEmpty(), byID: map[int64]aclSlot{openACLID: 0}}
}

// Session loads one session with its timeout in milliseconds.
func (l *Loader) Session(id proto.SessionID, ms int32) error {
	l.t.sessions[id] = ms
	return nil
}

// ACL loads one ACL. Source: ReferenceCountedACLCache.deserialize.
func (l *Loader) ACL(id int64, acl []proto.ACL) error {
	if _, ok := l.byID[id]; ok || id < 1 {
		return fmt.Errorf("tree: load ACL %d: id is not allowed or used twice", id)
	}
	if acl == nil {
		return fmt.Errorf("tree: load ACL %d: no list", id)
	}
	a := &l.t.acls
	a.lastID = max(a.lastID, id)
	l.maxID = a.lastID
	var key []byte
	for i := range acl {
		key = acl[i].Append(key)
	}
	l.byID[id] = a.put(id, string(key), acl)
	return nil
}

// Node loads one znode. Its parent and its ACL must have been loaded. An ACL id
// above all that were loaded is taken as of a later date than the dump of the
// ACLs; such a znode is closed to everybody until a transaction sets its ACL.
// Source: DataTree.deserialize.
func (l *Loader) Node(path string, data []byte, acl int64, st *proto.StatPersisted) error {
	if l.t.find(path) != 0 {
		return fmt.Errorf("tree: load znode %q: it is there already", path)
	}
	var parent nodeID
	if path != "" {
		parentPath, ok := splitPath(path)
		if parent = l.t.find(parentPath); !ok || parent == 0 {
			return fmt.Errorf("tree: load znode %q: no parent", path)
		}
	}
	slot, ok := l.byID[acl]
	switch {
	case ok:
		l.t.acls.use(slot)
	case acl > l.maxID: // not lastID: interning moves that
		slot = l.t.acls.intern(lockedACL)
	default:
		return fmt.Errorf("tree: load znode %q: unknown ACL %d", path, acl)
	}
	l.t.add(parent, path, data, slot, st)
	return nil
}

// Done returns the tree and ends the use of the loader. ACLs that no znode uses
// are forgotten. The caller sets the zxid.
func (l *Loader) Done() (*Tree, error) {
	t := l.t
	l.t = nil
	if t.count == 0 {
		return nil, errors.New("tree: load: no root")
	}
	t.setupQuotas()
	t.acls.purge()
	return t, nil
}
