package differential

import (
	"bytes"
	"slices"
	"strings"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/paddock-io/paddock/test/interop/golden"
)

// explanation is what a rule makes of a difference: how many frames of either side it covers.
type explanation struct {
	rule          string
	java, paddock int
}

// suspect is the rest of what a connection showed, beginning with a frame that differs.
type suspect struct {
	pair          *pair
	step          *Step
	conn          int
	java, paddock []frame
}

// rules know the differences that docs/differences.md lists, each by everything that marks it.
var rules = []struct {
	name  string
	knows func(s *suspect) (java, paddock int, ok bool)
}{
	{"operation that is not for clients", notForClients},
	{"createSession from a client", createSession},
	{"null in an ACL entry", nullInACL},
	{"null path in a multiRead", nullInMultiRead},
	{"missed event of an unreadable znode", unreadable},
	{"characters beyond U+FFFF", supplementary},
}

// explain asks the rules. It returns nil when none of them knows the difference.
func explain(s *suspect) *explanation {
	for _, r := range rules {
		if j, p, ok := r.knows(s); ok {
			return &explanation{r.name, j, p}
		}
	}
	return nil
}

// answers returns the replies to one and the same request that both lists begin with, and the request.
func (s *suspect) answers() (java, paddock frame, r *Request) {
	if len(s.java) == 0 || len(s.paddock) == 0 {
		return frame{}, frame{}, nil
	}
	java, paddock = s.java[0], s.paddock[0]
	if java.kind != reply || paddock.kind != reply || java.request < 0 || java.request != paddock.request || java.zxid != paddock.zxid {
		return java, paddock, nil
	}
	return java, paddock, &s.step.Requests[java.request]
}

// notForClients: Java takes the servers' own deleteContainer from anybody. Paddock
// answers as it does to an operation that it does not know, and closes. Java has spent a zxid then, and
// its connection is closed here.
func notForClients(s *suspect) (int, int, bool) {
	if !s.alone(golden.OpDeleteContainer) || !s.turnedAway() {
		return 0, 0, false
	}
	if got := s.java[0]; got.kind != reply || got.err != errNoNode && got.err != errBadArguments && got.err != errNotEmpty {
		return 0, 0, false
	}
	s.pair.java.spent(s.pair.java.seen)
	s.pair.java.hang(s.conn)
	return 1, 2, true
}

// createSession: Java opens the session once more and answers as it does to a handshake. Then the
// connection is of no use, and is closed here.
func createSession(s *suspect) (int, int, bool) {
	if !s.alone(golden.OpCreateSession) || !s.turnedAway() || s.java[0].kind != connect {
		return 0, 0, false
	}
	s.pair.java.hang(s.conn)
	return 1, 2, s.pair.javaSpent()
}

// alone says whether Java gave one answer to a request of that sort.
func (s *suspect) alone(op int32) bool {
	return s.step.Lone && s.step.Requests[0].Op == op && len(s.java) == 1
}

// turnedAway says whether Paddock does not know the operation.
func (s *suspect) turnedAway() bool {
	if len(s.paddock) != 2 {
		return false
	}
	told, end := s.paddock[0], s.paddock[1]
	return told.kind == reply && told.err == errUnimplemented && told.zxid == -1 && told.body == "" && end.kind == closed
}

// nullInACL: when Java compares an entry with an earlier one that has the same permissions, it trips
// over a null scheme, and over a null id if the schemes are the same too, and answers MarshallingError.
// Paddock says InvalidACL, or what else is wrong.
func nullInACL(s *suspect) (int, int, bool) {
	a, b, r := s.answers()
	ok := r != nil && a.err == errMarshalling && b.err == errInvalidACL && hasNullInACL(r)
	return 1, 1, ok
}

// nullInMultiRead: where an operation of a multiRead has a null path, Java sends the results of those
// before it behind the header of the error. Replies with an error have no body in Paddock.
func nullInMultiRead(s *suspect) (int, int, bool) {
	a, b, r := s.answers()
	if r == nil || r.Op != golden.OpMultiRead || a.err != errMarshalling || b.err != errMarshalling || b.body != "" {
		return 0, 0, false
	}
	m := &golden.Message{R: bytes.NewReader(r.Body)}
	for m.Err == nil {
		m.Int()
		if done := m.Skip(1); m.Err != nil || done[0] != 0 {
			return 0, 0, false
		}
		m.Int()
		if path := m.Buffer(); m.Err == nil && path == nil {
			return 1, 1, true
		}
		m.Skip(1)
	}
	return 0, 0, false
}

