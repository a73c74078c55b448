package differential

import (
	"encoding/binary"
	"errors"
	"time"

	"github.com/paddock-io/paddock/test/interop/golden"
)

// side drives one server through a stream.
type side struct {
	addrs []string // of the servers; slot i connects to the one with i modulo their number
	*mapping
	conns [slots + 1]*client // the last is the supervisor's, see finish.go
	first int                // the number of the stream's first session
	seen  int64              // the raw zxid of the newest reply on any connection
}

// supervisor is the slot that a stream does not use.
const supervisor = slots

// Outcome is what each connection showed in a step, in order.
type Outcome [slots + 1][]frame

// run takes a step and then asks every connection for what the step made the server tell it.
func (s *side) run(step *Step) (out Outcome, err error) {
	var said []frame
	switch {
	case step.Drop:
		s.hang(step.Conn)
	case step.Connect != nil:
		said, err = s.connect(step)
	case s.conns[step.Conn] != nil:
		said = s.burst(step)
	}
	if err != nil {
		return out, err
	}
	out[step.Conn] = said
	s.flush(step.Conn, &out)
	return out, nil
}

// hang closes a connection from this end.
func (s *side) hang(conn int) {
	if c := s.conns[conn]; c != nil {
		c.close()
		s.conns[conn] = nil
	}
}

// burst sends the requests and collects frames until the reply to the ping behind them, or the end.
func (s *side) burst(step *Step) []frame {
	c := s.conns[step.Conn]
	var out []byte
	for i := range step.Requests {
		out = s.appendRequest(out, &step.Requests[i], c)
	}
	w := newAwaited(step.Requests)
	if step.Lone {
		c.write(out)
		if said, open := s.collect(step.Conn, w); !open {
			return said
		} else {
			w.pings++
			c.write(appendPing(nil))
			more, _ := s.collect(step.Conn, w)
			return append(said, more...)
		}
	}
	w.pings++
	c.write(appendPing(out))
	said, _ := s.collect(step.Conn, w)
	return said
}

// appendRequest appends a request's frame.
func (s *side) appendRequest(b []byte, r *Request, c *client) []byte {
	if r.Raw != nil {
		return append(b, r.Raw...)
	}
	body := r.Body
	if r.HasRelative {
		body = append(golden.Record{}, body...)
		seen := c.seen
		if seen == 0 { // nothing but the handshake so far
			seen = s.seen
		}
		binary.BigEndian.PutUint64(body, uint64(seen-r.Relative))
	}
	return appendFrame(b, golden.Record{}.Int(r.Xid).Int(r.Op), body)
}

// connect opens the slot.
func (s *side) connect(step *Step) ([]frame, error) {
	s.hang(step.Conn)
	c, err := dial(s.addrs[step.Conn%len(s.addrs)])
	if err != nil {
		return nil, err
	}
	s.conns[step.Conn] = c
	out := appendFrame(nil, s.handshake(step.Connect))
	for i := range step.Requests {
		out = s.appendRequest(out, &step.Requests[i], c)
	}
	c.write(out)
	payload, end := c.read(replyTimeout)
	if payload == nil {
		s.hang(step.Conn)
		return []frame{{kind: end, request: -1}}, nil
	}
	if len(payload) >= 36 {
		if id := int64(binary.BigEndian.Uint64(payload[8:])); id != 0 {
			if _, known := s.byID[id]; !known {
				s.opened(id, payload[20:36])
			}
			c.session = s.byID[id]
		}
	}
	said := []frame{s.mapConnect(payload)}
	c.write(appendPing(nil))
	w := newAwaited(step.Requests)
	w.pings++
	more, open := s.collect(step.Conn, w)
	said = append(said, more...)
	if open && c.seen < s.seen {
		c.write(appendPing(nil))
		said = append(said, s.catchUp(step.Conn)...)
	}
	return said, nil
}

// handshake is the ConnectRequest that a step asks for.
func (s *side) handshake(c *Connect) golden.Record {
	var id, last int64
	passwd := make([]byte, 16)
	if c.Session == unknownSession {
		id = 0x7f00_1234_5678_0000
	}
	if at := s.first + c.Session; c.Session >= 0 && at < len(s.sessions) {
		id = s.sessions[at].id
		copy(passwd, s.sessions[at].password)
	}
	if c.Ahead {
		last = 1 << 62
	}
	switch c.Password {
	case wrongPassword:
		passwd[3] ^= 0x40
	case shortPassword:
		passwd = passwd[:15]
	case nullPassword:
		passwd = nil
	}
	r := golden.Record{}.Int(0).Long(last).Int(c.TimeoutMs).Long(id).Buffer(passwd)
	if !c.Legacy {
		r = r.Bool(c.ReadOnly)
	}
	for range -c.Cut {
		r = append(r, 7)
	}
	return r[:len(r)-max(c.Cut, 0)]
}

// settle opens and closes a session to learn the server's zxid, which gets the number.
func (s *side) settle(number int64) error {
	c, err := dial(s.addrs[0])
	if err != nil {
		return err
	}
	defer c.close()
	out := appendFrame(nil, s.handshake(&Connect{Session: newSession, TimeoutMs: 600_000}))
	c.write(appendFrame(out, golden.Record{}.Int(1).Int(golden.OpCloseSession)))
	var payload []byte
	for range 2 {
		if payload, _ = c.read(time.Minute); len(payload) < headerSize {
			return errors.New("no answer to a handshake and a closeSession")
		}
	}
	s.seen = header(payload).zxid
	s.starts(s.seen, number)
	return nil
}
