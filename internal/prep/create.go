package prep

import (
	"github.com/paddock-io/paddock/internal/tree"
	"github.com/paddock-io/paddock/proto"
)

// create prepares create, create2, createContainer and createTTL. The checks
// come in ZooKeeper's order; in particular the ACL is judged before the parent
// is looked up, and the path as a whole only after the parent let us in. Source:
// PrepRequestProcessor.pRequest2TxnCreate.
func (p *Prep) create(req *Request, op proto.OpCode, r *proto.CreateRequest) (proto.OpCode, proto.TxnBody, proto.ErrCode) {
	if err := p.checkMode(op, r); err != proto.OK {
		return 0, nil, err
	}
	if err := sessionErr(req, r.Flags.IsEphemeral()); err != proto.OK {
		return 0, nil, err
	}
	if r.NullPath {
		return 0, nil, proto.ErrMarshalling
	}
	above, err := splitParent(r.Path)
	if err != proto.OK {
		return 0, nil, err
	}
	acl, err := p.fixACL(r.ACL, req.IDs)
	if err != proto.OK {
		return 0, nil, err
	}
	node, parent := &p.node, &p.parent
	if !p.find(parent, above) {
		return 0, nil, proto.ErrNoNode
	}
	if !p.allowed(parent.acl, proto.PermCreate, req) {
		return 0, nil, proto.ErrNoAuth
	}
	path := r.Path
	if r.Flags.IsSequential() {
		path = p.sequential(path, parent.stat.Cversion)
	}
	if !tree.ValidatePath(path) {
		return 0, nil, proto.ErrBadArguments
	}
	if p.find(node, path) {
		return 0, nil, proto.ErrNodeExists
	}
	if p.tree.KindOf(parent.stat.EphemeralOwner) == tree.Ephemeral {
		return 0, nil, proto.ErrNoChildrenForEphemerals
	}
	if createSize(path, r.Data, acl) > p.opts.MaxTxn {
		return 0, nil, proto.ErrMarshalling
	}
	if err := p.quota(path, 1, int64(len(r.Data))); err != proto.OK {
		return 0, nil, err
	}

	cversion := parent.stat.Cversion + 1
	p.adopt(parent, cversion)
	p.born(node, ownerFor(op, r, req.Session), acl, r.Data)
	switch op {
	case proto.OpCreateContainer:
		return op, &proto.CreateContainerTxn{Path: path, Data: r.Data, ACL: acl, ParentCversion: cversion}, proto.OK
	case proto.OpCreateTTL:
		return op, &proto.CreateTTLTxn{Path: path, Data: r.Data, ACL: acl, ParentCversion: cversion, TTL: r.TTL}, proto.OK
	}
	body := p.newCreate()
	*body = proto.CreateTxn{
		Path: path, Data: r.Data, ACL: acl,
		Ephemeral: r.Flags.IsEphemeral(), ParentCversion: cversion,
	}
	return op, body, proto.OK
}

// newCreate returns a record that, unless it is for a multi, has its transaction in the
// same piece of memory.
func (p *Prep) newCreate() (body *proto.CreateTxn) {
	if p.overlay.undoing {
		return new(proto.CreateTxn)
	}
	p.whole, body = proto.NewCreate()
	return body
}

// fixACL is ACLRules.Fix, without an allocation for the ACL that most znodes have.
func (p *Prep) fixACL(acl []proto.ACL, ids []proto.ID) ([]proto.ACL, proto.ErrCode) {
	if len(acl) == 1 && acl[0] == proto.OpenACL[0] {
		return proto.OpenACL, proto.OK
	}
	return p.opts.ACL.Fix(acl, ids)
}

// born records a new znode. Source: DataTree.createStat.
func (p *Prep) born(node *view, owner proto.SessionID, acl []proto.ACL, data []byte) {
	node.znode = znode{
		exists: true,
		acl:    acl,
		stat: proto.StatPersisted{
			Czxid: p.zxid, Mzxid: p.zxid, Pzxid: p.zxid,
			Ctime: p.time, Mtime: p.time,
			EphemeralOwner: owner,
		},
	}
	p.setBytes(node, data)
	p.record(node)
}

// checkMode checks a create mode and its TTL against the operation. Where the
// mode is another operation's, the operation decides: create with the container
// mode, which go-zookeeper sends, makes a persistent znode, and createContainer
// with any mode a container. Only createTTL without a TTL is refused, where it
// ends ZooKeeper's server. Source: PrepRequestProcessor.validateCreateRequest,
// CreateMode.fromFlag, EphemeralType.validateTTL.
func (p *Prep) checkMode(op proto.OpCode, r *proto.CreateRequest) proto.ErrCode {
	ttl := r.TTL
	if op != proto.OpCreateTTL {
		ttl = -1
	}
	switch {
	case !r.Flags.Valid():
		return proto.ErrBadArguments
	case r.Flags.IsTTL() && !p.opts.ExtendedTypes:
		return proto.ErrUnimplemented
	case r.Flags.IsTTL() && (ttl <= 0 || ttl > proto.MaxTTL), !r.Flags.IsTTL() && ttl >= 0:
		return proto.ErrBadArguments
	case op == proto.OpCreateTTL && !r.Flags.IsTTL():
		return proto.ErrBadArguments
	}
	return proto.OK
}

// ownerFor returns the stored owner of a new znode, as the transaction makes it.
// ZooKeeper goes by the mode here and by the operation when it applies, and its
// digest is wrong where they differ.
func ownerFor(op proto.OpCode, r *proto.CreateRequest, id proto.SessionID) proto.SessionID {
	switch {
	case op == proto.OpCreateContainer:
		return proto.ContainerOwner
	case op == proto.OpCreateTTL:
		return proto.TTLOwner(r.TTL)
	case r.Flags.IsEphemeral():
		return id
	}
	return 0
}

// sequential appends the parent's counter to a name.
func (p *Prep) sequential(path string, n int32) string {
	p.buf = appendSequence(append(p.buf[:0], path...), n)
	return string(p.buf)
}

// appendSequence appends n as Java's %010d does: padded with zeros to ten
// characters, the sign being one of them.
func appendSequence(b []byte, n int32) []byte {
	u, width := uint32(n), 10
	if n < 0 {
		b = append(b, '-')
		u, width = -u, 9
	}
	var digits [10]byte
	i := len(digits)
	for ; u > 0 || len(digits)-i < width; u /= 10 {
		i--
		digits[i] = byte('0' + u%10)
	}
	return append(b, digits[i:]...)
}
