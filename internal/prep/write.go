package prep

import (
	"github.com/paddock-io/paddock/internal/tree"
	"github.com/paddock-io/paddock/proto"
)

// delete asks the parent for permission before it looks whether the znode is
// there, and compares versions before it counts children. The path is not
// validated: a malformed one is just not there.
func (p *Prep) delete(req *Request, r *proto.DeleteRequest) (proto.OpCode, proto.TxnBody, proto.ErrCode) {
	if err := sessionErr(req, false); err != proto.OK {
		return 0, nil, err
	}
	if r.NullPath {
		return 0, nil, proto.ErrMarshalling
	}
	above, err := splitParent(r.Path)
	if err != proto.OK || special(r.Path) {
		return 0, nil, proto.ErrBadArguments
	}
	node, parent := &p.node, &p.parent
	if !p.find(parent, above) {
		return 0, nil, proto.ErrNoNode
	}
	if !p.allowed(parent.acl, proto.PermDelete, req) {
		return 0, nil, proto.ErrNoAuth
	}
	if !p.find(node, r.Path) {
		return 0, nil, proto.ErrNoNode
	}
	if _, err := nextVersion(node.stat.Version, r.Version); err != proto.OK {
		return 0, nil, err
	}
	if node.children > 0 {
		return 0, nil, proto.ErrNotEmpty
	}
	p.bury(node, parent)
	return proto.OpDelete, &proto.DeleteTxn{Path: r.Path}, proto.OK
}

// deleteContainer is the reaper's: it deletes a container, or a znode whose
// time is up, unless somebody has used it since. No session and no permission
// is asked for, so clients may not call it; ZooKeeper lets them. Of a znode
// without children ZooKeeper asks here only whether it is an ephemeral, so that
// it may delete one that was renewed, or made anew as another kind, after the
// reaper saw it.
func (p *Prep) deleteContainer(req *Request) (proto.OpCode, proto.TxnBody, proto.ErrCode) {
	r, ok := req.Body.(*proto.PathRequest)
	if !ok {
		return 0, nil, proto.ErrMarshalling
	}
	above, err := splitParent(r.Path)
	if err != proto.OK || special(r.Path) || req.Session != 0 {
		return 0, nil, proto.ErrBadArguments
	}
	node, parent := &p.node, &p.parent
	switch {
	case !p.find(node, r.Path):
		return 0, nil, proto.ErrNoNode
	case node.children > 0:
		return 0, nil, proto.ErrNotEmpty
	case !p.rule().Allows(p.tree.KindOf(node.stat.EphemeralOwner), &node.stat, node.children):
		return 0, nil, proto.ErrBadVersion
	case !p.find(parent, above):
		return 0, nil, proto.ErrNoNode
	}
	p.bury(node, parent)
	return proto.OpDeleteContainer, &proto.DeleteTxn{Path: r.Path}, proto.OK
}

// rule says which znodes the reaper may delete at the time of the transaction
// being prepared.
func (p *Prep) rule() tree.ReapRule {
	return tree.ReapRule{NowMs: p.time, NeverUsedMs: p.opts.NeverUsedMs, TTLs: p.opts.ExtendedTypes}
}

func (p *Prep) setData(req *Request, r *proto.SetDataRequest) (proto.OpCode, proto.TxnBody, proto.ErrCode) {
	node := &p.node
	if err := p.access(req, r.Path, proto.PermWrite); err != proto.OK {
		return 0, nil, err
	}
	if len(r.Path)+len(r.Data) > p.opts.MaxTxn {
		return 0, nil, proto.ErrMarshalling
	}
	if err := p.quota(r.Path, 0, int64(len(r.Data))-int64(node.dataLen)); err != proto.OK {
		return 0, nil, err
	}
	version, err := nextVersion(node.stat.Version, r.Version)
	if err != proto.OK {
		return 0, nil, err
	}
	node.stat.Version, node.stat.Mzxid, node.stat.Mtime = version, p.zxid, p.time
	p.setBytes(node, r.Data)
	p.record(node)
	body := p.newSetData()
	*body = proto.SetDataTxn{Path: r.Path, Data: r.Data, Version: version}
	return proto.OpSetData, body, proto.OK
}

// newSetData returns a record that, unless it is for a multi, has its transaction
// in the same piece of memory.
func (p *Prep) newSetData() (body *proto.SetDataTxn) {
	if p.overlay.undoing {
		return p.sets.Next(p.multiLeft)
	}
	p.whole, body = proto.NewSetData()
	return body
}

// setACL judges the new ACL before it looks for the znode. Later requests are
// checked against the new ACL at once, though it is not applied yet.
func (p *Prep) setACL(req *Request, r *proto.SetACLRequest) (proto.OpCode, proto.TxnBody, proto.ErrCode) {
	if err := sessionErr(req, false); err != proto.OK {
		return 0, nil, err
	}
	if !tree.ValidatePath(r.Path) {
		return 0, nil, proto.ErrBadArguments
	}
	acl, err := p.fixACL(r.ACL, req.IDs)
	if err != proto.OK {
		return 0, nil, err
	}
	node := &p.node
	if err := p.access(req, r.Path, proto.PermAdmin); err != proto.OK {
		return 0, nil, err
	}
	version, err := nextVersion(node.stat.Aversion, r.Version)
	if err != proto.OK {
		return 0, nil, err
	}
	node.stat.Aversion, node.acl = version, acl
	p.record(node)
	return proto.OpSetACL, &proto.SetACLTxn{Path: r.Path, ACL: acl, Version: version}, proto.OK
}

// check passes or fails and changes nothing. Its transaction stores the version
// after the one that was checked, as ZooKeeper's does; nobody reads it.
func (p *Prep) check(req *Request, r *proto.CheckVersionRequest) (proto.OpCode, proto.TxnBody, proto.ErrCode) {
	if err := p.access(req, r.Path, proto.PermRead); err != proto.OK {
		return 0, nil, err
	}
	version, err := nextVersion(p.node.stat.Version, r.Version)
	if err != proto.OK {
		return 0, nil, err
	}
	return proto.OpCheck, &proto.CheckVersionTxn{Path: r.Path, Version: version}, proto.OK
}

// access makes the checks that setData, setACL and check share, in their order,
// and leaves the znode in p.node.
func (p *Prep) access(req *Request, path string, perm proto.Perms) proto.ErrCode {
	if err := sessionErr(req, false); err != proto.OK {
		return err
	}
	switch {
	case !tree.ValidatePath(path):
		return proto.ErrBadArguments
	case !p.find(&p.node, path):
		return proto.ErrNoNode
	case !p.allowed(p.node.acl, perm, req):
		return proto.ErrNoAuth
	}
	return proto.OK
}
