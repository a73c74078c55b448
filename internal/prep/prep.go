package prep

import (
	"github.com/paddock-io/paddock/internal/slab"
	"github.com/paddock-io/paddock/internal/tree"
	"github.com/paddock-io/paddock/proto"
)

// Request is a write on its way to becoming a transaction.
type Request struct {
	Session proto.SessionID // 0 for the server's own requests
	Cxid    int32           // the client's xid, echoed in the transaction
	Op      proto.OpCode
	// Body is the decoded record, nil for operations without one. Prepare
	// keeps its strings, and nothing of its byte slices.
	Body proto.Request
	// Malformed says that the record did not decode.
	Malformed bool
	// IDs are the identities of the connection when the request arrived.
	IDs []proto.ID
	// SessionErr is what the caller's session table says about the session: 0,
	// ErrSessionExpired or ErrSessionMoved. It takes its place in the order of
	// the checks.
	SessionErr proto.ErrCode
	// EphemeralErr is what it says to the creation of ephemerals, before
	// SessionErr: a local session may write, but own nothing.
	EphemeralErr proto.ErrCode
	// Members, for a reconfig, is what it changes; nil if that is switched off.
	Members *Membership
}

// Options are the settings of a Prep; the zero value checks ACLs and writes no
// digests.
type Options struct {
	ACL tree.ACLRules // what ACLs mean
	// MaxTxn is about how many bytes a transaction's record may have; 0 means 2
	// MiB. Clients' requests are shorter, but a learner forwards what it likes, and
	// a log that must hold more than its reader believes ends the server.
	MaxTxn int
	Digest bool // say in each transaction what the tree's digest is after it

	EnforceQuota  bool  // hard limits of quotas refuse (zookeeper.enforceQuota)
	ExtendedTypes bool  // znodes may have a time to live (zookeeper.extendedTypesEnabled)
	NeverUsedMs   int64 // a container that never had a child may go after this many milliseconds; 0 means never
}

// Prep prepares transactions. It reads the tree without locking, so it belongs
// to the goroutine that applies.
type Prep struct {
	tree *tree.Tree
	opts Options

	overlay overlay
	digest  int64 // of the tree with everything outstanding; kept only with opts.Digest

	// Of the transaction being prepared.
	zxid proto.Zxid
	time int64 // milliseconds since 1970

	verdicts     tree.Verdicts
	excesses     []Excess
	node, parent view   // scratch
	buf          []byte // scratch
	digester     tree.Digester

	whole     *proto.Txn                  // made together with its record
	sets      slab.Slab[proto.SetDataTxn] // of the multi being prepared
	multiLeft int                         // operations of it that are not prepared
	room      []byte                      // for the encoded transactions to come
}

// New returns a Prep over t with nothing outstanding.
func New(t *tree.Tree, o Options) *Prep {
	if o.MaxTxn == 0 {
		o.MaxTxn = 2 << 20
	}
	p := &Prep{tree: t, opts: o}
	p.overlay.reset()
	return p
}

// Prepare turns a request into the transaction with this zxid and time, and
// remembers its effects until Applied. Zxids must rise from call to call; none
// may be skipped by dropping a prepared transaction, except together with
// everything outstanding through Reset. wallMs is milliseconds since 1970.
//
// Prepare never fails: a request that must be refused becomes an ErrorTxn, and
// a failed multi a MultiTxn in which nothing applies. The result is encoded and
// shares no byte slices with the request.
func (p *Prep) Prepare(req *Request, zxid proto.Zxid, wallMs int64) *proto.Txn {
	p.zxid, p.time = zxid, wallMs
	p.overlay.begin()
	p.excesses = p.excesses[:0]
	p.verdicts.Reset()
	if p.opts.Digest && p.overlay.fifo.len() == 0 {
		p.digest = p.tree.Digest()
	}
	typ, body, err := p.prepare(req)
	if err != proto.OK {
		typ, body = proto.OpError, &proto.ErrorTxn{Err: err}
	}
	txn := p.txnOf(body)
	txn.TxnHeader = proto.TxnHeader{Session: req.Session, Cxid: req.Cxid, Zxid: zxid, Time: wallMs, Type: typ}
	noDigest := typ == proto.OpError
	if typ == proto.OpCloseSession && bodySize(body) > p.opts.MaxTxn {
		// Too many ephemerals to list (ZOOKEEPER-4306). Without a list every
		// server deletes what the session owns, which is the same; but a list
		// that is missing must not be followed by a digest.
		body = &proto.CloseSessionTxn{}
		txn.Body, noDigest = body, true
	}
	// Errors carry no digest, but failed multis do, with the tree's digest
	// unchanged. Source: PrepRequestProcessor.pRequestHelper.
	if p.opts.Digest && !noDigest {
		txn.Digest, txn.HasDigest = proto.TxnDigest{Version: proto.DigestVersion, Tree: p.digest}, true
	}
	p.encode(txn)
	ownData(txn)
	p.node.data, p.parent.data = nil, nil // they are the request's or the tree's
	return txn
}

