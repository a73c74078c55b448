package server

import (
	"fmt"
	"math"
	"math/big"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/paddock-io/paddock/proto"
)

// What BlueThrottle does, connect request by connect request. A request is
// "<milliseconds>:<cost>:<random number>", and the wanted letters are + for one
// that comes in, t for one without a token and d for one that is dropped.
func TestBlue(t *testing.T) {
	type request struct {
		ms     int64
		cost   int64
		random float64
		want   string // outcome, tokens left, chance of the next one
	}
	for name, tc := range map[string]struct {
		o    ConnThrottle
		reqs []request
	}{
		"off": {ConnThrottle{}, []request{{0, 1, 0, "+ 0 0"}, {1, 1000, 0, "+ 0 0"}}},
		"never filled": {ConnThrottle{Tokens: 2, FreezeTime: -1}, []request{
			{0, 1, 0, "+ 1 0"}, {0, 1, 0, "+ 0 0"}, {0, 1, 0, "t 0 0"}, {1000, 1, 0, "t 0 0"},
		}},
		"filled after more than the fill time": {ConnThrottle{Tokens: 2, FillTime: 10 * time.Millisecond, FillCount: 1, FreezeTime: -1}, []request{
			{0, 2, 0, "+ 0 0"}, {10, 1, 0, "t 0 0"}, {11, 1, 0, "+ 0 0"}, {21, 1, 0, "t 0 0"}, {40, 2, 0, "+ 0 0"}, {1000, 0, 0, "+ 2 0"},
		}},
		"the rest of a division is lost": {ConnThrottle{Tokens: 9, FillTime: 10 * time.Millisecond, FillCount: 1, FreezeTime: -1}, []request{
			{0, 9, 0, "+ 0 0"}, {19, 0, 0, "+ 1 0"}, {29, 0, 0, "+ 1 0"}, {30, 0, 0, "+ 2 0"},
		}},
		"weighted": {ConnThrottle{
			Tokens: 2, FillTime: time.Millisecond, FillCount: 1, FreezeTime: -1,
			Weighted: true, GlobalWeight: 3, LocalWeight: 1, RenewWeight: 2,
		}, []request{{0, 3, 0, "+ 3 0"}, {0, 2, 0, "+ 1 0"}, {0, 2, 0, "t 1 0"}, {0, 1, 0, "+ 0 0"}, {2, 0, 0, "+ 6 0"}}},
		"chance": {ConnThrottle{Tokens: 1, FillTime: 100 * time.Millisecond, FillCount: 1, FreezeTime: 10 * time.Millisecond, DropIncrease: 0.75, DropDecrease: 0.5}, []request{
			{0, 1, 0, "+ 0 0"},          // full
			{10, 1, 0, "t 0 0"},         // not yet thawed
			{11, 1, 0.75, "t 0 0.75"},   // empty: the chance grows, and is escaped
			{12, 1, 0.74, "d 0 0.75"},   // dropped before the bucket is looked at
			{22, 1, 0.99999, "d 0 1"},   // no more than certain
			{33, 1, 0, "d 0 1"},         //
			{101, 1, 0.5, "+ 0 0.5"},    // full again: the chance shrinks
			{1000, 1, 0, "+ 0 0"},       // and is gone
			{1111, 0, 0, "+ 1 0"},       //
			{1122, 1, 0.99999, "+ 0 0"}, //
			{1123, 1, 0, "t 0 0"},
		}},
		"half full is enough": {ConnThrottle{
			Tokens: 5, FillTime: time.Millisecond, FreezeTime: 0, DropIncrease: 0.5, DropDecrease: 0.25, DecreaseRatio: 0.5,
		}, []request{
			{1, 5, 0, "+ 0 0"}, {2, 1, 0.5, "t 0 0.5"}, {3, 1, 0, "d 0 1"},
		}},
		"no overflow": {ConnThrottle{Tokens: math.MaxInt32, FillTime: time.Millisecond, FillCount: math.MaxInt32, FreezeTime: -1, Weighted: true, GlobalWeight: 1 << 20}, []request{
			{0, math.MaxInt32 << 20, 0, "+ 0 0"}, {math.MaxInt64 / 1_000_000, 1, 0, fmt.Sprintf("+ %d 0", int64(math.MaxInt32)<<20-1)},
		}},
	} {
		b := newBlue(tc.o, 0)
		for i, r := range tc.reqs {
			got := "t"
			if before := b.tokens; b.admit(time.Duration(r.ms)*time.Millisecond, r.cost, func() float64 { return r.random }) {
				got = "+"
			} else if b.freezeMs >= 0 && r.random < b.drop {
				if got = "d"; b.tokens < before {
					t.Errorf("%s: request %d was dropped and paid", name, i)
				}
			}
			if got = fmt.Sprintf("%s %d %v", got, b.tokens, b.drop); got != r.want {
				t.Errorf("%s: request %d at %d ms: %s, want %s", name, i, r.ms, got, r.want)
			}
		}
	}
}

