package differential

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/paddock-io/paddock/test/interop/golden"
	"github.com/paddock-io/paddock/test/interop/peers"
)

// side drives one server through a stream.
type side struct {
	addrs    []string // of the servers, the leader first; slot i connects to the one with i modulo their number
	ensemble *peers.Ensemble
	leader   *peers.Server // to be waited for, or nil
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
	return out, s.awaitLeader()
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
		if said, open := s.collect(step.Conn, w); !open || w.left > 0 {
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
		binary.BigEndian.PutUint64(body, uint64(s.zxidOf(s.number(seen)-r.Relative)))
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
	if len(payload) >= connectSize {
		if id := int64(binary.BigEndian.Uint64(payload[8:])); id != 0 {
			if _, known := s.byID[id]; !known {
				s.opened(id, payload[20:connectSize])
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

// settling is how many zxids the session of settle spends, unless it is a local one.
const settling = 2

// settle learns the server's newest zxid, which gets the number.
func (s *side) settle(number int64) error {
	zxid, err := s.newestZxid()
	if err == nil {
		s.seen = zxid
		s.starts(zxid, number)
	}
	return err
}

// newestZxid opens and closes a session to learn the server's zxid.
func (s *side) newestZxid() (int64, error) {
	c, err := dial(s.addrs[0])
	if err != nil {
		return 0, err
	}
	defer c.close()
	out := appendFrame(nil, s.handshake(&Connect{Session: newSession, TimeoutMs: 600_000}))
	c.write(appendFrame(out, golden.Record{}.Int(1).Int(golden.OpCloseSession)))
	var payload []byte
	for range 2 {
		if payload, _ = c.read(time.Minute); len(payload) < headerSize {
			return 0, errors.New("no answer to a handshake and a closeSession")
		}
	}
	return header(payload).zxid, nil
}

// lead notes who leads: it is the first server, since leaders and followers do not answer alike to
// everything. Where quotas are enforced, its tree decides, and is waited for.
func (s *side) lead(leader *peers.Server, await bool) {
	slices.SortStableFunc(s.addrs, func(a, b string) int {
		switch leader.Addr() {
		case a:
			return -1
		case b:
			return 1
		}
		return 0
	})
	s.leader = nil
	if await {
		s.leader = leader
	}
}

// awaitLeader waits until the leader has applied what any client has seen. It may be later than the
// follower that answered.
func (s *side) awaitLeader() error {
	if s.leader == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), replyTimeout)
	defer cancel()
	return peers.Await(ctx, "the leader to catch up", func(ctx context.Context) error {
		st, err := s.leader.Status(ctx)
		if err == nil && int64(st.Zxid) < s.seen {
			err = fmt.Errorf("it is at %#x, not %#x", st.Zxid, s.seen)
		}
		return err
	})
}
