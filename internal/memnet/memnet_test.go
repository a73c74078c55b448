package memnet

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"os"
	"syscall"
	"testing"
	"testing/synctest"
	"time"
)

// inBubble runs a test on a network of its own, with the bubble's clock. It
// fails if something is left running.
func inBubble(t *testing.T, f func(t *testing.T, n *Network)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) { f(t, New(1)) })
}

// connect returns both ends of a connection from a to b.
func connect(t *testing.T, n *Network) (a, b net.Conn) {
	t.Helper()
	l, err := n.Host("b").Listen("tcp", "b:1")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if a, err = n.Host("a").Dial(t.Context(), "tcp", "b:1"); err != nil {
		t.Fatal(err)
	}
	if b, err = l.Accept(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { a.Close(); b.Close() })
	return a, b
}

func mustWrite(t *testing.T, c net.Conn, s string) {
	t.Helper()
	if n, err := c.Write([]byte(s)); n != len(s) || err != nil {
		t.Fatalf("write: %d, %v", n, err)
	}
}

func mustRead(t *testing.T, c net.Conn, want string) {
	t.Helper()
	b := make([]byte, len(want))
	if n, err := io.ReadFull(c, b); err != nil || string(b) != want {
		t.Fatalf("read %q, %v; want %q", b[:n], err, want)
	}
}

// mustFail reads until an error, which must be this one.
func mustFail(t *testing.T, c net.Conn, want error) {
	t.Helper()
	for {
		if _, err := c.Read(make([]byte, 10)); err != nil {
			if !errors.Is(err, want) {
				t.Fatalf("read: %v, want %v", err, want)
			}
			return
		}
	}
}

func TestBytesInOrderAndEnd(t *testing.T) {
	inBubble(t, func(t *testing.T, n *Network) {
		a, b := connect(t, n)
		mustWrite(t, a, "hello ")
		mustWrite(t, a, "there")
		mustRead(t, b, "hello there")
		mustWrite(t, b, "and back")
		b.Close()
		mustRead(t, a, "and back")
		mustFail(t, a, io.EOF)
		mustFail(t, b, net.ErrClosed)
		if _, ok := a.RemoteAddr().(*net.TCPAddr); !ok || a.LocalAddr().String() != b.RemoteAddr().String() {
			t.Errorf("addresses %v and %v", a.LocalAddr(), b.RemoteAddr())
		}
	})
}

// A closed end that is written to, and one that is closed with bytes unread.
func TestResets(t *testing.T) {
	inBubble(t, func(t *testing.T, n *Network) {
		a, b := connect(t, n)
		b.Close()
		mustWrite(t, a, "x") // the first write cannot know
		if _, err := a.Write([]byte("y")); !errors.Is(err, syscall.ECONNRESET) {
			t.Errorf("write to a closed end: %v", err)
		}
		mustFail(t, a, io.EOF) // it came before the reset

		a, b = connect(t, n)
		mustWrite(t, b, "read before the reset")
		mustWrite(t, a, "unread")
		b.Close()
		mustRead(t, a, "read before the reset")
		mustFail(t, a, syscall.ECONNRESET)

		a, b = connect(t, n)
		if err := b.(*conn).CloseWrite(); err != nil {
			t.Fatal(err)
		}
		mustFail(t, a, io.EOF)
		mustWrite(t, a, "still open this way")
		mustRead(t, b, "still open this way")
	})
}

func TestBufferIsBounded(t *testing.T) {
	inBubble(t, func(t *testing.T, n *Network) {
		a, b := connect(t, n)
		big := bytes.Repeat([]byte("0123456789"), bufferBytes/5)
		done := make(chan error, 1)
		go func() {
			_, err := a.Write(big)
			done <- err
		}()
		synctest.Wait()
		select {
		case err := <-done:
			t.Fatalf("twice the buffer was taken at once: %v", err)
		default:
		}
		mustRead(t, b, string(big))
		if err := <-done; err != nil {
			t.Fatal(err)
		}

		a.SetWriteDeadline(time.Now().Add(time.Second))
		sent, err := a.Write(big)
		if sent != bufferBytes || !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("write with a deadline: %d bytes, %v", sent, err)
		}
		var timeout net.Error
		if !errors.As(err, &timeout) || !timeout.Timeout() {
			t.Errorf("%v is no timeout", err)
		}
		a.SetWriteDeadline(time.Now().Add(time.Second))
		if sent, err := a.Write(big); sent > 0 {
			t.Errorf("%d bytes went into a full buffer, %v", sent, err)
		}
	})
}