// The threshold is the nearest whole number of tokens, halves up.
func TestBlueThreshold(t *testing.T) {
	for ratio, want := range map[float64]int64{0: 0, 0.09: 0, 0.1: 1, 0.29: 1, 0.3: 2, 0.5: 3, 1: 5} {
		if b := newBlue(ConnThrottle{Tokens: 5, DecreaseRatio: ratio}, 0); b.nearlyFull != want {
			t.Errorf("ratio %v: %d, want %d", ratio, b.nearlyFull, want)
		}
	}
}

// FuzzBlue: whatever the settings and the clock do, the bucket and the chance
// stay within their bounds, and no more comes in than the bucket held and was
// filled with.
func FuzzBlue(f *testing.F) {
	f.Add(uint64(1), uint32(5), uint32(10), uint32(1), int32(-1), 0.02, 0.002, 0.0, uint32(3))
	f.Add(uint64(2), uint32(1<<31-1), uint32(1), uint32(1<<31-1), int32(0), 1.0, 1.0, 1.0, uint32(1<<20))
	f.Fuzz(func(t *testing.T, seed uint64, tokens, fillTime, fillCount uint32, freeze int32, up, down, ratio float64, weight uint32) {
		clamp := func(v float64) float64 {
			if !(v > 0) {
				return 0
			}
			return min(v, 1)
		}
		o := ConnThrottle{
			Tokens: int(tokens >> 1), FillTime: time.Duration(fillTime>>1) * time.Millisecond, FillCount: int(fillCount >> 1),
			FreezeTime:   time.Duration(max(freeze, -1)) * time.Millisecond,
			DropIncrease: clamp(up), DropDecrease: clamp(down), DecreaseRatio: clamp(ratio),
			Weighted: weight&1 == 1, GlobalWeight: int(weight>>12) + 1, LocalWeight: 1, RenewWeight: 2,
		}
		b, rnd := newBlue(o, 0), rand.New(rand.NewPCG(seed, 7))
		now, admitted, bound := time.Duration(0), new(big.Int), big.NewInt(b.size)
		for i := range 300 {
			step := time.Duration(rnd.Int64N(1 << rnd.IntN(45)))
			now += step
			before := b.filledAt
			cost := o.cost(rnd.IntN(2) == 0, rnd.IntN(2) == 0)
			if b.admit(now, cost, rnd.Float64) && b.size > 0 {
				admitted.Add(admitted, big.NewInt(cost))
			}
			fill := new(big.Int).Mul(big.NewInt(b.filledAt-before), big.NewInt(b.fillCount))
			bound.Add(bound, fill.Div(fill, big.NewInt(b.fillMs)))
			if b.tokens < 0 || b.tokens > b.size || !(b.drop >= 0 && b.drop <= 1) || admitted.Cmp(bound) > 0 {
				t.Fatalf("request %d at %v of %+v: %d tokens of %d, chance %v, %v came in of %v", i, now, o, b.tokens, b.size, b.drop, admitted, bound)
			}
		}
	})
}

// The throttle comes before everything else in the handshake, closes without a
// word, and spares four-letter words.
func TestConnThrottle(t *testing.T) {
	w := newWorld(t, 0, func(o *Options) {
		o.ConnThrottle = ConnThrottle{Tokens: 5, FreezeTime: -1, Weighted: true, GlobalWeight: 3, LocalWeight: 1, RenewWeight: 2}
		o.Whitelist = []string{"*"}
	})
	// Room for five global sessions: fifteen tokens.
	var clients []*client
	for range 4 {
		clients = append(clients, w.connect())
	}
	again := w.resume(clients[0]) // two tokens
	clients[0].ended()
	c := w.dial() // the last token is not enough for a client that has seen too much, either
	c.sendFrame((&proto.ConnectRequest{LastZxidSeen: 1 << 40, SessionID: 7}).Append(nil))
	c.ended()
	c = w.dial()
	c.sendFrame((&proto.ConnectRequest{Timeout: 30000}).Append(nil))
	c.ended()
	c = w.dial()
	c.sendRaw([]byte("srvr"))
	c.ended()
	again.must(proto.OpPing, nil)
	s := w.srv.Stats()
	if s.Rejected != 2 || s.ConnectRequests != 5 || s.TokenDeficit != (Summary{5, 3 + 6 + 9 + 12 + 14, 3, 14}) || s.DropProbability != 0 {
		t.Errorf("%+v", s)
	}
	w.srv.ResetStats()
	if s := w.srv.Stats(); s.Rejected != 0 || s.ConnectRequests != 0 || s.TokenDeficit != (Summary{}) {
		t.Errorf("after a reset: %+v", s)
	}

	w = newWorld(t, 0, func(o *Options) { o.ConnThrottle = ConnThrottle{Tokens: 1, DropIncrease: 1} })
	w.srv.connects.blue.tokens = 0
	w.srv.connects.blue.frozen = -1000
	c = w.dial()
	c.sendFrame((&proto.ConnectRequest{Timeout: 30000}).Append(nil))
	c.ended()
	if s := w.srv.Stats(); s.Rejected != 1 || s.DropProbability != 1 {
		t.Errorf("%+v", s)
	}
}
