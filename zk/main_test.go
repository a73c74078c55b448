package zk

import (
	"context"
	"encoding/hex"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/paddock-io/paddock/zk/internal/fake"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// connect opens a session with a fake server; both end with the test.
func connect(t testing.TB, s *fake.Server, opts Options) *Conn {
	t.Helper()
	return connectTo(t, s, "fake", opts)
}

func connectTo(t testing.TB, s *fake.Server, servers string, opts Options) *Conn {
	t.Helper()
	opts.Dial = s.Dial
	c, err := Connect(t.Context(), servers, opts)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		c.Close()
		s.Close()
	})
	return c
}

// must fails the test unless err is nil.
func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// state waits until the Conn reports want.
func waitState(t testing.TB, states <-chan State, want State) {
	t.Helper()
	for s := range states {
		if s == want {
			return
		}
	}
	t.Fatalf("never became %v", want)
}

// mustEvent waits for a watch's event and compares it.
func mustEvent(t testing.TB, w *Watch, typ EventType, path string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	ev, err := w.Wait(ctx)
	if err != nil || ev.Type != typ || ev.Path != path {
		t.Fatalf("event %+v, error %v, want %v of %s", ev, err, typ, path)
	}
}

// mustEvents reads as many events as wanted and compares type and path.
func mustEvents(t testing.TB, w *PersistentWatch, want ...string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	for _, one := range want {
		ev, err := w.Next(ctx)
		if got := fmt.Sprintf("%v %s", ev.Type, ev.Path); err != nil || got != one {
			t.Fatalf("event %s, error %v, want %s", got, err, one)
		}
	}
}

// peer is the server's end of a connection, played by the test.
type peer struct {
	t  testing.TB
	nc net.Conn
}

// dialPeers returns a Dial for Options whose server ends come out of the
// channel.
func dialPeers(t testing.TB) (dial func(context.Context, string, string) (net.Conn, error), peers chan *peer) {
	peers = make(chan *peer, 16)
	return func(context.Context, string, string) (net.Conn, error) {
		client, server := net.Pipe()
		server.SetDeadline(time.Now().Add(20 * time.Second)) // rather fail than hang
		peers <- &peer{t, server}
		return client, nil
	}, peers
}

func unhex(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(strings.NewReplacer(" ", "", "|", "", "\n", "", "\t", "").Replace(s))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// expect reads exactly the given bytes from the client.
func (p *peer) expect(want string) {
	p.t.Helper()
	w := unhex(p.t, want)
	got := make([]byte, len(w))
	if n, err := io.ReadFull(p.nc, got); err != nil || string(got) != string(w) {
		p.t.Errorf("client sent\n%x (%v), want\n%x", got[:n], err, w)
	}
}

func (p *peer) send(frame string) {
	p.t.Helper()
	if _, err := p.nc.Write(unhex(p.t, frame)); err != nil {
		p.t.Errorf("send: %v", err)
	}
}

// hexInt writes n as a big-endian int32 in hex.
func hexInt(n int) string { return fmt.Sprintf("%08x", uint32(n)) }

// frameHex puts the length before a payload in hex.
func frameHex(t testing.TB, payload string) string {
	return hexInt(len(unhex(t, payload))) + payload
}
