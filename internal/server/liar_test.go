package server

import (
	"flag"
	"fmt"
	"io"
	"log/slog"
	"math"
	"math/rand/v2"
	"net"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/paddock-io/paddock/internal/auth"
	"github.com/paddock-io/paddock/jute"
	"github.com/paddock-io/paddock/proto"
)

var (
	hostileSeconds = flag.Int("hostile.seconds", 0, "go on with fresh seeds for so many seconds in each test")
	hostileSeed    = flag.Uint64("hostile.seed", 0, "play this seed alone")
)

// TestLiarsAsClients has hostile connections, drawn from a seed, say right and
// wrong things in every state of a connection, while two sessions write and
// watch a znode that the others may not touch. Those lose no reply, get every
// event once, and are nobody else's; and nothing is left of the others.
//
// What a client may do all the same, here as in Java: whoever asks for a session
// by its id ends the connection that it has, before the password counts. The id
// stands in the Stat of an ephemeral, and the password follows from it.
func TestLiarsAsClients(t *testing.T) {
	play := func(seed uint64) bool {
		ok := t.Run(fmt.Sprintf("%#x", seed), func(t *testing.T) { liarsAsClients(t, rand.New(rand.NewPCG(seed, 0))) })
		if !ok {
			t.Logf("replay: make hostile RUN=%s SEED=%#x", t.Name(), seed)
		}
		return ok
	}
	switch {
	case *hostileSeed != 0:
		play(*hostileSeed)
	case *hostileSeconds != 0:
		seed := uint64(time.Now().UnixNano())
		for end := time.Now().Add(time.Duration(*hostileSeconds) * time.Second); time.Now().Before(end) && play(seed); seed++ {
		}
	default:
		for seed := range uint64(5) {
			play(seed + 1)
		}
	}
}

const (
	liarSteps = 400
	maxLiars  = 8
	maxHeap   = 256 << 20 // bytes in use at the end of a seed
)

func liarsAsClients(t *testing.T, rng *rand.Rand) {
	w := newWorld(t, 0, func(o *Options) {
		o.Auth, o.Whitelist = auth.New(auth.Options{}), []string{"ruok", "stat"}
		o.MaxFrame, o.OutboxBytes = 64<<10, 1<<20
		if testing.Verbose() {
			o.Logger = slog.New(slog.NewTextHandler(t.Output(), &slog.HandlerOptions{Level: slog.LevelDebug}))
		}
		o.Words = func(word string, w io.Writer) { io.WriteString(w, word) }
	})
	g := newGoodClients(t, w)
	l := &liars{t: t, rng: rng, w: w, good: g}
	for step := range liarSteps {
		l.step()
		if step%20 == 19 {
			g.check()
		}
	}
	l.leave()
	g.check()
	waitGone(t, w.srv, 2)
	g.mine()
	runtime.GC()
	var m runtime.MemStats
	if runtime.ReadMemStats(&m); m.HeapAlloc > maxHeap {
		t.Errorf("%d MiB are in use", m.HeapAlloc>>20)
	}
}

// goodClients are a session that writes and one that watches.
type goodClients struct {
	t               *testing.T
	w               *world
	writer, watcher *client
	version         int32
}

func newGoodClients(t *testing.T, w *world) *goodClients {
	g := &goodClients{t: t, w: w, writer: w.connect(), watcher: w.connect()}
	for _, c := range []*client{g.writer, g.watcher} {
		c.must(proto.OpAuth, &proto.AuthPacket{Scheme: "digest", Auth: []byte("good:secret")})
	}
	g.writer.create("/good", "", []proto.ACL{{Perms: proto.PermAll, ID: proto.ID{Scheme: "auth"}}}, 0)
	g.writer.create("/good/e", "", []proto.ACL{{Perms: proto.PermAll, ID: proto.ID{Scheme: "auth"}}}, proto.Ephemeral)
	g.watcher.must(proto.OpAddWatch, &proto.AddWatchRequest{Path: "/good", Mode: proto.AddWatchPersistentRecursive})
	return g
}

// check writes once, and insists that it is answered and told of once.
func (g *goodClients) check() {
	g.t.Helper()
	value := fmt.Sprint(g.version)
	g.writer.must(setData("/good", value))
	g.version++
	if e := g.watcher.next().event(g.t); e.Type != proto.EventNodeDataChanged || e.Path != "/good" {
		g.t.Fatalf("instead of the change of /good: %+v", e)
	}
	got, st := g.watcher.must(getData("/good", false)).dataOf(g.t)
	if got != value || st.Version != g.version {
		g.t.Fatalf("/good is %q in version %d, want %q in %d", got, st.Version, value, g.version)
	}
}

// mine insists that what the session owns is there.
func (g *goodClients) mine() {
	g.t.Helper()
	if _, st := g.writer.must(getData("/good/e", false)).dataOf(g.t); st.EphemeralOwner != g.writer.session {
		g.t.Errorf("the ephemeral is session %s's", st.EphemeralOwner)
	}
}

