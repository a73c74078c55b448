package differential

import (
	"time"

	"github.com/paddock-io/paddock/test/interop/golden"
)

// awaited is what a connection still has to answer.
type awaited struct {
	requests []Request
	answered []bool
	left     int // requests other than pings
	pings    int
}

func newAwaited(requests []Request) *awaited {
	w := &awaited{requests: requests, answered: make([]bool, len(requests))}
	for _, r := range requests {
		if r.Op == golden.OpPing {
			w.pings++
		} else {
			w.left++
		}
	}
	return w
}

// match returns the first request that is not answered and has the xid, or -1.
func (w *awaited) match(xid int32) int {
	for i, r := range w.requests {
		if !w.answered[i] && (r.Xid == xid && r.Op != golden.OpPing || r.Op == golden.OpPing && xid == pingXid) {
			return i
		}
	}
	return -1
}

// collect reads frames until everything is answered or the connection ends; then it returns false.
// The reply to a ping of the harness itself is left out; all replies of a connection come in order, so
// that it marks the end even when a server leaves a request without an answer.
func (s *side) collect(conn int, w *awaited) ([]frame, bool) {
	c := s.conns[conn]
	var said []frame
	for w.left+w.pings > 0 {
		payload, end := c.read(replyTimeout)
		if payload == nil {
			s.hang(conn)
			return append(said, frame{kind: end, request: -1}), false
		}
		if len(payload) < headerSize {
			said = append(said, frame{kind: connect, request: -1, body: string(payload)})
			continue
		}
		if n := len(payload); len(w.requests) == 1 && w.requests[0].Op == golden.OpCreateSession && (n == connectSize || n == connectSize+1) {
			return append(said, s.mapConnect(payload)), true
		}
		f := header(payload)
		if f.xid == -1 {
			said = append(said, s.mapEvent(payload))
			continue
		}
		c.seen = max(c.seen, f.zxid)
		s.seen = max(s.seen, c.seen)
		i := w.match(f.xid)
		switch {
		case f.xid == pingXid:
			w.pings--
			if i < 0 {
				if w.pings == 0 && len(payload) == headerSize {
					return said, true
				}
				continue
			}
			w.answered[i] = true
			said = append(said, s.mapReply(payload, i, golden.OpPing))
		case i < 0:
			said = append(said, s.mapReply(payload, -1, 0))
		default:
			w.answered[i] = true
			w.left--
			said = append(said, s.mapReply(payload, i, w.requests[i].Op))
			if w.requests[i].Op == golden.OpCloseSession {
				s.sessions[c.session].closed = true
			}
		}
	}
	return said, true
}

// flush pings every connection until its server has applied what the connection of the step has seen,
// and collects the events.
func (s *side) flush(acting int, out *Outcome) {
	ping := appendPing(nil)
	for i, c := range s.conns {
		if c != nil && i != acting {
			c.write(ping)
		}
	}
	for i, c := range s.conns {
		if c == nil || i == acting {
			continue
		}
		out[i] = append(out[i], s.catchUp(i)...)
	}
}

// catchUp takes the reply to a ping, and pings again until the server is at the newest zxid, or long
// enough not to come there any more.
func (s *side) catchUp(conn int) []frame {
	var said []frame
	deadline := time.Now().Add(replyTimeout)
	for c := s.conns[conn]; ; c.write(appendPing(nil)) {
		more, open := s.collect(conn, &awaited{pings: 1})
		if said = append(said, more...); !open || c.seen >= s.seen {
			return said
		}
		if time.Now().After(deadline) {
			return append(said, frame{kind: silent, request: -1, zxid: s.number(c.seen)})
		}
	}
}

// follow waits for the server to close a connection that the other server has closed: it may take a
// little longer, and answer a ping meanwhile.
func (s *side) follow(conn int, other *side, out *Outcome) {
	c := s.conns[conn]
	if c == nil || other.conns[conn] != nil {
		return
	}
	if payload, end := c.read(closeTimeout); payload == nil && end == closed {
		s.hang(conn)
		out[conn] = append(out[conn], frame{kind: closed, request: -1})
	}
}

// closeTimeout is how much longer than the other a server may take to close a connection.
const closeTimeout = 5 * time.Second
