package bench

import "time"

// pace is a session's share of a fixed rate: when its requests are due,
// whatever becomes of the ones before.
type pace struct {
	next time.Time
	gap  time.Duration
}

// newPace divides a rate, per second, among sessions, whose requests are evenly
// spread from start on.
func newPace(start time.Time, rate float64, sessions, index int) pace {
	gap := time.Duration(float64(sessions) / rate * float64(time.Second))
	return pace{next: start.Add(gap * time.Duration(index) / time.Duration(sessions)), gap: gap}
}

// take returns when the next request was due, if that is not later than now. Of
// those that a stall has held up each keeps the time at which it was due.
func (p *pace) take(now time.Time) (due time.Time, ok bool) {
	if p.next.After(now) {
		return time.Time{}, false
	}
	due = p.next
	p.next = due.Add(p.gap)
	return due, true
}
