package main

import "encoding/binary"

// Operation codes; source: org.apache.zookeeper.ZooDefs.OpCode.
const (
	opNotification        = 0
	opCreate              = 1
	opDelete              = 2
	opExists              = 3
	opGetData             = 4
	opSetData             = 5
	opGetACL              = 6
	opSetACL              = 7
	opGetChildren         = 8
	opSync                = 9
	opPing                = 11
	opGetChildren2        = 12
	opCheck               = 13
	opMulti               = 14
	opCreate2             = 15
	opReconfig            = 16
	opCheckWatches        = 17
	opRemoveWatches       = 18
	opCreateContainer     = 19
	opDeleteContainer     = 20
	opCreateTTL           = 21
	opMultiRead           = 22
	opAuth                = 100
	opSetWatches          = 101
	opSasl                = 102
	opGetEphemerals       = 103
	opGetAllChildrenCount = 104
	opSetWatches2         = 105
	opAddWatch            = 106
	opWhoAmI              = 107
	opCloseSession        = -11
	opError               = -1
)

// record is a request under construction, in jute's encoding.
type record []byte

func (r record) int(v int32) record  { return binary.BigEndian.AppendUint32(r, uint32(v)) }
func (r record) long(v int64) record { return binary.BigEndian.AppendUint64(r, uint64(v)) }

func (r record) bool(v bool) record {
	if v {
		return append(r, 1)
	}
	return append(r, 0)
}

func (r record) string(s string) record { return append(r.int(int32(len(s))), s...) }

// buffer adds b; nil is null, which is not the same as empty.
func (r record) buffer(b []byte) record {
	if b == nil {
		return r.int(-1)
	}
	return append(r.int(int32(len(b))), b...)
}

func (r record) strings(all ...string) record {
	r = r.int(int32(len(all)))
	for _, s := range all {
		r = r.string(s)
	}
	return r
}

// entry is one access control entry.
type entry struct {
	perms      int32
	scheme, id string
}

var open = []entry{{31, "world", "anyone"}}

func (r record) acl(entries []entry) record {
	r = r.int(int32(len(entries)))
	for _, e := range entries {
		r = r.int(e.perms).string(e.scheme).string(e.id)
	}
	return r
}

// create is CreateRequest, whose flags are 0 persistent, 1 ephemeral, 2 sequential, 3 both, 4 container,
// 5 persistent with a time to live.
func create(path string, data []byte, acl []entry, flags int32) record {
	return record{}.string(path).buffer(data).acl(acl).int(flags)
}

// watched is the record of exists, getData, getChildren and getChildren2.
func watched(path string, watch bool) record { return record{}.string(path).bool(watch) }

// multiHeader precedes each operation of a multi.
func (r record) multiHeader(op int32, done bool, err int32) record {
	return r.int(op).bool(done).int(err)
}

// operation is one part of a multi.
type operation struct {
	op   int32
	body record
}

func multi(ops ...operation) record {
	var r record
	for _, o := range ops {
		r = append(r.multiHeader(o.op, false, -1), o.body...)
	}
	return r.multiHeader(-1, true, -1)
}
