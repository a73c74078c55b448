package server

import (
	"math"
	"math/bits"
	"net/netip"
	"sync/atomic"
	"time"

	"github.com/paddock-io/paddock/proto"
)

// Stats is a snapshot of what a server counts. Counters run since the start or
// since ResetStats.
type Stats struct {
	PacketsReceived int64         // frames, connect requests among them
	PacketsSent     int64         // frames, watch events among them
	Outstanding     int64         // requests received and not yet answered
	Connections     int           // open now, with and without a session
	Served          time.Duration // since Serve; 0 while not serving
	Responses       Sizes         // of replies and watch events
	Latency         Latency

	Accepted          int64   // connections, without the rejected
	Rejected          int64   // connections over maxClientCnxns or maxCnxns, or throttled
	ConnectRequests   int64   // connect requests that were not throttled
	Dropped           int64   // connections that their clients ended
	AuthFailed        int64   // auth packets refused
	WatchEvents       int64   // sent
	OutboxOverflows   int64   // connections closed because their client did not read
	BadFrames         int64   // connections closed for a length or header out of bounds
	SessionlessClosed int64   // connections closed that never sent a connect request
	IdleClosed        int64   // connections closed that were silent for longer than their session lives
	Revalidations     int64   // sessions that clients asked to resume
	Unimplemented     int64   // requests with an opcode that is not served
	LargeRejected     int64   // connections closed for a large request over the limit
	ThrottleWaits     int64   // times that the throttle made a request wait
	LateReads         int64   // connections closed because a write was applied before reads ahead of it
	ThrottledOps      int64   // requests refused because they had waited for too long
	Stale             int64   // stale requests that were worked on
	StaleDropped      int64   // stale requests that were not
	DropProbability   float64 // of connections, now
	TokenDeficit      Summary // missing from the connection throttle's bucket, at each connect request
	DigestMismatches  int64   // transactions after which the tree was not what its digest says
}

// Sizes are sizes in bytes, of what stands behind a frame's length, each -1 if
// there was none. Source: BufferStats.
type Sizes struct{ Last, Min, Max int64 }

// Summary sums up numbers. Min and Max are 0 if there was none.
type Summary struct{ Count, Sum, Min, Max int64 }

func (s *Summary) observe(v int64) {
	if s.Count == 0 || v < s.Min {
		s.Min = v
	}
	s.Max = max(s.Max, v)
	s.Count++
	s.Sum += v
}

// Latency sums up the time from a request's arrival to its reply.
type Latency struct {
	Count         int64
	Min, Avg, Max time.Duration // zero if Count is

	buckets [latencyBuckets]int64
}

// Quantile returns an upper bound, at most an eighth too high, of the latency
// that a share q of all requests did not exceed. q is between 0 and 1.
func (l *Latency) Quantile(q float64) time.Duration {
	var total int64
	for _, n := range l.buckets {
		total += n
	}
	rank := int64(math.Ceil(q * float64(total)))
	for i, n := range l.buckets {
		if rank -= n; n > 0 && rank <= 0 {
			return min(bucketEnd(i), l.Max)
		}
	}
	return 0
}

// ConnInfo is what there is to know about one connection, as `cons` shows it.
type ConnInfo struct {
	Remote          netip.AddrPort
	Opened          time.Time
	Queued          int // requests received and not yet answered
	PacketsReceived int64
	PacketsSent     int64

	Session proto.SessionID // 0: none yet, and the rest has no meaning
	Timeout time.Duration
	ConnStats
}

// ConnStats is what a connection counts of its requests.
type ConnStats struct {
	LastOp       proto.OpCode  // OpNotification before the first reply
	LastCxid     int32         // -1 before the first request
	LastZxid     proto.Zxid    // of the last reply
	LastResponse time.Duration // since the server's start
	LastLatency  time.Duration
	MinLatency   time.Duration
	MaxLatency   time.Duration
	SumLatency   time.Duration
	Replies      int64 // that the latencies were taken from
}

// Latencies go into buckets of an eighth of a power of two of nanoseconds.
const (
	subBucketBits  = 3
	latencyBuckets = 40 << subBucketBits // up to 2^42 ns, more than an hour
)

