package golden

import "encoding/binary"

// Operation codes; source: org.apache.zookeeper.ZooDefs.OpCode.
const (
	OpNotification        = 0
	OpCreate              = 1
	OpDelete              = 2
	OpExists              = 3
	OpGetData             = 4
	OpSetData             = 5
	OpGetACL              = 6
	OpSetACL              = 7
	OpGetChildren         = 8
	OpSync                = 9
	OpPing                = 11
	OpGetChildren2        = 12
	OpCheck               = 13
	OpMulti               = 14
	OpCreate2             = 15
	OpReconfig            = 16
	OpCheckWatches        = 17
	OpRemoveWatches       = 18
	OpCreateContainer     = 19
	OpDeleteContainer     = 20
	OpCreateTTL           = 21
	OpMultiRead           = 22
	OpAuth                = 100
	OpSetWatches          = 101
	OpSasl                = 102
	OpGetEphemerals       = 103
	OpGetAllChildrenCount = 104
	OpSetWatches2         = 105
	OpAddWatch            = 106
	OpWhoAmI              = 107
	OpCreateSession       = -10
	OpCloseSession        = -11
	OpError               = -1
)

// Record is a request under construction, in jute's encoding.
type Record []byte

// Int adds four bytes, big-endian.
func (r Record) Int(v int32) Record { return binary.BigEndian.AppendUint32(r, uint32(v)) }

// Long adds eight bytes, big-endian.
func (r Record) Long(v int64) Record { return binary.BigEndian.AppendUint64(r, uint64(v)) }

// Bool adds one byte.
func (r Record) Bool(v bool) Record {
	if v {
		return append(r, 1)
	}
	return append(r, 0)
}

// Ustring adds a length and the bytes.
func (r Record) Ustring(s string) Record { return append(r.Int(int32(len(s))), s...) }

// Buffer adds b; nil is null, which is not the same as empty.
func (r Record) Buffer(b []byte) Record {
	if b == nil {
		return r.Int(-1)
	}
	return append(r.Int(int32(len(b))), b...)
}

// Ustrings adds a vector.
func (r Record) Ustrings(all ...string) Record {
	r = r.Int(int32(len(all)))
	for _, s := range all {
		r = r.Ustring(s)
	}
	return r
}

// Entry is one access control entry.
type Entry struct {
	Perms      int32
	Scheme, ID string
}

// Allow returns an entry; the permissions are 1 read, 2 write, 4 create, 8 delete, 16 admin.
func Allow(perms int32, scheme, id string) Entry { return Entry{perms, scheme, id} }

// Open allows everybody everything.
var Open = []Entry{{31, "world", "anyone"}}

// ACL adds a vector of entries.
func (r Record) ACL(entries []Entry) Record {
	r = r.Int(int32(len(entries)))
	for _, e := range entries {
		r = r.Int(e.Perms).Ustring(e.Scheme).Ustring(e.ID)
	}
	return r
}

// Create is CreateRequest, whose flags are 0 persistent, 1 ephemeral, 2 sequential, 3 both, 4 container,
// 5 persistent with a time to live.
func Create(path string, data []byte, acl []Entry, flags int32) Record {
	return Record{}.Ustring(path).Buffer(data).ACL(acl).Int(flags)
}

// Watched is the record of exists, getData, getChildren and getChildren2.
func Watched(path string, watch bool) Record { return Record{}.Ustring(path).Bool(watch) }

// MultiHeader precedes each operation of a multi.
func (r Record) MultiHeader(op int32, done bool, err int32) Record {
	return r.Int(op).Bool(done).Int(err)
}

// Operation is one part of a multi.
type Operation struct {
	Op   int32
	Body Record
}

// Part returns an operation.
func Part(op int32, body Record) Operation { return Operation{op, body} }

// Multi is the record of multi and multiRead.
func Multi(ops ...Operation) Record {
	var r Record
	for _, o := range ops {
		r = append(r.MultiHeader(o.Op, false, -1), o.Body...)
	}
	return r.MultiHeader(-1, true, -1)
}
