package server

import (
	"math"
	"sync"
	"time"
)

// ConnThrottle limits how fast clients may connect, with a bucket of tokens and,
// before it, a chance to be dropped that grows while the bucket is empty. The
// zero value limits nothing. Source: BlueThrottle.
type ConnThrottle struct {
	Tokens    int           // that the bucket holds; 0 means no limit
	FillTime  time.Duration // in this time, of whole milliseconds and at least one,
	FillCount int           // so many tokens are added

	FreezeTime    time.Duration // between two changes of the chance; below 0 there is none
	DropIncrease  float64       // of the chance when the bucket is empty
	DropDecrease  float64       // of the chance when the bucket is full enough:
	DecreaseRatio float64       // when at most this share of it is missing

	// Weighted says that connections cost as many tokens as the weights say, and
	// not 1; Tokens and FillCount are then in units of GlobalWeight.
	Weighted                               bool
	GlobalWeight, LocalWeight, RenewWeight int
}

// cost is what a connect request takes out of the bucket.
func (o *ConnThrottle) cost(renew, local bool) int64 {
	switch {
	case !o.Weighted:
		return 1
	case renew:
		return int64(o.RenewWeight)
	case local:
		return int64(o.LocalWeight)
	}
	return int64(o.GlobalWeight)
}

// blue is the algorithm. It knows no clock and no dice, and is not for use by
// more than one goroutine at a time.
//
// Invariant: 0 <= tokens <= size and 0 <= drop <= 1.
type blue struct {
	size, fillCount, fillMs int64
	freezeMs                int64
	increase, decrease      float64
	nearlyFull              int64 // the chance shrinks when no more than this is missing

	tokens           int64
	filledAt, frozen int64   // ms
	drop             float64 // the chance to be dropped
}

func newBlue(o ConnThrottle, now time.Duration) *blue {
	unit := int64(1)
	if o.Weighted {
		unit = int64(o.GlobalWeight)
	}
	b := &blue{
		size: int64(o.Tokens) * unit, fillCount: int64(o.FillCount) * unit, fillMs: max(o.FillTime.Milliseconds(), 1),
		freezeMs: o.FreezeTime.Milliseconds(), increase: o.DropIncrease, decrease: o.DropDecrease,
		filledAt: now.Milliseconds(), frozen: now.Milliseconds(),
	}
	if o.FreezeTime < 0 {
		b.freezeMs = -1
	}
	b.nearlyFull = int64(math.Floor(float64(b.size)*o.DecreaseRatio + 0.5))
	b.tokens = b.size
	return b
}

// admit reports whether a connection that costs so many tokens may come in at
// this time, and takes them. random returns a number from 0 up to 1.
func (b *blue) admit(now time.Duration, cost int64, random func() float64) bool {
	if b.size == 0 {
		return true
	}
	ms := now.Milliseconds()
	b.fill(ms)
	if b.freezeMs >= 0 {
		b.adapt(ms)
		if random() < b.drop {
			return false
		}
	}
	if b.tokens < cost {
		return false
	}
	b.tokens -= cost
	return true
}

// fill adds what has come in since the last time. What is left of a division is
// lost, as in Java.
func (b *blue) fill(ms int64) {
	since := ms - b.filledAt
	if since <= b.fillMs {
		return
	}
	b.filledAt = ms
	if b.fillCount > 0 && since > math.MaxInt64/b.fillCount {
		b.tokens = b.size
		return
	}
	b.tokens = min(b.tokens+min(since*b.fillCount/b.fillMs, b.size), b.size)
}

// adapt changes the chance to be dropped, not too often.
func (b *blue) adapt(ms int64) {
	if ms-b.frozen <= b.freezeMs {
		return
	}
	b.frozen = ms
	switch missing := b.size - b.tokens; {
	case missing == b.size && b.drop < 1:
		b.drop = min(b.drop+b.increase, 1)
	case missing <= b.nearlyFull && b.drop > 0:
		b.drop = max(b.drop-b.decrease, 0)
	}
}

// connThrottle is a blue that many connections use, and what it has counted.
type connThrottle struct {
	random func() float64 // from 0 up to 1; may be called under mu

	mu      sync.Mutex
	blue    *blue
	deficit Summary // of tokens, after each connection that came in
}

func (t *connThrottle) admit(now time.Duration, cost int64) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if !t.blue.admit(now, cost, t.random) {
		return false
	}
	t.deficit.observe(t.blue.size - t.blue.tokens)
	return true
}

func (t *connThrottle) stats() (drop float64, deficit Summary) {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.blue.drop, t.deficit
}

func (t *connThrottle) reset() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.deficit = Summary{}
}
