package server

import (
	"bytes"
	"slices"
	"testing"
	"time"

	"github.com/paddock-io/paddock/proto"
)

// restingWorld is a world whose connections can be at rest.
func restingWorld(t *testing.T, set func(*Options)) *world {
	w := newWorld(t, 0, set)
	if w.srv.poller == nil {
		t.Skip("no connection is at rest on this system")
	}
	return w
}

func (c *conn) atRest() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.resting
}

// awaitRest waits until a client's connection is at rest.
func (w *world) awaitRest(c *client) *conn {
	w.t.Helper()
	sc := w.connOf(c)
	w.until("the connection is at rest", sc.atRest)
	return sc
}

// calm lets the time pass after which readLoops end.
func (w *world) calm() { w.srv.reap(w.srv.now() + int64(2*restAfter)) }

// tag makes a connection at rest look as if it had had a request, so that only
// one that is not given a readLoop is at rest at once.
func (c *conn) tag(t *testing.T) {
	t.Helper()
	if !c.rouse() {
		t.Fatal("the connection is not at rest")
	}
	c.calm = false
	c.layDown()
}

// tagged reports whether a connection at rest still is as tag has left it.
func (c *conn) tagged(t *testing.T) bool {
	t.Helper()
	if !c.rouse() {
		t.Fatal("the connection is not at rest")
	}
	defer c.layDown()
	return !c.calm
}

// ping sends what clients send to stay alive.
func (c *client) ping() {
	c.t.Helper()
	c.sendRaw(frameOf(proto.XidPing, proto.OpPing, nil))
	if got := c.next(); got.Xid != proto.XidPing {
		c.t.Fatalf("reply to %d instead of a ping", got.Xid)
	}
}

func TestPingsAtRest(t *testing.T) {
	w := restingWorld(t, nil)
	c := w.connect()
	sc := w.awaitRest(c)
	sc.tag(t)
	before := w.srv.Stats()
	for range 3 {
		c.ping()
		w.awaitRest(c)
	}
	if !sc.tagged(t) {
		t.Error("a ping has cost a readLoop")
	}
	after := w.srv.Stats()
	if got := after.PacketsReceived - before.PacketsReceived; got != 3 {
		t.Errorf("%d packets received instead of 3", got)
	}
	if touches := w.srv.Touched(nil); len(touches) != 1 || touches[0].ID != c.session {
		t.Errorf("signs of life: %v", touches)
	}
}

func TestRequestsAtRest(t *testing.T) {
	w := restingWorld(t, nil)
	c := w.connect()
	c.create("/a", "1", proto.OpenACL, 0)
	ping := frameOf(proto.XidPing, proto.OpPing, nil)
	get := func(xid int32) []byte {
		op, r := getData("/a", false)
		return frameOf(xid, op, r)
	}
	write := func(xid int32) []byte {
		op, r := setData("/a", "1")
		return frameOf(xid, op, r)
	}
	for name, tc := range map[string]struct {
		parts [][]byte // sent one by one, each when the server has read the one before
		want  []int32
	}{
		"read":                 {[][]byte{get(1)}, []int32{1}},
		"write":                {[][]byte{write(2)}, []int32{2}},
		"ping and read":        {[][]byte{append(bytes.Clone(ping), get(3)...)}, []int32{-2, 3}},
		"two pings":            {[][]byte{append(bytes.Clone(ping), ping...)}, []int32{-2, -2}},
		"ping in two pieces":   {[][]byte{ping[:7], ping[7:]}, []int32{-2}},
		"ping and half of one": {[][]byte{append(bytes.Clone(ping), ping[:3]...), ping[3:]}, []int32{-2, -2}},
		"more than a buffer":   {[][]byte{bytes.Repeat(get(4), readBufferSize/16)}, slices.Repeat([]int32{4}, readBufferSize/16)},
	} {
		w.calm()
		sc := w.awaitRest(c)
		for i, part := range tc.parts {
			if i > 0 {
				w.until("the first part is read", func() bool { return !sc.atRest() })
			}
			c.sendRaw(part)
		}
		for _, xid := range tc.want {
			if got := c.next(); got.Xid != xid || got.Err != proto.OK {
				t.Errorf("%s: reply to %d (%v) instead of %d", name, got.Xid, got.Err, xid)
			}
		}
	}
}

// A readLoop with half a frame stays, however long the rest of it takes.
func TestHalfAFrameIsKept(t *testing.T) {
	w := restingWorld(t, nil)
	c := w.connect()
	sc := w.awaitRest(c)
	ping := frameOf(proto.XidPing, proto.OpPing, nil)
	c.sendRaw(ping[:5])
	w.until("half a frame is read", func() bool { return !sc.atRest() })
	for range 3 {
		w.calm()
	}
	c.sendRaw(ping[5:])
	if got := c.next(); got.Xid != proto.XidPing {
		t.Errorf("reply to %d instead of a ping", got.Xid)
	}
	w.awaitRest(c)
}

func TestEventsReachConnectionsAtRest(t *testing.T) {
	w := restingWorld(t, nil)
	c, other := w.connect(), w.connect()
	other.create("/a", "1", proto.OpenACL, 0)
	c.must(getData("/a", true))
	w.calm()
	w.awaitRest(c)
	other.must(setData("/a", "2"))
	if e := c.next().event(t); e.Path != "/a" {
		t.Errorf("event of %q", e.Path)
	}
}

func TestEndsAtRest(t *testing.T) {
	for name, end := range map[string]func(w *world, c *client){
		"client leaves":   func(_ *world, c *client) { c.nc.Close() },
		"session expires": func(w *world, c *client) { w.expire(c.session); c.ended() },
		"silent": func(w *world, c *client) {
			w.srv.reap(w.srv.now() + int64(time.Hour))
			c.ended()
		},
		"not serving":    func(w *world, c *client) { w.do(func() { w.srv.StopServing("test") }); c.ended() },
		"resumed":        func(w *world, c *client) { w.resume(c).nc.Close(); c.ended() },
		"bad frame":      func(_ *world, c *client) { c.sendRaw([]byte{0xff, 0, 0, 0}); c.ended() },
		"closes session": func(_ *world, c *client) { c.must(proto.OpCloseSession, nil); c.ended() },
	} {
		t.Run(name, func(t *testing.T) {
			w := restingWorld(t, nil)
			c := w.connect()
			w.awaitRest(c)
			end(w, c)
			w.until("the connection is forgotten", func() bool { return w.srv.Stats().Connections == 0 })
		})
	}
}

// Requests that may have to wait are none of the poller's.
func TestLimitedAtRest(t *testing.T) {
	w := restingWorld(t, func(o *Options) { o.LargeRequestThreshold = 1 })
	c := w.connect()
	for range 2 {
		sc := w.awaitRest(c)
		sc.tag(t)
		c.ping()
		if w.calm(); w.awaitRest(c).tagged(t) {
			t.Fatal("a ping has passed by the limits")
		}
	}
}

// A slot may belong to another connection by the time that the poller tells of it.
func TestArrivalOfAnEarlierConnection(t *testing.T) {
	w := restingWorld(t, nil)
	sc := w.awaitRest(w.connect())
	list := []arrival{{slot: sc.slot, id: uint32(sc.id)}, {slot: sc.slot, id: uint32(sc.id) - 1}}
	if got := w.srv.arrived(list, nil); got[0] != sc || got[1] != nil {
		t.Errorf("connections %v", got)
	}
}
