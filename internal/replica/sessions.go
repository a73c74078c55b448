package replica

import (
	"slices"
	"time"

	"github.com/paddock-io/paddock/proto"
)

// sessions is the leader's table of global sessions: who owns each, and when
// it ends. Sessions end in buckets one tick wide, so that a sign of life costs
// no timer. Source: SessionTrackerImpl, ExpiryQueue.
type sessions struct {
	tick    time.Duration
	byID    map[proto.SessionID]*session
	buckets map[int64][]*session // by bucket number; a session is in exactly one
	next    int64                // lowest bucket that may hold anything
}

type session struct {
	id      proto.SessionID
	timeout time.Duration
	owner   LinkID        // the link of the learner it is connected to; 0 is this server
	owned   bool          // owner is known: somebody used the session since this term began
	asked   time.Duration // the timeout it was opened with; a later connection may change the other
	bucket  int64         // when it ends; it may still sit in an earlier bucket's list
	closing bool
}

func newSessions(tick, now time.Duration) *sessions {
	return &sessions{
		tick: tick, byID: map[proto.SessionID]*session{},
		buckets: map[int64][]*session{}, next: int64(now / tick),
	}
}

// bucketOf returns the bucket that ends strictly after now+timeout. Source:
// ExpiryQueue.roundToNextInterval. A timeout below zero, which a learner may
// forward and a log may hold, ends with the next bucket; in Java such a session
// never ends.
func (t *sessions) bucketOf(now, timeout time.Duration) int64 {
	return max(int64((now+timeout)/t.tick)+1, t.next)
}

// add tracks a session that nobody owns yet, or returns the one that is there.
func (t *sessions) add(now time.Duration, id proto.SessionID, timeout time.Duration) *session {
	if s := t.byID[id]; s != nil {
		return s
	}
	s := &session{id: id, timeout: timeout, asked: timeout, bucket: t.bucketOf(now, timeout)}
	t.byID[id] = s
	t.buckets[s.bucket] = append(t.buckets[s.bucket], s)
	return s
}

// touch prolongs a session; it reports false if the session is unknown or
// closing.
func (t *sessions) touch(now time.Duration, id proto.SessionID, timeout time.Duration) bool {
	s := t.byID[id]
	if s == nil || s.closing {
		return false
	}
	if timeout > 0 {
		s.timeout = timeout
	}
	s.bucket = max(s.bucket, t.bucketOf(now, s.timeout))
	return true
}

// postpone gives every session at least this much more time. A table that is
// not kept has none.
func (t *sessions) postpone(d time.Duration) {
	if t == nil {
		return
	}
	n := int64(d/t.tick) + 1
	for _, s := range t.byID {
		s.bucket += n
	}
}

// remove forgets a session; its place in a bucket is skipped when that ends.
func (t *sessions) remove(id proto.SessionID) { delete(t.byID, id) }

// deadline returns when the next bucket ends, or ok false if there is none.
func (t *sessions) deadline() (at time.Duration, ok bool) {
	if t == nil || len(t.byID) == 0 {
		return 0, false
	}
	return time.Duration(t.next) * t.tick, true
}

// maxExpired is how many sessions expire returns at once. More would keep the
// loop from its other work; the rest has its turn right after that.
const maxExpired = 1000

// expire marks as closing, and returns in order of id, sessions whose time is
// over. If there are more of them, deadline says that it is time again.
func (t *sessions) expire(now time.Duration) []proto.SessionID {
	var ended []proto.SessionID
	for ; time.Duration(t.next)*t.tick <= now; t.next++ {
		list := t.buckets[t.next]
		for len(list) > 0 && len(ended) < maxExpired {
			s := list[0]
			list = list[1:]
			switch {
			case t.byID[s.id] != s || s.closing:
			case s.bucket > t.next: // touched since it was put here
				t.buckets[s.bucket] = append(t.buckets[s.bucket], s)
			default:
				s.closing = true
				ended = append(ended, s.id)
			}
		}
		if len(list) > 0 {
			t.buckets[t.next] = list
			break
		}
		delete(t.buckets, t.next)
	}
	slices.Sort(ended)
	return ended
}

// Expiry tells when a session ends, for the dump command.
type Expiry struct {
	ID proto.SessionID
	In time.Duration // from now until the end of its bucket
}

// list returns all sessions by the time of their end, then by id; nil if no
// table is kept.
func (t *sessions) list(now time.Duration) []Expiry {
	if t == nil {
		return nil
	}
	v := make([]Expiry, 0, len(t.byID))
	for _, s := range t.byID {
		v = append(v, Expiry{s.id, time.Duration(s.bucket)*t.tick - now})
	}
	slices.SortFunc(v, func(a, b Expiry) int {
		if a.In != b.In {
			return int(min(max(a.In-b.In, -1), 1))
		}
		return int(min(max(int64(a.ID-b.ID), -1), 1))
	})
	return v
}
