package robustness

import (
	"bufio"
	"context"
	"encoding/binary"
	"errors"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/paddock-io/paddock/zk"
)

// ports returns every port of a server: client, quorum, election.
func (s *server) ports(t *testing.T) map[string]string {
	t.Helper()
	cfg, err := os.ReadFile(filepath.Join(s.dir, "zoo.cfg"))
	if err != nil {
		t.Fatal(err)
	}
	line := regexp.MustCompile(`server\.` + string(rune('0'+s.id)) + `=127\.0\.0\.1:(\d+):(\d+)`).FindSubmatch(cfg)
	return map[string]string{
		"client":   s.client,
		"quorum":   "127.0.0.1:" + string(line[1]),
		"election": "127.0.0.1:" + string(line[2]),
	}
}

// TestHostileInput bothers all three ports of every server with garbage while
// a session works, and demands that the session notices nothing: no lost
// connection, no lost write, no server that ends.
func TestHostileInput(t *testing.T) {
	e := newEnsemble(t, 3)
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	for _, s := range e.servers {
		e.start(s)
	}
	e.waitServing(ctx)
	var good []*writer
	for i, s := range e.servers {
		conn, err := zk.Connect(ctx, s.client, zk.Options{SessionTimeout: 10 * time.Second})
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		good = append(good, &writer{id: i, conn: conn, unsure: map[string]bool{}})
	}
	if _, err := good[0].conn.Create(ctx, "/kill", nil, zk.Persistent, zk.OpenACL); err != nil {
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
	for _, s := range e.servers {
		for name, addr := range s.ports(t) {
			for i, attack := range []func(*rand.Rand, string){randomBytes, hugeLength, halfFrame, silence} {
				rng := rand.New(rand.NewPCG(seed, uint64(s.id*100+i)+uint64(len(name))))
				attacks.Go(func() { attack(rng, addr) })
			}
		}
		attacks.Go(func() { neverReads(s.client) })
	}
	attacks.Wait()
	crowd(t, e.servers[0].client)
	stop()
	writing.Wait()
	for _, w := range good {
		// The last write may be cut off by the end of the test itself.
		if len(w.unsure) > 1 || w.err != nil {
			t.Errorf("session %d: %d writes without an answer, error %v", w.id, len(w.unsure), w.err)
		}
	}
	for _, s := range e.servers {
		select {
		case <-s.exited:
			t.Errorf("server %d has ended", s.id)
		default:
		}
	}
	e.validate(ctx, good, nil)
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
	getChildren := []byte{0, 0, 0, 1, 0, 0, 0, 8, 0, 0, 0, 5, '/', 'k', 'i', 'l', 'l', 0}
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