// liars are hostile connections.
type liars struct {
	t     *testing.T
	rng   *rand.Rand
	w     *world
	good  *goodClients
	conns []*liarConn
	wg    sync.WaitGroup
}

// liarConn is one of them. What comes is thrown away, if it is read at all.
type liarConn struct {
	nc      net.Conn
	greeted bool
	mute    bool // it has stopped within a frame
	over    atomic.Bool
}

// write sends bytes. That the server has hung up is its right.
func (c *liarConn) write(b []byte) {
	if _, err := c.nc.Write(b); err != nil {
		c.over.Store(true)
	}
}

func (l *liars) leave() {
	for _, c := range l.conns {
		c.nc.Close()
	}
	l.wg.Wait()
}

func pick[T any](rng *rand.Rand, from ...T) T { return from[rng.IntN(len(from))] }

func (l *liars) step() {
	l.conns = slices.DeleteFunc(l.conns, func(c *liarConn) bool {
		if c.over.Load() {
			c.nc.Close()
		}
		return c.over.Load()
	})
	if len(l.conns) == 0 || len(l.conns) < maxLiars && l.rng.IntN(4) == 0 {
		l.open()
		return
	}
	i := l.rng.IntN(len(l.conns))
	c := l.conns[i]
	if l.rng.IntN(12) == 0 {
		c.nc.Close()
		l.conns = slices.Delete(l.conns, i, i+1)
		return
	}
	switch {
	case c.mute:
	case !c.greeted:
		l.greet(c)
	default:
		l.say(c)
	}
}

func (l *liars) open() {
	nc, err := net.Dial("tcp", l.w.addr)
	if err != nil {
		l.t.Fatal(err)
	}
	nc.SetDeadline(time.Now().Add(patience))
	c := &liarConn{nc: nc}
	l.conns = append(l.conns, c)
	if l.rng.IntN(6) > 0 { // the others never read
		l.wg.Go(func() {
			io.Copy(io.Discard, nc)
			c.over.Store(true)
		})
	}
	if l.rng.IntN(3) > 0 {
		l.greet(c)
	}
}

// greet says the first thing.
func (l *liars) greet(c *liarConn) {
	rng := l.rng
	connect := proto.ConnectRequest{Timeout: 30_000, Passwd: make([]byte, 16), HasReadOnly: rng.IntN(2) == 0}
	switch rng.IntN(16) {
	case 0:
		c.write([]byte(pick(rng, "ruok", "stat", "mntr", "stmk", "ruokruok", "\xff\xf4\xff\xfd", "xyzz")))
	case 1: // a word half way
		c.write([]byte(pick(rng, "r", "ru", "ruo", "stmk1234")))
	case 2:
		c.write(l.noise())
	case 3:
		c.write(jute.AppendInt(nil, l.length()))
	case 4:
		c.write(frameOf(1, proto.OpGetData, &proto.PathWatchRequest{Path: "/good"}))
	case 5: // a session that is nobody's
		connect.SessionID = pick[proto.SessionID](rng, goldenSession+1<<20, -1, 1, math.MinInt64)
		connect.Passwd = pick(rng, make([]byte, 16), nil, []byte{}, l.good.writer.passwd[:15], make([]byte, 1000))
	case 6:
		connect.LastZxidSeen = pick[proto.Zxid](rng, math.MaxInt64, -1, math.MinInt64)
	case 7:
		connect.Timeout = pick[int32](rng, 0, -1, math.MaxInt32, math.MinInt32)
	case 8:
		connect.ProtocolVersion = rng.Int32()
	case 9:
		b := frameOfRecord(&connect)
		c.write(b[:rng.IntN(len(b))])
		c.mute = true
		return
	}
	c.write(frameOfRecord(&connect))
	c.greeted = true
}

func (l *liars) length() int32 {
	return pick[int32](l.rng, -1, math.MinInt32, math.MaxInt32, 64<<10+1, 1<<30, 0, 1, 7)
}

func (l *liars) noise() []byte {
	b := make([]byte, 1+l.rng.IntN(200))
	for i := range b {
		b[i] = byte(l.rng.Uint32())
	}
	return b
}

