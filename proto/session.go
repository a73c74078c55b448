package proto

import (
	"encoding/binary"

	"github.com/paddock-io/paddock/jute"
)

// ConnectRequest opens every client connection; it has no header. Source:
// zookeeper.jute and compat.ProtocolManager.
type ConnectRequest struct {
	ProtocolVersion int32 // always 0
	LastZxidSeen    Zxid
	Timeout         int32 // milliseconds wanted
	SessionID       SessionID
	Passwd          []byte
	ReadOnly        bool
	HasReadOnly     bool // the trailing byte was there; clients before 3.4 omit it
}

// Append appends the record, with the read-only byte if HasReadOnly.
func (r *ConnectRequest) Append(b []byte) []byte {
	b = jute.AppendInt(b, r.ProtocolVersion)
	b = jute.AppendLong(b, int64(r.LastZxidSeen))
	b = jute.AppendInt(b, r.Timeout)
	b = jute.AppendLong(b, int64(r.SessionID))
	b = jute.AppendBuffer(b, r.Passwd)
	if r.HasReadOnly {
		b = jute.AppendBool(b, r.ReadOnly)
	}
	return b
}

// Decode reads the record; the read-only byte may be missing.
func (r *ConnectRequest) Decode(d *jute.Decoder) {
	r.ProtocolVersion = d.Int()
	r.LastZxidSeen = Zxid(d.Long())
	r.Timeout = d.Int()
	r.SessionID = SessionID(d.Long())
	r.Passwd = d.Buffer()
	if r.HasReadOnly = d.Err() == nil && d.Len() > 0; r.HasReadOnly {
		r.ReadOnly = d.Bool()
	}
}

// ConnectResponse answers a ConnectRequest. Timeout and SessionID are both 0
// when the session is not valid.
type ConnectResponse struct {
	ProtocolVersion int32
	Timeout         int32 // milliseconds negotiated
	SessionID       SessionID
	Passwd          []byte // always 16 bytes
	ReadOnly        bool
	HasReadOnly     bool // written exactly when the request had the byte
}

// Append appends the record, with the read-only byte if HasReadOnly.
func (r *ConnectResponse) Append(b []byte) []byte {
	b = jute.AppendInt(b, r.ProtocolVersion)
	b = jute.AppendInt(b, r.Timeout)
	b = jute.AppendLong(b, int64(r.SessionID))
	b = jute.AppendBuffer(b, r.Passwd)
	if r.HasReadOnly {
		b = jute.AppendBool(b, r.ReadOnly)
	}
	return b
}

// Decode reads the record; the read-only byte may be missing.
func (r *ConnectResponse) Decode(d *jute.Decoder) {
	r.ProtocolVersion = d.Int()
	r.Timeout = d.Int()
	r.SessionID = SessionID(d.Long())
	r.Passwd = d.Buffer()
	if r.HasReadOnly = d.Err() == nil && d.Len() > 0; r.HasReadOnly {
		r.ReadOnly = d.Bool()
	}
}

// Password returns the 16 bytes that every server derives for a session:
// java.util.Random seeded with the id, each int little-endian. It is a
// checksum, not a secret. Source: ZooKeeperServer.generatePasswd.
func Password(id SessionID) [16]byte {
	const (
		secret     = 0xB3415C00
		multiplier = 0x5DEECE66D
		mask       = 1<<48 - 1
	)
	state := (uint64(id) ^ secret ^ multiplier) & mask
	var p [16]byte
	for i := 0; i < len(p); i += 4 {
		state = (state*multiplier + 0xB) & mask
		binary.LittleEndian.PutUint32(p[i:], uint32(state>>16))
	}
	return p
}

// RequestHeader opens every client request.
type RequestHeader struct {
	Xid int32 // chosen by the client; negatives are reserved, -2 is ping
	Op  OpCode
}

// Append appends the record.
func (h RequestHeader) Append(b []byte) []byte {
	return jute.AppendInt(jute.AppendInt(b, h.Xid), int32(h.Op))
}

// Decode reads the record.
func (h *RequestHeader) Decode(d *jute.Decoder) { h.Xid, h.Op = d.Int(), OpCode(d.Int()) }

// ReplyHeader opens every reply and notification. A reply with an error has
// no body.
type ReplyHeader struct {
	Xid  int32
	Zxid Zxid // the answering server's last applied zxid
	Err  ErrCode
}

// Append appends the record.
func (h ReplyHeader) Append(b []byte) []byte {
	b = jute.AppendLong(jute.AppendInt(b, h.Xid), int64(h.Zxid))
	return jute.AppendInt(b, int32(h.Err))
}

// Decode reads the record.
func (h *ReplyHeader) Decode(d *jute.Decoder) {
	h.Xid, h.Zxid, h.Err = d.Int(), Zxid(d.Long()), ErrCode(d.Int())
}
