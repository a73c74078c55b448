package server

import (
	"bytes"
	"errors"
	"os"
	"time"

	"github.com/paddock-io/paddock/internal/tree"
	"github.com/paddock-io/paddock/proto"
)

// A connection whose client is silent is at rest: it has no goroutine, whose
// stack alone would take more than all the rest of it. The poller waits for the
// input of all such connections. It answers pings itself, and for any other request it
// starts a readLoop again. That ends when the client has been silent for restAfter.
//
// What belongs to readLoop belongs to the poller, or to nobody, while there is
// none. Whoever sets conn.resting back to false owns it: the poller, or the one
// who has closed the socket, since the system does not tell the poller of that.
//
// Invariant: a connection at rest counts in Server.readers, and a socket is not
// closed without a look at resting afterwards.

// restAfter is how long a readLoop waits for more requests. A connection that has
// not had any, but for pings, is at rest at once.
const restAfter = time.Second

// errAtRest ends a readLoop, but not its connection.
var errAtRest = errors.New("at rest")

// pingFrame is what clients send to stay alive.
var pingFrame = proto.RequestHeader{Xid: proto.XidPing, Op: proto.OpPing}.Append([]byte{0, 0, 0, 8})

// arrival is a connection at rest of which the poller has something to tell.
type arrival struct {
	slot tree.WatcherID
	id   uint32 // the lower half of conn.id, since slots are reused
	only bool   // of input, and of nothing else
}

// rest ends the readLoop's ownership if there is nothing to do or to remember. It
// returns false if the readLoop has to go on.
func (c *conn) rest() bool {
	p := c.srv.poller
	c.sock.compact()
	if p == nil || !c.calm || c.rc == nil || c.sock.in != nil || c.period == nil || c.deaf {
		return false
	}
	r := c.reader
	c.reader = nil
	if c.layDown() && (p.add(c) == nil || !c.rouse()) {
		r.recycle()
		return true
	}
	c.reader = r
	return false
}

// layDown gives up ownership, unless the connection is about to end.
func (c *conn) layDown() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.lane.n == 0 {
		c.lane = &noLane
	}
	c.resting = c.phase == phaseOpen
	return c.resting
}

// rouse takes the ownership of a connection at rest. Only one caller gets it.
func (c *conn) rouse() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	was := c.resting
	c.resting = false
	return was
}

// tired reports whether a readLoop has waited for long enough. Holds c.mu.
func (c *conn) tired(silent time.Duration) bool {
	return c.srv.poller != nil && c.rc != nil && c.phase == phaseOpen && !c.resting && silent > restAfter
}

// calmDown lets a readLoop that waits for input look whether it may end.
func (c *conn) calmDown() { c.nc.SetReadDeadline(time.Unix(1, 0)) }

// calmed reports whether calmDown is the reason for err, and takes back what that
// did.
func (c *conn) calmed(err error) bool {
	if err == nil || !errors.Is(err, os.ErrDeadlineExceeded) {
		return false
	}
	c.calm = true
	return c.nc.SetReadDeadline(time.Time{}) == nil
}

// startPoller makes connections rest from now on, where the system allows. Holds
// s.mu.
func (s *Server) startPoller() {
	if s.poller != nil || s.closing {
		return
	}
	p, err := newPoller()
	if err != nil {
		s.log.Info("idle connections keep a goroutine each", "reason", err)
		return
	}
	s.poller = p
	s.writers.Go(s.poll)
}

// poll is the poller's goroutine.
func (s *Server) poll() {
	var list []arrival
	stand := newReader()
	conns := make([]*conn, 0, maxArrivals)
	for {
		var ok bool
		if list, ok = s.poller.wait(list[:0]); !ok {
			return
		}
		conns = s.arrived(list, conns[:0])
		for i, c := range conns {
			if c != nil && c.rouse() {
				s.attend(c, list[i].only, stand)
			}
		}
		clear(conns)
	}
}

// arrived appends the connections that arrivals are about, nil for those that have
// ended.
func (s *Server) arrived(list []arrival, conns []*conn) []*conn {
	s.mu.RLock()
	defer s.mu.RUnlock()
	for _, a := range list {
		c := s.conns[a.slot]
		if c != nil && uint32(c.id) != a.id {
			c = nil
		}
		conns = append(conns, c)
	}
	return conns
}

// attend answers a ping, or starts a readLoop.
func (s *Server) attend(c *conn, input bool, stand *reader) {
	var in *buffer
	if input {
		var done bool
		if in, done = c.glance(s.poller, stand); done && c.layDown() {
			return
		}
	}
	s.poller.remove(c)
	go c.readLoop(in)
}

// glance reads what has arrived and returns it if that is not only a ping, which
// it answers, with the poller's reader. done says that no readLoop is needed.
func (c *conn) glance(p *poller, stand *reader) (in *buffer, done bool) {
	in = p.read(c)
	if in == nil { // or only after an end of file or an error, which readLoop will meet again
		return nil, false
	}
	if c.srv.limited || !bytes.Equal(in.b, pingFrame) || !c.idle() {
		p.give()
		return in, false
	}
	c.reader, stand.sock.in = stand, in
	now := c.srv.now()
	c.seen.Store(now)
	err := c.consume(now)
	c.endBurst(now)
	c.reader, stand.sock.in, stand.sock.off = nil, nil, 0
	return nil, err == nil
}

// idle reports whether nothing of this connection waits for the quorum: no request
// behind that could make the poller wait.
func (c *conn) idle() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.lane.n == 0
}
