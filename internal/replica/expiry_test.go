package replica

import (
	"fmt"
	"testing"
	"time"

	"github.com/paddock-io/paddock/internal/zab"
	"github.com/paddock-io/paddock/proto"
)

// life is what a session of TestExpiryUnderLoad does.
type life struct {
	id      proto.SessionID
	timeout time.Duration
	alive   time.Duration // last sign of life
	silent  time.Duration // from here on it gives none
	ended   bool
}

// load is a leader with thousands of sessions: of its own clients, and of those
// of two learners.
type load struct {
	*bench
	lives []*life
	byID  map[string]*life
	next  proto.Zxid // to be persisted and acknowledged
	cxid  int32
}

func newLoad(t *testing.T, n int) *load {
	l := &load{bench: newLeader(t), byID: map[string]*life{}, next: proto.MakeZxid(1, 1)}
	for i := range n {
		s := &life{id: proto.SessionID(1000 + i), timeout: time.Duration(4+i%17) * time.Second, silent: time.Hour}
		if i%5 == 0 {
			s.silent = time.Duration(i%40) * time.Second
		}
		l.lives = append(l.lives, s)
		l.byID[s.id.String()] = s
		l.take(l.submitted(s, request(s.id, 0, proto.OpCreateSession, &proto.CreateSessionRequest{Timeout: int32(s.timeout / time.Millisecond)})))
	}
	l.settle()
	return l
}

// submitted sends a request over the session's own link, or as the leader's.
func (l *load) submitted(s *life, q *Request) []Action {
	if link := []LinkID{0, 1, 3}[s.id%3]; link != 0 {
		return l.r.Step(l.now, Message{link, forward(q)}, nil)
	}
	return l.r.Step(l.now, q, nil)
}

// take runs actions, and checks every end of a session.
func (l *load) take(actions []Action) {
	l.t.Helper()
	for _, a := range actions {
		n, ok := a.(Note)
		if !ok || n.Fact != zab.FactSessionExpired {
			continue
		}
		s := l.byID[n.Text]
		if s.ended {
			l.t.Fatalf("session %s ends twice", n.Text)
		}
		s.ended = true
		if quiet := l.now - s.alive; quiet < s.timeout {
			l.t.Fatalf("session %s ends at %v after %v of silence, its timeout is %v", n.Text, l.now, quiet, s.timeout)
		}
	}
	l.run(actions)
}

// settle has everybody acknowledge everything.
func (l *load) settle() {
	last := l.r.appended
	l.take(l.r.Step(l.now, Persisted{last}, nil))
	for ; l.next <= last; l.next++ {
		for _, link := range []LinkID{1, 3} {
			l.take(l.r.Step(l.now, Message{link, zab.Ack{Zxid: l.next}}, nil))
		}
	}
}

// pass lets a while go by in which sessions show life in their three ways: by
// reads that their servers report, by pings of learners, and by writes.
func (l *load) pass(d time.Duration, writes int) {
	l.now += d
	touches := map[LinkID][]Touch{}
	for i, s := range l.lives {
		if s.ended || l.now >= s.silent {
			continue
		}
		// Seldom, but often enough: a third of the timeout apart.
		if l.now-s.alive < s.timeout/3 {
			continue
		}
		s.alive = l.now
		if link := []LinkID{0, 1, 3}[s.id%3]; i%7 != 0 {
			touches[link] = append(touches[link], Touch{ID: s.id, TimeoutMs: int32(s.timeout / time.Millisecond)})
			continue
		}
		l.cxid++
		l.take(l.submitted(s, create(s.id, l.cxid, fmt.Sprintf("/n%d", l.cxid))))
	}
	writer := l.lives[1]
	for range writes { // somebody keeps the loop busy
		l.cxid++
		l.take(l.submitted(writer, create(writer.id, l.cxid, fmt.Sprintf("/n%d", l.cxid))))
		writer.alive = l.now
	}
	for _, link := range []LinkID{1, 3} {
		l.take(l.r.Step(l.now, Message{link, zab.Ping{Touches: touches[link]}}, nil))
	}
	l.take(l.r.Step(l.now, Touched{touches[0]}, nil))
	l.take(l.r.Step(l.now, Tick{Wall: 1_700_000_000_000 + l.now.Milliseconds()}, nil))
	l.settle()
	for _, s := range l.lives {
		if late := l.now - s.alive - s.timeout; !s.ended && late > l.r.opts.Tick+d {
			l.t.Fatalf("at %v session %s with timeout %v has been silent for %v", l.now, s.id, s.timeout, l.now-s.alive)
		}
	}
}

