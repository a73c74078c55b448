package proxy

import (
	"bytes"
	"errors"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/paddock-io/paddock/proto"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// world is a target that hands out the connections it accepts, and a link to it.
type world struct {
	t        *testing.T
	link     *Link
	accepted chan net.Conn
}

func newWorld(t *testing.T, prepare func(*Link)) *world {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	w := &world{t: t, accepted: make(chan net.Conn, 16)}
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			nc, err := ln.Accept()
			if err != nil {
				return
			}
			w.accepted <- nc
		}
	}()
	if w.link, err = Listen(ln.Addr().String(), rand.New(rand.NewPCG(1, 2))); err != nil {
		t.Fatal(err)
	}
	if prepare != nil {
		prepare(w.link)
	}
	w.link.Start()
	t.Cleanup(func() {
		w.link.Close()
		ln.Close()
		<-done
		close(w.accepted)
		for nc := range w.accepted {
			nc.Close()
		}
	})
	return w
}

// dial connects through the link; both ends give up after ten seconds.
func (w *world) dial() net.Conn {
	w.t.Helper()
	nc, err := net.Dial("tcp", w.link.Addr())
	if err != nil {
		w.t.Fatal(err)
	}
	nc.SetDeadline(time.Now().Add(10 * time.Second))
	w.t.Cleanup(func() { nc.Close() })
	return nc
}

func (w *world) accept() net.Conn {
	w.t.Helper()
	select {
	case nc := <-w.accepted:
		nc.SetDeadline(time.Now().Add(10 * time.Second))
		w.t.Cleanup(func() { nc.Close() })
		return nc
	case <-time.After(10 * time.Second):
		w.t.Fatal("the target was not dialled")
		return nil
	}
}

func send(t *testing.T, nc net.Conn, text string) {
	t.Helper()
	if _, err := io.WriteString(nc, text); err != nil {
		t.Fatal(err)
	}
}

func expect(t *testing.T, nc net.Conn, want string) {
	t.Helper()
	b := make([]byte, len(want))
	if _, err := io.ReadFull(nc, b); err != nil || string(b) != want {
		t.Fatalf("got %q and %v, want %q", b, err, want)
	}
}

// TestOrder: jitter must not reorder, and the end of a stream comes last.
func TestOrder(t *testing.T) {
	w := newWorld(t, nil)
	w.link.Set(Condition{Delay: time.Millisecond, Jitter: 3 * time.Millisecond}, Condition{Jitter: time.Millisecond, Rate: 1 << 20})
	in := w.dial()
	out := w.accept()
	var sent bytes.Buffer
	for i := range 50 {
		piece := bytes.Repeat([]byte{byte(i)}, 1000)
		sent.Write(piece)
		in.Write(piece)
	}
	in.(*net.TCPConn).CloseWrite()
	if got, err := io.ReadAll(out); err != nil || !bytes.Equal(got, sent.Bytes()) {
		t.Errorf("%d bytes sent, %d came, %v; the same: %v", sent.Len(), len(got), err, bytes.Equal(got, sent.Bytes()))
	}
	send(t, out, "back")
	expect(t, in, "back")
}

// TestStall: one way is a black hole, the other goes on, and afterwards
// everything arrives.
func TestStall(t *testing.T) {
	w := newWorld(t, nil)
	in := w.dial()
	out := w.accept()
	send(t, in, "before")
	expect(t, out, "before")
	w.link.SetThere(Condition{Stall: true})
	send(t, in, "x")
	for range 2000 { // long enough for x to come if it could
		send(t, out, "y")
		expect(t, in, "y")
	}
	out.SetReadDeadline(time.Now())
	if n, err := out.Read(make([]byte, 1)); n != 0 {
		t.Fatalf("%d byte came through a stalled way, %v", n, err)
	}
	out.SetReadDeadline(time.Now().Add(10 * time.Second))
	w.link.Set(Condition{}, Condition{})
	expect(t, out, "x")
}

