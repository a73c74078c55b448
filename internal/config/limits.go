package config

import (
	"math"
	"strconv"
	"time"
)

// ConnectionThrottle limits how fast clients may connect. Java: BlueThrottle.
type ConnectionThrottle struct {
	Tokens        int // 0 for no limit
	FillTime      time.Duration
	FillCount     int
	FreezeTime    time.Duration // negative: no connection is dropped by chance
	DropIncrease  float64       // from 0 to 1, as the two below
	DropDecrease  float64
	DecreaseRatio float64

	Weighted                               bool // connections cost as many tokens as
	GlobalWeight, LocalWeight, RenewWeight int
}

// RequestThrottle makes requests wait. Java: RequestThrottler, Request.
type RequestThrottle struct {
	MaxRequests     int // at work at once; 0 for no limit
	StallTime       time.Duration
	DropStale       bool
	StaleLatency    bool          // a request that is older than its session's timeout is stale
	StaleConnection bool          // a request whose client has gone is stale
	OpWaitTime      time.Duration // an operation that waited longer is refused; 0 for none
}

// longestTime is the longest time a property can say.
const longestTime = math.MaxInt32 * time.Millisecond

// limits reads what protects the server from its clients.
func (l *loader) limits() {
	c := l.cfg
	c.SessionlessCnxnTimeout = l.sessionless()
	c.LargeRequestMaxBytes = l.propPositive("zookeeper.largeRequestMaxBytes", 100<<20)
	c.LargeRequestThreshold = l.propPositive("zookeeper.largeRequestThreshold", -1)
	l.connectionThrottle(&c.ConnectionThrottle)
	c.RequestThrottle = RequestThrottle{
		MaxRequests:     l.propInt("zookeeper.request_throttle_max_requests", 0, 0),
		StallTime:       l.propMillis("zookeeper.request_throttle_stall_time", 100, 0),
		DropStale:       l.propBool("zookeeper.request_throttle_drop_stale", true),
		StaleLatency:    l.propBool("zookeeper.request_stale_latency_check", false),
		StaleConnection: l.propBool("zookeeper.request_stale_connection_check", true),
		OpWaitTime:      l.propMillis("zookeeper.throttled_op_wait_time", 0, 0),
	}
	if r := &c.RequestThrottle; r.StallTime == 0 {
		r.StallTime = longestTime // Java: Object.wait(0), which waits until it is woken
	}
}

// sessionless reads how long a connection may be without a session; the result is negative for as long as it likes. A
// Java server divides by it when it starts.
func (l *loader) sessionless() time.Duration {
	const name = "zookeeper.nio.sessionlessCnxnTimeout"
	d := l.propMillis(name, 10000, math.MinInt32)
	if s := l.props[name]; d == 0 {
		l.problem(s, "write a time in milliseconds, or -1 for no limit", "%s must not be 0", s.name)
	}
	return d
}

// propPositive reads a number above 0; others count as absent.
func (l *loader) propPositive(name string, fallback int) int {
	n := l.propInt(name, fallback, math.MinInt32)
	if s := l.props[name]; n <= 0 && n != fallback {
		l.warn(s, "%s should be a positive number; %d is used", s.name, fallback)
		return fallback
	}
	return n
}

func (l *loader) connectionThrottle(t *ConnectionThrottle) {
	const prefix = "zookeeper.connection_throttle_"
	*t = ConnectionThrottle{
		Tokens:        l.propInt(prefix+"tokens", 0, 0),
		FillTime:      l.propMillis(prefix+"fill_time", 1, 1),
		FillCount:     l.propInt(prefix+"fill_count", 1, 0),
		FreezeTime:    l.propMillis(prefix+"freeze_time", -1, -1),
		DropIncrease:  l.propShare(prefix+"drop_increase", 0.02),
		DropDecrease:  l.propShare(prefix+"drop_decrease", 0.002),
		DecreaseRatio: l.propShare(prefix+"decrease_ratio", 0),
		Weighted:      l.propBool(prefix+"weight_enabled", false),
	}
	// The weights of other sessions are compared with the local one as it was written, not as it is used.
	least := l.propInt(prefix+"local_session_weight", 1, math.MinInt32)
	t.LocalWeight = l.weight(prefix+"local_session_weight", least, 1, least)
	t.GlobalWeight = l.weight(prefix+"global_session_weight", l.propInt(prefix+"global_session_weight", 3, math.MinInt32), 3, least)
	t.RenewWeight = l.weight(prefix+"renew_session_weight", l.propInt(prefix+"renew_session_weight", 2, math.MinInt32), 2, least)
}

// weight checks how many tokens a connection costs.
func (l *loader) weight(name string, n, fallback, least int) int {
	switch s := l.props[name]; {
	case n <= 0:
		l.warn(s, "%s should be larger than 0; %d is used", s.name, fallback)
		return fallback
	case n < least:
		l.warn(s, "%s: %d is less than the weight of a local session; %d is used", name, n, least)
		return least
	}
	return n
}

// propShare reads a number from 0 to 1. One that is not a number keeps the server from starting, as in Java.
func (l *loader) propShare(name string, fallback float64) float64 {
	s, ok := l.props[name]
	if !ok {
		return fallback
	}
	v, err := strconv.ParseFloat(javaTrim(s.value), 64)
	if err != nil || math.IsNaN(v) {
		l.problem(s, "write a number from 0 to 1", "%s: %q is not a number", s.name, s.value)
		return fallback
	}
	if v < 0 || v > 1 {
		l.warn(s, "%s should be from 0 to 1; %v is used", s.name, min(max(v, 0), 1))
	}
	return min(max(v, 0), 1)
}
