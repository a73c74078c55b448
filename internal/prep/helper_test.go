package prep

import (
	"testing"

	"github.com/paddock-io/paddock/internal/tree"
	"github.com/paddock-io/paddock/proto"
)

const (
	alice proto.SessionID = 0x0100019a2b3c0000
	bob   proto.SessionID = 0x0200019a2b3c0000
	wall  int64           = 1700000000000
)

var (
	// Nobody logs in here: an identity is only text.
	amy       = proto.ID{Scheme: "digest", ID: "amy:fyVmFCwVbTJYrznoSu1koqYEYF0="}
	open      = proto.OpenACL
	nothing   = []proto.ACL{{Perms: 0, ID: proto.ID{Scheme: "world", ID: "anyone"}}}
	amyOnly   = []proto.ACL{{Perms: proto.PermAll, ID: amy}}
	badACL    = []proto.ACL{{Perms: proto.PermAll, ID: proto.ID{Scheme: "nosuch", ID: "x"}}}
	authACL   = []proto.ACL{{Perms: proto.PermAll, ID: proto.ID{Scheme: "auth", ID: ""}}}
	amyHolds  = []proto.ID{{Scheme: "ip", ID: "127.0.0.1"}, amy}
	anonymous = []proto.ID{{Scheme: "ip", ID: "127.0.0.1"}}
)

// world is a tree and the Prep over it, with transactions waiting in between.
type world struct {
	t       testing.TB
	tree    *tree.Tree
	prep    *Prep
	zxid    proto.Zxid
	waiting []*proto.Txn
	res     tree.Result
}

func newWorld(t testing.TB, o Options) *world {
	tr := tree.New()
	return &world{t: t, tree: tr, prep: New(tr, o), zxid: proto.MakeZxid(1, 0)}
}

// prepare makes the next transaction and leaves it waiting.
func (w *world) prepare(req *Request) *proto.Txn {
	w.t.Helper()
	w.zxid++
	txn := w.prep.Prepare(req, w.zxid, wall+int64(w.zxid.Counter()))
	if txn.Zxid != w.zxid || txn.Session != req.Session || txn.Cxid != req.Cxid {
		w.t.Fatalf("header %+v for request %+v and zxid %v", txn.TxnHeader, req, w.zxid)
	}
	w.waiting = append(w.waiting, txn)
	return txn
}

// apply applies the n oldest waiting transactions, all if n is negative. It
// insists that what was prepared can be applied and ends in the promised digest.
func (w *world) apply(n int) {
	w.t.Helper()
	if n < 0 {
		n = len(w.waiting)
	}
	for _, txn := range w.waiting[:n] {
		w.tree.Lock()
		w.tree.Apply(txn, &w.res)
		w.tree.Unlock()
		w.prep.Applied(txn.Zxid)
		if want := errOf(txn); w.res.Err != want {
			w.t.Fatalf("%s %v %+v: apply says %v, want %v", txn.Type, txn.Zxid, txn.Body, w.res.Err, want)
		}
		if w.res.DigestMismatch || txn.HasDigest && txn.Digest.Tree != w.tree.Digest() {
			w.t.Fatalf("%s %v %+v: promised digest %#x, tree has %#x", txn.Type, txn.Zxid, txn.Body, txn.Digest.Tree, w.tree.Digest())
		}
	}
	w.waiting = append(w.waiting[:0], w.waiting[n:]...)
	if len(w.waiting) == 0 {
		w.empty()
	}
}

// empty fails the test unless the overlay holds nothing.
func (w *world) empty() {
	w.t.Helper()
	o := &w.prep.overlay
	if len(o.changes)+len(o.owned)+o.fifo.len()+len(o.undos) != 0 || o.undoing {
		w.t.Fatalf("nothing outstanding, but %d records, %d owners, %d entries, %d undos", len(o.changes), len(o.owned), o.fifo.len(), len(o.undos))
	}
}

// must prepares a request that has to succeed.
func (w *world) must(req *Request) *proto.Txn {
	w.t.Helper()
	txn := w.prepare(req)
	if err := errOf(txn); err != proto.OK {
		w.t.Fatalf("%s %+v: %v", req.Op, req.Body, err)
	}
	return txn
}

// errOf returns a transaction's error; of a failed multi, that of the operation
// at fault.
func errOf(txn *proto.Txn) proto.ErrCode {
	switch b := txn.Body.(type) {
	case *proto.ErrorTxn:
		return b.Err
	case *proto.MultiTxn:
		for _, sub := range b.Subs {
			if e, ok := sub.Body.(*proto.ErrorTxn); ok {
				return e.Err
			}
		}
	}
	return proto.OK
}

func create(path string, mode proto.CreateFlags, acl []proto.ACL) *Request {
	return &Request{Session: alice, Cxid: 1, Op: proto.OpCreate, IDs: anonymous,
		Body: &proto.CreateRequest{Path: path, Data: []byte("data of " + path), ACL: acl, Flags: mode, TTL: -1}}
}

func del(path string, version int32) *Request {
	return &Request{Session: alice, Cxid: 2, Op: proto.OpDelete, IDs: anonymous,
		Body: &proto.DeleteRequest{Path: path, Version: version}}
}

func setData(path string, data []byte, version int32) *Request {
	return &Request{Session: alice, Cxid: 3, Op: proto.OpSetData, IDs: anonymous,
		Body: &proto.SetDataRequest{Path: path, Data: data, Version: version}}
}

func setACL(path string, acl []proto.ACL, version int32) *Request {
	return &Request{Session: alice, Cxid: 4, Op: proto.OpSetACL, IDs: anonymous,
		Body: &proto.SetACLRequest{Path: path, ACL: acl, Version: version}}
}

func check(path string, version int32) *Request {
	return &Request{Op: proto.OpCheck, Body: &proto.CheckVersionRequest{Path: path, Version: version}}
}

func multi(reqs ...*Request) *Request {
	m := new(proto.MultiRequest)
	for _, r := range reqs {
		m.Ops = append(m.Ops, proto.MultiOp{Type: r.Op, Req: r.Body})
	}
	return &Request{Session: alice, Cxid: 5, Op: proto.OpMulti, IDs: anonymous, Body: m}
}

func closeSession(id proto.SessionID) *Request {
	return &Request{Session: id, Cxid: 6, Op: proto.OpCloseSession}
}

// as returns the request with another operation.
func (r *Request) as(op proto.OpCode) *Request { c := *r; c.Op = op; return &c }

// by returns the request made by another session.
func (r *Request) by(id proto.SessionID) *Request { c := *r; c.Session = id; return &c }

// with returns the request with other identities.
func (r *Request) with(ids []proto.ID) *Request { c := *r; c.IDs = ids; return &c }

// but returns the request with a session error.
// but is the request of a session of which this is said.
func (r *Request) but(err proto.ErrCode) *Request {
	c := *r
	c.judge(err)
	return &c
}

func (r *Request) judge(err proto.ErrCode) {
	if r.SessionErr = err; err == proto.ErrEphemeralOnLocalSession {
		r.SessionErr, r.EphemeralErr = proto.OK, err
	}
}
