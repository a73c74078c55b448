package tree

import (
	"slices"

	"github.com/paddock-io/paddock/proto"
)

// Of every so many transactions the digest is kept, and of so many of those.
// Source: DataTree.DIGEST_LOG_INTERVAL, DIGEST_LOG_LIMIT.
const (
	digestLogInterval = 128
	digestLogLimit    = 1024
)

// ZxidDigest is the digest of the tree after a transaction.
type ZxidDigest struct {
	Zxid   proto.Zxid
	Digest int64
}

// DigestLog returns what the digest was after the latest transactions whose
// zxid divides by 128, oldest first; those before the last start or snapshot
// that are not replayed are missing. Servers of an ensemble agree on what they
// both have. Source: DataTree.getDigestLog.
func (t *Tree) DigestLog() []ZxidDigest { return slices.Clone(t.digestLog) }

// logDigest keeps the digest after the transaction with this zxid, if it is one
// of those to keep. Source: DataTree.logZxidDigest.
func (t *Tree) logDigest(zxid proto.Zxid) {
	if zxid%digestLogInterval != 0 {
		return
	}
	if len(t.digestLog) == digestLogLimit {
		t.digestLog = append(t.digestLog[:0], t.digestLog[1:]...)
	}
	t.digestLog = append(t.digestLog, ZxidDigest{zxid, t.Digest()})
}
