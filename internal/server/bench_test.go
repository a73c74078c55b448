package server

import (
	"bufio"
	"encoding/binary"
	"io"
	"testing"
	"time"

	"github.com/paddock-io/paddock/internal/tree"
	"github.com/paddock-io/paddock/proto"
)

// pipeline sends the same request over and over, in bursts, and reads the
// replies. The client takes part in the time, and allocates nothing.
func pipeline(b *testing.B, c *client, request []byte) {
	const outstanding = 64
	burst := make([]byte, 0, outstanding*len(request))
	for range outstanding {
		burst = append(burst, request...)
	}
	c.nc.SetDeadline(time.Time{})
	br := bufio.NewReaderSize(c.nc, 256<<10)
	var head [4]byte
	b.ReportAllocs()
	n := 0
	for b.Loop() {
		if n++; n%outstanding != 1 {
			continue
		}
		if _, err := c.nc.Write(burst); err != nil {
			b.Fatal(err)
		}
		for range outstanding {
			if _, err := io.ReadFull(br, head[:]); err != nil {
				b.Fatal(err)
			}
			if _, err := br.Discard(int(binary.BigEndian.Uint32(head[:]))); err != nil {
				b.Fatal(err)
			}
		}
	}
}

func BenchmarkGetData(b *testing.B) {
	w := newWorld(b, 0, nil)
	c := w.connect()
	c.create("/n", string(make([]byte, 100)), proto.OpenACL, 0)
	op, req := getData("/n", false)
	pipeline(b, c, frameOf(1, op, req))
}

func BenchmarkGetChildren(b *testing.B) {
	w := newWorld(b, 0, nil)
	c := w.connect()
	c.create("/n", "", proto.OpenACL, 0)
	for _, name := range []string{"a", "b", "c", "d", "e"} {
		c.create("/n/"+name, "", proto.OpenACL, 0)
	}
	pipeline(b, c, frameOf(1, proto.OpGetChildren2, &proto.PathWatchRequest{Path: "/n"}))
}

// BenchmarkGetDataLimited is BenchmarkGetData with all limits on and far away.
func BenchmarkGetDataLimited(b *testing.B) {
	w := newWorld(b, 0, func(o *Options) {
		o.LargeRequestThreshold = 1 << 20
		o.RequestThrottle = RequestThrottle{MaxRequests: 1000, DropStale: true, StaleConnection: true, StaleLatency: true, OpWaitTime: time.Minute}
	})
	c := w.connect()
	c.create("/n", string(make([]byte, 100)), proto.OpenACL, 0)
	op, req := getData("/n", false)
	pipeline(b, c, frameOf(1, op, req))
}

func BenchmarkSetData(b *testing.B) {
	w := newWorld(b, 0, nil)
	c := w.connect()
	c.create("/n", "", proto.OpenACL, 0)
	op, req := setData("/n", string(make([]byte, 100)))
	pipeline(b, c, frameOf(1, op, req))
}

func BenchmarkPing(b *testing.B) {
	w := newWorld(b, 0, nil)
	pipeline(b, w.connect(), frameOf(-2, proto.OpPing, nil))
}

// BenchmarkNotify queues one event for a thousand watchers and lets them be
// written.
func BenchmarkNotify(b *testing.B) {
	w := newWorld(b, 0, nil)
	var ids []tree.WatcherID
	for range 1000 {
		c := w.connect()
		c.nc.SetDeadline(time.Time{})
		go io.Copy(io.Discard, c.nc)
	}
	for slot := range w.srv.conns[1:] {
		ids = append(ids, tree.WatcherID(slot+1))
	}
	ev := &tree.Event{Type: proto.EventNodeDataChanged, Path: "/some/node", Zxid: 1, ACL: proto.OpenACL}
	b.ReportAllocs()
	b.ResetTimer()
	for range b.N {
		w.do(func() {
			w.tree.Lock()
			w.srv.Notify(ev, ids)
			w.tree.Unlock()
		})
	}
}