func bucketOf(d time.Duration) int {
	v := uint64(max(d, 0))
	if v < 1<<subBucketBits {
		return int(v)
	}
	exp := bits.Len64(v) - 1 - subBucketBits
	return min(exp<<subBucketBits+int(v>>exp), latencyBuckets-1)
}

func bucketEnd(i int) time.Duration {
	if i < 2<<subBucketBits {
		return time.Duration(i)
	}
	exp := i>>subBucketBits - 1
	mantissa := i&(1<<subBucketBits-1) | 1<<subBucketBits
	return time.Duration((mantissa+1)<<exp - 1)
}

// counters are the live values behind Stats.
type counters struct {
	received, sent, outstanding            atomic.Int64
	accepted, rejected, authFailed, events atomic.Int64
	overflows, badFrames, sessionless      atomic.Int64
	idle, revalidations, unimplemented     atomic.Int64
	connects, dropped, largeRejected       atomic.Int64
	throttleWaits, throttledOps, lateReads atomic.Int64
	stale, staleDropped                    atomic.Int64
	sizeLast, sizeMin, sizeMax             atomic.Int64 // 0: none
	mismatches                             atomic.Int64

	latencyCount, latencySum atomic.Int64
	latencyMin, latencyMax   atomic.Int64 // nanoseconds; min is meaningless without a count
	buckets                  [latencyBuckets]atomic.Int64
}

// tally collects what one goroutine counts during a burst of requests, so that
// the shared counters are touched once.
type tally struct {
	received, sent, events, answered int64
	bytes                            int // queued for sending since somebody last looked
	large                            int // bytes of large requests answered
	// Latencies, in nanoseconds.
	count, sum, min, max int64
	// Sizes of frames, without that of the connect response; 0 if there was none.
	sizeLast, sizeMin, sizeMax int
}

// size takes the size of a frame.
func (t *tally) size(n int) {
	if t.sizeLast = n; t.sizeMin == 0 || n < t.sizeMin {
		t.sizeMin = n
	}
	t.sizeMax = max(t.sizeMax, n)
}

// observe adds n replies of one latency.
func (c *counters) observe(t *tally, d time.Duration, n int64) {
	v := int64(d)
	if t.count == 0 || v < t.min {
		t.min = v
	}
	t.max = max(t.max, v)
	t.count += n
	t.sum += n * v
	c.buckets[bucketOf(d)].Add(n)
}

// add empties t into the shared counters.
func (c *counters) add(t *tally) {
	if t.received != 0 {
		c.received.Add(t.received)
	}
	if t.sent != 0 {
		c.sent.Add(t.sent)
	}
	if t.events != 0 {
		c.events.Add(t.events)
	}
	if t.answered != 0 {
		c.outstanding.Add(-t.answered)
	}
	if t.count != 0 {
		first := c.latencyCount.Add(t.count) == t.count
		c.latencySum.Add(t.sum)
		for old := c.latencyMin.Load(); first || t.min < old; old = c.latencyMin.Load() {
			if c.latencyMin.CompareAndSwap(old, t.min) {
				break
			}
		}
		for old := c.latencyMax.Load(); t.max > old; old = c.latencyMax.Load() {
			if c.latencyMax.CompareAndSwap(old, t.max) {
				break
			}
		}
	}
	if t.sizeLast != 0 {
		c.sizeLast.Store(int64(t.sizeLast))
		for old := c.sizeMin.Load(); old == 0 || int64(t.sizeMin) < old; old = c.sizeMin.Load() {
			if c.sizeMin.CompareAndSwap(old, int64(t.sizeMin)) {
				break
			}
		}
		for old := c.sizeMax.Load(); int64(t.sizeMax) > old; old = c.sizeMax.Load() {
			if c.sizeMax.CompareAndSwap(old, int64(t.sizeMax)) {
				break
			}
		}
	}
	*t = tally{bytes: t.bytes, large: t.large}
}

