package server

import (
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/paddock-io/paddock/proto"
)

func TestBuckets(t *testing.T) {
	last := -1
	for _, d := range []time.Duration{0, 1, 7, 8, 9, 15, 16, 17, 31, 32, 1000, 1 << 20, 1<<20 + 1, time.Second, time.Hour} {
		i := bucketOf(d)
		end := bucketEnd(i)
		if i < last || end < d || end > d+d/8 {
			t.Errorf("%d is in bucket %d, which ends at %d", d, i, end)
		}
		last = i
	}
	if bucketOf(-5) != 0 || bucketOf(1<<62) != latencyBuckets-1 {
		t.Error("out of range")
	}
}

func TestQuantile(t *testing.T) {
	rnd := rand.New(rand.NewPCG(1, 2))
	var c counters
	var all []time.Duration
	for range 10_000 {
		d := time.Duration(rnd.ExpFloat64() * float64(time.Millisecond))
		all = append(all, d)
		var one tally
		c.observe(&one, d, 1)
		c.add(&one)
	}
	slices.Sort(all)
	l := c.snapshot().Latency
	for _, q := range []float64{0.01, 0.5, 0.9, 0.99, 0.999, 1} {
		want := all[max(0, int(q*10_000)-1)]
		if got := l.Quantile(q); got < want || got > want+want/8+1 {
			t.Errorf("quantile %g: %v, want %v", q, got, want)
		}
	}
	if l.Min != all[0] || l.Max != all[len(all)-1] || l.Count != 10_000 || l.Avg < l.Min || l.Avg > l.Max {
		t.Errorf("%d %v %v %v", l.Count, l.Min, l.Avg, l.Max)
	}
	if c.reset(); c.snapshot() != (Stats{Responses: Sizes{-1, -1, -1}}) {
		t.Error("not reset")
	}
	var none Latency
	if none.Quantile(0.5) != 0 {
		t.Error("quantile of nothing")
	}
}

func TestConnections(t *testing.T) {
	w := newWorld(t, 0, nil)
	c := w.connect()
	c.create("/a", "", proto.OpenACL, 0)
	c.must(getData("/a", true))
	w.dial()
	w.gone(2)
	c.send(setData("/a", ""))
	c.next()
	c.next()
	w.until("the request is counted, which may come after its answer", func() bool { return w.srv.Stats().PacketsReceived == 4 })
	infos := w.srv.Connections()
	slices.SortFunc(infos, func(a, b ConnInfo) int { return int(b.Session - a.Session) })
	i := infos[0]
	if i.Session != c.session || i.Timeout != 30*time.Second || i.PacketsReceived != 4 || i.PacketsSent != 5 ||
		i.LastOp != proto.OpSetData || i.LastCxid != 3 || i.LastZxid != 3 || i.Queued != 0 || i.Replies != 4 ||
		i.MinLatency > i.MaxLatency || i.Remote.String() != c.nc.LocalAddr().String() {
		t.Errorf("%+v", i)
	}
	if i := infos[1]; i.Session != 0 || i.LastCxid != -1 || i.PacketsReceived != 0 {
		t.Errorf("%+v", i)
	}
	s := w.srv.Stats()
	if s.PacketsReceived != 4 || s.PacketsSent != 5 || s.WatchEvents != 1 || s.Connections != 2 || s.Latency.Count != 4 ||
		s.Outstanding != 0 || s.Latency.Max < s.Latency.Min || s.Latency.Max == 0 {
		t.Errorf("%+v", s)
	}
	w.srv.counters.authFailed.Store(3)
	w.srv.ResetStats()
	w.srv.ResetConnStats()
	if s := w.srv.Stats(); s.PacketsReceived != 0 || s.Latency.Count != 0 || s.Connections != 2 || s.AuthFailed != 3 {
		t.Errorf("%+v", s)
	}
	for _, i := range w.srv.Connections() {
		if i.PacketsSent != 0 || i.Replies != 0 || i.LastCxid != -1 {
			t.Errorf("%+v", i)
		}
	}
}

// Sizes are those of replies and events, without the length and the response to
// the connect request.
func TestResponseSizes(t *testing.T) {
	w := newWorld(t, 0, nil)
	c := w.connect()
	if got := w.srv.Stats().Responses; got != (Sizes{-1, -1, -1}) {
		t.Errorf("%+v without a reply", got)
	}
	c.create("/a", "0123456789", proto.OpenACL, 0)              // 16 + 4 + 2
	c.must(getData("/a", true))                                 // 16 + 4 + 10 + 68
	c.must(proto.OpPing, nil)                                   // 16
	c.must(proto.OpExists, &proto.PathWatchRequest{Path: "/a"}) // 16 + 68
	if got := w.srv.Stats().Responses; got != (Sizes{84, 16, 98}) {
		t.Errorf("%+v", got)
	}
	c.send(proto.OpDelete, &proto.DeleteRequest{Path: "/a", Version: -1}) // an event of 16 + 8 + 4 + 2, and 16
	c.next()
	c.next()
	if got := w.srv.Stats().Responses; got.Last != 16 {
		t.Errorf("%+v", got)
	}
	w.srv.ResetStats()
	if got := w.srv.Stats().Responses; got != (Sizes{-1, -1, -1}) {
		t.Errorf("%+v after a reset", got)
	}
	if d := w.srv.Stats().Served; d <= 0 {
		t.Errorf("served for %v", d)
	}
	w.do(func() { w.srv.StopServing("test") })
	if d := w.srv.Stats().Served; d != 0 {
		t.Errorf("served for %v", d)
	}
}
