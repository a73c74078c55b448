package prep

import (
	"fmt"
	"strings"
	"testing"

	"github.com/paddock-io/paddock/internal/tree"
	"github.com/paddock-io/paddock/proto"
)

// A session may own more ephemerals than a transaction can list. It must end
// all the same, on every server alike.
func TestCloseOfASessionWithTooManyEphemerals(t *testing.T) {
	tr := tree.New()
	p := New(tr, Options{Digest: true, MaxTxn: 1000})
	var res tree.Result
	z := proto.MakeZxid(1, 0)
	do := func(q Request) *proto.Txn {
		z++
		txn := p.Prepare(&q, z, 1)
		back, err := proto.DecodeTxn(txn.Raw)
		if err != nil {
			t.Fatal(err)
		}
		tr.Apply(back, &res)
		if res.DigestMismatch {
			t.Fatalf("%s: the digest differs", back.Zxid)
		}
		p.Applied(z)
		return back
	}
	do(Request{Session: 7, Op: proto.OpCreateSession, Body: &proto.CreateSessionRequest{Timeout: 1}})
	for i := range 100 {
		do(Request{Session: 7, Op: proto.OpCreate, Body: &proto.CreateRequest{
			Path: fmt.Sprintf("/ephemeral-%d", i), ACL: proto.OpenACL, Flags: proto.Ephemeral}})
	}
	txn := do(Request{Session: 7, Op: proto.OpCloseSession})
	if len(txn.Raw) > 1000 || txn.HasDigest || txn.Body.(*proto.CloseSessionTxn).HasPaths {
		t.Errorf("transaction of %d bytes, digest %v", len(txn.Raw), txn.HasDigest)
	}
	if n := tr.EphemeralsCount(); n != 0 {
		t.Errorf("%d ephemerals are left", n)
	}
	do(Request{Session: 8, Op: proto.OpCreateSession, Body: &proto.CreateSessionRequest{Timeout: 1}})
}

// ACLs of scheme auth can make a multi many times longer than its request.
func TestMultiIsBounded(t *testing.T) {
	p := New(tree.New(), Options{Digest: true, MaxTxn: 10_000})
	var ops []proto.MultiOp
	for i := range 50 {
		ops = append(ops, proto.MultiOp{Type: proto.OpCreate, Req: &proto.CreateRequest{
			Path: fmt.Sprintf("/n%d", i), ACL: []proto.ACL{{Perms: proto.PermAll, ID: proto.ID{Scheme: "auth"}}}}})
	}
	ids := make([]proto.ID, 100)
	for i := range ids {
		ids[i] = proto.ID{Scheme: "digest", ID: fmt.Sprintf("u%d:h", i)}
	}
	txn := p.Prepare(&Request{Session: 1, Op: proto.OpMulti, Body: &proto.MultiRequest{Ops: ops}, IDs: ids}, proto.MakeZxid(1, 1), 1)
	if m := txn.Body.(*proto.MultiTxn); !m.Failed() {
		t.Error("the multi was taken")
	}
	if len(txn.Raw) > 20_000 {
		t.Errorf("a transaction of %d bytes", len(txn.Raw))
	}
	if p.Outstanding() != 0 {
		t.Errorf("%d changes are left behind", p.Outstanding())
	}
}

// A client's request is bounded by its frame, one that a learner forwards is not.
func TestSingleIsBounded(t *testing.T) {
	p := New(tree.New(), Options{Digest: true, MaxTxn: 10_000})
	data, z := make([]byte, 10_001), proto.MakeZxid(1, 0)
	must := &proto.CreateRequest{Path: "/there", ACL: proto.OpenACL}
	long := "/" + strings.Repeat("x", 10_000)
	acl := []proto.ACL{{Perms: proto.PermAll, ID: proto.ID{Scheme: "digest", ID: long + ":h"}}}
	for i, q := range []Request{
		{Op: proto.OpCreate, Body: must},
		{Op: proto.OpCreate, Body: &proto.CreateRequest{Path: "/a", Data: data, ACL: proto.OpenACL}},
		{Op: proto.OpCreateContainer, Body: &proto.CreateRequest{Path: "/a", Data: data, ACL: proto.OpenACL, Flags: proto.Container}},
		{Op: proto.OpCreate2, Body: &proto.CreateRequest{Path: long, ACL: proto.OpenACL}},
		{Op: proto.OpCreate2, Body: &proto.CreateRequest{Path: "/a", ACL: acl}},
		{Op: proto.OpSetData, Body: &proto.SetDataRequest{Path: "/there", Data: data, Version: -1}},
	} {
		z++
		q.Session = 1
		txn := p.Prepare(&q, z, 1)
		if refused := txn.Type == proto.OpError; refused != (i > 0) || len(txn.Raw) > 10_000 {
			t.Errorf("request %d: %s of %d bytes", i, txn.Type, len(txn.Raw))
		}
	}
	if p.Outstanding() != 2 {
		t.Errorf("%d changes are outstanding, want those of the first request", p.Outstanding())
	}
}
