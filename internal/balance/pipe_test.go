package balance

import (
	"bytes"
	"context"
	"crypto/sha256"
	"io"
	"math/rand/v2"
	"net"
	"sync"
	"testing"
	"time"
)

// patience bounds how long a test on real sockets waits for what must happen.
const patience = 20 * time.Second

// loopback returns a listener and the address that it has.
func loopback(t testing.TB) net.Listener {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// realFront runs a front on loopback sockets before one server, whose
// connections handle serves once they have said conn; it ends with the test.
func realFront(t testing.TB, handle func(nc net.Conn)) (addr string) {
	t.Helper()
	backend, l := loopback(t), loopback(t)
	var wg sync.WaitGroup
	wg.Go(func() {
		for {
			nc, err := backend.Accept()
			if err != nil {
				return
			}
			wg.Go(func() {
				defer nc.Close()
				nc.SetDeadline(time.Now().Add(patience))
				word := make([]byte, 4)
				if _, err := io.ReadFull(nc, word); err != nil {
					return
				}
				if string(word) == "srvr" {
					io.WriteString(nc, "Mode: standalone\n")
					return
				}
				handle(nc)
			})
		}
	})
	f, err := New(Options{Servers: []string{backend.Addr().String()}, Drain: -1})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	wg.Go(func() {
		if err := f.Run(ctx, l); err != nil {
			t.Errorf("front: %v", err)
		}
	})
	t.Cleanup(func() {
		cancel()
		backend.Close()
		wg.Wait()
	})
	return l.Addr().String()
}

// dialReal opens a connection to a front that has a server behind it.
func dialReal(t testing.TB, addr string) *net.TCPConn {
	t.Helper()
	nc, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { nc.Close() })
	nc.SetDeadline(time.Now().Add(patience))
	if _, err := io.WriteString(nc, "conn"); err != nil {
		t.Fatal(err)
	}
	return nc.(*net.TCPConn)
}

// What goes in on one side comes out on the other, both ways at once and in any
// portions, up to each side's end.
func TestBytesThroughSockets(t *testing.T) {
	const seed, size = 3, 4 << 20
	sums := make(chan [sha256.Size]byte, 1)
	down := make([]byte, size)
	rand.NewChaCha8([32]byte{seed}).Read(down)
	addr := realFront(t, func(nc net.Conn) {
		var writing sync.WaitGroup
		writing.Go(func() {
			for rest, n := down, 1; len(rest) > 0; n = n*3%40_000 + 1 {
				n = min(n, len(rest))
				nc.Write(rest[:n])
				rest = rest[n:]
			}
			nc.(*net.TCPConn).CloseWrite()
		})
		h := sha256.New()
		io.Copy(h, nc)
		writing.Wait()
		sums <- [sha256.Size]byte(h.Sum(nil))
	})
	nc := dialReal(t, addr)
	up := make([]byte, size+1)
	rand.NewChaCha8([32]byte{seed + 1}).Read(up)
	go func() {
		nc.Write(up)
		nc.CloseWrite()
	}()
	got, err := io.ReadAll(nc)
	if err != nil || !bytes.Equal(got, down) {
		t.Errorf("%d bytes came down of %d: %v", len(got), len(down), err)
	}
	if sum := <-sums; sum != sha256.Sum256(up) {
		t.Error("what came up is not what was sent")
	}
}

// A side that breaks off takes the other one with it.
func TestBreakThroughSockets(t *testing.T) {
	gone := make(chan error, 1)
	addr := realFront(t, func(nc net.Conn) {
		if _, err := io.WriteString(nc, "hello\n"); err != nil {
			t.Error(err)
		}
		_, err := io.Copy(io.Discard, nc)
		gone <- err
	})
	nc := dialReal(t, addr)
	if _, err := io.ReadFull(nc, make([]byte, 6)); err != nil {
		t.Fatal(err)
	}
	nc.SetLinger(0) // a reset
	nc.Close()
	select {
	case <-gone:
	case <-time.After(patience):
		t.Fatal("the server has not heard of it")
	}

	addr = realFront(t, func(nc net.Conn) {
		nc.(*net.TCPConn).SetLinger(0) // closed by whoever calls
	})
	if _, err := dialReal(t, addr).Read(make([]byte, 1)); err == nil {
		t.Error("the client has not heard of it")
	}
}
