package node

import (
	"context"
	"sync"
	"testing"

	"github.com/paddock-io/paddock/zk"
)

// The benchmarks saturate an ensemble of three, all in this process, with values
// of 1 KB; ns/op is the time per operation of client and servers together. A get
// behind a sync is one operation: what a linearizable read costs.

func BenchmarkSet(b *testing.B) {
	saturate(b, 12, 64, func(c *zk.Conn, value []byte, done func(zk.Result)) error {
		return c.Go(zk.SetOp("/a", value, zk.AnyVersion), done)
	})
}

// BenchmarkMulti: ten sets in one, of 100 B each.
func BenchmarkMulti(b *testing.B) {
	ops := make([]zk.Op, 10)
	for i := range ops {
		ops[i] = zk.SetOp("/a", make([]byte, 100), zk.AnyVersion)
	}
	saturate(b, 12, 64, func(c *zk.Conn, _ []byte, done func(zk.Result)) error {
		return c.Go(zk.MultiOp(ops...), done)
	})
}

func BenchmarkGet(b *testing.B) {
	saturate(b, 30, 100, func(c *zk.Conn, _ []byte, done func(zk.Result)) error {
		return c.Go(zk.GetOp("/a"), done)
	})
}

func BenchmarkSyncGet(b *testing.B) {
	saturate(b, 30, 100, func(c *zk.Conn, _ []byte, done func(zk.Result)) error {
		if err := c.Go(zk.SyncOp("/a"), nil); err != nil {
			return err
		}
		return c.Go(zk.GetOp("/a"), done)
	})
}

// saturate has so many sessions keep so many operations each in flight.
func saturate(b *testing.B, sessions, outstanding int, send func(c *zk.Conn, value []byte, done func(zk.Result)) error) {
	ctx := context.Background()
	ms := newEnsemble(b, 3)
	for _, m := range ms {
		m.start()
	}
	var conns []*zk.Conn
	for i := range sessions {
		conns = append(conns, connect(b, ctx, ms[i%3].client))
	}
	value := make([]byte, 1024)
	if _, err := conns[0].Create(ctx, "/a", value, zk.Persistent, zk.OpenACL); err != nil {
		b.Fatal(err)
	}
	for _, c := range conns {
		if err := c.Sync(ctx, "/a"); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportAllocs()
	b.ResetTimer()
	left := make(chan struct{}, b.N)
	for range b.N {
		left <- struct{}{}
	}
	close(left)
	var wg sync.WaitGroup
	for _, c := range conns {
		for range outstanding {
			wg.Add(1)
			var next func(zk.Result)
			next = func(r zk.Result) {
				if _, ok := <-left; !ok || r.Err != nil {
					wg.Done()
					return
				}
				if send(c, value, next) != nil {
					wg.Done()
				}
			}
			next(zk.Result{})
		}
	}
	wg.Wait()
}