// say sends a frame, or many, right or wrong at its time.
func (l *liars) say(c *liarConn) {
	rng := l.rng
	xid := pick(rng, rng.Int32N(1000), rng.Int32N(1000), 0, -1, -2, -4, -8, -9, math.MinInt32, math.MaxInt32)
	switch rng.IntN(14) {
	case 0: // a frame without a header, or none
		n := rng.IntN(8)
		c.write(append(jute.AppendInt(nil, int32(n)), make([]byte, n)...))
	case 1:
		c.write(jute.AppendInt(nil, l.length()))
		c.mute = true
	case 2:
		b := frameOf(xid, proto.OpCreate, &proto.CreateRequest{Path: "/liar", Data: make([]byte, 3000), ACL: proto.OpenACL})
		c.write(b[:rng.IntN(len(b))])
		c.mute = true
	case 3:
		c.write(l.noise())
		c.mute = true
	case 4: // a flood of what costs watches
		r := &proto.SetWatchesRequest{RelativeZxid: pick[proto.Zxid](rng, 0, -1, math.MaxInt64, math.MinInt64), V2: rng.IntN(2) == 0}
		for i := range 1000 {
			r.Data, r.Exist, r.Child = append(r.Data, l.path()), append(r.Exist, fmt.Sprintf("/x%d", i)), append(r.Child, l.path())
			r.Persist, r.Recursive = append(r.Persist, l.path()), append(r.Recursive, l.path())
		}
		c.write(frameOf(-8, pick(rng, proto.OpSetWatches, proto.OpSetWatches2), r))
	case 5:
		for i := range 200 {
			c.write(frameOf(-4, proto.OpAuth, &proto.AuthPacket{Scheme: "digest", Auth: fmt.Appendf(nil, "u%d:p", i)}))
		}
	case 6:
		c.write(frameOf(xid, proto.OpAuth, &proto.AuthPacket{Scheme: pick(rng, "digest", "ip", "super", "world", "x", ""), Auth: pick(rng, nil, []byte{}, []byte("good:wrong"), l.noise())}))
	case 7:
		c.write(frameOf(xid, proto.OpCloseSession, nil))
	case 8: // another greeting
		c.write(frameOfRecord(&proto.ConnectRequest{Timeout: 1000, SessionID: l.good.writer.session, Passwd: make([]byte, 16)}))
	case 9: // many that are not waited for
		var b []byte
		for i := range int32(300) {
			b = append(b, l.request(i)...)
		}
		c.write(b)
	case 10:
		c.write(frameOf(xid, proto.OpCode(rng.Int32N(130)-20), raw(l.noise())))
	default:
		c.write(l.request(xid))
	}
}

func (l *liars) path() string {
	return pick(l.rng, "/good", "/good", "/good/e", "/", "/liar", "/liar/a", "", "liar", "/liar/", "//", "/zookeeper/config", "/zookeeper/quota", "/\x00")
}

// request returns any request, most often about a znode that it may not touch.
func (l *liars) request(xid int32) []byte {
	rng := l.rng
	path := l.path()
	acl := pick(rng, proto.OpenACL, nil, []proto.ACL{{Perms: 31, ID: proto.ID{Scheme: "auth"}}})
	if path == "/" { // who may do that may lock everybody out
		acl = nil
	}
	create := &proto.CreateRequest{Path: path, Data: l.noise(), ACL: acl, Flags: proto.CreateFlags(rng.IntN(8) - 1), TTL: -1}
	r := []struct {
		op  proto.OpCode
		req proto.Request
	}{
		{proto.OpCreate, create}, {proto.OpCreate2, create}, {proto.OpCreateContainer, create}, {proto.OpCreateTTL, create},
		{proto.OpDelete, &proto.DeleteRequest{Path: path, Version: -1}},
		{proto.OpSetData, &proto.SetDataRequest{Path: path, Data: l.noise(), Version: -1}},
		{proto.OpSetACL, &proto.SetACLRequest{Path: path, ACL: acl, Version: -1}},
		{proto.OpMulti, &proto.MultiRequest{Ops: []proto.MultiOp{{Type: proto.OpSetData, Req: &proto.SetDataRequest{Path: path, Version: -1}}, {Type: proto.OpCreate, Req: create}}}},
		{proto.OpGetData, &proto.PathWatchRequest{Path: path, Watch: true}}, {proto.OpExists, &proto.PathWatchRequest{Path: path, Watch: true}},
		{proto.OpGetChildren2, &proto.PathWatchRequest{Path: path, Watch: true}}, {proto.OpGetACL, &proto.PathRequest{Path: path}},
		{proto.OpAddWatch, &proto.AddWatchRequest{Path: path, Mode: pick[proto.AddWatchMode](rng, 0, 1, 2, -1)}},
		{proto.OpRemoveWatches, &proto.WatchesRequest{Path: path, Type: proto.WatcherAny}}, {proto.OpCheckWatches, &proto.WatchesRequest{Path: path, Type: 99}},
		{proto.OpSync, &proto.PathRequest{Path: path}}, {proto.OpPing, nil}, {proto.OpGetEphemerals, &proto.PathRequest{Path: "/"}},
		{proto.OpDeleteContainer, &proto.PathRequest{Path: path}}, {proto.OpCreateSession, &proto.CreateSessionRequest{Timeout: 1}},
		{proto.OpReconfig, &proto.ReconfigRequest{Joining: "server.9=h:1:2;3"}}, {proto.OpWhoAmI, nil}, {proto.OpError, nil},
	}[rng.IntN(23)]
	return frameOf(xid, r.op, r.req)
}
