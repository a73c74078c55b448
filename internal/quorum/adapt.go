package quorum

import (
	"context"

	"github.com/paddock-io/paddock/internal/storage"
	"github.com/paddock-io/paddock/internal/tree"
	"github.com/paddock-io/paddock/proto"
)

// treeSource shows the live tree to storage as something to dump. The dump is
// fuzzy: locks are held shortly, and writes go on in between.
type treeSource struct {
	tree *tree.Tree
	ctx  context.Context // nil, or ends the dump early
}

func (s *treeSource) Sessions(yield func(id proto.SessionID, timeoutMs int32) error) error {
	return s.tree.SnapSessions(yield)
}

func (s *treeSource) ACLs(yield func(id int64, acl []proto.ACL) error) error {
	return s.tree.SnapACLs(yield)
}

func (s *treeSource) Nodes(yield func(n *storage.SnapNode) error) error {
	var n storage.SnapNode
	return s.tree.SnapNodes(func(path string, data []byte, acl int64, st *proto.StatPersisted) error {
		if s.ctx != nil && s.ctx.Err() != nil {
			return context.Cause(s.ctx)
		}
		n = storage.SnapNode{Path: path, Data: data, ACL: acl, Stat: *st}
		return yield(&n)
	})
}

func (s *treeSource) Digest() (zxid proto.Zxid, version int32, digest int64, ok bool) {
	s.tree.RLock()
	defer s.tree.RUnlock()
	return s.tree.LastZxid(), proto.DigestVersion, s.tree.Digest(), true
}

func (s *treeSource) LastZxid() proto.Zxid {
	s.tree.RLock()
	defer s.tree.RUnlock()
	return s.tree.LastZxid()
}

// treeSink loads a snapshot into a tree that nobody else sees yet.
type treeSink struct {
	l   *tree.Loader
	any bool // something was loaded; a tree without a snapshot is a fresh one

	digestZxid    proto.Zxid
	digestVersion int32
	digest        int64
}

func newTreeSink() *treeSink { return &treeSink{l: tree.NewLoader()} }

// Reset starts over, for another snapshot.
func (s *treeSink) Reset() { *s = treeSink{l: tree.NewLoader()} }

func (s *treeSink) Session(id proto.SessionID, timeoutMs int32) error {
	s.any = true
	return s.l.Session(id, timeoutMs)
}

func (s *treeSink) ACL(id int64, acl []proto.ACL) error {
	s.any = true
	return s.l.ACL(id, acl)
}

func (s *treeSink) Node(n *storage.SnapNode) error {
	s.any = true
	return s.l.Node(n.Path, n.Data, n.ACL, &n.Stat)
}

// Digest is of the tree when the dump ended, which replay will reach.
func (s *treeSink) Digest(z proto.Zxid, version int32, digest int64) {
	s.digestZxid, s.digestVersion, s.digest = z, version, digest
}

// Last is where the dump ended; the file's name says where replay starts.
func (s *treeSink) Last(proto.Zxid) {}

// load returns the tree.
func (s *treeSink) load() (*tree.Tree, error) {
	if !s.any {
		return tree.New(), nil
	}
	t, err := s.l.Done()
	if err == nil && s.digestZxid != 0 {
		t.ExpectDigest(s.digestZxid, s.digestVersion, s.digest)
	}
	return t, err
}
