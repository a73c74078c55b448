package golden

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
)

// Compare returns an error that shows the first place where two transcripts of one case, as Text gives
// them, differ in what the server said. What a server is free in is not compared: session ids,
// passwords and times (which must agree in where they stand), the epoch in a zxid, and the order of
// children and ephemerals.
func Compare(want, got string) error {
	w, err := answers(want)
	if err != nil {
		return fmt.Errorf("recorded transcript: %w", err)
	}
	g, err := answers(got)
	if err != nil {
		return fmt.Errorf("own transcript: %w", err)
	}
	for i := range max(len(w), len(g)) {
		switch {
		case i >= len(g):
			return fmt.Errorf("%s: no answer, want\n  %s", w[i].comment, w[i].text)
		case i >= len(w):
			return fmt.Errorf("%s: one answer more\n  %s", g[i].comment, g[i].text)
		case w[i].text != g[i].text:
			return fmt.Errorf("%s:\n got %s\nwant %s", w[i].comment, g[i].text, w[i].text)
		}
	}
	return nil
}

// answer is a frame from the server, or its close, without what may differ.
type answer struct {
	comment string // the last one before it: which request, as a rule
	text    string
}

// answers reduces a transcript to what the server said.
func answers(text string) ([]answer, error) {
	n := normalizer{ops: map[int32]int32{}}
	var all []answer
	comment := ""
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		switch {
		case strings.HasSuffix(line, listenerCloses):
			all = append(all, answer{comment, line})
			n.connected = n.connected && line != "# "+listenerCloses
		case line == "# "+dialerCloses:
			n.connected = false
		case strings.HasPrefix(line, "# "):
			if !strings.HasPrefix(line, "# notification") {
				comment = line[2:]
			}
		default:
			b, err := hex.DecodeString(line[min(2, len(line)):])
			if err != nil {
				return nil, fmt.Errorf("line %q: %w", line, err)
			}
			if strings.HasPrefix(line, ToListener) {
				n.request(b)
			} else {
				all = append(all, answer{comment, n.reply(b)})
			}
		}
	}
	return all, nil
}

// normalizer follows one transcript.
type normalizer struct {
	connected bool            // the handshake of the newest connection is over: frames have headers
	ops       map[int32]int32 // operation by xid
	known     [][]byte        // session ids and passwords, by first appearance
}

// request remembers which operation an xid stands for. Frames begin with four bytes of length.
func (n *normalizer) request(frame []byte) {
	if len(frame) >= 12 && n.connected {
		n.ops[int32(binary.BigEndian.Uint32(frame[4:]))] = int32(binary.BigEndian.Uint32(frame[8:]))
	}
}

// Lengths in a reply.
const (
	lengthSize = 4
	headerSize = 16
	statSize   = 68
)

// reply returns the frame as text without what may differ.
func (n *normalizer) reply(frame []byte) string {
	b := slices.Clone(frame)
	if !n.connected && len(b) >= lengthSize+36 {
		n.connected = true
		if id, password := b[12:20], b[24:]; binary.BigEndian.Uint64(id) != 0 && len(password) >= 16 {
			n.know(slices.Clone(id))
			n.know(slices.Clone(password[:16]))
		}
		return hex.EncodeToString(n.hide(b))
	}
	if len(b) < lengthSize+headerSize {
		return hex.EncodeToString(b)
	}
	lowZxid(b[8:])
	xid, body := int32(binary.BigEndian.Uint32(b[4:])), b[lengthSize+headerSize:]
	if len(body) > 0 && xid != -1 {
		n.body(n.ops[xid], body)
	}
	b = n.hide(b)
	return fmt.Sprintf("xid %x zxid %x err %d body %x", b[4:8], b[8:16], int32(binary.BigEndian.Uint32(b[16:])), b[20:])
}

// body levels, in place, what the operation's reply is free in.
func (n *normalizer) body(op int32, body []byte) {
	switch op {
	case OpExists, OpGetData, OpSetData, OpGetACL, OpSetACL, OpGetChildren2, OpCreate2, OpCreateContainer, OpCreateTTL:
		if len(body) >= statSize {
			levelStat(body[len(body)-statSize:])
		}
	case OpMulti, OpMultiRead:
		levelResults(body)
	}
	switch op {
	case OpGetChildren, OpGetChildren2, OpGetEphemerals:
		sortVector(body)
	}
}

// levelStat takes epochs and times out of a Stat: czxid, mzxid, ctime, mtime, ..., pzxid.
func levelStat(stat []byte) {
	lowZxid(stat[0:])
	lowZxid(stat[8:])
	for _, at := range []int{16, 24} {
		if isTime(stat[at:]) {
			copy(stat[at:], "the time")
		}
	}
	lowZxid(stat[60:])
}

// levelResults levels the stats among the results of a multi: per operation int32 type, a byte, int32
// error, and what the type says.
func levelResults(body []byte) {
	m := &Message{R: bytes.NewReader(body)}
	for m.Err == nil {
		kind, done := m.Int(), m.Skip(1)
		if m.Int(); m.Err != nil || done[0] != 0 {
			return
		}
		switch kind {
		case OpError:
			m.Int()
		case OpCreate:
			m.Buffer()
		case OpGetChildren:
			for n := m.Int(); n > 0 && m.Err == nil; n-- {
				m.Buffer()
			}
		case OpCreate2, OpGetData:
			m.Buffer()
			fallthrough
		case OpSetData:
			if at := len(m.Taken); m.Skip(statSize) != nil {
				levelStat(body[at:])
			}
		}
	}
}

// isTime says whether the eight bytes are milliseconds of the years 2020 to 2100.
func isTime(b []byte) bool {
	v := binary.BigEndian.Uint64(b)
	return v > 1577836800000 && v < 4102444800000
}

// lowZxid takes the epoch out of a zxid; -1 stays.
func lowZxid(b []byte) {
	if v := binary.BigEndian.Uint64(b); v != ^uint64(0) {
		binary.BigEndian.PutUint64(b, v&0xffffffff)
	}
}

// sortVector sorts the vector of strings at the start of b in place.
func sortVector(b []byte) {
	m := &Message{R: bytes.NewReader(b)}
	var items [][]byte
	for n := m.Int(); n > 0 && m.Err == nil; n-- {
		from := len(m.Taken)
		m.Buffer()
		items = append(items, slices.Clone(m.Taken[from:]))
	}
	if m.Err != nil {
		return // not what it should be: compared as it is
	}
	slices.SortFunc(items, bytes.Compare)
	copy(b[4:], slices.Concat(items...))
}

// know makes id one of those to hide.
func (n *normalizer) know(id []byte) {
	if !slices.ContainsFunc(n.known, func(k []byte) bool { return bytes.Equal(k, id) }) {
		n.known = append(n.known, id)
	}
}

// hide puts the number of a session id or password in its place.
func (n *normalizer) hide(b []byte) []byte {
	for i, id := range n.known {
		name := append(bytes.Repeat([]byte{0xee}, len(id)-1), byte(i))
		b = bytes.ReplaceAll(b, id, name)
	}
	return b
}
