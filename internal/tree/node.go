package tree

import (
	"maps"
	"slices"

	"github.com/paddock-io/paddock/proto"
)

// znode is one znode. It has no pointers, so that slabs of them cost the garbage
// collector nothing. Siblings form a doubly linked list, newest first; the
// order matters to cursors (see snapshot.go).
type znode struct {
	czxid, mzxid, pzxid proto.Zxid
	ctime, mtime        int64
	owner               proto.SessionID
	text                blob // name, then data
	version             int32
	cversion            int32
	aversion            int32
	nameLen             uint32
	dataLen             int32 // -1 for null
	children            int32
	parent              nodeID
	first               nodeID // newest child
	next                nodeID // the next older sibling
	prev                nodeID // the next newer sibling
	acl                 aclSlot
	crc                 uint32 // this znode's share of the tree digest
}

func (n *znode) persisted() proto.StatPersisted {
	return proto.StatPersisted{
		Czxid: n.czxid, Mzxid: n.mzxid, Ctime: n.ctime, Mtime: n.mtime, Version: n.version,
		Cversion: n.cversion, Aversion: n.aversion, EphemeralOwner: n.owner, Pzxid: n.pzxid,
	}
}

func (n *znode) setPersisted(s *proto.StatPersisted) {
	n.czxid, n.mzxid, n.pzxid = s.Czxid, s.Mzxid, s.Pzxid
	n.ctime, n.mtime, n.owner = s.Ctime, s.Mtime, s.EphemeralOwner
	n.version, n.cversion, n.aversion = s.Version, s.Cversion, s.Aversion
}

// Node is a view of one znode. It is valid while the lock under which it was
// got is held.
type Node struct {
	t *Tree
	n *znode
}

// Data returns the znode's data, nil if it is null. The bytes are the tree's:
// they may change as soon as the lock is released, and must not be written to.
func (v Node) Data() []byte { return v.t.data(v.n) }

// Digest returns the znode's share of the tree's digest, 0 if it has none.
func (v Node) Digest() uint32 { return v.n.crc }

// ACL returns the znode's ACL. The slice is immutable and may be kept.
func (v Node) ACL() []proto.ACL { return v.t.acls.list(v.n.acl) }

// NumChildren returns the number of children.
func (v Node) NumChildren() int { return int(v.n.children) }

// EachChild calls yield with the name of every child, in no particular order.
// The name is valid during the call.
func (v Node) EachChild(yield func(name []byte)) {
	for id := v.n.first; id != 0; {
		c := v.t.at(id)
		yield(v.t.name(c))
		id = c.next
	}
}

// Persisted returns the metadata as it is stored and digested.
func (v Node) Persisted() proto.StatPersisted { return v.n.persisted() }

// Stat returns the metadata as clients see it: cversion counts creates and
// deletes, and the marks of containers and TTL znodes do not show as owners.
// Source: DataNode.copyStat.
func (v Node) Stat() proto.Stat {
	n := v.n
	owner := n.owner
	if v.t.KindOf(owner) != Ephemeral {
		owner = 0
	}
	return proto.Stat{
		Czxid: n.czxid, Mzxid: n.mzxid, Ctime: n.ctime, Mtime: n.mtime,
		Version: n.version, Cversion: 2*n.cversion - n.children, Aversion: n.aversion,
		EphemeralOwner: owner, DataLength: max(n.dataLen, 0), NumChildren: n.children, Pzxid: n.pzxid,
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

// KindOf tells what a stored ephemeral owner stands for. ZooKeeper knows a TTL
// by it only while extendedTypesEnabled is set. Without, it takes such an owner
// for a session that has ended, and a new leader deletes the znode; here it is
// kept.
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

// KindOf is KindOf as this tree sees it, see Emulate353.
func (t *Tree) KindOf(owner proto.SessionID) Kind {
	if t.emulate353 && owner < 0 && owner != proto.ContainerOwner {
		return TTL
	}
	return KindOf(owner)
}

// Emulate353 has the tree take every negative owner but a container's for that
// of a znode with a time to live, as ZooKeeper 3.5.3 stored it. Owners that are
// sessions must then be positive, which those of servers up to 127 are. Source:
// EphemeralTypeEmulate353.
func (t *Tree) Emulate353() {
	var ids []nodeID
	for owner, set := range t.ephemerals {
		if owner < 0 {
			ids = slices.AppendSeq(ids, maps.Keys(set))
		}
	}
	slices.Sort(ids) // no order of a map may show
	for _, id := range ids {
		t.delist(id, t.at(id).owner)
	}
	t.emulate353 = true
	for _, id := range ids {
		t.enlist(id, t.at(id).owner)
	}
}

// TTLOf returns the time to live, in milliseconds, in the owner of a TTL znode.
func TTLOf(owner proto.SessionID) int64 { return int64(owner) & proto.MaxTTL }
