package node

import (
	"context"
	"sync"
	"testing"

	"github.com/paddock-io/paddock/zk"
)

// BenchmarkSet saturates an ensemble of three, all in this process, with
// setData of 1 KB; ns/op is the time per write of client and servers together.
func BenchmarkSet(b *testing.B) {
	ctx := context.Background()
	ms := newEnsemble(b, 3)
	for _, m := range ms {
		m.start()
	}
	var conns []*zk.Conn
	for i := range 12 {
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
		for range 64 {
			wg.Add(1)
			var next func(zk.Result)
			next = func(r zk.Result) {
				if _, ok := <-left; !ok || r.Err != nil {
					wg.Done()
					return
				}
				if c.Go(zk.SetOp("/a", value, zk.AnyVersion), next) != nil {
					wg.Done()
				}
			}
			next(zk.Result{})
		}
	}
	wg.Wait()
}

// BenchmarkGet and BenchmarkSyncGet saturate an ensemble of three with getData
// of 1 KB, plain and with a sync ahead of each: what a linearizable read costs.
func BenchmarkGet(b *testing.B)     { benchmarkGet(b, false) }
func BenchmarkSyncGet(b *testing.B) { benchmarkGet(b, true) }

func benchmarkGet(b *testing.B, linearizable bool) {
	ctx := context.Background()
	ms := newEnsemble(b, 3)
	for _, m := range ms {
		m.start()
	}
	var conns []*zk.Conn
	for i := range 30 {
		conns = append(conns, connect(b, ctx, ms[i%3].client))
	}
	if _, err := conns[0].Create(ctx, "/a", make([]byte, 1024), zk.Persistent, zk.OpenACL); err != nil {
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
		for range 100 {
			wg.Add(1)
			var next func(zk.Result)
			next = func(r zk.Result) {
				if _, ok := <-left; !ok || r.Err != nil {
					wg.Done()
					return
				}
				if linearizable && c.Go(zk.SyncOp("/a"), nil) != nil || c.Go(zk.GetOp("/a"), next) != nil {
					wg.Done()
				}
			}
			next(zk.Result{})
		}
	}
	wg.Wait()
}
