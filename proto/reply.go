package proto

import (
	"fmt"

	"github.com/paddock-io/paddock/jute"
)

// WatcherEvent is the body of a notification.
type WatcherEvent struct {
	Type  EventType
	State int32
	Path  string
}

// Append appends the record.
func (e *WatcherEvent) Append(b []byte) []byte {
	b = jute.AppendInt(jute.AppendInt(b, int32(e.Type)), e.State)
	return jute.AppendString(b, e.Path)
}

// Decode reads the record.
func (e *WatcherEvent) Decode(d *jute.Decoder) {
	e.Type, e.State, e.Path = EventType(d.Int()), d.Int(), d.String()
}

// MultiResult is the outcome of one operation of a multi: the fields that
// matter depend on Type, and on Err when Type is OpError.
type MultiResult struct {
	Type OpCode
	Err  ErrCode
	Path string // create, create2
	Stat Stat   // create2, setData
}

// AppendMultiResults appends a multi's reply body. Source: MultiResponse.
func AppendMultiResults(b []byte, results []MultiResult) []byte {
	for i := range results {
		r := &results[i]
		b = MultiHeader{Type: r.Type, Err: r.Err}.Append(b)
		switch r.Type {
		case OpCreate:
			b = jute.AppendString(b, r.Path)
		case OpCreate2:
			b = r.Stat.Append(jute.AppendString(b, r.Path))
		case OpSetData:
			b = r.Stat.Append(b)
		case OpError:
			b = jute.AppendInt(b, int32(r.Err))
		}
	}
	return MultiEnd.Append(b)
}

// DecodeMultiResults reads a multi's reply body.
func DecodeMultiResults(d *jute.Decoder) []MultiResult {
	var v []MultiResult
	for {
		var h MultiHeader
		h.Decode(d)
		if d.Err() != nil || h.Done {
			return v
		}
		r := MultiResult{Type: h.Type, Err: h.Err}
		switch h.Type {
		case OpCreate:
			r.Path = d.String()
		case OpCreate2:
			r.Path = d.String()
			r.Stat.Decode(d)
		case OpSetData:
			r.Stat.Decode(d)
		case OpDelete, OpCheck:
		case OpError:
			r.Err = ErrCode(d.Int())
		default:
			d.Fail(fmt.Errorf("proto: multi result of type %d", h.Type))
			return nil
		}
		v = append(v, r)
	}
}
