package storage

import "github.com/paddock-io/paddock/proto"

// A snapshot, in Java's format. Numbers are big-endian; a string is an int32
// length and that many bytes; a buffer too, and -1 is the null buffer.
//
//	"ZKSN" | int32 version = 2 | int64 dbid = -1                     16 bytes
//	int32 count | { int64 session, int32 timeoutMs }*                sessions
//	int32 count | { int64 id, vector of ACL }*                       ids from 1 on; -1 is world:anyone:31 and not listed
//	{ string path, buffer data, int64 acl, StatPersisted }*          parents before children, the root first as ""
//	string "/"                                                       end of the tree
//	seal                                                             int64 adler32 of every byte so far | string "/"
//	[ int64 zxid, int32 version = 2, int64 digest | seal ]           last transaction applied when the dump ended, and the
//	                                                                 tree digest then; since 3.6, if digests are enabled
//	[ int64 zxid | seal ]                                            last transaction applied when the dump ended; since 3.9
//
// The optional sections carry no tag: a Java server expects them by its own
// settings. Reading goes by how many bytes are left behind the first seal.
// Source: FileSnap, SerializeUtils.serializeSnapshot, DataTree.serialize,
// DataTree.serializeZxidDigest, DataTree.serializeLastProcessedZxid.
//
// The tree may change while it is dumped. The name of the file is the last
// zxid applied before the dump began: everything up to it is in the dump, and
// some of what came later may be. Replaying the log from there is idempotent.
//
// A snapshot on the wire, for a learner that is too far behind, is the part
// from sessions to end of tree, followed by the string "BenWasHere".
// Source: Leader and Learner, LearnerHandler.run.
const (
	snapMagic      = "ZKSN"
	snapVersion    = 2
	snapHeaderSize = 16
	sealSize       = 13
	digestSize     = 20 + sealSize // of the digest section
	endZxidSize    = 8 + sealSize  // of the last section
	rootPath       = ""
	endPath        = "/"
	nodeFixed      = 8 + 60 // ACL id and StatPersisted

	// SnapshotStreamEnd is the string behind a snapshot on the wire.
	SnapshotStreamEnd = "BenWasHere"
)

// SnapNode is one znode of a snapshot.
type SnapNode struct {
	Path string // "" for the root
	Data []byte // nil is null and differs from empty
	ACL  int64
	Stat proto.StatPersisted
}

// Source is what a snapshot is taken from. Each method is called once, in this
// order. A yield that returns an error must not be called again, and that error
// be returned. Yielded values are not kept.
type Source interface {
	Sessions(yield func(id proto.SessionID, timeoutMs int32) error) error
	// ACLs yields the table of ACLs by id, from 1 on.
	ACLs(yield func(id int64, acl []proto.ACL) error) error
	// Nodes yields parents before children, the root first.
	Nodes(yield func(n *SnapNode) error) error
	// Digest returns the tree's digest and the zxid it belongs to, at the end of the dump.
	Digest() (zxid proto.Zxid, version int32, digest int64, ok bool)
	// LastZxid returns the last applied zxid at the end of the dump.
	LastZxid() proto.Zxid
}

// Settler is a Source that may be ahead of the log: transactions are applied
// once a quorum has them, which need not include this server's disk. Settle is
// called when a snapshot file is written and before it appears, and returns once
// the log holds everything that the dump may contain. Otherwise a crash could
// leave a snapshot with parts of transactions that no log behind it completes.
type Settler interface{ Settle() error }

// Sink receives a snapshot while it is read, in the order of the file. An
// error ends the reading and means that the snapshot is no good.
type Sink interface {
	Session(id proto.SessionID, timeoutMs int32) error
	ACL(id int64, acl []proto.ACL) error // acl belongs to the sink
	// Node receives a znode. The sink may keep n.Path; n and n.Data are reused.
	Node(n *SnapNode) error
	Digest(zxid proto.Zxid, version int32, digest int64) // not called if the snapshot has none
	Last(zxid proto.Zxid)                                // likewise
}

// Loader is a Sink that can start over: Reset is called before each snapshot
// that Recover tries and before the logs are replayed without one.
type Loader interface {
	Sink
	Reset()
}

// Limits bound what a snapshot may demand of its reader.
type Limits struct {
	MaxField int // bytes of one path, data or ACL; 0 means 64 MiB
}

func (l Limits) maxField() int {
	if l.MaxField <= 0 {
		return 64 << 20
	}
	return l.MaxField
}
