package storage

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/paddock-io/paddock/internal/storage/vfs"
	"github.com/paddock-io/paddock/proto"
)

// open opens a store that is closed with the test.
func open(t testing.TB, opts Options) *Store {
	t.Helper()
	s, err := Open(opts)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

// entry returns setData of "/n" to size bytes that differ by zxid.
func entry(z proto.Zxid, size int) Entry {
	data := bytes.Repeat([]byte{byte(z) | 1}, size)
	txn := proto.Txn{
		TxnHeader: proto.TxnHeader{Session: 1, Cxid: int32(z), Zxid: z, Time: int64(z), Type: proto.OpSetData},
		Body:      &proto.SetDataTxn{Path: "/n", Data: data, Version: int32(z)},
	}
	txn.Encode(size + 16)
	return Entry{z, txn.Raw}
}

func entries(first, last proto.Zxid, size int) []Entry {
	var es []Entry
	for z := first; z <= last; z++ {
		es = append(es, entry(z, size))
	}
	return es
}

// state is a Source and a Loader that keeps everything.
type state struct {
	sessions []session
	acls     []aclEntry
	nodes    []SnapNode
	digest   *digest
	last     proto.Zxid
	hasLast  bool
	resets   int
}

type session struct {
	id      proto.SessionID
	timeout int32
}

type aclEntry struct {
	id  int64
	acl []proto.ACL
}

type digest struct {
	zxid    proto.Zxid
	version int32
	digest  int64
}

func newState() *state { return &state{} }

// smallState is a tree of a root with data and n children, at zxid z.
func smallState(z proto.Zxid, n int) *state {
	st := &state{last: z, hasLast: true, digest: &digest{z, proto.DigestVersion, int64(z) * 77}}
	st.sessions = []session{{0x100, 4000}, {0x200, 30000}}
	st.acls = []aclEntry{{1, proto.OpenACL}, {2, []proto.ACL{{Perms: 1, ID: proto.ID{Scheme: "digest", ID: "a:b"}}, {Perms: 31, ID: proto.ID{Scheme: "ip", ID: "::1"}}}}}
	st.nodes = []SnapNode{{Path: "", Data: []byte{}, ACL: -1, Stat: proto.StatPersisted{Pzxid: z}}}
	for i := range n {
		st.nodes = append(st.nodes, SnapNode{Path: fmt.Sprintf("/n%d", i), Data: bytes.Repeat([]byte{1, 2}, i), ACL: 2, Stat: proto.StatPersisted{Czxid: 1, Ctime: int64(i), Mzxid: z}})
	}
	return st
}

func (st *state) Sessions(yield func(proto.SessionID, int32) error) error {
	for _, s := range st.sessions {
		if err := yield(s.id, s.timeout); err != nil {
			return err
		}
	}
	return nil
}

func (st *state) ACLs(yield func(int64, []proto.ACL) error) error {
	for _, a := range st.acls {
		if err := yield(a.id, a.acl); err != nil {
			return err
		}
	}
	return nil
}

func (st *state) Nodes(yield func(*SnapNode) error) error {
	for i := range st.nodes {
		if err := yield(&st.nodes[i]); err != nil {
			return err
		}
	}
	return nil
}

func (st *state) LastZxid() proto.Zxid { return st.last }

func (st *state) Session(id proto.SessionID, timeout int32) error {
	st.sessions = append(st.sessions, session{id, timeout})
	return nil
}

func (st *state) ACL(id int64, acl []proto.ACL) error {
	st.acls = append(st.acls, aclEntry{id, acl})
	return nil
}

func (st *state) Node(n *SnapNode) error {
	keep := *n
	keep.Data = slices.Clone(n.Data)
	st.nodes = append(st.nodes, keep)
	return nil
}

func (st *state) Last(z proto.Zxid) { st.last, st.hasLast = z, true }
func (st *state) Reset()            { *st = state{resets: st.resets + 1} }

// source and sink have a method of the same name, so each gets a thin wrapper.
type stateSource struct{ *state }

func (s stateSource) Digest() (proto.Zxid, int32, int64, bool) {
	if s.digest == nil {
		return 0, 0, 0, false
	}
	return s.digest.zxid, s.digest.version, s.digest.digest, true
}

func (st *state) Digest(z proto.Zxid, version int32, d int64) { st.digest = &digest{z, version, d} }

var (
	_ Source = stateSource{}
	_ Loader = (*state)(nil)
	_ vfs.FS = (*vfs.Mem)(nil)
)

func newRand(seed uint64) *rand.Rand { return rand.New(rand.NewPCG(seed, 1)) }
