package quorum

import (
	"math"
	"testing"

	"github.com/paddock-io/paddock/internal/persist"
	"github.com/paddock-io/paddock/internal/prep"
	"github.com/paddock-io/paddock/internal/replica"
	"github.com/paddock-io/paddock/internal/storage"
	"github.com/paddock-io/paddock/internal/storage/vfs"
	"github.com/paddock-io/paddock/internal/tree"
	"github.com/paddock-io/paddock/proto"
)

// applier is a StateMachine without clients.
type applier struct {
	machine
	res tree.Result
}

func (a *applier) Apply(txns []*proto.Txn) {
	for _, t := range txns {
		a.tree.Apply(t, &a.res)
	}
}

// byHand returns a standalone server that serves and whose loop and disk do
// nothing by themselves: the caller's goroutine is both.
func byHand(tb testing.TB) *Peer {
	tb.Helper()
	store, err := storage.Open(storage.Options{FS: vfs.NewMem(), DataDir: "/data", PreallocBytes: -1})
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { store.Close() })
	p, err := New(Options{
		Standalone: true, Tick: testTick, InitTimeout: 50 * testTick, SyncTimeout: 25 * testTick, SnapCount: math.MaxInt, SnapBytes: -1,
	}, store)
	if err != nil {
		tb.Fatal(err)
	}
	p.sm = &applier{machine: machine{tree: p.Tree()}}
	p.run(p.replica.Start(0, 1, nil))
	for !p.serving.Load() {
		p.runDisk(tb)
		p.batch()
	}
	return p
}

// runDisk does what the disk's goroutine would, with what is queued for it.
func (p *Peer) runDisk(tb testing.TB) {
	tb.Helper()
	if err := p.disk.ops.Work(p.disk.take(nil)); err != nil {
		tb.Fatal(err)
	}
}

func setRoot(data []byte) *replica.Request {
	return &replica.Request{Request: prep.Request{Op: proto.OpSetData, Body: &proto.SetDataRequest{Path: "/", Data: data, Version: -1}}}
}

// TestLoopForgets: what a batch brought is not kept in memory by what the loop uses again.
func TestLoopForgets(t *testing.T) {
	p := byHand(t)
	for range 10 {
		p.Submit(setRoot(nil))
	}
	p.batch() // which appends
	p.runDisk(t)
	p.batch() // which applies
	l := &p.loop
	for _, a := range l.out[:cap(l.out)] {
		if a != nil {
			t.Errorf("the loop keeps %T%+v", a, a)
		}
	}
	for _, txn := range l.applies[:cap(l.applies)] {
		if txn != nil {
			t.Errorf("the loop keeps transaction %s", txn.Zxid)
		}
	}
	if p.Tree().LastZxid().Counter() != 10 {
		t.Fatalf("the tree is at %s", p.Tree().LastZxid())
	}
}

// TestEmptied: what is used again holds nothing, and is not large.
func TestEmptied(t *testing.T) {
	for _, tc := range []struct {
		capacity int
		kept     bool
	}{{0, true}, {1, true}, {maxSpare, true}, {maxSpare + 1, false}} {
		s := make([]*int, tc.capacity)
		for i := range s {
			s[i] = new(int)
		}
		got := emptied(s)
		if len(got) != 0 || cap(got) > 0 != (tc.kept && tc.capacity > 0) {
			t.Errorf("of capacity %d: %d long, capacity %d", tc.capacity, len(got), cap(got))
		}
		for _, p := range got[:cap(got)] {
			if p != nil {
				t.Fatalf("of capacity %d: something is left", tc.capacity)
			}
		}
	}
}

// BenchmarkBatch: the loop's part of a hundred writes of 1 KB that come together, with
// a disk that does nothing. One op is the batch.
func BenchmarkBatch(b *testing.B) {
	p := byHand(b)
	reqs := make([]*replica.Request, 100)
	for i := range reqs {
		reqs[i] = setRoot(make([]byte, 1024))
	}
	var ops []persist.Op
	b.ReportAllocs()
	for b.Loop() {
		for _, r := range reqs {
			p.Submit(r)
		}
		p.batch()
		ops = p.disk.take(ops)
		p.inbox.put(replica.Persisted{Zxid: ops[len(ops)-1].(*proto.Txn).Zxid})
		p.batch()
	}
}
