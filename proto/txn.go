package proto

import (
	"fmt"

	"github.com/paddock-io/paddock/internal/slab"
	"github.com/paddock-io/paddock/jute"
)

// TxnHeader opens every transaction.
type TxnHeader struct {
	Session SessionID
	Cxid    int32 // the xid of the client's request; 0 for the server's own
	Zxid    Zxid
	Time    int64 // milliseconds since 1970 by the leader's clock
	Type    OpCode
}

// TxnHeaderSize is the encoded size of a TxnHeader in bytes.
const TxnHeaderSize = 32

// Append appends the record.
func (h *TxnHeader) Append(b []byte) []byte {
	b = jute.AppendLong(b, int64(h.Session))
	b = jute.AppendInt(b, h.Cxid)
	b = jute.AppendLong(b, int64(h.Zxid))
	b = jute.AppendLong(b, h.Time)
	return jute.AppendInt(b, int32(h.Type))
}

// Decode reads the record.
func (h *TxnHeader) Decode(d *jute.Decoder) {
	h.Session = SessionID(d.Long())
	h.Cxid = d.Int()
	h.Zxid = Zxid(d.Long())
	h.Time = d.Long()
	h.Type = OpCode(d.Int())
}

// TxnBody is the record behind a TxnHeader. The concrete types are the *Txn
// types of this file, always as pointers.
type TxnBody interface {
	Append(b []byte) []byte
	Decode(d *jute.Decoder)
}

// CreateTxn creates a znode (types create and create2). Sequential names are
// already resolved in Path.
type CreateTxn struct {
	Path           string
	Data           []byte
	ACL            []ACL
	Ephemeral      bool
	ParentCversion int32 // the parent's stored cversion after the create; -1 means current+1
}

// Append appends the record.
func (t *CreateTxn) Append(b []byte) []byte {
	b = jute.AppendString(b, t.Path)
	b = jute.AppendBuffer(b, t.Data)
	b = AppendACLs(b, t.ACL)
	b = jute.AppendBool(b, t.Ephemeral)
	return jute.AppendInt(b, t.ParentCversion)
}

// Decode reads the record; very old logs lack the last field.
func (t *CreateTxn) Decode(d *jute.Decoder) {
	t.Path, t.Data, t.ACL, t.Ephemeral = d.String(), d.Buffer(), DecodeACLs(d), d.Bool()
	if t.ParentCversion = -1; d.Err() == nil && d.Len() >= 4 {
		t.ParentCversion = d.Int()
	}
}

// CreateContainerTxn creates a container.
type CreateContainerTxn struct {
	Path           string
	Data           []byte
	ACL            []ACL
	ParentCversion int32
}

// Append appends the record.
func (t *CreateContainerTxn) Append(b []byte) []byte {
	b = jute.AppendString(b, t.Path)
	b = jute.AppendBuffer(b, t.Data)
	b = AppendACLs(b, t.ACL)
	return jute.AppendInt(b, t.ParentCversion)
}

// Decode reads the record.
func (t *CreateContainerTxn) Decode(d *jute.Decoder) {
	t.Path, t.Data, t.ACL, t.ParentCversion = d.String(), d.Buffer(), DecodeACLs(d), d.Int()
}

// CreateTTLTxn creates a znode with a time to live.
type CreateTTLTxn struct {
	Path           string
	Data           []byte
	ACL            []ACL
	ParentCversion int32
	TTL            int64 // milliseconds
}

// Append appends the record.
func (t *CreateTTLTxn) Append(b []byte) []byte {
	b = jute.AppendString(b, t.Path)
	b = jute.AppendBuffer(b, t.Data)
	b = AppendACLs(b, t.ACL)
	b = jute.AppendInt(b, t.ParentCversion)
	return jute.AppendLong(b, t.TTL)
}

// Decode reads the record.
func (t *CreateTTLTxn) Decode(d *jute.Decoder) {
	t.Path, t.Data, t.ACL = d.String(), d.Buffer(), DecodeACLs(d)
	t.ParentCversion, t.TTL = d.Int(), d.Long()
}

// DeleteTxn deletes a znode (types delete and deleteContainer).
type DeleteTxn struct{ Path string }

// Append appends the record.
func (t *DeleteTxn) Append(b []byte) []byte { return jute.AppendString(b, t.Path) }

// Decode reads the record.
func (t *DeleteTxn) Decode(d *jute.Decoder) { t.Path = d.String() }

// SetDataTxn replaces a znode's data (types setData and reconfig).
type SetDataTxn struct {
	Path    string
	Data    []byte
	Version int32 // the new version, not the expected one
}

// Append appends the record.
func (t *SetDataTxn) Append(b []byte) []byte {
	b = jute.AppendString(b, t.Path)
	b = jute.AppendBuffer(b, t.Data)
	return jute.AppendInt(b, t.Version)
}

// Decode reads the record.
func (t *SetDataTxn) Decode(d *jute.Decoder) {
	t.Path, t.Data, t.Version = d.String(), d.Buffer(), d.Int()
}

