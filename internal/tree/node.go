package tree

import (
	"strings"

	"github.com/paddock-io/paddock/proto"
)

// znode is one znode. Siblings form a doubly linked list, newest first; the
// order matters to cursors (see cursor.go).
type znode struct {
	path   string // the key in the index; "" for the root
	data   []byte // owned by the tree; nil is null
	parent *znode
	first  *znode // newest child
	next   *znode // the next older sibling
	prev   *znode // the next newer sibling

	stat     proto.StatPersisted
	children int32
	acl      aclSlot
	crc      uint32 // this znode's share of the tree digest
}

// link makes n the newest child of p.
func (p *znode) link(n *znode) {
	n.parent, n.next = p, p.first
	if p.first != nil {
		p.first.prev = n
	}
	p.first = n
	p.children++
}

// unlink takes n, which must be a child, from its parent.
func (n *znode) unlink() {
	if n.prev != nil {
		n.prev.next = n.next
	} else {
		n.parent.first = n.next
	}
	if n.next != nil {
		n.next.prev = n.prev
	}
	n.parent.children--
	n.parent, n.next, n.prev = nil, nil, nil
}

// name returns the last component of n's path.
func (n *znode) name() string { return n.path[strings.LastIndexByte(n.path, '/')+1:] }

// clientPath returns n's path as clients write it.
func (n *znode) clientPath() string {
	if n.path == "" {
		return "/"
	}
	return n.path
}

// Node is a view of one znode. It is valid while the lock under which it was
// got is held.
type Node struct {
	t *Tree
	n *znode
}

// Data returns the znode's data, nil if it is null. The bytes are the tree's:
// they may change as soon as the lock is released, and must not be written to.
func (n Node) Data() []byte { return n.n.data }

// ACL returns the znode's ACL, which is never nil for a tree that was made by
// New and Apply. The slice is immutable and may be kept.
func (n Node) ACL() []proto.ACL { return n.t.acls.list(n.n.acl) }

// NumChildren returns the number of children.
func (n Node) NumChildren() int { return int(n.n.children) }

// Persisted returns the metadata as it is stored and digested.
func (n Node) Persisted() proto.StatPersisted { return n.n.stat }

// Stat returns the metadata as clients see it: cversion counts creates and
// deletes, and the marks of containers and TTL znodes do not show as owners.
// Source: DataNode.copyStat.
func (n Node) Stat() proto.Stat {
	s := &n.n.stat
	owner := s.EphemeralOwner
	if KindOf(owner) != Ephemeral {
		owner = 0
	}
	return proto.Stat{
		Czxid: s.Czxid, Mzxid: s.Mzxid, Ctime: s.Ctime, Mtime: s.Mtime,
		Version: s.Version, Cversion: 2*s.Cversion - n.n.children, Aversion: s.Aversion,
		EphemeralOwner: owner, DataLength: int32(len(n.n.data)),
		NumChildren: n.n.children, Pzxid: s.Pzxid,
	}
}

// Kind says what a stored ephemeral owner stands for.
type Kind uint8

// Kinds of znodes.
const (
	Persistent Kind = iota
	Ephemeral       // goes with the session that owns it
	Container       // may be removed once its last child is gone
	TTL             // may be removed when empty and not modified for long
)

// Marks in a stored owner. Source: EphemeralType. The 16 bits below the top
// byte are the extended type, which is 0 for TTL; a session of server 255 has
// other bits there, so that it is not taken for a TTL.
const (
	extendedBits = 0xffffff << 40
	ttlBits      = 0xff0000 << 40
)

// KindOf tells what a stored ephemeral owner stands for.
func KindOf(owner proto.SessionID) Kind {
	switch {
	case owner == 0:
		return Persistent
	case owner == proto.ContainerOwner:
		return Container
	case uint64(owner)&extendedBits == ttlBits:
		return TTL
	}
	return Ephemeral
}

// TTLOf returns the time to live, in milliseconds, in the owner of a TTL znode.
func TTLOf(owner proto.SessionID) int64 { return int64(owner) & proto.MaxTTL }
