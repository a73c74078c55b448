package tree

import (
	"errors"
	"slices"

	"github.com/paddock-io/paddock/proto"
)

// ErrReplaced ends a dump whose tree was replaced meanwhile.
var ErrReplaced = errors.New("tree: replaced while it was dumped")

// A dump holds the lock for at most this many znodes and about this many bytes
// of data at a time.
const (
	dumpNodes = 500
	dumpBytes = 256 << 10
)

// cursor is a place in a dump that goes from the root to every child, the
// newest first. Since new znodes become the first child of their parent, they
// never lie ahead of a cursor that has passed the parent: whatever is created
// after its parent was dumped is left out of the dump, and replay adds it. Tree.drop
// moves a cursor off a znode that goes.
type cursor struct {
	at   nodeID // the next to dump; 0 at the end
	dead bool   // the tree was replaced
}

// SnapSessions yields every open session. A dump calls SnapSessions, SnapACLs
// and SnapNodes in this order, having noted LastZxid before; transactions after
// that zxid may be contained in what they yield, wholly or in part. The Snap
// methods lock for themselves and hold no lock while they yield. An error of
// yield ends them and is returned. Source: SerializeUtils.serializeSnapshot.
func (t *Tree) SnapSessions(yield func(id proto.SessionID, ms int32) error) error {
	t.RLock()
	ids := make([]proto.SessionID, 0, len(t.sessions))
	ms := make([]int32, 0, len(t.sessions))
	t.EachSession(func(id proto.SessionID, timeout int32) {
		ids, ms = append(ids, id), append(ms, timeout)
	})
	t.RUnlock()
	for i, id := range ids {
		if err := yield(id, ms[i]); err != nil {
			return err
		}
	}
	return nil
}

// SnapACLs yields every ACL but the open one, by ascending id.
func (t *Tree) SnapACLs(yield func(id int64, acl []proto.ACL) error) error {
	t.RLock()
	entries := make([]aclEntry, 0, t.acls.size())
	for _, e := range t.acls.entries[1:] {
		if e.refs > 0 {
			entries = append(entries, e)
		}
	}
	t.RUnlock()
	slices.SortFunc(entries, func(a, b aclEntry) int { return int(min(max(a.id-b.id, -1), 1)) })
	for _, e := range entries {
		if err := yield(e.id, e.acl); err != nil {
			return err
		}
	}
	return nil
}

// snapNode is one znode as it was while the lock was held.
type snapNode struct {
	path int // where it ends in the batch's paths
	data int // where it ends in the batch's data
	null bool
	acl  int64
	stat proto.StatPersisted
}

// batch is what a dump reads under one lock.
type batch struct {
	nodes []snapNode
	paths []byte
	data  []byte
}

// SnapNodes yields every znode, parents before children, the root first with
// path "". An id of an ACL can be newer than what SnapACLs yielded. data and st
// are valid during the call of yield.
func (t *Tree) SnapNodes(yield func(path string, data []byte, acl int64, st *proto.StatPersisted) error) error {
	return t.SnapNodesBy(dumpNodes, yield)
}

// SnapNodesBy is SnapNodes holding the lock for at most limit znodes at a time.
func (t *Tree) SnapNodesBy(limit int, yield func(path string, data []byte, acl int64, st *proto.StatPersisted) error) error {
	c := t.openCursor()
	defer t.closeCursor(c)
	b := batch{data: []byte{}} // not nil, or empty data would look like null
	for {
		if err := t.readCursor(c, limit, &b); err != nil || len(b.nodes) == 0 {
			return err
		}
		paths, path, data := string(b.paths), 0, 0
		for i := range b.nodes {
			n := &b.nodes[i]
			bytes := b.data[data:n.data:n.data]
			if n.null {
				bytes = nil
			}
			if err := yield(paths[path:n.path], bytes, n.acl, &n.stat); err != nil {
				return err
			}
			path, data = n.path, n.data
		}
	}
}

func (t *Tree) openCursor() *cursor {
	t.Lock()
	defer t.Unlock()
	c := &cursor{at: t.find("")}
	t.cursors = append(t.cursors, c)
	return c
}

func (t *Tree) closeCursor(c *cursor) {
	t.Lock()
	defer t.Unlock()
	t.cursors = slices.DeleteFunc(t.cursors, func(o *cursor) bool { return o == c })
}

// readCursor moves c on and fills b with what it passed.
func (t *Tree) readCursor(c *cursor, limit int, b *batch) error {
	b.nodes, b.paths, b.data = b.nodes[:0], b.paths[:0], b.data[:0]
	t.RLock()
	defer t.RUnlock()
	if c.dead {
		return ErrReplaced
	}
	for c.at != 0 && len(b.nodes) < limit && len(b.data) < dumpBytes {
		n := t.at(c.at)
		b.paths = t.appendPath(b.paths, c.at)
		b.data = append(b.data, t.data(n)...)
		b.nodes = append(b.nodes, snapNode{
			path: len(b.paths), data: len(b.data), null: n.dataLen < 0, acl: t.acls.id(n.acl), stat: n.persisted(),
		})
		c.at = t.after(c.at, 0)
	}
	return nil
}
