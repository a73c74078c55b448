package differential

import (
	"bytes"
	"encoding/binary"
	"slices"

	"github.com/paddock-io/paddock/test/interop/golden"
)

// kind says what a connection showed.
type kind uint8

const (
	reply   kind = iota // to a request of the step
	event               // of a watch
	connect             // the answer to a handshake, which has no header
	closed              // the server closed the connection
	silent              // no answer in time
)

// frame is what one server said, mapped: two that behave alike say equal frames.
type frame struct {
	kind    kind
	request int // the index in the step of the request answered, or -1
	xid     int32
	zxid    int64
	err     int32
	body    string
}

const (
	statSize    = 68
	headerSize  = 16
	connectSize = 36 // of a ConnectResponse, which may have a byte more
)

// mapReply maps the reply to a request.
func (m *mapping) mapReply(payload []byte, request int, op int32) frame {
	b := bytes.Clone(payload)
	m.zxid(b[4:12])
	f := header(b)
	f.request = request
	body := b[headerSize:]
	m.body(op, body)
	f.body = string(body)
	return f
}

// header reads a reply header.
func header(b []byte) frame {
	return frame{
		request: -1,
		xid:     int32(binary.BigEndian.Uint32(b)),
		zxid:    int64(binary.BigEndian.Uint64(b[4:])),
		err:     int32(binary.BigEndian.Uint32(b[12:])),
	}
}

// mapEvent maps a notification.
func (m *mapping) mapEvent(payload []byte) frame {
	b := bytes.Clone(payload)
	m.zxid(b[4:12])
	f := header(b)
	f.kind, f.body = event, string(b[headerSize:])
	return f
}

// mapConnect maps a ConnectResponse: protocol, timeout, session id, password, perhaps a read-only byte.
func (m *mapping) mapConnect(payload []byte) frame {
	b := bytes.Clone(payload)
	if len(b) >= connectSize {
		id := int64(binary.BigEndian.Uint64(b[8:]))
		if n, ok := m.byID[id]; ok && bytes.Equal(m.sessions[n].password, b[20:36]) {
			copy(b[20:36], "its own password")
		}
		m.session(b[8:16])
	}
	return frame{kind: connect, request: -1, body: string(b)}
}

// body maps, in place, the body of a reply to op.
func (m *mapping) body(op int32, body []byte) {
	switch op {
	case golden.OpExists, golden.OpGetData, golden.OpSetData, golden.OpGetACL, golden.OpSetACL, golden.OpGetChildren2,
		golden.OpCreate2, golden.OpCreateContainer, golden.OpCreateTTL:
		if len(body) >= statSize {
			m.stat(body[len(body)-statSize:])
		}
	case golden.OpMulti, golden.OpMultiRead:
		m.results(body)
	}
	switch op {
	case golden.OpGetChildren, golden.OpGetChildren2, golden.OpGetEphemerals:
		sortVector(body, 1)
	case golden.OpWhoAmI:
		sortVector(body, 2)
	}
}

// results maps the results of a multi or multiRead: per operation int32 type, a byte, int32 error, and
// what the type says.
func (m *mapping) results(body []byte) {
	r := &golden.Message{R: bytes.NewReader(body)}
	for r.Err == nil {
		op, done := r.Int(), r.Skip(1)
		if r.Int(); r.Err != nil || done[0] != 0 {
			return
		}
		switch op {
		case golden.OpError:
			r.Int()
		case golden.OpCreate:
			r.Buffer()
		case golden.OpGetChildren:
			at := len(r.Taken)
			for n := r.Int(); n > 0 && r.Err == nil; n-- {
				r.Buffer()
			}
			sortVector(body[at:], 1)
		case golden.OpCreate2, golden.OpGetData:
			r.Buffer()
			fallthrough
		case golden.OpSetData:
			if at := len(r.Taken); r.Skip(statSize) != nil {
				m.stat(body[at : at+statSize])
			}
		}
	}
}

// sortVector sorts the vector at the start of b in place; an item is so many strings.
func sortVector(b []byte, stringsPerItem int) {
	r := &golden.Message{R: bytes.NewReader(b)}
	var items [][]byte
	for n := r.Int(); n > 0 && r.Err == nil; n-- {
		from := len(r.Taken)
		for range stringsPerItem {
			r.Buffer()
		}
		items = append(items, bytes.Clone(r.Taken[from:]))
	}
	if r.Err != nil {
		return // not what it should be: compared as it is
	}
	slices.SortFunc(items, bytes.Compare)
	copy(b[4:], bytes.Join(items, nil))
}
