package server

import (
	"context"
	"io"
	"math/rand/v2"
	"net"
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/paddock-io/paddock/jute"
	"github.com/paddock-io/paddock/proto"
)

// A client whose writes and parked reads produce more than it reads is closed,
// and nobody else suffers.
func TestOutboxBudget(t *testing.T) {
	w := newWorld(t, 0, func(o *Options) { o.OutboxBytes = 256 << 10 })
	other, c := w.connect(), w.connect()
	c.must(proto.OpCreate, &proto.CreateRequest{Path: "/big", Data: make([]byte, 100_000), ACL: proto.OpenACL})
	w.hold()
	n := w.requests()
	c.send(setData("/", ""))
	for range 150 { // far more than a socket and the budget hold, and what may be hemmed in
		c.send(getData("/big", false))
	}
	c.send(setData("/", ""))
	w.submitted(n + 2)
	w.release(-1)
	for {
		if _, err := c.tryRecv(); err != nil {
			break
		}
	}
	if s := w.srv.Stats(); s.OutboxOverflows != 1 {
		t.Errorf("%+v", s)
	}
	other.must(getData("/big", false))
	w.resume(c).must(proto.OpPing, nil) // its session lives
}

// A client that sends reads and never takes a reply is not read any more, at a
// bounded cost, and closed when its session's time is over.
func TestClientThatNeverReads(t *testing.T) {
	w := newWorld(t, 0, nil)
	admin := w.connect()
	admin.must(proto.OpCreate, &proto.CreateRequest{Path: "/big", Data: make([]byte, 100_000), ACL: proto.OpenACL})
	near, far := net.Pipe() // unbuffered: nothing is taken off the server's hands
	w.srv.receive(far)
	c := &client{t: t, nc: near}
	go c.nc.Write(frameOfRecord(&proto.ConnectRequest{Timeout: 30000, Passwd: make([]byte, 16), HasReadOnly: true}))
	c.recv()
	var wg sync.WaitGroup
	wg.Go(func() {
		op, req := getData("/big", false)
		for {
			if _, err := near.Write(frameOf(1, op, req)); err != nil {
				return
			}
		}
	})
	paused := func() (bool, int) {
		w.srv.mu.RLock()
		defer w.srv.mu.RUnlock()
		for _, c := range w.srv.conns {
			if c != nil && !c.remote().IsValid() {
				c.mu.Lock()
				defer c.mu.Unlock()
				return c.wait != nil, c.pending()
			}
		}
		return false, 0
	}
	deadline := time.Now().Add(patience)
	for {
		ok, pending := paused()
		if ok {
			if pending < readPause || pending > readPause+burstBytes+200_000 {
				t.Errorf("paused with %d bytes queued", pending)
			}
			break
		}
		if time.Now().After(deadline) {
			t.Fatal("the server goes on reading")
		}
		runtime.Gosched()
	}
	admin.must(proto.OpPing, nil)
	w.srv.reap(w.srv.now() + int64(31*time.Second))
	wg.Wait()
	w.gone(0)
}

// Events to a client that does not read are bounded as well.
func TestEventsToClientThatNeverReads(t *testing.T) {
	w := newWorld(t, 0, func(o *Options) { o.OutboxBytes = 4 << 10 })
	writer := w.connect()
	near, far := net.Pipe()
	w.srv.receive(far)
	c := &client{t: t, nc: near}
	go c.nc.Write(frameOfRecord(&proto.ConnectRequest{Timeout: 30000, Passwd: make([]byte, 16), HasReadOnly: true}))
	c.recv()
	var names []string
	for i := range 200 {
		name := "/" + string(make([]byte, 40)) + string(rune('a'+i%26)) + string(rune('a'+i/26))
		name = replaceNUL(name)
		writer.create(name, "", proto.OpenACL, 0)
		names = append(names, name)
	}
	near.Write(frameOf(1, proto.OpSetWatches, &proto.SetWatchesRequest{RelativeZxid: 1 << 40, Data: names}))
	c.recv()
	for _, name := range names {
		writer.must(setData(name, ""))
	}
	w.gone(1)
	if s := w.srv.Stats(); s.OutboxOverflows != 1 {
		t.Errorf("%d overflows", s.OutboxOverflows)
	}
	if n := w.watches(); n != 0 {
		t.Errorf("%d watches left", n)
	}
}

func replaceNUL(s string) string {
	b := []byte(s)
	for i := range b {
		if b[i] == 0 {
			b[i] = 'n'
		}
	}
	return string(b)
}

// A client that sends more than the quorum takes is not read until it does.
func TestLaneIsBounded(t *testing.T) {
	w := newWorld(t, 0, nil)
	c := w.connect()
	w.hold()
	big := make([]byte, 60_000) // a long path that does not exist
	for i := range big {
		big[i] = 'x'
	}
	const reads = 200 // three times what the lane holds
	var wg sync.WaitGroup
	wg.Go(func() {
		c.send(setData("/", ""))
		for range reads {
			c.send(getData("/"+string(big), false))
		}
		c.send(setData("/", ""))
	})
	deadline := time.Now().Add(patience)
	for w.srv.Stats().Outstanding < laneMaxBytes/60_001 {
		if time.Now().After(deadline) {
			t.Fatalf("%d outstanding", w.srv.Stats().Outstanding)
		}
		runtime.Gosched()
	}
	w.release(-1)
	for i := range reads + 2 {
		if r := c.next(); r.Xid != int32(i+1) {
			t.Fatalf("reply %d is to %d", i+1, r.Xid)
		}
	}
	wg.Wait()
}

