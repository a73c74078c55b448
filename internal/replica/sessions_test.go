package replica

import (
	"math/rand"
	"slices"
	"testing"
	"time"

	"github.com/paddock-io/paddock/proto"
)

// TestBucketOf: as ExpiryQueue.roundToNextInterval, strictly later.
func TestBucketOf(t *testing.T) {
	s := newSessions(2*time.Second, 0)
	for _, tc := range []struct {
		now, timeout time.Duration
		ends         time.Duration
	}{
		{0, 0, 2 * time.Second},
		{0, 1, 2 * time.Second},
		{0, 2 * time.Second, 4 * time.Second},
		{1999 * time.Millisecond, 0, 2 * time.Second},
		{500 * time.Millisecond, 6 * time.Second, 8 * time.Second},
	} {
		if got := time.Duration(s.bucketOf(tc.now, tc.timeout)) * s.tick; got != tc.ends {
			t.Errorf("now %v timeout %v: ends at %v, want %v", tc.now, tc.timeout, got, tc.ends)
		}
	}
}

// TestNegativeTimeout: whatever timeout a session was opened with, it ends.
func TestNegativeTimeout(t *testing.T) {
	s := newSessions(2*time.Second, 11*time.Second)
	s.add(11*time.Second, 1, -1)
	s.add(11*time.Second, 2, -24*24*time.Hour)
	s.touch(11*time.Second, 2, 0)
	if got := s.expire(13 * time.Second); !slices.Equal(got, []proto.SessionID{1, 2}) {
		t.Errorf("%v end", got)
	}
}

func TestSessions(t *testing.T) {
	const tick = 2 * time.Second
	s := newSessions(tick, 11*time.Second)
	if _, ok := s.deadline(); ok {
		t.Error("a deadline without sessions")
	}
	a := s.add(11*time.Second, 1, 5*time.Second) // ends at 18 s
	if s.add(12*time.Second, 1, time.Hour) != a || a.timeout != 5*time.Second {
		t.Error("adding twice makes another session")
	}
	s.add(11*time.Second, 2, 5*time.Second)
	s.add(11*time.Second, 3, 5*time.Second)
	if at, ok := s.deadline(); !ok || at > 18*time.Second {
		t.Errorf("deadline %v", at)
	}
	s.remove(2)
	if s.touch(17*time.Second, 2, 0) || s.touch(17*time.Second, 9, 0) {
		t.Error("touched what is not there")
	}
	s.touch(17*time.Second, 3, 0) // ends at 24 s now, though it sits in the bucket of 18 s
	if got := s.expire(17999 * time.Millisecond); len(got) != 0 {
		t.Errorf("%v end early", got)
	}
	if got := s.expire(18 * time.Second); !slices.Equal(got, []proto.SessionID{1}) {
		t.Errorf("%v end at 18 s", got)
	}
	if s.touch(18*time.Second, 1, 0) || len(s.expire(19*time.Second)) != 0 {
		t.Error("a closing session is touched, or ends twice")
	}
	if got := s.expire(30 * time.Second); !slices.Equal(got, []proto.SessionID{3}) {
		t.Errorf("%v end at last", got)
	}
	s.add(30*time.Second, 4, time.Second).closing = true // by its client
	if got := s.expire(40 * time.Second); len(got) != 0 || len(s.buckets) != 0 {
		t.Errorf("%v end, %d buckets are left", got, len(s.buckets))
	}
}

// TestSessionsAgainstModel compares with one timer per session.
func TestSessionsAgainstModel(t *testing.T) {
	const tick = 100 * time.Millisecond
	rng := rand.New(rand.NewSource(1))
	for range 200 {
		now := time.Duration(rng.Intn(1000)) * time.Millisecond
		s := newSessions(tick, now)
		ends := map[proto.SessionID]time.Duration{}
		bucket := func(timeout time.Duration) time.Duration { return ((now+timeout)/tick + 1) * tick }
		timeouts := map[proto.SessionID]time.Duration{}
		for range 200 {
			id := proto.SessionID(rng.Intn(20))
			timeout := time.Duration(rng.Intn(900)) * time.Millisecond
			switch rng.Intn(5) {
			case 0:
				if _, ok := ends[id]; !ok && s.byID[id] == nil {
					s.add(now, id, timeout)
					ends[id], timeouts[id] = bucket(timeout), timeout
				}
			case 1, 2:
				_, ok := ends[id]
				if s.touch(now, id, timeout) != ok {
					t.Fatalf("touch of %d: %v", id, !ok)
				}
				if ok {
					if timeout > 0 {
						timeouts[id] = timeout
					}
					ends[id] = max(ends[id], bucket(timeouts[id]))
				}
			case 3:
				s.remove(id)
				delete(ends, id)
			case 4:
				now += time.Duration(rng.Intn(300)) * time.Millisecond
				var want []proto.SessionID
				for id, at := range ends {
					if at <= now {
						want = append(want, id)
						delete(ends, id)
					}
				}
				slices.Sort(want)
				if got := s.expire(now); !slices.Equal(got, want) {
					t.Fatalf("at %v: %v end, want %v", now, got, want)
				}
			}
		}
	}
}

// TestExpireInPortions: however many end at once, and whoever shows life
// meanwhile.
func TestExpireInPortions(t *testing.T) {
	const tick, n = 2 * time.Second, 2*maxExpired + 500
	s := newSessions(tick, 0)
	for i := range n {
		s.add(0, proto.SessionID(n-i), tick)
	}
	s.add(0, n+1, 3*tick)
	const now = 5 * time.Second
	first := s.expire(now)
	if at, ok := s.deadline(); len(first) != maxExpired || !ok || at > now {
		t.Fatalf("%d at first, then at %v", len(first), at)
	}
	if !slices.IsSorted(first) {
		t.Error("not in order")
	}
	saved := proto.SessionID(1) // the last in the list
	if !s.touch(now, saved, 0) {
		t.Fatal("it has ended already")
	}
	ended := map[proto.SessionID]bool{}
	for _, list := range [][]proto.SessionID{first, s.expire(now), s.expire(now), s.expire(now)} {
		for _, id := range list {
			if ended[id] {
				t.Errorf("session %s ends twice", id)
			}
			ended[id] = true
		}
	}
	if at, _ := s.deadline(); len(ended) != n-1 || ended[saved] || at <= now {
		t.Errorf("%d ended, the next at %v", len(ended), at)
	}
	if got := s.expire(9 * time.Second); !slices.Equal(got, []proto.SessionID{saved, n + 1}) {
		t.Errorf("%v at last", got)
	}
}
