package fake

import (
	"github.com/paddock-io/paddock/jute"
	"github.com/paddock-io/paddock/proto"
)

// PathInt is the record of addWatch, checkWatches and removeWatches.
type PathInt struct {
	Path string
	N    int32 // mode or type
}

// Append appends the record.
func (r *PathInt) Append(b []byte) []byte { return jute.AppendInt(jute.AppendString(b, r.Path), r.N) }

// Decode reads the record.
func (r *PathInt) Decode(d *jute.Decoder) { r.Path, r.N = d.String(), d.Int() }

type multiRead struct {
	ops  []proto.OpCode
	reqs []proto.PathWatchRequest
}

func (r *multiRead) Append(b []byte) []byte { return b }

func (r *multiRead) Decode(d *jute.Decoder) {
	for {
		var h proto.MultiHeader
		if h.Decode(d); h.Done || d.Err() != nil {
			return
		}
		var req proto.PathWatchRequest
		req.Decode(d)
		r.ops, r.reqs = append(r.ops, h.Type), append(r.reqs, req)
	}
}

// decodeRequest reads a record; those of newer operations in its own words.
func decodeRequest(op proto.OpCode, b []byte) (proto.Request, error) {
	var req proto.Request
	switch op {
	case proto.OpAddWatch, proto.OpCheckWatches, proto.OpRemoveWatches:
		req = new(PathInt)
	case proto.OpMultiRead:
		req = new(multiRead)
	case proto.OpReconfig, proto.OpWhoAmI:
		return nil, nil
	default:
		return proto.DecodeRequest(op, b)
	}
	d := jute.NewDecoder(b)
	req.Decode(&d)
	return req, d.Err()
}

func (c *conn) multiRead(r *multiRead) (b []byte) {
	for i, op := range r.ops {
		body, code := c.read(op, &r.reqs[i])
		if code != proto.OK {
			b = proto.MultiHeader{Type: proto.OpError, Err: code}.Append(b)
			b = jute.AppendInt(b, int32(code))
			continue
		}
		b = append(proto.MultiHeader{Type: op}.Append(b), body...)
	}
	return proto.MultiEnd.Append(b)
}
