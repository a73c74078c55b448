package proto

import (
	"fmt"

	"github.com/paddock-io/paddock/internal/slab"
	"github.com/paddock-io/paddock/jute"
)

// Request is the record behind a RequestHeader. The concrete types are the
// *Request types of this file, always as pointers.
type Request interface {
	Append(b []byte) []byte
	Decode(d *jute.Decoder)
}

// PathWatchRequest asks about a path and may leave a watch: exists, getData,
// getChildren and getChildren2.
type PathWatchRequest struct {
	Path  string
	Watch bool
}

// Append appends the record.
func (r *PathWatchRequest) Append(b []byte) []byte {
	return jute.AppendBool(jute.AppendString(b, r.Path), r.Watch)
}

// Decode reads the record.
func (r *PathWatchRequest) Decode(d *jute.Decoder) { r.Path, r.Watch = decodePath(d), d.Bool() }

// PathRequest names a path: getACL, sync, getEphemerals, getAllChildrenNumber
// and deleteContainer.
type PathRequest struct{ Path string }

// Append appends the record.
func (r *PathRequest) Append(b []byte) []byte { return jute.AppendString(b, r.Path) }

// Decode reads the record; a null path reads as "".
func (r *PathRequest) Decode(d *jute.Decoder) { r.Path = d.String() }

// CreateRequest creates a znode: create, create2, createContainer and, with
// TTL, createTTL.
type CreateRequest struct {
	Path   string
	Data   []byte
	ACL    []ACL
	Flags  CreateFlags
	TTL    int64 // milliseconds; on the wire only if HasTTL
	HasTTL bool  // the record is a CreateTTLRequest

	NullPath bool // Path was null, which Java notices late
}

// Append appends the record.
func (r *CreateRequest) Append(b []byte) []byte {
	b = appendPath(b, r.Path, r.NullPath)
	b = jute.AppendBuffer(b, r.Data)
	b = AppendACLs(b, r.ACL)
	b = jute.AppendInt(b, int32(r.Flags))
	if r.HasTTL {
		b = jute.AppendLong(b, r.TTL)
	}
	return b
}

// Decode reads the record; HasTTL, set by the caller, says which form.
func (r *CreateRequest) Decode(d *jute.Decoder) {
	r.Path, r.NullPath = decodeNullPath(d)
	r.Data, r.ACL = d.Buffer(), DecodeACLs(d)
	r.Flags, r.TTL = CreateFlags(d.Int()), -1
	if r.HasTTL {
		r.TTL = d.Long()
	}
}

// DeleteRequest deletes a znode.
type DeleteRequest struct {
	Path    string
	Version int32

	NullPath bool // Path was null, which Java notices late
}

// Append appends the record.
func (r *DeleteRequest) Append(b []byte) []byte {
	return jute.AppendInt(appendPath(b, r.Path, r.NullPath), r.Version)
}

// Decode reads the record.
func (r *DeleteRequest) Decode(d *jute.Decoder) {
	r.Path, r.NullPath = decodeNullPath(d)
	r.Version = d.Int()
}

// SetDataRequest replaces a znode's data.
type SetDataRequest struct {
	Path    string
	Data    []byte
	Version int32
}

// Append appends the record.
func (r *SetDataRequest) Append(b []byte) []byte {
	b = jute.AppendBuffer(jute.AppendString(b, r.Path), r.Data)
	return jute.AppendInt(b, r.Version)
}

// Decode reads the record. A null path reads as "", which is a bad argument.
func (r *SetDataRequest) Decode(d *jute.Decoder) {
	r.Path, r.Data, r.Version = d.String(), d.Buffer(), d.Int()
}

// SetACLRequest replaces a znode's ACL.
type SetACLRequest struct {
	Path    string
	ACL     []ACL
	Version int32 // of the ACL
}

// Append appends the record.
func (r *SetACLRequest) Append(b []byte) []byte {
	b = AppendACLs(jute.AppendString(b, r.Path), r.ACL)
	return jute.AppendInt(b, r.Version)
}

// Decode reads the record. A null path reads as "", which is a bad argument.
func (r *SetACLRequest) Decode(d *jute.Decoder) {
	r.Path, r.ACL, r.Version = d.String(), DecodeACLs(d), d.Int()
}

// CheckVersionRequest checks a znode's version inside a multi.
type CheckVersionRequest struct {
	Path    string
	Version int32
}

