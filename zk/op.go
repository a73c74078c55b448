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
	rooted  bool   // path is the server's, whatever the chroot
	data    []byte
	acl     []ACL
	flags   CreateFlags
	version int32 // or the mode of addWatch, the type of checkWatches and removeWatches
	ttl     int64 // milliseconds
	ops     []Op  // of multi and multiRead
	change  *reconfig
	watch   bool // leave a watch
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

// SyncOp waits until the server has caught up with the leader: see Conn.Sync.
func SyncOp(path string) Op { return Op{code: proto.OpSync, path: path} }

// MultiOp joins create, delete, set and check operations: all happen, or none.
// Result.Results tells the outcome of each.
func MultiOp(ops ...Op) Op { return Op{code: proto.OpMulti, ops: ops} }

// MultiReadOp joins reads by GetOp and ChildrenOp, without watches: they see one
// state of the server. Result.Results has the outcome of each, and Result.Err is
// nil even if all of them have failed.
func MultiReadOp(ops ...Op) Op { return Op{code: proto.OpMultiRead, ops: ops} }

// EphemeralsOp lists the ephemeral znodes of this session whose paths begin with
// prefix into Result.Children, as paths and in no order.
func EphemeralsOp(prefix string) Op { return Op{code: proto.OpGetEphemerals, path: prefix} }

// AllChildrenNumberOp counts all znodes below a path into Result.Count.
func AllChildrenNumberOp(path string) Op { return Op{code: proto.OpGetAllChildren, path: path} }

// WhoAmIOp lists the identities of the connection into Result.IDs.
func WhoAmIOp() Op { return Op{code: proto.OpWhoAmI, rooted: true} }

// CheckWatchesOp fails with ErrNoWatcher unless the server has a watch of this
// type for this Conn.
func CheckWatchesOp(path string, typ WatcherType) Op {
	return Op{code: proto.OpCheckWatches, path: path, version: int32(typ)}
}

// RemoveWatchesOp removes the Conn's watches of this type, as
// Conn.RemoveWatches does.
func RemoveWatchesOp(path string, typ WatcherType) Op {
	return Op{code: proto.OpRemoveWatches, path: path, version: int32(typ)}
}

// AddWatchOp leaves a persistent watch, and needs OnEvent to say who hears of
// it. Conn.RemoveWatches removes it. Conn.AddWatch is for watches to be read
// from a channel.
func AddWatchOp(path string, mode AddWatchMode) Op {
	return Op{code: proto.OpAddWatch, path: path, version: int32(mode)}
}

// OnEvent returns the operation with a watch that calls fn. That of GetOp,
// ChildrenOp, ChildrenStatOp and ExistsOp calls it exactly once if the operation
// registers it, which it does when it succeeds, ExistsOp also when there is no
// znode; that of AddWatchOp calls it for every event. fn runs on the
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
	case proto.OpMulti, proto.OpMultiRead:
		for i := range o.ops {
			if err := o.checkPart(&o.ops[i], root); err != nil {
				return err
			}
		}
		return nil
	case proto.OpAuth, proto.OpCloseSession, proto.OpSetWatches, proto.OpSetWatches2, proto.OpReconfig:
		return nil
	case proto.OpNotification:
		return ErrBadArguments // the zero Op
	case proto.OpAddWatch:
		if !o.watch {
			return ErrBadArguments // nobody would hear of it
		}
	}
	if root != "" && !o.rooted && (o.path == "" || o.path[0] != '/') {
		return ErrBadArguments
	}
	return nil
}

// checkPart refuses what cannot be part of a multi or multiRead.
func (o *Op) checkPart(part *Op, root chroot) error {
	reads := part.code == proto.OpGetData || part.code == proto.OpGetChildren
	if o.code == proto.OpMultiRead && (!reads || part.watch) {
		return ErrBadArguments // watches would be ignored in silence
	}
	if part.code == proto.OpMulti || part.code == proto.OpMultiRead {
		return ErrBadArguments
	}
	return part.check(root)
}

// full returns the server's name of the operation's path.
func (o *Op) full(root chroot) string {
	if o.rooted {
		return o.path
	}
	return root.full(o.path)
}

// append appends the request record.
func (o *Op) append(b []byte, root chroot) []byte {
	path := o.full(root)
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
	case proto.OpDelete, proto.OpCheck, proto.OpAddWatch, proto.OpCheckWatches, proto.OpRemoveWatches:
		return jute.AppendInt(jute.AppendString(b, path), o.version)
	case proto.OpSetData:
		r := proto.SetDataRequest{Path: path, Data: o.data, Version: o.version}
		return r.Append(b)
	case proto.OpSetACL:
		r := proto.SetACLRequest{Path: path, ACL: o.acl, Version: o.version}
		return r.Append(b)
	case proto.OpExists, proto.OpGetData, proto.OpGetChildren, proto.OpGetChildren2:
		r := proto.PathWatchRequest{Path: path, Watch: o.watch}
		return r.Append(b)
	case proto.OpGetACL, proto.OpSync, proto.OpGetEphemerals, proto.OpGetAllChildren:
		return jute.AppendString(b, path)
	case proto.OpAuth:
		r := proto.AuthPacket{Scheme: o.path, Auth: o.data}
		return r.Append(b)
	case proto.OpReconfig:
		return o.change.append(b)
	case proto.OpMulti, proto.OpMultiRead:
		for i := range o.ops {
			b = proto.MultiHeader{Type: o.ops[i].code, Err: -1}.Append(b)
			b = o.ops[i].append(b, root)
		}
		return proto.MultiEnd.Append(b)
	}
	return b
}
