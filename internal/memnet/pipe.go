package memnet

import (
	"math/rand/v2"
	"sync"
	"time"
)

// bufferBytes is how much one direction of a connection holds.
const bufferBytes = 256 << 10

// pipe is a connection: two ends, two streams and one lock.
type pipe struct {
	net  *Network
	ends [2]conn // the dialling one first

	mu     sync.Mutex
	random *rand.Rand // guarded by mu: draws delays
	gone   bool       // guarded by mu: forget is on its way
}

// stream is one direction. The pipe's mu guards it.
//
//	buf   [ arrived, ready bytes | in flight, as flight says | room up to bufferBytes ]
type stream struct {
	p     *pipe
	cond  sync.Cond // broadcast when a reader or the writer should look again
	way   pair
	rule  rule
	timer *time.Timer // runs deliver; nil until it is needed

	buf    []byte // taken from Write and not given to Read
	ready  int    // bytes of buf that have arrived
	flight []segment
	left   int  // bytes until the connection is cut, negative for ever
	ended  bool // the writer has sent the end
	eof    bool // the end has arrived
	reset  bool // a reset has arrived
	deaf   bool // the reader is closed: what arrives is answered by a reset
}

// segment is something in flight: bytes, the end or a reset.
type segment struct {
	bytes int
	end   bool
	reset bool
	at    time.Time // when it arrives, if nothing is blocked
}

// newPipe makes the connection of a dial that goes this way. The caller holds
// the network's mu.
func newPipe(n *Network, way pair, dialler, acceptor *Host) *pipe {
	p := &pipe{net: n, random: rand.New(rand.NewPCG(n.random.Uint64(), 0))}
	hosts := [2]*Host{dialler, acceptor}
	ways := [2]pair{way, {way.to, way.from}}
	var streams [2]*stream
	for i, w := range ways {
		streams[i] = &stream{p: p, way: w, rule: n.ruleOf(w), left: -1}
		streams[i].cond.L = &p.mu
	}
	for i := range p.ends {
		p.ends[i] = conn{p: p, host: hosts[i], out: streams[i], in: streams[1-i]}
		p.ends[i].readDeadline.s = p.ends[i].in
		p.ends[i].writeDeadline.s = p.ends[i].out
	}
	return p
}

func (p *pipe) streams() [2]*stream { return [2]*stream{p.ends[0].out, p.ends[1].out} }

// over reports whether nothing will happen here any more.
func (p *pipe) over() bool {
	for _, s := range p.streams() {
		if len(s.flight) > 0 || !s.deaf {
			return false
		}
	}
	return true
}

// other returns the stream of the other direction.
func (s *stream) other() *stream {
	for _, o := range s.p.streams() {
		if o != s {
			return o
		}
	}
	panic("memnet: a pipe has two streams")
}

// send puts a segment on its way. It arrives behind those before it, even if its
// own time is earlier.
func (s *stream) send(seg segment) {
	seg.at = time.Now().Add(s.rule.draw(s.p.random))
	s.flight = append(s.flight, seg)
	s.deliver()
}

// setRule changes what happens to bytes, those in flight included.
func (s *stream) setRule(r rule) {
	opened := s.rule.blocked && !r.blocked
	s.rule = r
	if opened {
		at := time.Now().Add(r.draw(s.p.random))
		for i := range s.flight {
			if s.flight[i].at.Before(at) {
				s.flight[i].at = at // it is sent again now
			}
		}
	}
	s.deliver()
}

// deliver takes in what has arrived and arms the timer for the rest.
func (s *stream) deliver() {
	if s.rule.blocked {
		return
	}
	now := time.Now()
	for len(s.flight) > 0 && !s.flight[0].at.After(now) {
		seg := s.flight[0]
		s.flight = s.flight[1:]
		s.arrive(seg)
	}
	if len(s.flight) > 0 {
		s.arm(s.flight[0].at.Sub(now))
	} else if s.p.over() && !s.p.gone {
		s.p.gone = true
		go s.p.net.forget(s.p) // it takes the network's lock, which comes before this one
	}
}

func (s *stream) arm(d time.Duration) {
	if s.timer == nil {
		s.timer = time.AfterFunc(d, func() {
			s.p.mu.Lock()
			defer s.p.mu.Unlock()
			s.deliver()
		})
		return
	}
	s.timer.Reset(d)
}

func (s *stream) arrive(seg segment) {
	switch {
	case seg.reset:
		s.reset = true
		s.other().cond.Broadcast() // its writer, whose reader is gone
	case seg.end:
		s.eof = true
	case s.deaf:
		s.buf = s.buf[seg.bytes:]
		if back := s.other(); !back.reset {
			back.send(segment{reset: true})
		}
	default:
		s.ready += seg.bytes
	}
	s.cond.Broadcast()
}

// cut breaks the connection for both ends, and loses what is in flight.
func (p *pipe) cut() {
	for _, s := range p.streams() {
		s.buf = s.buf[:s.ready]
		s.flight = nil
		s.reset = true
		s.cond.Broadcast()
	}
}