// SetACLTxn replaces a znode's ACL.
type SetACLTxn struct {
	Path    string
	ACL     []ACL
	Version int32 // the new aversion
}

// Append appends the record.
func (t *SetACLTxn) Append(b []byte) []byte {
	b = jute.AppendString(b, t.Path)
	b = AppendACLs(b, t.ACL)
	return jute.AppendInt(b, t.Version)
}

// Decode reads the record.
func (t *SetACLTxn) Decode(d *jute.Decoder) {
	t.Path, t.ACL, t.Version = d.String(), DecodeACLs(d), d.Int()
}

// CheckVersionTxn records a passed version check inside a multi.
type CheckVersionTxn struct {
	Path    string
	Version int32 // the checked version plus one; nobody reads it
}

// Append appends the record.
func (t *CheckVersionTxn) Append(b []byte) []byte {
	return jute.AppendInt(jute.AppendString(b, t.Path), t.Version)
}

// Decode reads the record.
func (t *CheckVersionTxn) Decode(d *jute.Decoder) { t.Path, t.Version = d.String(), d.Int() }

// CreateSessionTxn opens a session; its id is the header's.
type CreateSessionTxn struct{ Timeout int32 } // milliseconds

// Append appends the record.
func (t *CreateSessionTxn) Append(b []byte) []byte { return jute.AppendInt(b, t.Timeout) }

// Decode reads the record.
func (t *CreateSessionTxn) Decode(d *jute.Decoder) { t.Timeout = d.Int() }

// CloseSessionTxn closes a session and deletes its ephemerals.
type CloseSessionTxn struct {
	Paths    []string
	HasPaths bool // logs of versions before 3.6 have no list
}

// Append appends the record, nothing without a list.
func (t *CloseSessionTxn) Append(b []byte) []byte {
	if !t.HasPaths {
		return b
	}
	if t.Paths == nil {
		return jute.AppendInt(b, 0)
	}
	return jute.AppendStrings(b, t.Paths)
}

// Decode reads the record; an empty rest means that there is no list.
func (t *CloseSessionTxn) Decode(d *jute.Decoder) {
	if t.HasPaths = d.Len() > 0; t.HasPaths {
		t.Paths = d.Strings()
	}
}

// ErrorTxn records a request that failed; it changes nothing but the zxid.
type ErrorTxn struct{ Err ErrCode }

// Append appends the record.
func (t *ErrorTxn) Append(b []byte) []byte { return jute.AppendInt(b, int32(t.Err)) }

// Decode reads the record.
func (t *ErrorTxn) Decode(d *jute.Decoder) { t.Err = ErrCode(d.Int()) }

// SubTxn is one operation of a MultiTxn.
type SubTxn struct {
	Type OpCode
	Body TxnBody
}

// MultiTxn holds several operations that happen together or, if any of them
// has type OpError, not at all.
type MultiTxn struct{ Subs []SubTxn }

// Failed reports whether any operation is an error, so that none applies.
func (t *MultiTxn) Failed() bool {
	for _, s := range t.Subs {
		if s.Type == OpError {
			return true
		}
	}
	return false
}

// Append appends the record.
func (t *MultiTxn) Append(b []byte) []byte {
	b = jute.AppendInt(b, int32(len(t.Subs)))
	for _, s := range t.Subs {
		b = jute.AppendInt(b, int32(s.Type))
		at := len(b)
		b = s.Body.Append(jute.AppendInt(b, 0))
		jute.AppendInt(b[:at], int32(len(b)-at-4))
	}
	return b
}

// Decode reads the record.
func (t *MultiTxn) Decode(d *jute.Decoder) {
	n := d.Count(8)
	t.Subs = make([]SubTxn, 0, max(n, 0))
	d.ShareStrings(n)
	var sets slab.Slab[SetDataTxn] // a multi mostly has the one or the other
	var creates slab.Slab[CreateTxn]
	for i := range n {
		typ := OpCode(d.Int())
		sub := d.Record()
		if d.Err() != nil {
			return
		}
		var body TxnBody
		switch typ {
		case OpSetData:
			body = sets.Next(n - i)
		case OpCreate, OpCreate2:
			body = creates.Next(n - i)
		default:
			var err error
			body, err = newTxnBody(typ)
			if err == nil && typ == OpMulti {
				err = fmt.Errorf("proto: multi inside a multi transaction")
			}
			if err != nil {
				d.Fail(err)
				return
			}
		}
		decodeBody(body, &sub)
		if err := sub.Err(); err != nil {
			d.Fail(err)
			return
		}
		t.Subs = append(t.Subs, SubTxn{typ, body})
	}
}

// decodeBody reads a record. A decoder whose address goes through an interface is
// allocated, so the frequent records are named; a multi is not, as those in it would
// seem to keep theirs then.
func decodeBody(body TxnBody, d *jute.Decoder) {
	switch body := body.(type) {
	case *SetDataTxn:
		body.Decode(d)
	case *CreateTxn:
		body.Decode(d)
	default:
		other := *d
		body.Decode(&other)
		*d = other
	}
}

