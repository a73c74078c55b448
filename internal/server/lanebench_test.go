package server

import (
	"bufio"
	"fmt"
	"io"
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/paddock-io/paddock/proto"
)

// BenchmarkBehindWrites is a client that sends three reads behind each write, and does not wait for either.
func BenchmarkBehindWrites(b *testing.B) {
	w := newWorld(b, 0, nil)
	c := w.connect()
	c.create("/n", string(make([]byte, 100)), proto.OpenACL, 0)
	op, req := setData("/n", string(make([]byte, 100)))
	four := frameOf(1, op, req)
	op, req = getData("/n", false)
	for range 3 {
		four = append(four, frameOf(1, op, req)...)
	}
	const rounds = 16
	var burst []byte
	for range rounds {
		burst = append(burst, four...)
	}
	c.nc.SetDeadline(time.Time{})
	br := bufio.NewReaderSize(c.nc, 256<<10)
	b.ReportAllocs()
	for n := 0; b.Loop(); n++ {
		if n%(4*rounds) != 0 {
			continue
		}
		if _, err := c.nc.Write(burst); err != nil {
			b.Fatal(err)
		}
		for range 4 * rounds {
			if _, err := br.Discard(int(jsize(b, br))); err != nil {
				b.Fatal(err)
			}
		}
	}
}

// jsize reads the length of a frame.
func jsize(t testing.TB, r io.Reader) uint32 {
	var head [4]byte
	if _, err := io.ReadFull(r, head[:]); err != nil {
		t.Fatal(err)
	}
	return uint32(head[0])<<24 | uint32(head[1])<<16 | uint32(head[2])<<8 | uint32(head[3])
}

// longACLs makes n znodes, /acl0 and so on, each with an ACL of its own of 4,096 entries, of which the last lets the
// client in.
func (c *client) longACLs(n int) {
	for i := range n {
		acl := make([]proto.ACL, 4096)
		for j := range acl {
			acl[j] = proto.ACL{Perms: proto.PermAll, ID: proto.ID{Scheme: "ip", ID: fmt.Sprintf("10.%d.%d.%d", i, j/256, j%256)}}
		}
		acl[len(acl)-1].ID.ID = "127.0.0.1"
		c.create(fmt.Sprintf("/acl%d", i), "x", acl, 0)
	}
}

// BenchmarkDelay is how long the quorum's goroutine is kept by writes with reads of their connections behind them, in
// which nothing else is ordered, and how long until a write of somebody else that comes with them is answered.
func BenchmarkDelay(b *testing.B) {
	for _, x := range []struct {
		name         string
		conns, reads int
		acls         int
	}{{"plain50x16000", 50, 16_000, 0}, {"acl1x4000", 1, 4000, 6}, {"plain1x100", 1, 100, 0}} {
		b.Run(x.name, func(b *testing.B) {
			w := newWorld(b, 0, nil)
			root := w.connect()
			root.nc.SetDeadline(time.Time{})
			root.create("/n", string(make([]byte, 100)), proto.OpenACL, 0)
			root.longACLs(x.acls)
			other := w.connect()
			var conns []*client
			for range x.conns {
				c := w.connect()
				c.nc.SetDeadline(time.Time{})
				conns = append(conns, c)
			}
			var kept, others time.Duration
			for b.Loop() {
				k, o := w.delay(conns, other, x.reads, x.acls)
				kept, others = kept+k, others+o
			}
			b.ReportMetric(float64(kept.Microseconds())/1000/float64(b.N), "ms-kept/op")
			b.ReportMetric(float64(others.Microseconds())/1000/float64(b.N), "ms-other/op")
		})
	}
}

func (w *world) delay(conns []*client, other *client, reads, acls int) (kept, others time.Duration) {
	w.hold()
	var wg sync.WaitGroup
	n := w.requests()
	before := w.srv.Stats().Outstanding
	for _, c := range conns {
		op, req := setData("/n", "y")
		b := frameOf(1, op, req)
		for i := range reads {
			path := "/n"
			if acls > 0 {
				path = fmt.Sprintf("/acl%d", i%acls)
			}
			op, req := getData(path, false)
			b = append(b, frameOf(1, op, req)...)
		}
		wg.Go(func() { c.sendRaw(b) })
		wg.Go(func() {
			r := bufio.NewReaderSize(c.nc, 64<<10)
			for range reads + 1 {
				if _, err := r.Discard(int(jsize(w.t, r))); err != nil {
					w.t.Error(err)
					return
				}
			}
		})
	}
	w.submitted(n + len(conns))
	for w.srv.Stats().Outstanding < before+int64(len(conns)*(reads+1)) {
		runtime.Gosched()
	}
	other.send(setData("/", "z"))
	w.submitted(n + len(conns) + 1)
	began := time.Now()
	var done sync.WaitGroup
	done.Go(func() { other.next(); others = time.Since(began) })
	w.release(-1)
	kept = time.Since(began)
	done.Wait()
	wg.Wait()
	return kept, others
}