// Append appends the record.
func (r *CheckVersionRequest) Append(b []byte) []byte {
	return jute.AppendInt(jute.AppendString(b, r.Path), r.Version)
}

// Decode reads the record. A null path reads as "", which is a bad argument.
func (r *CheckVersionRequest) Decode(d *jute.Decoder) { r.Path, r.Version = d.String(), d.Int() }

// MultiHeader goes before each operation of a multi and its results.
type MultiHeader struct {
	Type OpCode
	Done bool
	Err  ErrCode
}

// MultiHeaderSize is the encoded size of a MultiHeader in bytes.
const MultiHeaderSize = 9

// MultiEnd is the header that ends a multi.
var MultiEnd = MultiHeader{Type: -1, Done: true, Err: -1}

// Append appends the record.
func (h MultiHeader) Append(b []byte) []byte {
	b = jute.AppendBool(jute.AppendInt(b, int32(h.Type)), h.Done)
	return jute.AppendInt(b, int32(h.Err))
}

// Decode reads the record.
func (h *MultiHeader) Decode(d *jute.Decoder) {
	h.Type, h.Done, h.Err = OpCode(d.Int()), d.Bool(), ErrCode(d.Int())
}

// MultiOp is one operation of a multi.
type MultiOp struct {
	Type OpCode
	Req  Request
}

// MultiRequest is a multi: all of its operations happen, or none.
type MultiRequest struct{ Ops []MultiOp }

// Append appends the record.
func (r *MultiRequest) Append(b []byte) []byte {
	for _, op := range r.Ops {
		b = op.Req.Append(MultiHeader{Type: op.Type, Err: -1}.Append(b))
	}
	return MultiEnd.Append(b)
}

// Decode reads the record. Operations that may not stand in a multi fail the
// whole record, and so do null paths, and in all creates but createTTL flags that
// are unknown or want a time to live. Source: MultiOperationRecord,
// CreateOptions, PrepRequestProcessor.getPendingChanges.
func (r *MultiRequest) Decode(d *jute.Decoder) {
	var sets slab.Slab[SetDataRequest]
	for {
		var h MultiHeader
		h.Decode(d)
		if d.Err() != nil || h.Done {
			return
		}
		var req Request
		if h.Type == OpSetData {
			req = sets.Next(1 + d.Len()/leastOp)
		} else if req = newMultiRequest(h.Type); req == nil {
			d.Fail(fmt.Errorf("proto: operation %d may not stand in a multi", h.Type))
			return
		}
		if at := *d; d.Err() == nil && at.Buffer() == nil && at.Err() == nil {
			d.Fail(errNull)
			return
		}
		decodeOp(req, d)
		if c, ok := req.(*CreateRequest); ok && !c.HasTTL && d.Err() == nil && (!c.Flags.Valid() || c.Flags.IsTTL()) {
			d.Fail(fmt.Errorf("proto: invalid create flags %d", c.Flags))
			return
		}
		if r.Ops == nil {
			d.ShareStrings(1 + d.Len()/leastOp)
			r.Ops = make([]MultiOp, 0, min(1+d.Len()/leastOp, slab.Max))
		}
		r.Ops = append(r.Ops, MultiOp{h.Type, req})
	}
}

// leastOp is about how long a short set is in a multi, in bytes.
const leastOp = 64

func newMultiRequest(op OpCode) Request {
	switch op {
	case OpCreate, OpCreate2, OpCreateContainer:
		return new(CreateRequest)
	case OpCreateTTL:
		return &CreateRequest{HasTTL: true}
	case OpDelete:
		return new(DeleteRequest)
	case OpSetData:
		return new(SetDataRequest)
	case OpCheck:
		return new(CheckVersionRequest)
	}
	return nil
}

// ReconfigRequest changes the members of an ensemble.
type ReconfigRequest struct {
	Joining, Leaving string // null reads as ""
	NewMembers       string // every server of the new configuration, if Full
	ConfigID         int64  // the configuration to start from, -1 for any

	Full bool // NewMembers was not null: it counts, and Joining and Leaving do not
}

// Append appends the record.
func (r *ReconfigRequest) Append(b []byte) []byte {
	b = jute.AppendString(jute.AppendString(b, r.Joining), r.Leaving)
	return jute.AppendLong(appendPath(b, r.NewMembers, !r.Full), r.ConfigID)
}