// TestExpiryUnderLoad: no session ends before its time, however its signs of
// life arrive, and each silent one within a tick after it, while the leader is
// busy. A new term gives everybody a full timeout.
func TestExpiryUnderLoad(t *testing.T) {
	l := newLoad(t, 4000)
	for range 160 {
		l.pass(250*time.Millisecond, 20)
	}
	ended := 0
	for _, s := range l.lives {
		if s.ended {
			ended++
		}
		if s.ended && s.silent == time.Hour {
			t.Errorf("session %s ended while it lived", s.id)
		}
	}
	if silent := len(l.lives) / 5; ended < silent/2 {
		t.Errorf("only %d of %d silent sessions have ended", ended, silent)
	}
	// Everybody has been silent for almost too long when the next term begins.
	l.now += 3 * time.Second
	l.r.wallAt = l.now // not as if the server had been stopped
	l.r.serve(l.now, Serve{Role: zab.RoleLeader, Epoch: 1})
	alive := 0
	for _, s := range l.lives {
		if !s.ended {
			s.alive, s.silent = l.now, 0
			alive++
		}
	}
	if n := l.r.Status().Sessions; n != alive {
		t.Fatalf("%d sessions, %d should live", n, alive)
	}
	for l.r.Status().Sessions > 0 {
		if l.now > 2*time.Minute {
			t.Fatalf("%d sessions are left", l.r.Status().Sessions)
		}
		l.pass(250*time.Millisecond, 0)
	}
}

// BenchmarkMassExpiry is the end of ten thousand sessions with an ephemeral
// each at once: what it takes the loop to propose, and to apply.
func BenchmarkMassExpiry(b *testing.B) {
	const n = 10_000
	var propose, apply, longest time.Duration
	for b.Loop() {
		b.StopTimer()
		l := newMass(n)
		b.StartTimer()
		began := time.Now()
		var txns []*proto.Txn
		for len(txns) < n {
			at := time.Now()
			txns = append(txns, appended(l.r.Step(l.now, Tick{}, nil))...)
			longest = max(longest, time.Since(at))
		}
		propose += time.Since(began)
		began = time.Now()
		for _, txn := range txns {
			l.tree.Apply(txn, &l.res)
		}
		l.r.Step(l.now, Applied{txns[n-1].Zxid}, nil)
		apply += time.Since(began)
	}
	b.ReportMetric(float64(propose.Microseconds())/float64(b.N)/1000, "ms-propose")
	b.ReportMetric(float64(longest.Microseconds())/1000, "ms-longest-step")
	b.ReportMetric(float64(apply.Microseconds())/float64(b.N)/1000, "ms-apply")
}

// newMass is a leader on whom all sessions end with the next tick.
func newMass(n int) *load {
	l := &load{bench: newLeader(new(testing.T)), next: proto.MakeZxid(1, 1)}
	for i := range n {
		id := proto.SessionID(1000 + i)
		l.run(l.r.Step(0, request(id, 0, proto.OpCreateSession, &proto.CreateSessionRequest{Timeout: 4000}), nil))
		l.run(l.r.Step(0, shortLived(id, 1, fmt.Sprintf("/e%d", i)), nil))
	}
	last := l.r.appended
	l.run(l.r.Step(0, Persisted{last}, nil))
	for ; l.next <= last; l.next++ {
		l.run(l.r.Step(0, Message{1, zab.Ack{Zxid: l.next}}, nil))
	}
	l.r.Step(0, Message{1, zab.Ping{}}, nil)
	l.now = 6 * time.Second
	l.r.Step(l.now, Message{1, zab.Ping{}}, nil)
	l.r.wallAt = l.now // not as if the server had been stopped
	return l
}