func TestReadDeadline(t *testing.T) {
	inBubble(t, func(t *testing.T, n *Network) {
		a, b := connect(t, n)
		began := time.Now()
		a.SetReadDeadline(began.Add(time.Minute))
		mustFail(t, a, os.ErrDeadlineExceeded)
		if took := time.Since(began); took != time.Minute {
			t.Errorf("it took %v", took)
		}
		a.SetReadDeadline(time.Time{})
		mustWrite(t, b, "x")
		mustRead(t, a, "x")
		go func() {
			synctest.Wait() // the other is in Read
			a.SetReadDeadline(time.Unix(1, 0))
		}()
		mustFail(t, a, os.ErrDeadlineExceeded)
	})
}

func TestDelay(t *testing.T) {
	inBubble(t, func(t *testing.T, n *Network) {
		n.SetDelay(time.Millisecond, time.Second)
		n.SetDelayBetween("a", "b", time.Second, time.Second)
		began := time.Now()
		a, b := connect(t, n)
		if took := time.Since(began); took != 2*time.Second {
			t.Errorf("the dial took %v", took)
		}
		mustWrite(t, a, "x")
		mustRead(t, b, "x")
		if took := time.Since(began); took != 3*time.Second {
			t.Errorf("the byte came after %v", took)
		}
		mustWrite(t, a, "1")
		n.SetDelay(0, 0)
		mustWrite(t, a, "2") // must not overtake
		mustRead(t, b, "12")
		if took := time.Since(began); took != 4*time.Second {
			t.Errorf("the last bytes came after %v", took)
		}
	})
}

func TestPartition(t *testing.T) {
	inBubble(t, func(t *testing.T, n *Network) {
		a, b := connect(t, n)
		n.SetDelay(time.Second, time.Second)
		n.Block("a", "b")
		mustWrite(t, a, "held up")
		a.Close()
		mustWrite(t, b, "the other way is open")
		b.SetReadDeadline(time.Now().Add(time.Hour))
		mustFail(t, b, os.ErrDeadlineExceeded)

		l, _ := n.Host("b").Listen("tcp", ":2")
		ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
		defer cancel()
		if _, err := n.Host("a").Dial(ctx, "tcp", "b:2"); !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("dial through a partition: %v", err)
		}
		dialled := make(chan error, 1)
		go func() {
			c, err := n.Host("b").Dial(t.Context(), "tcp", "b:2")
			if err == nil {
				c.Close()
			}
			dialled <- err
		}()
		if err := <-dialled; err != nil {
			t.Errorf("dial at home: %v", err)
		}
		go func() {
			c, err := n.Host("a").Dial(t.Context(), "tcp", "b:2")
			if err == nil {
				c.Close()
			}
			dialled <- err
		}()
		synctest.Wait()
		n.Heal()
		if err := <-dialled; err != nil {
			t.Errorf("dial that waited for the end of a partition: %v", err)
		}
		l.Close()
		b.SetReadDeadline(time.Time{})
		mustRead(t, b, "held up")
		mustFail(t, b, io.EOF)

		a, b = connect(t, n)
		n.Block("a", "b")
		mustWrite(t, a, "x")
		<-time.After(time.Minute)
		n.Heal()
		healed := time.Now()
		mustRead(t, b, "x")
		if took := time.Since(healed); took != time.Second {
			t.Errorf("what was held up came %v after the end of the partition", took)
		}
	})
}