func (c *counters) snapshot() Stats {
	s := Stats{
		PacketsReceived: c.received.Load(), PacketsSent: c.sent.Load(), Outstanding: c.outstanding.Load(),
		Accepted: c.accepted.Load(), Rejected: c.rejected.Load(), AuthFailed: c.authFailed.Load(),
		WatchEvents: c.events.Load(), OutboxOverflows: c.overflows.Load(), BadFrames: c.badFrames.Load(),
		SessionlessClosed: c.sessionless.Load(), IdleClosed: c.idle.Load(),
		Revalidations: c.revalidations.Load(), Unimplemented: c.unimplemented.Load(),
		DigestMismatches: c.mismatches.Load(), ConnectRequests: c.connects.Load(), Dropped: c.dropped.Load(),
		LargeRejected: c.largeRejected.Load(), ThrottleWaits: c.throttleWaits.Load(), ThrottledOps: c.throttledOps.Load(),
		Stale: c.stale.Load(), StaleDropped: c.staleDropped.Load(), LateReads: c.lateReads.Load(),
	}
	s.Responses = Sizes{-1, -1, -1}
	if last := c.sizeLast.Load(); last > 0 {
		s.Responses = Sizes{last, c.sizeMin.Load(), c.sizeMax.Load()}
	}
	if n := c.latencyCount.Load(); n > 0 {
		s.Latency.Count = n
		s.Latency.Min = time.Duration(c.latencyMin.Load())
		s.Latency.Max = time.Duration(c.latencyMax.Load())
		s.Latency.Avg = time.Duration(c.latencySum.Load() / n)
	}
	for i := range c.buckets {
		s.Latency.buckets[i] = c.buckets[i].Load()
	}
	return s
}

// reset sets everything to zero but what is outstanding, and what authFailed
// counts, which ZooKeeper has as a gauge. Source: ServerStats.reset.
func (c *counters) reset() {
	for _, n := range []*atomic.Int64{
		&c.received, &c.sent, &c.accepted, &c.rejected, &c.events, &c.overflows,
		&c.badFrames, &c.sessionless, &c.idle, &c.revalidations, &c.unimplemented, &c.mismatches,
		&c.latencyCount, &c.latencySum, &c.latencyMin, &c.latencyMax, &c.connects, &c.dropped,
		&c.largeRejected, &c.throttleWaits, &c.throttledOps, &c.stale, &c.staleDropped,
		&c.sizeLast, &c.sizeMin, &c.sizeMax, &c.lateReads,
	} {
		n.Store(0)
	}
	for i := range c.buckets {
		c.buckets[i].Store(0)
	}
}

func (s *ConnStats) observe(d time.Duration, n int64) {
	if s.Replies == 0 || d < s.MinLatency {
		s.MinLatency = d
	}
	s.MaxLatency = max(s.MaxLatency, d)
	s.LastLatency = d
	s.SumLatency += time.Duration(n) * d
	s.Replies += n
}

// Stats returns the server's counters.
func (s *Server) Stats() Stats {
	st := s.counters.snapshot()
	s.mu.RLock()
	st.Connections = s.open
	s.mu.RUnlock()
	if p := s.period.Load(); p != nil {
		st.Served = time.Duration(s.now() - p.began)
	}
	st.DropProbability, st.TokenDeficit = s.connects.stats()
	return st
}

// ResetStats sets the server's counters to zero (srst).
func (s *Server) ResetStats() {
	s.counters.reset()
	s.connects.reset()
}

// Connections returns all open connections, in no particular order.
func (s *Server) Connections() []ConnInfo {
	s.mu.RLock()
	defer s.mu.RUnlock()
	all := make([]ConnInfo, 0, s.open)
	for _, c := range s.conns {
		if c != nil {
			all = append(all, c.info())
		}
	}
	return all
}

// ResetConnStats sets the counters of every connection to zero (crst).
func (s *Server) ResetConnStats() {
	s.mu.RLock()
	defer s.mu.RUnlock()
	for _, c := range s.conns {
		if c != nil {
			c.mu.Lock()
			c.received, c.sent, c.stats = 0, 0, newConnStats
			c.mu.Unlock()
		}
	}
}

var newConnStats = ConnStats{LastOp: proto.OpNotification, LastCxid: -1}

func (c *conn) info() ConnInfo {
	c.mu.Lock()
	defer c.mu.Unlock()
	i := ConnInfo{
		Remote: c.remote(), Opened: c.srv.started.Add(time.Duration(c.opened)), Queued: c.lane.n,
		PacketsReceived: c.received, PacketsSent: c.sent,
		Timeout: time.Duration(c.timeoutMs) * time.Millisecond, ConnStats: c.stats,
	}
	if c.phase == phaseOpen || c.phase == phaseEnding {
		i.Session = c.session
	}
	return i
}
