package bench

import (
	"errors"
	"fmt"
	"time"
)

// flight is a request that has been sent and not yet answered.
type flight struct {
	xid  int32
	kind kind
	at   time.Duration // when it was sent, or was due, since the measurement's start
}

// flights are a session's requests under way, the oldest first: a server answers
// them in order. The zero value is ready.
type flights struct {
	ring  []flight // its length is a power of two
	first int
	n     int
}

func (f *flights) push(x flight) {
	if f.n == len(f.ring) {
		f.grow()
	}
	f.ring[(f.first+f.n)&(len(f.ring)-1)] = x
	f.n++
}

func (f *flights) grow() {
	ring := make([]flight, max(2*len(f.ring), 4))
	n := copy(ring, f.ring[f.first:])
	copy(ring[n:], f.ring[:f.first])
	f.ring, f.first = ring, 0
}

var errUnasked = errors.New("a reply that nobody waits for")

// take removes the oldest, which must be the one with this xid.
func (f *flights) take(xid int32) (flight, error) {
	if f.n == 0 || f.ring[f.first].xid != xid {
		return flight{}, fmt.Errorf("%w: xid %d", errUnasked, xid)
	}
	return f.pop(), nil
}

func (f *flights) pop() flight {
	x := f.ring[f.first]
	f.first = (f.first + 1) & (len(f.ring) - 1)
	f.n--
	return x
}