func TestPorts(t *testing.T) {
	inBubble(t, func(t *testing.T, n *Network) {
		a, b := n.Host("a"), n.Host("b")
		if _, err := a.Dial(t.Context(), "tcp", "b:1"); !errors.Is(err, syscall.ECONNREFUSED) {
			t.Errorf("nobody listens: %v", err)
		}
		var dns *net.DNSError
		if _, err := a.Dial(t.Context(), "tcp", "c:1"); !errors.As(err, &dns) || !dns.IsNotFound {
			t.Errorf("unknown host: %v", err)
		}
		l, err := b.Listen("tcp", "b:1")
		if err != nil {
			t.Fatal(err)
		}
		if _, err := n.Host("b").Listen("tcp", "b:1"); !errors.Is(err, syscall.EADDRINUSE) {
			t.Errorf("second listener: %v", err)
		}
		if _, err := a.Listen("tcp", "b:2"); !errors.Is(err, syscall.EADDRNOTAVAIL) {
			t.Errorf("listen at somebody else's: %v", err)
		}
		c, err := a.Dial(t.Context(), "tcp", "b:1")
		if err != nil {
			t.Fatal(err)
		}
		l.Close() // nobody has accepted it
		mustFail(t, c, syscall.ECONNRESET)
		if _, err := l.Accept(); !errors.Is(err, net.ErrClosed) {
			t.Errorf("accept on a closed port: %v", err)
		}
	})
}

func TestKill(t *testing.T) {
	inBubble(t, func(t *testing.T, n *Network) {
		b := n.Host("b")
		l, _ := b.Listen("tcp", "b:1")
		near, err := n.Host("a").Dial(t.Context(), "tcp", "b:1")
		if err != nil {
			t.Fatal(err)
		}
		far, _ := l.Accept()
		n.Block("b", "a")
		mustWrite(t, far, "lost with it")
		b.Kill()
		mustFail(t, far, net.ErrClosed)
		n.Heal()
		mustFail(t, near, syscall.ECONNRESET)
		if _, err := b.Listen("tcp", "b:1"); err == nil {
			t.Error("a dead process listens")
		}
		if _, err := n.Host("b").Listen("tcp", "b:1"); err != nil {
			t.Errorf("the next process: %v", err)
		}
	})
}

// A connection may be cut at any byte: those before it arrive.
func TestCut(t *testing.T) {
	inBubble(t, func(t *testing.T, n *Network) {
		const text = "0123456789"
		for at := range len(text) + 1 {
			a, b := connect(t, n)
			if got := n.CutAfter("a", "b", at); got != 1 {
				t.Fatalf("%d connections", got)
			}
			sent, err := a.Write([]byte(text))
			if sent != at || (err == nil) != (at == len(text)) {
				t.Errorf("cut at %d: %d bytes written, %v", at, sent, err)
			}
			mustRead(t, b, text[:at])
			mustFail(t, b, syscall.ECONNRESET)
			mustFail(t, a, syscall.ECONNRESET)
			a.Close()
			b.Close()
		}
		a, b := connect(t, n)
		mustWrite(t, b, "arrived")
		if got := n.Reset("b", "a"); got != 1 {
			t.Errorf("%d connections", got)
		}
		mustRead(t, a, "arrived")
		mustFail(t, a, syscall.ECONNRESET)
		if _, err := b.Write([]byte("x")); err == nil {
			t.Error("written to what was reset")
		}

		a, b = connect(t, n)
		n.SetDelay(time.Second, time.Second)
		mustWrite(t, b, "in flight")
		n.Reset("b", "a")
		<-time.After(time.Minute)
		if got, err := io.ReadAll(a); len(got) > 0 || !errors.Is(err, syscall.ECONNRESET) {
			t.Errorf("after a reset with bytes in flight: %q, %v", got, err)
		}
	})
}

// What is over leaves nothing behind.
func TestForgets(t *testing.T) {
	inBubble(t, func(t *testing.T, n *Network) {
		for range 3 {
			a, b := connect(t, n)
			mustWrite(t, a, "x")
			b.Close()
			a.Close()
		}
		synctest.Wait()
		n.mu.Lock()
		defer n.mu.Unlock()
		if len(n.pipes)+len(n.listeners) > 0 {
			t.Errorf("%d pipes and %d listeners are left", len(n.pipes), len(n.listeners))
		}
	})
}
