package persist

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"runtime"
	"testing"

	"github.com/paddock-io/paddock/internal/tree"
	"github.com/paddock-io/paddock/proto"
)

// allocated returns how many bytes f allocates.
func allocated(f func()) int {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	f()
	runtime.ReadMemStats(&after)
	return int(after.TotalAlloc - before.TotalAlloc)
}

// stream returns a tree as a leader sends it.
func stream(t *testing.T, tr *tree.Tree) []byte {
	var b bytes.Buffer
	if err := WriteTree(&b, tr); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// frame puts a transaction behind its length.
func frame(b []byte, h proto.TxnHeader, body proto.TxnBody) []byte {
	txn := proto.Txn{TxnHeader: h, Body: body}
	txn.Encode(0)
	return append(binary.BigEndian.AppendUint16(b, uint16(len(txn.Raw))), txn.Raw...)
}

// body is a transaction's record with its type.
type body struct {
	typ proto.OpCode
	rec proto.TxnBody
}

// txnSeeds are transactions that follow each other, honest and less so.
func txnSeeds() [][]byte {
	acl := []proto.ACL{{Perms: proto.PermRead, ID: proto.ID{Scheme: "digest", ID: "a:b"}}}
	create := func(path string) body {
		return body{proto.OpCreate, &proto.CreateTxn{Path: path, Data: []byte("x"), ACL: acl, ParentCversion: -1}}
	}
	multi := func(subs ...body) body {
		m := new(proto.MultiTxn)
		for _, s := range subs {
			m.Subs = append(m.Subs, proto.SubTxn{Type: s.typ, Body: s.rec})
		}
		return body{proto.OpMulti, m}
	}
	owned := body{proto.OpCreate, &proto.CreateTxn{Path: "/e", Ephemeral: true, ACL: acl}}
	var seeds [][]byte
	for _, txns := range [][]body{
		{{proto.OpCreateSession, &proto.CreateSessionTxn{Timeout: 4000}}, owned, {proto.OpCloseSession, &proto.CloseSessionTxn{Paths: []string{"/e", "/"}, HasPaths: true}}},
		{create("/a"), create("/a/b"), {proto.OpDelete, &proto.DeleteTxn{Path: "/a"}}, create("/a"), create("/a/b")},
		{create("/a"), {proto.OpSetData, &proto.SetDataTxn{Path: "/a", Data: make([]byte, 300), Version: -7}}, {proto.OpSetACL, &proto.SetACLTxn{Path: "/a", ACL: nil, Version: 3}}},
		{{proto.OpCreateContainer, &proto.CreateContainerTxn{Path: "/c", ACL: acl, ParentCversion: 1 << 30}}, {proto.OpCreateTTL, &proto.CreateTTLTxn{Path: "/t", ACL: acl, TTL: -1}}, {proto.OpDeleteContainer, &proto.DeleteTxn{Path: "/c"}}},
		{multi(create("/m"), owned, body{proto.OpCheck, &proto.CheckVersionTxn{Path: "/m"}}), multi(create("/n"), body{proto.OpError, &proto.ErrorTxn{Err: -101}})},
		{multi(body{proto.OpCreateSession, &proto.CreateSessionTxn{}}, body{proto.OpCloseSession, &proto.CloseSessionTxn{}}, multi(create("/x")))},
		{create(""), create("/"), create("//"), create("/a/"), create("a"), create("/a//b"), create("/a/../b"), {proto.OpDelete, &proto.DeleteTxn{}}, {proto.OpDelete, &proto.DeleteTxn{Path: "/"}}},
		{{proto.OpDelete, &proto.DeleteTxn{Path: "/zookeeper/config"}}, {proto.OpDelete, &proto.DeleteTxn{Path: "/zookeeper/quota"}}, {proto.OpDelete, &proto.DeleteTxn{Path: "/zookeeper"}}, create("/zookeeper")},
		{create("/q"), create("/zookeeper/quota/q"), {proto.OpCreate, &proto.CreateTxn{Path: "/zookeeper/quota/q/zookeeper_limits", Data: []byte("count=1,bytes=-9223372036854775808"), ACL: acl}}, create("/zookeeper/quota/q/zookeeper_stats"), create("/q/1"), {proto.OpDelete, &proto.DeleteTxn{Path: "/zookeeper/quota/q"}}, create("/q/2")},
	} {
		var b []byte
		for i, x := range txns {
			b = frame(b, proto.TxnHeader{Session: 7, Zxid: proto.MakeZxid(1, uint32(i)+1), Time: 1, Type: x.typ}, x.rec)
		}
		seeds = append(seeds, b)
	}
	return seeds
}

// FuzzTxns applies whatever decodes, as a log or a leader may hold it. Nothing
// may panic or cost far more than it has bytes; and the tree that comes of it
// must be one that a snapshot can carry, or a lie would outlive the liar.
func FuzzTxns(f *testing.F) {
	for _, b := range txnSeeds() {
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		if len(b) > 1<<14 {
			return
		}
		tr := tree.New()
		var res tree.Result
		cost := allocated(func() {
			for rest := b; len(rest) > 2; {
				n := min(int(binary.BigEndian.Uint16(rest)), len(rest)-2)
				txn, err := proto.DecodeTxn(rest[2 : 2+n])
				if rest = rest[2+n:]; err == nil {
					tr.Apply(txn, &res)
				}
			}
		})
		if most := 64*len(b) + 4<<20; cost > most {
			t.Errorf("%d bytes allocated for %d", cost, len(b))
		}
		sent := stream(t, tr)
		again, err := ReadTree(bufio.NewReader(bytes.NewReader(sent)))
		if err != nil {
			t.Fatalf("a tree that no snapshot carries: %v", err)
		}
		if got, want := again.Digest(), tr.Digest(); got != want || again.NodeCount() != tr.NodeCount() || again.SessionCount() != tr.SessionCount() {
			t.Fatalf("%d znodes with digest %x came back as %d with %x", tr.NodeCount(), want, again.NodeCount(), got)
		}
	})
}

// FuzzReadTree reads any bytes as what follows SNAP. What is taken must be a
// tree that can be sent on, and come out the same there.
func FuzzReadTree(f *testing.F) {
	for _, b := range txnSeeds() {
		tr := tree.New()
		var res tree.Result
		for rest := b; len(rest) > 0; {
			n := int(binary.BigEndian.Uint16(rest))
			if txn, err := proto.DecodeTxn(rest[2 : 2+n]); err == nil {
				tr.Apply(txn, &res)
			}
			rest = rest[2+n:]
		}
		var sent bytes.Buffer
		if err := WriteTree(&sent, tr); err != nil {
			f.Fatal(err)
		}
		f.Add(sent.Bytes())
		f.Add(sent.Bytes()[:sent.Len()/2])
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		var tr *tree.Tree
		var err error
		cost := allocated(func() { tr, err = ReadTree(bufio.NewReader(bytes.NewReader(b))) })
		if most := 100*len(b) + 4<<20; cost > most {
			t.Errorf("%d bytes allocated for %d", cost, len(b))
		}
		if err != nil {
			return
		}
		again, err := ReadTree(bufio.NewReader(bytes.NewReader(stream(t, tr))))
		if err != nil {
			t.Fatalf("a tree that cannot be sent on: %v", err)
		}
		if got, want := again.Digest(), tr.Digest(); got != want || again.NodeCount() != tr.NodeCount() || again.SessionCount() != tr.SessionCount() {
			t.Fatalf("%d znodes with digest %x came back as %d with %x", tr.NodeCount(), want, again.NodeCount(), got)
		}
	})
}