func TestBadFrames(t *testing.T) {
	w := newWorld(t, 0, func(o *Options) { o.MaxFrame = 1000 })
	healthy := w.connect()
	open := unhex(t, connectRequest)
	for name, b := range map[string][]byte{
		"negative length":            {0xff, 0xff, 0xff, 0xff},
		"most negative length":       {0x80, 0, 0, 0},
		"length over the limit":      {0, 0, 3, 0xe9},
		"HTTP":                       []byte("GET / HTTP/1.1\r\n\r\n"),
		"TLS":                        {0x16, 3, 1, 2, 0, 1, 0, 1, 0xfc, 3, 3},
		"empty connect request":      {0, 0, 0, 0},
		"truncated connect request":  {0, 0, 0, 4, 0, 0, 0, 0},
		"password length out of all": unhex(t, "0000001c 00000000 0000000000000000 00007530 0000000000000000 7fffffff"),
		"password length negative":   unhex(t, "0000001c 00000000 0000000000000000 00007530 0000000000000000 fffffff0"),
	} {
		c := w.dial()
		c.sendRaw(b)
		c.ended()
		if name == "" {
			t.Fatal()
		}
	}
	for _, b := range [][]byte{
		{0, 0, 0, 0},                      // no header
		{0, 0, 0, 7, 1, 2, 3, 4, 5, 6, 7}, // not all of it
		{0, 0, 3, 0xe9},
		{0xff, 0xff, 0xff, 0xfe},
		frameOf(1, proto.OpAuth, nil), // no packet
	} {
		c := w.dial()
		c.sendRaw(open)
		c.recv()
		c.sendRaw(b)
		c.ended()
	}
	// The limit itself is fine, and arrives in pieces.
	whole := frameOf(1, proto.OpSetData, &proto.SetDataRequest{Path: "/", Data: make([]byte, 1000-8-5-4-4), Version: -1})
	if len(whole) != 1004 {
		t.Fatal(len(whole))
	}
	for i := range whole {
		healthy.sendRaw(whole[i : i+1])
	}
	if r := healthy.next(); r.Err != proto.OK {
		t.Errorf("%+v", r)
	}
	if n := w.srv.Stats().BadFrames; n != 9 {
		t.Errorf("%d bad frames counted", n)
	}
}

// A megabyte in one frame, and a megabyte back.
func TestLargeFrames(t *testing.T) {
	w := newWorld(t, 0, nil)
	c := w.connect()
	data := make([]byte, 1_000_000)
	for i := range data {
		data[i] = byte(i * 7)
	}
	c.must(proto.OpCreate, &proto.CreateRequest{Path: "/big", Data: data, ACL: proto.OpenACL})
	for range 3 {
		if got, _ := c.must(getData("/big", false)).dataOf(t); got != string(data) {
			t.Fatal("data differ")
		}
	}
}

// Whatever comes in, the server and its other clients go on.
func TestRandomBytes(t *testing.T) {
	w := newWorld(t, 0, nil)
	healthy := w.connect()
	open := unhex(t, connectRequest)
	for seed := range uint64(200) {
		rnd := rand.New(rand.NewPCG(seed, 1))
		nc, err := net.Dial("tcp", w.addr)
		if err != nil {
			t.Fatal(err)
		}
		nc.SetDeadline(time.Now().Add(patience))
		b := make([]byte, rnd.IntN(300))
		for i := range b {
			b[i] = byte(rnd.Uint32())
		}
		if seed%2 == 0 { // behind a handshake, as frames with known operations
			frame := proto.RequestHeader{Xid: 1, Op: proto.OpCode(rnd.IntN(24))}.Append(nil)
			frame = append(frame, b...)
			b = append(append(open[:len(open):len(open)], jute.AppendInt(nil, int32(len(frame)))...), frame...)
		}
		nc.Write(b)
		nc.(*net.TCPConn).CloseWrite()
		io.Copy(io.Discard, nc)
		nc.Close()
	}
	healthy.must(proto.OpPing, nil)
	w.gone(1)
}

// Ten thousand idle connections, or as many as the process may have, cost
// little each.
func TestManyIdleConnections(t *testing.T) {
	n := min(raiseFileLimit()-200, 20_000) / 2 // both ends are in this process
	if testing.Short() {
		n = min(n, 500)
	}
	w := newWorld(t, 0, func(o *Options) { o.Backlog = 1000 })
	w.do(func() { w.batch = 1 })
	request := (&proto.ConnectRequest{Timeout: 60000, Passwd: make([]byte, 16), HasReadOnly: true}).Append(nil)
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	conns := make([]net.Conn, n)
	defer func() {
		for _, nc := range conns {
			if nc != nil {
				nc.Close()
			}
		}
	}()
	for i := range conns {
		nc, err := net.Dial("tcp", w.addr)
		if err != nil {
			t.Fatalf("connection %d: %v", i, err)
		}
		conns[i] = nc
		nc.SetDeadline(time.Now().Add(3 * patience))
		c := client{t: t, nc: nc}
		c.sendFrame(request)
		c.recv()
	}
	runtime.GC()
	runtime.ReadMemStats(&after)
	// The clients' ends are in there, too.
	t.Logf("%d connections: %d bytes of heap and %d of stack each", n,
		(after.HeapInuse-before.HeapInuse)/uint64(n), (after.StackInuse-before.StackInuse)/uint64(n))
	if s := w.srv.Stats(); s.Connections != n {
		t.Errorf("%d connections", s.Connections)
	}
	for _, nc := range conns {
		c := client{t: t, nc: nc}
		c.must(proto.OpPing, nil)
	}
	if got := len(w.srv.Touched(nil)); got != n {
		t.Errorf("%d sessions touched", got)
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if err := w.srv.Close(ctx); err != nil {
		t.Error(err)
	}
}
