package zk

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"slices"
	"testing"
	"time"

	"github.com/paddock-io/paddock/jute"
)

// A server that talks nonsense loses its client, which goes on with the next.
func TestNonsenseLosesTheLink(t *testing.T) {
	for name, nonsense := range map[string]string{
		"negative length":         "ffffffff",
		"long frame":              "7fffffff",
		"short header":            "00000003 000000",
		"truncated body":          "00000014 00000001 0000000000000001 00000000 7fffffff",
		"other xid":               "00000010 00000002 0000000000000001 ffffff9b",
		"auth out of nowhere":     "00000010 fffffffc 0000000000000000 00000000",
		"truncated event":         "00000018 ffffffff 0000000000000001 00000000 00000003 00000003",
		"reply while none is due": "00000010 00000007 0000000000000001 00000000",
	} {
		t.Run(name, func(t *testing.T) {
			dial, peers := dialPeers(t)
			go func() {
				p := <-peers
				p.expect(goldenConnect)
				p.send(goldenWelcome)
				p.expect("0000000f 00000001 00000004 000000022f61 00")
				p.send(nonsense)
				io.Copy(io.Discard, p.nc) // until the client hangs up
				p = <-peers
				p.expect("0000002d 00000000 0000000000000000 00007530 0100019a2b3c0000 00000010 065c5bdc1bc4b0bd548d586f5cedbfae 00")
				p.send(goldenWelcome)
				p.expect("00000008 00000002 fffffff5")
				p.send("00000010 00000002 0000000000000001 00000000")
			}()
			c, err := Connect(t.Context(), "h", Options{Dial: dial})
			must(t, err)
			res, err := c.Do(t.Context(), GetOp("/a"))
			if !errors.Is(err, ErrConnectionLoss) || res.Data != nil {
				t.Errorf("call: %+v, %v", res, err)
			}
			must(t, c.WaitConnected(t.Context()))
			must(t, c.Close())
		})
	}
}

func TestBadWelcomes(t *testing.T) {
	for name, welcome := range map[string]string{
		"truncated": "00000008 00000000 00007530",
		"no id":     "00000025 00000000 00007530 0000000000000000 00000010 065c5bdc1bc4b0bd548d586f5cedbfae 00",
		"refused":   goldenExpired,
		"a reply":   "00000010 00000000 0000000000000001 ffffff89", // of a read-only server
		"too long":  "10000000",
	} {
		t.Run(name, func(t *testing.T) {
			dial, peers := dialPeers(t)
			go func() {
				p := <-peers
				p.expect(goldenConnect)
				p.send(welcome)
				io.Copy(io.Discard, p.nc)
				p = <-peers
				p.expect(goldenConnect)
				p.send(goldenWelcome)
				io.Copy(io.Discard, p.nc)
			}()
			c, err := Connect(t.Context(), "h", Options{Dial: dial})
			must(t, err)
			c.Detach()
		})
	}
}

// A server without a quorum says why it gives no session.
func TestRefusedSession(t *testing.T) {
	dial, peers := dialPeers(t)
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		p := <-peers
		p.expect(goldenConnect)
		p.send("00000010 00000000 0000000000000001 ffffff89")
		<-peers // a second attempt, after the answer was read
		cancel()
	}()
	if _, err := Connect(ctx, "h", Options{Dial: dial}); !errors.Is(err, ErrNotReadOnly) {
		t.Errorf("error %v", err)
	}
}

// A server that answers a resumed session with another one has lost it.
func TestAnotherSessionMeansExpired(t *testing.T) {
	dial, peers := dialPeers(t)
	go func() {
		p := <-peers
		io.ReadFull(p.nc, make([]byte, 49))
		p.send(goldenWelcome)
	}()
	_, err := Connect(t.Context(), "h", Options{Dial: dial, Resume: Session{ID: 7, Passwd: make([]byte, 16)}})
	if !errors.Is(err, ErrSessionExpired) {
		t.Errorf("error %v", err)
	}
}

