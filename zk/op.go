package zk

import (
	"time"

	"github.com/paddock-io/paddock/jute"
	"github.com/paddock-io/paddock/proto"
)

// Op is one operation, made by the *Op functions, for Conn.Do, Conn.Go and
// Conn.Multi. The slices given to it are read until the operation has been
// handed to the Conn, not later.
type Op struct {
	code    proto.OpCode
	path    string // of auth: the scheme
	data    []byte
	acl     []ACL
	flags   CreateFlags
	version int32
	ttl     int64 // milliseconds
	ops     []Op  // of multi
	watch   bool  // leave a watch
	onEvent func(Event)
}

// CreateOp creates a znode; Result.Path is its name. Ops of kind Container
// also fill Result.Stat.
func CreateOp(path string, data []byte, flags CreateFlags, acl []ACL) Op {
	code := proto.OpCreate
	if flags == Container {
		code = proto.OpCreateContainer
	}
	return Op{code: code, path: path, data: data, flags: flags, acl: acl}
}

// CreateStatOp creates a znode; Result.Path is its name, Result.Stat its
// metadata.
func CreateStatOp(path string, data []byte, flags CreateFlags, acl []ACL) Op {
	op := CreateOp(path, data, flags, acl)
	if op.code == proto.OpCreate {
		op.code = proto.OpCreate2
	}
	return op
}

// CreateTTLOp creates a znode of a kind with a time to live, in milliseconds
// on the wire; Result.Path is its name, Result.Stat its metadata. Servers refuse
// it unless extended types are enabled.
func CreateTTLOp(path string, data []byte, flags CreateFlags, acl []ACL, ttl time.Duration) Op {
	return Op{code: proto.OpCreateTTL, path: path, data: data, flags: flags, acl: acl, ttl: ttl.Milliseconds()}
}

// DeleteOp deletes a znode that has this version.
func DeleteOp(path string, version int32) Op {
	return Op{code: proto.OpDelete, path: path, version: version}
}

// SetOp replaces the data of a znode that has this version; Result.Stat is its
// new metadata.
func SetOp(path string, data []byte, version int32) Op {
	return Op{code: proto.OpSetData, path: path, data: data, version: version}
}

// CheckOp makes a multi fail unless the znode has this version. It stands
// only in a multi.
func CheckOp(path string, version int32) Op {
	return Op{code: proto.OpCheck, path: path, version: version}
}

// GetOp reads a znode into Result.Data and Result.Stat.
func GetOp(path string) Op { return Op{code: proto.OpGetData, path: path} }

// ExistsOp reads a znode's metadata into Result.Stat.
func ExistsOp(path string) Op { return Op{code: proto.OpExists, path: path} }

// ChildrenOp lists a znode's children into Result.Children, in no order.
func ChildrenOp(path string) Op { return Op{code: proto.OpGetChildren, path: path} }

// ChildrenStatOp lists like ChildrenOp and fills Result.Stat with the znode's
// metadata.
func ChildrenStatOp(path string) Op { return Op{code: proto.OpGetChildren2, path: path} }

// GetACLOp reads a znode's ACL into Result.ACL and Result.Stat.
func GetACLOp(path string) Op { return Op{code: proto.OpGetACL, path: path} }

// SetACLOp replaces the ACL of a znode whose ACL has this version
// (Stat.Aversion); Result.Stat is its new metadata.
func SetACLOp(path string, acl []ACL, version int32) Op {
	return Op{code: proto.OpSetACL, path: path, acl: acl, version: version}
}

// SyncOp waits until the server has caught up with the leader.
func SyncOp(path string) Op { return Op{code: proto.OpSync, path: path} }

// MultiOp joins create, delete, set and check operations: all happen, or none.
// Result.Results tells the outcome of each.
func MultiOp(ops ...Op) Op { return Op{code: proto.OpMulti, ops: ops} }

// OnEvent returns the operation with a one-shot watch that calls fn, exactly
// once if the operation registers it: GetOp, ChildrenOp and ChildrenStatOp do
// when they succeed, ExistsOp also when there is no znode. fn runs on the
// goroutine that reads replies, in the order of arrival among them; it must
// neither block nor call a method of Conn that does (Conn.Go does not).
func (o Op) OnEvent(fn func(Event)) Op {
	o.watch, o.onEvent = true, fn
	return o
}

func (o *Op) isCreate() bool {
	switch o.code {
	case proto.OpCreate, proto.OpCreate2, proto.OpCreateContainer, proto.OpCreateTTL:
		return true
	}
	return false
}

func (o *Op) name() string {
	if o.isCreate() {
		return "create"
	}
	return o.code.String()
}

// check refuses what would be misread or leave the chroot; the server judges
// the rest.
func (o *Op) check(root chroot) error {
	switch o.code {
	case proto.OpMulti:
		for i := range o.ops {
			if o.ops[i].code == proto.OpMulti {
				return ErrBadArguments
			}
			if err := o.ops[i].check(root); err != nil {
				return err
			}
		}
		return nil
	case proto.OpAuth, proto.OpCloseSession, proto.OpSetWatches:
		return nil
	case proto.OpNotification:
		return ErrBadArguments // the zero Op
	}
	if root != "" && (o.path == "" || o.path[0] != '/') {
		return ErrBadArguments
	}
	return nil
}

// append appends the request record.
func (o *Op) append(b []byte, root chroot) []byte {
	path := root.full(o.path)
	switch o.code {
	case proto.OpCreate, proto.OpCreate2, proto.OpCreateContainer, proto.OpCreateTTL:
		if o.path == "/" && o.flags.IsSequential() {
			path = string(root) + "/" // the counter alone becomes the name
		}
		r := proto.CreateRequest{
			Path: path, Data: o.data, ACL: o.acl, Flags: o.flags,
			TTL: o.ttl, HasTTL: o.code == proto.OpCreateTTL,
		}
		return r.Append(b)
	case proto.OpDelete, proto.OpCheck:
		r := proto.DeleteRequest{Path: path, Version: o.version} // check has the same fields
		return r.Append(b)
	case proto.OpSetData:
		r := proto.SetDataRequest{Path: path, Data: o.data, Version: o.version}
		return r.Append(b)
	case proto.OpSetACL:
		r := proto.SetACLRequest{Path: path, ACL: o.acl, Version: o.version}
		return r.Append(b)
	case proto.OpExists, proto.OpGetData, proto.OpGetChildren, proto.OpGetChildren2:
		r := proto.PathWatchRequest{Path: path, Watch: o.watch}
		return r.Append(b)
	case proto.OpGetACL, proto.OpSync:
		return jute.AppendString(b, path)
	case proto.OpAuth:
		r := proto.AuthPacket{Scheme: o.path, Auth: o.data}
		return r.Append(b)
	case proto.OpMulti:
		for i := range o.ops {
			b = proto.MultiHeader{Type: o.ops[i].code, Err: -1}.Append(b)
			b = o.ops[i].append(b, root)
		}
		return proto.MultiEnd.Append(b)
	}
	return b
}