// Decode reads the record.
func (r *ReconfigRequest) Decode(d *jute.Decoder) {
	r.Joining, r.Leaving = d.String(), d.String()
	r.NewMembers, r.Full = d.NullString()
	r.ConfigID = d.Long()
}

// AuthPacket adds an identity to a connection.
type AuthPacket struct {
	Type   int32 // ignored
	Scheme string
	Auth   []byte
}

// Append appends the record.
func (r *AuthPacket) Append(b []byte) []byte {
	return jute.AppendBuffer(jute.AppendString(jute.AppendInt(b, r.Type), r.Scheme), r.Auth)
}

// Decode reads the record.
func (r *AuthPacket) Decode(d *jute.Decoder) {
	r.Type, r.Scheme, r.Auth = d.Int(), d.String(), d.Buffer()
}

// CreateSessionRequest is the record of the internal createSession, as a
// learner forwards it.
type CreateSessionRequest struct{ Timeout int32 } // milliseconds

// Append appends the record.
func (r *CreateSessionRequest) Append(b []byte) []byte { return jute.AppendInt(b, r.Timeout) }

// Decode reads the record.
func (r *CreateSessionRequest) Decode(d *jute.Decoder) { r.Timeout = d.Int() }

var errNull = fmt.Errorf("proto: null where a value is needed")

// decodePath reads a path whose null makes the request malformed.
func decodePath(d *jute.Decoder) string {
	s, ok := d.NullString()
	if !ok {
		d.Fail(errNull)
	}
	return s
}

// decodeNullPath reads a path of which it matters that it is null.
func decodeNullPath(d *jute.Decoder) (path string, null bool) {
	s, ok := d.NullString()
	return s, !ok && d.Err() == nil
}

// appendPath appends a path, or null.
func appendPath(b []byte, path string, null bool) []byte {
	if null {
		return jute.AppendInt(b, -1)
	}
	return jute.AppendString(b, path)
}

func nonNil(v []string) []string {
	if v == nil {
		return []string{}
	}
	return v
}

// DecodeRequest reads the record that follows a header with this opcode. It
// returns nil for operations without a record. Trailing bytes are ignored.
func DecodeRequest(op OpCode, b []byte) (Request, error) {
	req := newRequest(op)
	if req == nil {
		return nil, nil
	}
	if err := DecodeInto(req, op, b); err != nil {
		return nil, err
	}
	return req, nil
}

// DecodeInto is DecodeRequest into memory of the caller's, which must be of the type
// that the opcode has.
func DecodeInto(req Request, op OpCode, b []byte) error {
	d := jute.NewDecoder(b)
	decodeOp(req, &d)
	if err := d.Err(); err != nil {
		return fmt.Errorf("decode %s request: %w", op, err)
	}
	return nil
}

// decodeOp reads a record. As in decodeBody the frequent ones are named.
func decodeOp(req Request, d *jute.Decoder) {
	switch req := req.(type) {
	case *PathWatchRequest:
		req.Decode(d)
	case *SetDataRequest:
		req.Decode(d)
	case *CreateRequest:
		req.Decode(d)
	case *MultiRequest:
		req.Decode(d)
	default:
		other := *d
		req.Decode(&other)
		*d = other
	}
}

func newRequest(op OpCode) Request {
	switch op {
	case OpExists, OpGetData, OpGetChildren, OpGetChildren2:
		return new(PathWatchRequest)
	case OpGetACL, OpSync, OpGetEphemerals, OpGetAllChildren, OpDeleteContainer:
		return new(PathRequest)
	case OpCreate, OpCreate2, OpCreateContainer:
		return new(CreateRequest)
	case OpCreateTTL:
		return &CreateRequest{HasTTL: true}
	case OpDelete:
		return new(DeleteRequest)
	case OpSetData:
		return new(SetDataRequest)
	case OpSetACL:
		return new(SetACLRequest)
	case OpMulti:
		return new(MultiRequest)
	case OpReconfig:
		return new(ReconfigRequest)
	case OpAuth:
		return new(AuthPacket)
	case OpAddWatch:
		return new(AddWatchRequest)
	case OpCheckWatches, OpRemoveWatches:
		return new(WatchesRequest)
	case OpSetWatches:
		return new(SetWatchesRequest)
	case OpSetWatches2:
		return &SetWatchesRequest{V2: true}
	case OpCreateSession:
		return new(CreateSessionRequest)
	}
	return nil
}
