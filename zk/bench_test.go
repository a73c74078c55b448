package zk

import (
	"context"
	"encoding/binary"
	"net"
	"testing"

	"github.com/paddock-io/paddock/proto"
)

// echo is a server that answers every request with 100 bytes and a Stat,
// so that a benchmark measures the client.
func echo(b *testing.B) (addr string) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	must(b, err)
	done := make(chan struct{})
	b.Cleanup(func() {
		ln.Close()
		<-done
	})
	go func() {
		defer close(done)
		nc, err := ln.Accept()
		if err != nil {
			return
		}
		defer nc.Close()
		in := frameReader{r: nc, max: 1 << 20}
		if _, _, err := in.next(); err != nil {
			return
		}
		if _, err := nc.Write(unhex(b, goldenWelcome)); err != nil {
			return
		}
		var out []byte
		stat := Stat{DataLength: 100}
		for zxid := Zxid(1); ; zxid++ {
			p, _, err := in.next()
			if err != nil {
				return
			}
			start := len(out)
			h := proto.ReplyHeader{Xid: int32(binary.BigEndian.Uint32(p)), Zxid: zxid}
			out = h.Append(append(out, 0, 0, 0, 0))
			out = binary.BigEndian.AppendUint32(out, 100)
			out = stat.Append(append(out, make([]byte, 100)...))
			putLength(out[start:])
			if in.pos == in.end { // nothing more has come yet
				if _, err := nc.Write(out); err != nil {
					return
				}
				out = out[:0]
			}
		}
	}()
	return ln.Addr().String()
}

func benchConn(b *testing.B) *Conn {
	c, err := Connect(b.Context(), echo(b), Options{})
	must(b, err)
	b.Cleanup(c.Detach)
	return c
}

func BenchmarkGet(b *testing.B) {
	c := benchConn(b)
	b.ReportAllocs()
	for b.Loop() {
		if _, _, err := c.Get(context.Background(), "/a/b/c"); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkGetParallel(b *testing.B) {
	c := benchConn(b)
	b.ReportAllocs()
	b.SetParallelism(64)
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			if _, _, err := c.Get(context.Background(), "/a/b/c"); err != nil {
				b.Error(err)
				return
			}
		}
	})
}

func BenchmarkGo(b *testing.B) {
	c := benchConn(b)
	room := make(chan struct{}, 256)
	done := func(r Result) {
		if r.Err != nil {
			b.Error(r.Err)
		}
		<-room
	}
	op := SetOp("/a/b/c", make([]byte, 100), AnyVersion)
	b.ReportAllocs()
	for b.Loop() {
		room <- struct{}{}
		must(b, c.Go(op, done))
	}
	for range cap(room) {
		room <- struct{}{}
	}
}
