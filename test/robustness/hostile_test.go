package robustness

import (
	"bufio"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/paddock-io/paddock/zk"
)

// writer creates znodes through one session, one after the other, and notes
// what it was told.
type writer struct {
	id     int
	conn   *zk.Conn
	acked  []string
	unsure int // without an answer: they may be there or not
	err    error
}

func (w *writer) run(ctx context.Context) {
	for n := 0; ctx.Err() == nil; n++ {
		name := fmt.Sprintf("w%d-%07d", w.id, n)
		_, err := w.conn.Create(ctx, "/hostile/"+name, []byte(name), zk.Persistent, zk.OpenACL)
		switch {
		case err == nil:
			w.acked = append(w.acked, name)
		case errors.Is(err, zk.ErrConnectionLoss), ctx.Err() != nil:
			w.unsure++
		default:
			w.err = fmt.Errorf("create %s: %w", name, err)
			return
		}
	}
}

// TestHostileInput bothers all three ports of every server with garbage while
// a session works, and demands that the session notices nothing: no lost
// connection, no lost write, no server that ends.
func TestHostileInput(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	c := startPlain(ctx, t)
	var good []*writer
	for i, s := range c.Servers {
		conn, err := zk.Connect(ctx, s.Client, zk.Options{SessionTimeout: 10 * time.Second})
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		good = append(good, &writer{id: i, conn: conn})
	}
	if _, err := good[0].conn.Create(ctx, "/hostile", nil, zk.Persistent, zk.OpenACL); err != nil {
		t.Fatal(err)
	}
	load, stop := context.WithCancel(ctx)
	var writing sync.WaitGroup
	for _, w := range good {
		writing.Go(func() { w.run(load) })
	}
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	var attacks sync.WaitGroup
	for _, s := range c.Servers {
		for name, addr := range s.Ports() {
			for i, attack := range []func(*rand.Rand, string){randomBytes, hugeLength, halfFrame, silence} {
				rng := rand.New(rand.NewPCG(seed, uint64(s.ID*100+i)+uint64(len(name))))
				attacks.Go(func() { attack(rng, addr) })
			}
		}
		attacks.Go(func() { neverReads(s.Client) })
	}
	attacks.Wait()
	crowd(t, c.Servers[0].Client)
	stop()
	writing.Wait()
	for _, w := range good {
		// The last write may be cut off by the end of the test itself.
		if w.unsure > 1 || w.err != nil || len(w.acked) == 0 {
			t.Errorf("session %d: %d writes acknowledged, %d without an answer, error %v", w.id, len(w.acked), w.unsure, w.err)
		}
	}
	for _, text := range c.Surprises() {
		t.Error(text)
	}
	for _, s := range c.Servers {
		held := children(ctx, t, s.Client)
		for _, w := range good {
			for _, name := range w.acked {
				if !held[name] {
					t.Errorf("server %d lost the acknowledged %s", s.ID, name)
				}
			}
		}
	}
}

// children reads what a server holds, behind a sync.
func children(ctx context.Context, t *testing.T, addr string) map[string]bool {
	t.Helper()
	conn, err := zk.Connect(ctx, addr, zk.Options{MaxFrame: 256 << 20})
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	res, err := conn.DoLatest(ctx, zk.ChildrenOp("/hostile"))
	if err != nil {
		t.Fatal(err)
	}
	names := map[string]bool{}
	for _, name := range res.Children {
		names[name] = true
	}
	return names
}

// attackRounds bounds every attack.
const attackRounds = 15

func dial(addr string) net.Conn {
	nc, err := net.DialTimeout("tcp", addr, time.Second)
	if err != nil {
		return nil // the server may refuse: its right
	}
	nc.SetDeadline(time.Now().Add(200 * time.Millisecond))
	return nc
}

// randomBytes sends noise.
func randomBytes(rng *rand.Rand, addr string) {
	for range attackRounds {
		nc := dial(addr)
		if nc == nil {
			continue
		}
		b := make([]byte, 1+rng.IntN(4096))
		for i := range b {
			b[i] = byte(rng.Uint32())
		}
		nc.Write(b)
		io.CopyN(io.Discard, nc, 64)
		nc.Close()
	}
}

// hugeLength opens like the protocols do, and then claims two gigabytes.
func hugeLength(_ *rand.Rand, addr string) {
	for range attackRounds {
		nc := dial(addr)
		if nc == nil {
			continue
		}
		b := binary.BigEndian.AppendUint32(nil, 11) // FOLLOWERINFO, or a frame of 11 bytes
		b = binary.BigEndian.AppendUint64(b, 0)
		b = binary.BigEndian.AppendUint32(b, 0x7fffffff)
		nc.Write(b)
		io.CopyN(io.Discard, nc, 64)
		nc.Close()
	}
}

// halfFrame stops in the middle of a frame.
func halfFrame(rng *rand.Rand, addr string) {
	for range attackRounds {
		if nc := dial(addr); nc != nil {
			b := binary.BigEndian.AppendUint32(nil, 45)
			nc.Write(append(b, make([]byte, rng.IntN(44))...))
			nc.Close()
		}
	}
}

// silence opens connections and says nothing.
func silence(_ *rand.Rand, addr string) {
	var conns []net.Conn
	for range attackRounds {
		if nc := dial(addr); nc != nil {
			conns = append(conns, nc)
		}
	}
	for _, nc := range conns {
		nc.Close()
	}
}

// neverReads opens a session and asks for much without reading an answer.
func neverReads(addr string) {
	nc := dial(addr)
	if nc == nil {
		return
	}
	defer nc.Close()
	nc.SetDeadline(time.Now().Add(3 * time.Second))
	frame := func(payload []byte) []byte {
		return append(binary.BigEndian.AppendUint32(nil, uint32(len(payload))), payload...)
	}
	connect := make([]byte, 44)
	binary.BigEndian.PutUint32(connect[12:], 10000)
	binary.BigEndian.PutUint32(connect[24:], 16)
	if _, err := nc.Write(frame(connect)); err != nil {
		return
	}
	getChildren := append([]byte{0, 0, 0, 1, 0, 0, 0, 8, 0, 0, 0, 8}, "/hostile\x00"...)
	bw := bufio.NewWriter(nc)
	for range 200_000 {
		if _, err := bw.Write(frame(getChildren)); err != nil {
			return // closed, or stopped by the full socket
		}
	}
}

// crowd opens as many connections as the process may, ten thousand at most.
func crowd(t *testing.T, addr string) {
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		t.Fatal(err)
	}
	limit.Cur = limit.Max
	if err := syscall.Setrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		t.Fatal(err)
	}
	n := min(10_000, int(limit.Cur)-200)
	var conns []net.Conn
	refused := 0
	for range n {
		nc, err := net.DialTimeout("tcp", addr, 100*time.Millisecond)
		if errors.Is(err, syscall.EMFILE) {
			break
		}
		if err != nil {
			refused++
			continue
		}
		conns = append(conns, nc)
	}
	t.Logf("a crowd of %d connections from one address, %d refused at once", len(conns), refused)
	for _, nc := range conns {
		nc.Close()
	}
}
