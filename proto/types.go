package proto

import (
	"fmt"

	"github.com/paddock-io/paddock/jute"
)

// Zxid orders transactions: the leader's epoch in the high 32 bits, a counter
// that starts anew at each epoch in the low 32.
type Zxid int64

// MakeZxid joins an epoch and a counter.
func MakeZxid(epoch int64, counter uint32) Zxid { return Zxid(epoch<<32 | int64(counter)) }

// Epoch returns the high half. The shift is arithmetic, as Java's is.
func (z Zxid) Epoch() int64 { return int64(z) >> 32 }

// Counter returns the low half.
func (z Zxid) Counter() uint32 { return uint32(z) }

func (z Zxid) String() string { return fmt.Sprintf("0x%x", uint64(z)) }

// SessionID names a client session across the ensemble; 0 is never valid. The
// top byte is the id of the server that made it.
type SessionID int64

func (s SessionID) String() string { return fmt.Sprintf("0x%x", uint64(s)) }

// PeerID is a server's id: the N of server.N, the content of myid.
type PeerID int64

// Perms are the permission bits of an ACL entry.
type Perms = int32

// Permission bits. Source: ZooDefs.Perms.
const (
	PermRead   Perms = 1
	PermWrite  Perms = 2
	PermCreate Perms = 4
	PermDelete Perms = 8
	PermAdmin  Perms = 16
	PermAll    Perms = 31
)

// ID is an identity: a scheme and a name within it.
type ID struct {
	Scheme string
	ID     string
}

// NullID is the name of an identity that came with null instead of one. No
// text from a decoder is equal to it, because it is not UTF-8.
const NullID = "\xff"

// ACL grants permissions to an identity.
type ACL struct {
	Perms Perms
	ID    ID
}

// OpenACL grants everything to everybody; callers must not change it.
var OpenACL = []ACL{{PermAll, ID{"world", "anyone"}}}

// Append appends the record.
func (a ACL) Append(b []byte) []byte {
	b = jute.AppendInt(b, a.Perms)
	return a.ID.Append(b)
}

// Decode reads the record.
func (a *ACL) Decode(d *jute.Decoder) {
	a.Perms = d.Int()
	a.ID.Decode(d)
}

// Append appends the record.
func (i ID) Append(b []byte) []byte {
	b = jute.AppendString(b, i.Scheme)
	if i.ID == NullID {
		return jute.AppendBuffer(b, nil)
	}
	return jute.AppendString(b, i.ID)
}

// Decode reads the record.
func (i *ID) Decode(d *jute.Decoder) {
	i.Scheme = d.String()
	var ok bool
	if i.ID, ok = d.NullString(); !ok {
		i.ID = NullID
	}
}

// AppendACLs appends a vector of ACL entries, null if v is nil.
func AppendACLs(b []byte, v []ACL) []byte {
	if v == nil {
		return jute.AppendInt(b, -1)
	}
	b = jute.AppendInt(b, int32(len(v)))
	for _, a := range v {
		b = a.Append(b)
	}
	return b
}

// openACLRecord is what nearly all requests and transactions have for an ACL.
var openACLRecord = AppendACLs(nil, OpenACL)

// DecodeACLs reads a vector of ACL entries; null gives nil. Callers must not change
// the entries: OpenACL itself is returned for its record, which costs nothing.
func DecodeACLs(d *jute.Decoder) []ACL {
	if d.Match(openACLRecord) {
		return OpenACL[:1:1]
	}
	n := d.Count(12)
	if n < 0 {
		return nil
	}
	v := make([]ACL, n)
	for i := range v {
		v[i].Decode(d)
	}
	return v
}

// AppendIDs appends a vector of identities, null if v is nil.
func AppendIDs(b []byte, v []ID) []byte {
	if v == nil {
		return jute.AppendInt(b, -1)
	}
	b = jute.AppendInt(b, int32(len(v)))
	for _, i := range v {
		b = i.Append(b)
	}
	return b
}

