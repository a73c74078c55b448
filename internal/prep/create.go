package prep

import (
	"github.com/paddock-io/paddock/internal/tree"
	"github.com/paddock-io/paddock/proto"
)

// create prepares create, create2 and createContainer. The checks come in
// ZooKeeper's order; in particular the ACL is judged before the parent is
// looked up, and the path as a whole only after the parent let us in. Source:
// PrepRequestProcessor.pRequest2TxnCreate.
func (p *Prep) create(req *Request, op proto.OpCode, r *proto.CreateRequest) (proto.OpCode, proto.TxnBody, proto.ErrCode) {
	if err := checkMode(op, r.Flags); err != proto.OK {
		return 0, nil, err
	}
	if err := sessionErr(req, r.Flags.IsEphemeral()); err != proto.OK {
		return 0, nil, err
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
	if isEphemeral(parent.stat.EphemeralOwner) {
		return 0, nil, proto.ErrNoChildrenForEphemerals
	}

	cversion := parent.stat.Cversion + 1
	p.adopt(parent, cversion)
	p.born(node, ownerFor(r.Flags, req.Session), acl, r.Data)
	if op == proto.OpCreateContainer {
		return op, &proto.CreateContainerTxn{Path: path, Data: r.Data, ACL: acl, ParentCversion: cversion}, proto.OK
	}
	return op, &proto.CreateTxn{
		Path: path, Data: r.Data, ACL: acl,
		Ephemeral: r.Flags.IsEphemeral(), ParentCversion: cversion,
	}, proto.OK
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

// checkMode checks a create mode against its operation. Znodes with a time to
// live are refused as ZooKeeper does while extendedTypesEnabled is false. A
// mode that belongs to another operation is refused too: ZooKeeper takes it and
// lets the operation decide, which makes create with the container mode a
// persistent znode, against the digest it has just promised. Source:
// PrepRequestProcessor.validateCreateRequest, CreateMode.fromFlag.
func checkMode(op proto.OpCode, mode proto.CreateFlags) proto.ErrCode {
	switch {
	case !mode.Valid():
		return proto.ErrBadArguments
	case mode.IsTTL():
		return proto.ErrUnimplemented
	case op == proto.OpCreateTTL, (op == proto.OpCreateContainer) != (mode == proto.Container):
		return proto.ErrBadArguments
	}
	return proto.OK
}

// ownerFor returns the stored owner of a new znode.
func ownerFor(mode proto.CreateFlags, id proto.SessionID) proto.SessionID {
	switch {
	case mode == proto.Container:
		return proto.ContainerOwner
	case mode.IsEphemeral():
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
