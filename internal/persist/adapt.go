package persist

import (
	"bufio"
	"io"

	"github.com/paddock-io/paddock/internal/storage"
	"github.com/paddock-io/paddock/internal/tree"
	"github.com/paddock-io/paddock/proto"
)

// Source shows the live tree to storage as something to dump. The dump is
// fuzzy: locks are held shortly, and writes go on in between.
type Source struct {
	Tree *tree.Tree
	// Stop, if not nil, is asked at every znode whether to go on; its error ends
	// the dump.
	Stop func() error
	// Batch is how many znodes are read at one moment; 0 leaves it to the tree.
	Batch int
	// Logged, if not nil, waits until the log holds everything up to z.
	Logged func(z proto.Zxid) error
}

// Settle implements storage.Settler.
func (s *Source) Settle() error {
	if s.Logged == nil {
		return nil
	}
	return s.Logged(s.LastZxid())
}

// Sessions implements storage.Source.
func (s *Source) Sessions(yield func(id proto.SessionID, timeoutMs int32) error) error {
	return s.Tree.SnapSessions(yield)
}

// ACLs implements storage.Source.
func (s *Source) ACLs(yield func(id int64, acl []proto.ACL) error) error {
	return s.Tree.SnapACLs(yield)
}

// Nodes implements storage.Source.
func (s *Source) Nodes(yield func(n *storage.SnapNode) error) error {
	var n storage.SnapNode
	each := func(path string, data []byte, acl int64, st *proto.StatPersisted) error {
		if s.Stop != nil {
			if err := s.Stop(); err != nil {
				return err
			}
		}
		n = storage.SnapNode{Path: path, Data: data, ACL: acl, Stat: *st}
		return yield(&n)
	}
	if s.Batch > 0 {
		return s.Tree.SnapNodesBy(s.Batch, each)
	}
	return s.Tree.SnapNodes(each)
}

// Digest implements storage.Source.
func (s *Source) Digest() (zxid proto.Zxid, version int32, digest int64, ok bool) {
	s.Tree.RLock()
	defer s.Tree.RUnlock()
	return s.Tree.LastZxid(), proto.DigestVersion, s.Tree.Digest(), true
}

// LastZxid implements storage.Source.
func (s *Source) LastZxid() proto.Zxid {
	s.Tree.RLock()
	defer s.Tree.RUnlock()
	return s.Tree.LastZxid()
}

// Sink loads a snapshot into a tree that nobody else sees yet.
type Sink struct {
	l   *tree.Loader
	any bool // something was loaded; a tree without a snapshot is a fresh one

	digestZxid    proto.Zxid
	digestVersion int32
	digest        int64
}

// NewSink returns an empty sink.
func NewSink() *Sink { return &Sink{l: tree.NewLoader()} }

// Reset starts over, for another snapshot.
func (s *Sink) Reset() { *s = Sink{l: tree.NewLoader()} }

// Session implements storage.Sink.
func (s *Sink) Session(id proto.SessionID, timeoutMs int32) error {
	s.any = true
	return s.l.Session(id, timeoutMs)
}

// ACL implements storage.Sink.
func (s *Sink) ACL(id int64, acl []proto.ACL) error {
	s.any = true
	return s.l.ACL(id, acl)
}

// Node implements storage.Sink.
func (s *Sink) Node(n *storage.SnapNode) error {
	s.any = true
	return s.l.Node(n.Path, n.Data, n.ACL, &n.Stat)
}

// Digest is of the tree when the dump ended, which replay will reach.
func (s *Sink) Digest(z proto.Zxid, version int32, digest int64) {
	s.digestZxid, s.digestVersion, s.digest = z, version, digest
}

// Last is where the dump ended; the file's name says where replay starts.
func (s *Sink) Last(proto.Zxid) {}

// Load returns the tree.
func (s *Sink) Load() (*tree.Tree, error) {
	if !s.any {
		return tree.New(), nil
	}
	t, err := s.l.Done()
	if err == nil && s.digestZxid != 0 {
		t.ExpectDigest(s.digestZxid, s.digestVersion, s.digest)
	}
	return t, err
}

// ReadTree reads what follows a SNAP packet: the leader's tree and its end mark.
func ReadTree(br *bufio.Reader) (*tree.Tree, error) {
	sink := NewSink()
	if err := storage.ReadSnapshotStream(br, sink, storage.Limits{}); err != nil {
		return nil, err
	}
	if err := storage.ReadSnapshotStreamEnd(br); err != nil {
		return nil, err
	}
	return sink.Load()
}

// WriteTree writes the live tree as what follows a SNAP packet.
func WriteTree(w io.Writer, t *tree.Tree) error { return WriteTreeFrom(w, &Source{Tree: t}) }

// WriteTreeFrom is WriteTree of a source.
func WriteTreeFrom(w io.Writer, src *Source) error {
	if err := storage.WriteSnapshotStream(w, src); err != nil {
		return err
	}
	_, err := w.Write(storage.AppendSnapshotStreamEnd(nil))
	return err
}
