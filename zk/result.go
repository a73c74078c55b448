package zk

import (
	"bytes"
	"fmt"
	"slices"

	"github.com/paddock-io/paddock/jute"
	"github.com/paddock-io/paddock/proto"
)

// Result is the outcome of an operation. Which fields are filled depends on
// the operation; nothing in it is shared with the Conn.
type Result struct {
	Path     string
	Data     []byte // nil if the znode's data is null, which differs from empty
	Stat     Stat
	Children []string
	ACL      []ACL
	IDs      []ID
	Count    int        // of AllChildrenNumberOp
	Results  []OpResult // of a multi or multiRead, in the order of its operations
	Zxid     Zxid       // of the write, or how far the server was at a read
	Err      error      // nil, or an *Error
}

// OpResult is the outcome of one operation of a multi or multiRead.
type OpResult struct {
	Path     string   // of a create
	Stat     Stat     // of a set, a get, and of a create by CreateStatOp
	Data     []byte   // of a get; nil if the znode's data is null
	Children []string // of a list of children
	Err      error    // nil, or an *Error; in a multi ErrRuntimeInconsistency after the one that failed
}

// decode reads the body of a successful reply into res. Data aliases the
// input if owned is true.
func (o *Op) decode(d *jute.Decoder, owned bool, root chroot, res *Result) error {
	switch o.code {
	case proto.OpCreate:
		res.Path = root.strip(d.String())
	case proto.OpCreate2, proto.OpCreateContainer, proto.OpCreateTTL:
		res.Path = root.strip(d.String())
		res.Stat.Decode(d)
	case proto.OpGetData:
		if res.Data = d.Buffer(); !owned {
			res.Data = bytes.Clone(res.Data)
		}
		res.Stat.Decode(d)
	case proto.OpReconfig:
		res.Data = bytes.Clone(d.Buffer())
		res.Stat.Decode(d)
	case proto.OpSetData, proto.OpSetACL, proto.OpExists:
		res.Stat.Decode(d)
	case proto.OpGetChildren:
		res.Children = d.Strings()
	case proto.OpGetChildren2:
		res.Children = d.Strings()
		res.Stat.Decode(d)
	case proto.OpGetACL:
		res.ACL = slices.Clone(proto.DecodeACLs(d)) // the caller's, to change as it likes
		res.Stat.Decode(d)
	case proto.OpSync:
		res.Path = root.strip(d.String())
	case proto.OpGetEphemerals:
		res.Children = root.stripAll(d.Strings())
	case proto.OpGetAllChildren:
		res.Count = int(d.Int())
	case proto.OpWhoAmI:
		res.IDs = proto.DecodeIDs(d)
	case proto.OpMulti:
		return o.decodeMulti(d, root, res)
	case proto.OpMultiRead:
		return o.decodeMultiRead(d, owned, res)
	}
	return d.Err()
}

// decodeMulti reads a multi's results. A failed multi comes with a header that
// says success; the failure is in the results. Source: MultiResponse.
func (o *Op) decodeMulti(d *jute.Decoder, root chroot, res *Result) error {
	results := proto.DecodeMultiResults(d)
	if d.Err() != nil {
		return d.Err()
	}
	if len(results) != len(o.ops) {
		return fmt.Errorf("%d results for a multi of %d operations", len(results), len(o.ops))
	}
	res.Results = make([]OpResult, len(results))
	for i := range results {
		r, out, sub := &results[i], &res.Results[i], &o.ops[i]
		out.Path, out.Stat = root.strip(r.Path), r.Stat
		if r.Err == proto.OK {
			continue
		}
		out.Err = &Error{Op: sub.name(), Path: sub.path, Err: r.Err, Sent: true}
		if res.Err == nil && r.Err != ErrRuntimeInconsistency {
			res.Err = out.Err
		}
	}
	return nil
}

// decodeMultiRead reads a multiRead's results: as many as it has operations,
// each of its operation's type or an error. Source: MultiResponse.
func (o *Op) decodeMultiRead(d *jute.Decoder, owned bool, res *Result) error {
	res.Results = make([]OpResult, len(o.ops))
	for i := range o.ops {
		var h proto.MultiHeader
		h.Decode(d)
		out, part := &res.Results[i], &o.ops[i]
		switch {
		case d.Err() != nil:
			return d.Err()
		case h.Done:
			return fmt.Errorf("%d results for a multiRead of %d operations", i, len(o.ops))
		case h.Type == proto.OpError:
			out.Err = &Error{Op: part.name(), Path: part.path, Err: Code(d.Int()), Sent: true}
		case h.Type != part.code:
			return fmt.Errorf("result of type %d for %s", h.Type, part.name())
		case h.Type == proto.OpGetChildren:
			out.Children = d.Strings()
		default:
			if out.Data = d.Buffer(); !owned {
				out.Data = bytes.Clone(out.Data)
			}
			out.Stat.Decode(d)
		}
	}
	var end proto.MultiHeader
	if end.Decode(d); d.Err() == nil && !end.Done {
		return fmt.Errorf("more than %d results for a multiRead", len(o.ops))
	}
	return d.Err()
}