// A legacy server leaves out the read-only byte.
func TestWelcomeWithoutReadOnlyByte(t *testing.T) {
	dial, peers := dialPeers(t)
	go func() {
		p := <-peers
		p.expect(goldenConnect)
		p.send("00000024 00000000 00007530 0100019a2b3c0000 00000010 065c5bdc1bc4b0bd548d586f5cedbfae")
		io.Copy(io.Discard, p.nc)
	}()
	c, err := Connect(t.Context(), "h", Options{Dial: dial})
	must(t, err)
	c.Detach()
}

// allOps has one operation for each kind of reply.
var allOps = []Op{
	CreateOp("/a", nil, Persistent, OpenACL), CreateStatOp("/a", nil, Container, OpenACL), DeleteOp("/a", 0),
	GetOp("/a"), SetOp("/a", nil, 0), ExistsOp("/a"), ChildrenOp("/a"), ChildrenStatOp("/a"), GetACLOp("/a"),
	SetACLOp("/a", OpenACL, 0), SyncOp("/a"), MultiOp(CreateOp("/a", nil, 0, nil), DeleteOp("/b", 0)),
	CreateStatOp("/a", nil, Persistent, OpenACL), MultiOp(),
	MultiReadOp(GetOp("/a"), ChildrenOp("/a"), GetOp("/b")), EphemeralsOp("/"), AllChildrenNumberOp("/"), WhoAmIOp(),
	CheckWatchesOp("/a", WatcherAny), ReconfigOp(Reconfiguration{}, AnyConfig), AddWatchOp("/a", WatchPersistent), MultiReadOp(),
}

func FuzzReply(f *testing.F) {
	for _, g := range goldenCalls {
		if b := unhex(f, g.reply); len(b) > 12 {
			f.Add(b[12:], uint8(slices.IndexFunc(allOps, func(op Op) bool { return op.code == g.op.code })))
		}
	}
	f.Fuzz(func(t *testing.T, body []byte, kind uint8) {
		op := allOps[int(kind)%len(allOps)]
		for _, root := range []chroot{"", "/app"} {
			var res Result
			d := jute.NewDecoder(body)
			if err := op.decode(&d, false, root, &res); err != nil {
				continue
			}
			if len(res.Data) > len(body) || 4*len(res.Children) > len(body) || 12*len(res.ACL) > len(body) || 8*len(res.IDs) > len(body) {
				t.Fatalf("%s: more in the result than in %d bytes: %+v", op.name(), len(body), res)
			}
		}
	})
}

// FuzzStream lets a client meet a server that says anything after a proper
// welcome: it must neither panic nor hang, and every call must end.
func FuzzStream(f *testing.F) {
	f.Add(unhex(f, "00000014 00000001 0000000000000001 00000000 ffffffff"))
	f.Add(unhex(f, "0000001e ffffffff 0000000100000007 00000000 00000003 00000003 000000022f61 00000010 00000001 0000000000000005 ffffff9b"))
	f.Add(unhex(f, "00000010 fffffffe 0000000100000005 00000000 00000010 00000001 0000000000000001 00000000"))
	welcome := unhex(f, goldenWelcome)
	f.Fuzz(func(t *testing.T, stream []byte) {
		dialed := false
		dial := func(context.Context, string, string) (net.Conn, error) {
			if dialed {
				return nil, errors.New("only once")
			}
			dialed = true
			return &script{r: bytes.NewReader(slices.Concat(welcome, stream))}, nil
		}
		c, err := Open("h", Options{Dial: dial, MaxFrame: 1 << 16})
		must(t, err)
		states, stop := c.Subscribe()
		defer stop()
		waitState(t, states, Disconnected)
		c.Detach()
	})
}

// script is a connection from which a stream is read to its end.
type script struct {
	r *bytes.Reader
}

func (s *script) Read(p []byte) (int, error)       { return s.r.Read(p) }
func (s *script) Write(p []byte) (int, error)      { return len(p), nil }
func (s *script) Close() error                     { return nil }
func (s *script) LocalAddr() net.Addr              { return nil }
func (s *script) RemoteAddr() net.Addr             { return nil }
func (s *script) SetDeadline(time.Time) error      { return nil }
func (s *script) SetReadDeadline(time.Time) error  { return nil }
func (s *script) SetWriteDeadline(time.Time) error { return nil }
