package prep

import (
	"strconv"
	"testing"

	"github.com/paddock-io/paddock/internal/tree"
	"github.com/paddock-io/paddock/proto"
)

// bench prepares requests a hundred ahead of Applied. Nothing is really applied:
// the figures are Prepare's and the overlay's alone. The requests must therefore
// not depend on those more than a hundred before.
func bench(b *testing.B, o Options, next func(i int) *Request, setup func(t *tree.Tree)) {
	t := tree.New()
	if setup != nil {
		setup(t)
	}
	p := New(t, o)
	b.ReportAllocs()
	zxid := proto.MakeZxid(2, 0)
	for i := 0; b.Loop(); i++ {
		zxid++
		if txn := p.Prepare(next(i), zxid, wall); errOf(txn) != ok {
			b.Fatal(errOf(txn))
		}
		if zxid.Counter() > 100 {
			p.Applied(zxid - 100)
		}
	}
}

// plant creates /bench and 1000 children.
func plant(t *tree.Tree) {
	p, zxid, res := New(t, Options{}), proto.MakeZxid(1, 0), new(tree.Result)
	add := func(path string) {
		zxid++
		t.Apply(p.Prepare(create(path, 0, open), zxid, wall), res)
		p.Applied(zxid)
	}
	add("/bench")
	for i := range 1000 {
		add("/bench/key-" + strconv.Itoa(i))
	}
}

func eachDigest(b *testing.B, fn func(b *testing.B, o Options)) {
	for _, digest := range []bool{false, true} {
		b.Run("digest="+strconv.FormatBool(digest), func(b *testing.B) { fn(b, Options{Digest: digest}) })
	}
}

// BenchmarkSetData: 1 KB into a thousand keys in turn.
func BenchmarkSetData(b *testing.B) {
	eachDigest(b, func(b *testing.B, o Options) {
		var reqs []*Request
		for i := range 1000 {
			reqs = append(reqs, setData("/bench/key-"+strconv.Itoa(i), make([]byte, 1024), -1))
		}
		bench(b, o, func(i int) *Request { return reqs[i%1000] }, plant)
	})
}

// BenchmarkSetDataOneKey: 1 KB into one key, which is always outstanding.
func BenchmarkSetDataOneKey(b *testing.B) {
	eachDigest(b, func(b *testing.B, o Options) {
		req := setData("/bench/key-1", make([]byte, 1024), -1)
		bench(b, o, func(int) *Request { return req }, plant)
	})
}

// BenchmarkCreateSequential: 100 B, persistent sequential.
func BenchmarkCreateSequential(b *testing.B) {
	eachDigest(b, func(b *testing.B, o Options) {
		req := create("/bench/n-", proto.PersistentSequential, open)
		req.Body.(*proto.CreateRequest).Data = make([]byte, 100)
		bench(b, o, func(int) *Request { return req }, plant)
	})
}

// BenchmarkMulti: a check, two setData, a create and a delete of it.
func BenchmarkMulti(b *testing.B) {
	eachDigest(b, func(b *testing.B, o Options) {
		req := multi(check("/bench", -1), setData("/bench/key-1", make([]byte, 100), -1),
			setData("/bench/key-2", make([]byte, 100), -1), create("/bench/tmp", 0, open), del("/bench/tmp", -1))
		bench(b, o, func(int) *Request { return req }, plant)
	})
}