// newTxn returns an empty transaction of a type: the frequent ones with their
// record in one piece.
func newTxn(typ OpCode) (*Txn, error) {
	switch typ {
	case OpSetData:
		t, _ := NewSetData()
		return t, nil
	case OpCreate, OpCreate2:
		t, _ := NewCreate()
		return t, nil
	}
	body, err := newTxnBody(typ)
	if err != nil {
		return nil, err
	}
	return &Txn{Body: body}, nil
}

// wholeSetData and wholeCreate are transactions with their records.
type (
	wholeSetData struct {
		Txn
		record SetDataTxn
	}
	wholeCreate struct {
		Txn
		record CreateTxn
	}
)

// NewSetData returns a transaction and its record in one piece of memory.
func NewSetData() (*Txn, *SetDataTxn) {
	t := new(wholeSetData)
	t.Txn.Body = &t.record
	return &t.Txn, &t.record
}

// NewCreate is NewSetData of a create.
func NewCreate() (*Txn, *CreateTxn) {
	t := new(wholeCreate)
	t.Txn.Body = &t.record
	return &t.Txn, &t.record
}

// newTxnBody returns an empty record for a transaction type. Source:
// SerializeUtils.deserializeTxn.
func newTxnBody(typ OpCode) (TxnBody, error) {
	switch typ {
	case OpCreate, OpCreate2:
		return new(CreateTxn), nil
	case OpCreateContainer:
		return new(CreateContainerTxn), nil
	case OpCreateTTL:
		return new(CreateTTLTxn), nil
	case OpDelete, OpDeleteContainer:
		return new(DeleteTxn), nil
	case OpSetData, OpReconfig:
		return new(SetDataTxn), nil
	case OpSetACL:
		return new(SetACLTxn), nil
	case OpCheck:
		return new(CheckVersionTxn), nil
	case OpCreateSession:
		return new(CreateSessionTxn), nil
	case OpCloseSession:
		return new(CloseSessionTxn), nil
	case OpError:
		return new(ErrorTxn), nil
	case OpMulti:
		return new(MultiTxn), nil
	}
	return nil, fmt.Errorf("proto: unsupported transaction type %d", typ)
}

// DigestVersion is the only digest version in use. Source: DigestCalculator.
const DigestVersion int32 = 2

const digestSize = 12 // int32 version, int64 digest

// TxnDigest says what the digest of the whole tree is after the transaction.
type TxnDigest struct {
	Version int32
	Tree    int64 // a sum modulo 2^64; Java holds it signed
}

// Txn is a transaction: the unit of the log, of proposals and of Apply. It is
// immutable once made; Raw is what the log and the peers get.
type Txn struct {
	TxnHeader
	Body      TxnBody
	Digest    TxnDigest
	HasDigest bool
	Raw       []byte // header, body and digest as encoded
}

// TxnSize is how long a transaction is, at most, with a record of this size.
func TxnSize(body int) int { return TxnHeaderSize + body + digestSize }

// Encode sets Raw from the other fields, into a fresh slice.
func (t *Txn) Encode(sizeHint int) {
	t.EncodeIn(make([]byte, 0, TxnSize(sizeHint)))
}

// EncodeIn is Encode into the array of b, which is empty, if it has the capacity.
func (t *Txn) EncodeIn(b []byte) {
	b = t.Body.Append(t.TxnHeader.Append(b))
	if t.HasDigest {
		b = jute.AppendInt(b, t.Digest.Version)
		b = jute.AppendLong(b, t.Digest.Tree)
	}
	t.Raw = b
}

// bodyLeftOut reports whether a closeSession has a digest and no list of paths, as a server writes it that was told
// closeSessionTxn.enabled=false. The digest's version, read as a count, would announce two paths in the eight bytes
// behind it, and no path is empty. Source: SerializeUtils.deserializeTxn.
func (t *Txn) bodyLeftOut(rest jute.Decoder) bool {
	return t.Type == OpCloseSession && rest.Len() == digestSize && rest.Int() == DigestVersion
}

// DecodeTxn reads a transaction that fills raw. The result keeps raw.
func DecodeTxn(raw []byte) (*Txn, error) {
	d := jute.NewDecoder(raw)
	var h TxnHeader
	h.Decode(&d)
	if err := d.Err(); err != nil {
		return nil, fmt.Errorf("decode transaction header: %w", err)
	}
	t, err := newTxn(h.Type)
	if err != nil {
		return nil, err
	}
	t.TxnHeader, t.Raw = h, raw
	if !t.bodyLeftOut(d) {
		decodeBody(t.Body, &d)
	}
	if d.Err() == nil && d.Len() >= digestSize {
		t.Digest.Version, t.Digest.Tree, t.HasDigest = d.Int(), d.Long(), true
	}
	if err := d.Err(); err != nil {
		return nil, fmt.Errorf("decode %s transaction %s: %w", t.Type, t.Zxid, err)
	}
	return t, nil
}
