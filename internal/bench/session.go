package bench

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/paddock-io/paddock/proto"
)

// session makes one session's share of the load, over one connection at a time.
// In a closed loop one goroutine does it all: it reads what replies there are,
// and answers them with as many new requests in one write. In an open loop one
// sends and one receives.
type session struct {
	b     *bench
	hosts []string // where to connect; the first is tried first
	raw   *rawSession
	heard time.Time

	mu      sync.Mutex // guards what follows
	out     []byte     // requests to be written
	spare   []byte
	xid     int32
	flights flights
	places  int // of the window that are taken: a sync ahead of a read takes none
	burst   burst
	zxid    proto.Zxid // the last one seen
}

// lossPatience is how long replies are waited for when no more requests are sent.
const lossPatience = 5 * time.Second

// saturate keeps the window full until the measurement is over, and then waits
// for what is in flight.
func (s *session) saturate(ctx context.Context) { s.keepOn(ctx, s.exchange) }

// keepOn does the work of one connection after the other, until it is done.
func (s *session) keepOn(ctx context.Context, work func() error) {
	for {
		stop := context.AfterFunc(ctx, s.hurry)
		err := work()
		stop()
		if err == nil {
			return
		}
		s.lose()
		if s.reconnect(ctx) != nil {
			return
		}
	}
}

// exchange sends requests and takes replies until there is nothing left to do.
func (s *session) exchange() (err error) {
	w := newWriter(s.raw.nc, &s.b.cfg)
	defer func() { w.close(err != nil) }()
	for {
		s.mu.Lock()
		s.fillWindow()
		idle, out := s.flights.n == 0, s.swap()
		s.mu.Unlock()
		if idle {
			return nil
		}
		if err := w.write(out); err != nil {
			return err
		}
		if err := s.receive(); err != nil {
			return err
		}
	}
}

// fillWindow appends requests until as many are under way as shall be. Holds
// s.mu.
func (s *session) fillWindow() {
	now := s.b.since()
	for s.places < s.b.cfg.Outstanding && !s.b.closed.Load() {
		if !s.append(now) {
			return
		}
	}
}

// append appends a request that was due at a time, with a sync ahead of a read
// if that is wanted. The read's reply stands for both: it comes later, and a lost
// connection loses it too. It returns false if there is none left. Holds s.mu.
func (s *session) append(at time.Duration) bool {
	k, ok := s.b.nextKind()
	if !ok {
		return false
	}
	if k == read && s.b.cfg.Sync {
		s.out = s.b.appendSync(s.out, s.fly(ahead, at))
	}
	if k == read {
		s.out = s.b.appendRead(s.out, s.fly(k, at))
		return true
	}
	out, ok := s.b.appendWrite(s.out, s.xid+1)
	if ok {
		s.out = out
		s.fly(k, at)
	}
	return ok
}

// fly notes a request under way and returns its xid. Holds s.mu.
func (s *session) fly(k kind, at time.Duration) int32 {
	s.xid = max(s.xid+1, 1)
	s.flights.push(flight{s.xid, k, at})
	if k != ahead {
		s.places++
	}
	return s.xid
}

// swap returns what is to be written. Holds s.mu.
func (s *session) swap() []byte {
	out := s.out
	s.out, s.spare = s.spare[:0], out
	return out
}

// receive waits for a reply and takes it, with all that have come with it.
func (s *session) receive() error {
	s.remind()
	h, body, err := s.raw.in.next()
	now := s.b.since()
	s.mu.Lock()
	defer s.mu.Unlock()
	for err == nil {
		if err = s.take(h, body, now); err != nil || !s.raw.in.ready() {
			break
		}
		h, body, err = s.raw.in.next()
	}
	s.b.rec.done(&s.burst, now)
	return err
}

// take takes one reply. Holds s.mu.
func (s *session) take(h proto.ReplyHeader, body []byte, now time.Duration) error {
	if h.Xid == proto.XidPing {
		return nil
	}
	f, err := s.flights.take(h.Xid)
	if err != nil {
		return err
	}
	if f.kind != ahead {
		s.places--
	}
	s.zxid = h.Zxid
	failed := h.Err != proto.OK || s.b.cfg.Write == "multi" && f.kind == write && multiFailed(body)
	s.b.rec.count(&s.burst, f, failed, now)
	return nil
}

// multiFailed reports whether a multi's results, of which this is the beginning,
// are those of one that failed.
func multiFailed(body []byte) bool {
	return len(body) < 4 || string(body[:4]) == "\xff\xff\xff\xff"
}

// remind has a read fail that waits for longer than clients do before they try
// another server: two thirds of the session's timeout. Source: ClientCnxn:
// readTimeout = sessionTimeout * 2 / 3.
func (s *session) remind() {
	now := time.Now()
	if now.Sub(s.heard) < s.raw.timeout/10 {
		return
	}
	s.heard = now
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.b.closed.Load() {
		_ = s.raw.nc.SetReadDeadline(now.Add(s.raw.timeout * 2 / 3)) // fails if the read does
	}
}

// hurry bounds the time that replies have when no more requests are sent.
func (s *session) hurry() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.b.closed.Store(true)
	until := time.Now()
	if s.flights.n > 0 {
		until = until.Add(lossPatience)
	}
	_ = s.raw.nc.SetReadDeadline(until) // fails if the read does
}

// lose counts what was under way as failed and gives the connection up.
func (s *session) lose() {
	s.raw.nc.Close()
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.b.since()
	for s.flights.n > 0 {
		s.b.rec.count(&s.burst, s.flights.pop(), true, now)
	}
	s.places = 0
	s.b.rec.done(&s.burst, now)
	s.out = s.out[:0]
}

// reconnect resumes the session at the next server that lets it, or opens a new
// one if it has expired.
func (s *session) reconnect(ctx context.Context) error {
	const least, most = 5 * time.Millisecond, 100 * time.Millisecond
	for wait := least; ; wait = min(2*wait, most) {
		for range s.hosts {
			s.hosts = append(s.hosts[1:], s.hosts[0])
			raw, err := s.resume(ctx)
			if errors.Is(err, errRefused) {
				s.raw.id, s.raw.passwd, s.zxid = 0, make([]byte, 16), 0
			}
			if err == nil {
				s.mu.Lock()
				s.raw, s.heard = raw, time.Time{}
				s.mu.Unlock()
				return nil
			}
		}
		if err := pause(ctx, wait); err != nil {
			return err
		}
	}
}

func (s *session) resume(ctx context.Context) (*rawSession, error) {
	ctx, cancel := context.WithTimeout(ctx, max(s.raw.timeout/time.Duration(len(s.hosts)), time.Second))
	defer cancel()
	return presentRaw(ctx, s.hosts[0], &proto.ConnectRequest{
		LastZxidSeen: s.zxid, Timeout: int32(s.raw.timeout.Milliseconds()), SessionID: s.raw.id, Passwd: s.raw.passwd,
	}, sessionBuffer)
}

// sessionBuffer is what a session reads at a time, in bytes.
const sessionBuffer = 64 << 10
