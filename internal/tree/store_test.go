package tree

import (
	"fmt"
	"math/rand/v2"
	"runtime"
	"strings"
	"testing"

	"github.com/paddock-io/paddock/proto"
)

// Enough znodes that shards, slabs and pages grow, are used again and go.
func TestManyZnodes(t *testing.T) {
	tr, res := New(), new(Result)
	rng := rand.New(rand.NewPCG(1, 8))
	data := []byte(strings.Repeat("x", 3000))
	live := make(map[string]int) // length of the data
	z := proto.Zxid(0)
	for range 60_000 {
		z++
		path := fmt.Sprintf("/node-%d", rng.IntN(20_000))
		size := rng.IntN(1 << rng.IntN(12))
		switch _, ok := live[path]; {
		case !ok:
			tr.Apply(mkCreate(z, path, string(data[:size]), -1), res)
			live[path] = size
		case rng.IntN(2) == 0:
			tr.Apply(mkSet(z, path, string(data[:size]), 1), res)
			live[path] = size
		default:
			tr.Apply(mkDelete(z, path), res)
			delete(live, path)
		}
	}
	check(t, tr)
	if tr.NodeCount() != len(live)+5 {
		t.Fatalf("%d znodes, want %d", tr.NodeCount()-5, len(live))
	}
	for path, size := range live {
		if v, ok := tr.Get(path); !ok || len(v.Data()) != size {
			t.Fatalf("%s: %v, %d bytes, want %d", path, ok, len(v.Data()), size)
		}
	}
	for path := range live {
		z++
		tr.Apply(mkDelete(z, path), res)
	}
	check(t, tr)
	for _, mem := range tr.text.mem[8:] {
		if mem != nil {
			t.Fatal("pages without a string are kept")
		}
	}
}

// A znode takes at most 130 bytes beside its name and its data, also when the index has
// just grown.
func TestBytesPerZnode(t *testing.T) {
	const size = 100
	grown := 256 * (512 / 5 * 4) * 102 / 100 // by then nearly all shards have 1,024 slots
	heap := func() int64 {
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return int64(m.HeapAlloc)
	}
	data := strings.Repeat("x", size)
	before, text := heap(), int64(0)
	tr, res := New(), new(Result)
	for i := range grown {
		path := fmt.Sprintf("/%d", i)
		text += int64(len(path) - 1 + size)
		tr.Apply(mkCreate(proto.Zxid(i+1), path, data, -1), res)
	}
	each := float64(heap()-before-text) / float64(grown)
	// One more is for what else the process has allocated meanwhile.
	if t.Logf("%.1f bytes", each); each > 131 {
		t.Errorf("a znode takes %.1f bytes beside name and data", each)
	}
	runtime.KeepAlive(tr)
}

// A znode is at its own path and no other, should two hashes ever be equal.
func TestIsAt(t *testing.T) {
	tr := New()
	paths := []string{"/a", "/a/b", "/a/b/c", "/b", "/b/b", "/ab", "/a/bb", "/zookeeper"}
	for i, p := range paths[:len(paths)-1] {
		apply(tr, mkCreate(proto.Zxid(i+1), p, "data", -1))
	}
	others := []string{"", "/", "a", "b", "c", "/a/", "//a", "/a//b", "a/b", "b/c", "/c", "/a/b/c/", "/b/c", "/x/a/b", "/data", "xa", "/axb", "xa/b", "/a/bxc"}
	for _, p := range paths {
		id := tr.find(p)
		if id == 0 {
			t.Fatalf("%s is not found", p)
		}
		for _, q := range append(others, paths...) {
			if got := tr.isAt(id, q); got != (p == q) {
				t.Errorf("the znode %s is at %q: %v", p, q, got)
			}
		}
	}
	for _, q := range others[2:] {
		if _, ok := tr.Get(q); ok {
			t.Errorf("Get(%q) finds something", q)
		}
	}
}

func TestBigData(t *testing.T) {
	tr := New()
	for i, size := range []int{1 << 20, 100, 2 << 20, 2 << 20, pageSize, maxBlock - 1, maxBlock, maxBlock + 1, 0} {
		want := strings.Repeat(string(rune('a'+i)), size)
		if i == 0 {
			apply(tr, mkCreate(1, "/a", want, -1))
		} else {
			apply(tr, mkSet(proto.Zxid(i+1), "/a", want, int32(i)))
		}
		if v, _ := tr.Get("/a"); string(v.Data()) != want || v.Stat().DataLength != int32(size) {
			t.Errorf("%d bytes came back as %d", size, len(v.Data()))
		}
	}
	long := "/" + strings.Repeat("n", pageSize)
	apply(tr, mkCreate(20, long, "x", -1))
	if _, ok := tr.Get(long); !ok {
		t.Error("a long name is not found")
	}
	check(t, tr)
	apply(tr, mkDelete(21, long), mkDelete(22, "/a"))
	check(t, tr)
}