// DecodeIDs reads a vector of identities; null gives nil.
func DecodeIDs(d *jute.Decoder) []ID {
	n := d.Count(8)
	if n < 0 {
		return nil
	}
	v := make([]ID, n)
	for i := range v {
		v[i].Decode(d)
	}
	return v
}

// Stat is a znode's metadata as clients see it.
type Stat struct {
	Czxid, Mzxid   Zxid
	Ctime, Mtime   int64 // milliseconds since 1970 by the leader's clock
	Version        int32
	Cversion       int32 // children created plus children deleted
	Aversion       int32
	EphemeralOwner SessionID
	DataLength     int32
	NumChildren    int32
	Pzxid          Zxid
}

// StatSize is the encoded size of a Stat in bytes.
const StatSize = 68

// Append appends the record.
func (s *Stat) Append(b []byte) []byte {
	b = jute.AppendLong(b, int64(s.Czxid))
	b = jute.AppendLong(b, int64(s.Mzxid))
	b = jute.AppendLong(b, s.Ctime)
	b = jute.AppendLong(b, s.Mtime)
	b = jute.AppendInt(b, s.Version)
	b = jute.AppendInt(b, s.Cversion)
	b = jute.AppendInt(b, s.Aversion)
	b = jute.AppendLong(b, int64(s.EphemeralOwner))
	b = jute.AppendInt(b, s.DataLength)
	b = jute.AppendInt(b, s.NumChildren)
	return jute.AppendLong(b, int64(s.Pzxid))
}

// Decode reads the record.
func (s *Stat) Decode(d *jute.Decoder) {
	s.Czxid, s.Mzxid = Zxid(d.Long()), Zxid(d.Long())
	s.Ctime, s.Mtime = d.Long(), d.Long()
	s.Version, s.Cversion, s.Aversion = d.Int(), d.Int(), d.Int()
	s.EphemeralOwner = SessionID(d.Long())
	s.DataLength, s.NumChildren = d.Int(), d.Int()
	s.Pzxid = Zxid(d.Long())
}

// StatPersisted is a znode's metadata as it is stored and digested. Its
// Cversion counts only children created.
type StatPersisted struct {
	Czxid, Mzxid   Zxid
	Ctime, Mtime   int64
	Version        int32
	Cversion       int32
	Aversion       int32
	EphemeralOwner SessionID
	Pzxid          Zxid
}

// Append appends the record in snapshot order.
func (s *StatPersisted) Append(b []byte) []byte {
	b = jute.AppendLong(b, int64(s.Czxid))
	b = jute.AppendLong(b, int64(s.Mzxid))
	b = jute.AppendLong(b, s.Ctime)
	b = jute.AppendLong(b, s.Mtime)
	b = jute.AppendInt(b, s.Version)
	b = jute.AppendInt(b, s.Cversion)
	b = jute.AppendInt(b, s.Aversion)
	b = jute.AppendLong(b, int64(s.EphemeralOwner))
	return jute.AppendLong(b, int64(s.Pzxid))
}

// Decode reads the record.
func (s *StatPersisted) Decode(d *jute.Decoder) {
	s.Czxid, s.Mzxid = Zxid(d.Long()), Zxid(d.Long())
	s.Ctime, s.Mtime = d.Long(), d.Long()
	s.Version, s.Cversion, s.Aversion = d.Int(), d.Int(), d.Int()
	s.EphemeralOwner = SessionID(d.Long())
	s.Pzxid = Zxid(d.Long())
}

// Special values of EphemeralOwner. Source: EphemeralType.
const (
	ContainerOwner SessionID = -1 << 63
	ttlMask        uint64    = 0xff << 56
	MaxTTL         int64     = 1<<40 - 1 // milliseconds
)

// TTLOwner returns the stored owner of a znode that lives ttl milliseconds.
func TTLOwner(ttl int64) SessionID { return SessionID(ttlMask | uint64(ttl)) }
