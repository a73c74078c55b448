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
	way   way
	late  lateEntries
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

// Node loads one znode. Its parent and its ACL must have been loaded. That it
// was there already may be found out a little later, by Done at the latest. An ACL id
// above all that were loaded is taken as of a later date than the dump of the
// ACLs; such a znode is closed to everybody until a transaction sets its ACL.
// Source: DataTree.deserialize.
func (l *Loader) Node(path string, data []byte, acl int64, st *proto.StatPersisted) error {
	var parent nodeID
	if path != "" {
		parentPath, ok := splitPath(path)
		if ok {
			var err error
			if parent, err = l.parent(parentPath); err != nil {
				return err
			}
		}
		if parent == 0 {
			return fmt.Errorf("tree: load znode %q: no parent", path)
		}
	} else if l.t.count > 0 {
		return errors.New("tree: load the root: it is there already")
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
	id := l.t.addUnindexed(parent, path, data, slot, st)
	l.way.enter(path, id)
	if parent == 0 {
		return nil
	}
	return l.late.add(&l.t.store, l.t.index.hash(path), id)
}

// parent returns the znode at path, 0 if it is not there. A dump goes from a
// znode to its children, so that the parent of the next one lies on the way to the last.
func (l *Loader) parent(path string) (nodeID, error) {
	if id := l.way.on(path); id != 0 {
		return id, nil
	}
	if err := l.late.enter(&l.t.store); err != nil {
		return 0, err
	}
	id := l.t.find(path)
	if id != 0 {
		l.way.enter(path, id)
	}
	return id, nil
}

// way is the way from some znode down to the last one loaded.
type way struct {
	path  string // of the last
	steps []step // downward, each the child of the one before
}

type step struct {
	end int // of this znode's path within way.path
	id  nodeID
}

// on returns the znode at path if it is on the way, which then ends there.
// Otherwise it returns 0, and the way is empty.
func (w *way) on(path string) nodeID {
	for n := len(w.steps) - 1; n >= 0; n-- {
		switch s := w.steps[n]; {
		case s.end > len(path):
			continue
		case s.end == len(path) && w.path[:s.end] == path:
			w.steps = w.steps[:n+1]
			return s.id
		}
		break
	}
	w.steps = w.steps[:0]
	return 0
}

// enter makes a znode the end of the way, which is empty or ends at its parent.
func (w *way) enter(path string, id nodeID) {
	w.path = path
	w.steps = append(w.steps, step{len(path), id})
}

// Done returns the tree and ends the use of the loader. ACLs that no znode uses
// are forgotten. The caller sets the zxid.
func (l *Loader) Done() (*Tree, error) {
	t := l.t
	l.t = nil
	if t.count == 0 {
		return nil, errors.New("tree: load: no root")
	}
	if err := l.late.enter(&t.store); err != nil {
		return nil, err
	}
	t.setupQuotas()
	t.acls.purge()
	return t, nil
}
