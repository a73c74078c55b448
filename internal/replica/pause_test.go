package replica

import (
	"testing"
	"time"

	"github.com/paddock-io/paddock/proto"
)

func TestPausesGrowWhileFollowingFails(t *testing.T) {
	r := &Replica{}
	var got []time.Duration
	for range 7 {
		r.lookAt = 0
		r.pauseAfter(0, false)
		got = append(got, r.lookAt)
	}
	want := []time.Duration{0, 100, 200, 400, 800, 1000, 1000}
	for i := range want {
		if got[i] != want[i]*time.Millisecond {
			t.Fatalf("pauses %v, want %v ms", got, want)
		}
	}
	r.lookAt = 0
	r.pauseAfter(0, true)
	r.pauseAfter(0, false)
	if r.lookAt != 0 {
		t.Errorf("a first failure after a success pauses until %v", r.lookAt)
	}
}

func TestPostponedSessionsLiveOn(t *testing.T) {
	const tick = time.Second
	s := newSessions(tick, 0)
	s.add(0, 1, 4*tick)
	s.postpone(7 * tick)
	for now := time.Duration(0); now <= 11*tick; now += tick {
		if ended := s.expire(now); len(ended) > 0 {
			t.Fatalf("ended at %v", now)
		}
	}
	if ended := s.expire(14 * tick); len(ended) != 1 || ended[0] != proto.SessionID(1) {
		t.Errorf("at the end: %v", ended)
	}
}