// unreadable: Java's setWatches tells of a change to a znode that the client may not read, Paddock's
// does not. The probe finds out whether it may; but not when the burst goes on to change that.
func unreadable(s *suspect) (int, int, bool) {
	if len(s.java) == 0 || s.java[0].kind != event || s.java[0].zxid != -1 {
		return 0, 0, false
	}
	m := &golden.Message{R: strings.NewReader(s.java[0].body)}
	kind := m.Int()
	m.Int()
	path := string(m.Buffer())
	if m.Err != nil || kind == eventDeleted {
		return 0, 0, false
	}
	return 1, 0, s.changesRights() || s.denied(path)
}

// changesRights says whether the burst has requests after which a client may read what it could not
// before, or the reverse.
func (s *suspect) changesRights() bool {
	return slices.ContainsFunc(s.step.Requests, func(r Request) bool {
		switch r.Op {
		case golden.OpAuth, golden.OpSetACL, golden.OpMulti, golden.OpDelete, golden.OpCreate, golden.OpCreate2, golden.OpCreateContainer, golden.OpCreateTTL:
			return true
		}
		return false
	})
}

// denied asks both servers whether the client may read the znode.
func (s *suspect) denied(path string) bool {
	probe := &Step{Conn: s.conn, Requests: []Request{{Xid: 1, Op: golden.OpExists, Body: golden.Watched(path, false)}}}
	for _, side := range []*side{s.pair.java, s.pair.paddock} {
		out, err := side.run(probe)
		if err != nil || len(out[s.conn]) != 1 || out[s.conn][0].err != errNoAuth {
			return false
		}
	}
	return true
}

const eventDeleted = 2

// supplementary: Java writes a character beyond U+FFFF as two surrogates of three bytes each, which is
// no UTF-8. It is seen where a path comes back as it was sent: in the events of setWatches and the
// reply to sync.
func supplementary(s *suspect) (int, int, bool) {
	if len(s.java) == 0 || len(s.paddock) == 0 {
		return 0, 0, false
	}
	a, b := s.java[0], s.paddock[0]
	at := 0 // where the string is
	switch _, _, r := s.answers(); {
	case a.kind == event && b.kind == event:
		at = 8
	case r == nil || r.Op != golden.OpSync:
		return 0, 0, false
	}
	if len(a.body) < at+4 || len(b.body) < at+4 {
		return 0, 0, false
	}
	text := b.body[at+4:]
	same := a.kind == b.kind && a.zxid == b.zxid && a.err == b.err && a.body[:at] == b.body[:at]
	return 1, 1, same && a.body[at+4:] == cesu8(text) && a.body[at+4:] != text
}

// cesu8 writes the characters beyond U+FFFF as Java does.
func cesu8(text string) string {
	var b []byte
	for _, r := range text {
		if hi, lo := utf16.EncodeRune(r); r > 0xffff {
			for _, half := range []rune{hi, lo} {
				b = append(b, 0xe0|byte(half>>12), 0x80|byte(half>>6)&0xbf, 0x80|byte(half)&0xbf)
			}
			continue
		}
		b = utf8.AppendRune(b, r)
	}
	return string(b)
}

// Error codes that rules know. Source: KeeperException.Code.
const (
	errMarshalling   = -5
	errUnimplemented = -6
	errBadArguments  = -8
	errNoNode        = -101
	errNotEmpty      = -111
	errNoAuth        = -102
	errInvalidACL    = -114
)

// hasNullInACL looks for one in the entries of a create or setACL.
func hasNullInACL(r *Request) bool {
	m := &golden.Message{R: bytes.NewReader(r.Body)}
	switch r.Op {
	case golden.OpCreate, golden.OpCreate2, golden.OpCreateContainer, golden.OpCreateTTL:
		m.Buffer()
		m.Buffer()
	case golden.OpSetACL:
		m.Buffer()
	default:
		return false
	}
	for n := m.Int(); n > 0 && m.Err == nil; n-- {
		m.Int()
		if scheme, id := m.Buffer(), m.Buffer(); m.Err == nil && (scheme == nil || id == nil) {
			return true
		}
	}
	return false
}