// TestStalledDial: a connection that is dialled into a stall reaches the target
// when it is over.
func TestStalledDial(t *testing.T) {
	w := newWorld(t, nil)
	w.link.SetBack(Condition{Stall: true})
	in := w.dial()
	send(t, in, "hello")
	if len(w.accepted) > 0 {
		t.Error("the target was dialled")
	}
	w.link.SetBack(Condition{})
	expect(t, w.accept(), "hello")
}

func TestCut(t *testing.T) {
	w := newWorld(t, nil)
	in := w.dial()
	out := w.accept()
	w.link.Cut(true)
	for _, nc := range []net.Conn{in, out} {
		if _, err := nc.Read(make([]byte, 1)); err == nil || err == io.EOF {
			t.Errorf("a cut connection ends with %v, want a reset", err)
		}
	}
	if nc, err := net.Dial("tcp", w.link.Addr()); err == nil { // the reset may come first
		nc.SetDeadline(time.Now().Add(10 * time.Second))
		if _, err := nc.Read(make([]byte, 1)); err == nil {
			t.Error("a new connection is not reset")
		}
		nc.Close()
	}
	w.link.Cut(false)
	send(t, w.dial(), "again")
	expect(t, w.accept(), "again")
}

// TestAbandon: the dialler's end is reset, and the target's neither ends nor
// refuses what is sent.
func TestAbandon(t *testing.T) {
	w := newWorld(t, nil)
	in := w.dial()
	out := w.accept()
	send(t, in, "before")
	expect(t, out, "before")
	w.link.Abandon()
	if _, err := in.Read(make([]byte, 1)); err == nil || err == io.EOF {
		t.Errorf("the dialler's end ends with %v, want a reset", err)
	}
	for range 2000 { // long enough for an end to come through
		send(t, out, "to nobody")
		other := w.link.all()
		if len(other) != 1 {
			t.Fatalf("%d connections are left", len(other))
		}
	}
	out.SetReadDeadline(time.Now())
	if _, err := out.Read(make([]byte, 1)); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("the target's end has %v, want silence", err)
	}
	out.SetReadDeadline(time.Now().Add(10 * time.Second))
	w.link.Reset()
	if _, err := out.Read(make([]byte, 1)); err == nil {
		t.Error("a reset does not end a half-open connection")
	}
	send(t, w.dial(), "again")
	expect(t, w.accept(), "again")
}

// TestBreakAfter: every place in a stream is one to break at.
func TestBreakAfter(t *testing.T) {
	for _, n := range []int{0, 1, 7, 4095, 20_000} {
		w := newWorld(t, nil)
		in := w.dial()
		out := w.accept()
		w.link.BreakAfter(int64(n))
		go in.Write(make([]byte, 30_000))
		got, err := io.ReadAll(out)
		// A reset may overtake bytes that the receiver has not read yet.
		if err == nil || len(got) > n {
			t.Errorf("break after %d: %d bytes came, then %v", n, len(got), err)
		}
		send(t, w.dial(), "whole")
		expect(t, w.accept(), "whole")
	}
}

// TestIntroduce: whoever dials an election port is dialled back through a proxy.
func TestIntroduce(t *testing.T) {
	w := newWorld(t, func(l *Link) { l.Introduce("127.0.0.1:4711") })
	in := w.dial()
	in.Write(proto.InitialMessage{Peer: 3, Addrs: []string{"127.0.0.1:1"}}.Append(nil))
	send(t, in, "behind")
	want := proto.InitialMessage{Peer: 3, Addrs: []string{"127.0.0.1:4711"}}.Append(nil)
	out := w.accept()
	expect(t, out, string(want)+"behind")

	in = w.dial() // an id that is smaller introduces itself and hangs up
	in.Write(proto.InitialMessage{Peer: 1, Addrs: []string{"127.0.0.1:2"}}.Append(nil))
	in.Close()
	if got, err := io.ReadAll(w.accept()); err != nil || len(got) != len(want) {
		t.Errorf("got %q, %v", got, err)
	}
}