// txnOf returns a transaction with this record.
func (p *Prep) txnOf(body proto.TxnBody) *proto.Txn {
	txn := p.whole
	if p.whole = nil; txn != nil && txn.Body == body {
		return txn
	}
	return &proto.Txn{Body: body}
}

// roomSize is how much is allocated at once for encoded transactions, which are
// forgotten in the order in which they were made. Longer ones have their own.
const roomSize = 32 << 10

func (p *Prep) encode(txn *proto.Txn) {
	size := proto.TxnSize(bodySize(txn.Body))
	if size > roomSize/8 {
		txn.EncodeIn(make([]byte, 0, size))
		return
	}
	if len(p.room) < size {
		p.room = make([]byte, roomSize)
	}
	txn.EncodeIn(p.room[:0:size])
	n := len(txn.Raw)
	txn.Raw = txn.Raw[:n:n]
	p.room = p.room[min(n, size):]
}

// Applied says that the tree has applied everything up to and including z.
func (p *Prep) Applied(z proto.Zxid) { p.overlay.drop(z) }

// Reset forgets everything outstanding: the role changed, and what was proposed
// will be decided by the next leader.
func (p *Prep) Reset() { p.overlay.reset() }

// Outstanding returns how many changes wait for their transaction to be
// applied; a transaction has one for each znode it touches.
func (p *Prep) Outstanding() int { return p.overlay.fifo.len() }

// prepare dispatches a whole request. Operations that need a record and come
// without it count as malformed.
func (p *Prep) prepare(req *Request) (proto.OpCode, proto.TxnBody, proto.ErrCode) {
	if req.Malformed {
		return 0, nil, proto.ErrMarshalling
	}
	switch req.Op {
	case proto.OpCreate, proto.OpCreate2, proto.OpCreateContainer, proto.OpCreateTTL,
		proto.OpDelete, proto.OpSetData, proto.OpSetACL:
		return p.single(req, req.Op, req.Body)
	case proto.OpDeleteContainer:
		return p.deleteContainer(req)
	case proto.OpMulti:
		return p.multi(req)
	case proto.OpCreateSession:
		return p.createSession(req)
	case proto.OpCloseSession:
		return p.closeSession(req)
	case proto.OpReconfig:
		return p.reconfig(req)
	}
	// A check outside of a multi lands here too: no server could read its
	// transaction back.
	return 0, nil, proto.ErrUnimplemented
}

// single prepares one operation, standing alone or in a multi. Either it fails
// and has changed nothing, or its effects are recorded. Source:
// PrepRequestProcessor.pRequest2Txn.
func (p *Prep) single(req *Request, op proto.OpCode, body proto.Request) (proto.OpCode, proto.TxnBody, proto.ErrCode) {
	switch r := body.(type) {
	case *proto.CreateRequest:
		switch op {
		case proto.OpCreate, proto.OpCreate2, proto.OpCreateContainer, proto.OpCreateTTL:
			return p.create(req, op, r)
		}
	case *proto.DeleteRequest:
		if op == proto.OpDelete {
			return p.delete(req, r)
		}
	case *proto.SetDataRequest:
		if op == proto.OpSetData {
			return p.setData(req, r)
		}
	case *proto.SetACLRequest:
		if op == proto.OpSetACL {
			return p.setACL(req, r)
		}
	case *proto.CheckVersionRequest:
		if op == proto.OpCheck {
			return p.check(req, r)
		}
	}
	return 0, nil, proto.ErrMarshalling
}

// sessionErr is the session check of one operation. Source:
// PrepRequestProcessor.validateCreateRequest.
func sessionErr(req *Request, ephemeral bool) proto.ErrCode {
	if ephemeral && req.EphemeralErr != proto.OK {
		return req.EphemeralErr
	}
	return req.SessionErr
}

// allowed reports whether the requester has a permission.
func (p *Prep) allowed(acl []proto.ACL, perm proto.Perms, req *Request) bool {
	return p.verdicts.Allowed(&p.opts.ACL, acl, perm, req.IDs)
}
