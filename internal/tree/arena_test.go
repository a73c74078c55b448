package tree

import (
	"bytes"
	"math/rand/v2"
	"testing"
)

func TestArenaClasses(t *testing.T) {
	last := -1
	for size := range maxBlock + 1 {
		c := classOf(size)
		if c != last && c != last+1 || c >= arenaClasses {
			t.Fatalf("size %d has class %d after %d", size, c, last)
		}
		if got := classSize(c); got < size || got%8 != 0 || size > 128 && got > size+size/8+8 {
			t.Fatalf("size %d: blocks of class %d have %d bytes", size, c, got)
		}
		if c != last && c > 0 && classSize(c-1) >= size {
			t.Fatalf("size %d would fit class %d", size, c-1)
		}
		last = c
	}
	if last != arenaClasses-1 {
		t.Errorf("the last class is %d", last)
	}
}

// Strings stay what they are while others come and go.
func TestArena(t *testing.T) {
	type item struct {
		b    blob
		want []byte
	}
	for seed := range uint64(5) {
		rng := rand.New(rand.NewPCG(seed, 7))
		var a arena
		var items []item
		for step := range 20_000 {
			if grow := step%8000 < 4000; len(items) == 0 || rng.IntN(3) > 0 == grow {
				size := rng.IntN(1 << rng.IntN(12))
				if rng.IntN(500) == 0 {
					size = rng.IntN(2 * pageSize)
				}
				want := bytes.Repeat([]byte{byte(step)}, size)
				b := a.alloc(size)
				if b == 0 {
					t.Fatal("alloc gives nothing")
				}
				copy(a.bytes(b, size), want)
				items = append(items, item{b, want})
				continue
			}
			i := rng.IntN(len(items))
			if x := items[i]; !bytes.Equal(a.bytes(x.b, len(x.want)), x.want) {
				t.Fatalf("seed %d step %d: %d bytes changed", seed, step, len(x.want))
			}
			a.release(items[i].b)
			items[i] = items[len(items)-1]
			items = items[:len(items)-1]
		}
		for _, x := range items {
			if !bytes.Equal(a.bytes(x.b, len(x.want)), x.want) {
				t.Fatalf("seed %d: %d bytes changed", seed, len(x.want))
			}
			a.release(x.b)
		}
		for _, mem := range a.mem {
			if mem != nil {
				t.Fatalf("seed %d: an empty page is kept", seed)
			}
		}
		for _, mem := range a.big {
			if mem != nil {
				t.Fatalf("seed %d: a big one is kept", seed)
			}
		}
	}
}
