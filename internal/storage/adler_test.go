package storage

import (
	"bytes"
	"hash/adler32"
	"testing"
)

// TestAdler compares with the standard library: every length around a block,
// cut in two anywhere, random bytes and the largest.
func TestAdler(t *testing.T) {
	rng := newRand(3)
	random := make([]byte, 5*adlerBlock+3)
	for i := range random {
		random[i] = byte(rng.Uint32())
	}
	for name, b := range map[string][]byte{"random": random, "largest": bytes.Repeat([]byte{255}, len(random)), "zeros": make([]byte, len(random))} {
		for n := range b {
			cut := rng.IntN(n + 1)
			if got, want := adler(adler(adlerStart, b[:cut]), b[cut:n]), adler32.Checksum(b[:n]); got != want {
				t.Fatalf("%s, %d bytes cut at %d: %#x, want %#x", name, n, cut, got, want)
			}
		}
	}
	long := bytes.Repeat([]byte{255}, 20<<20)
	if got, want := adler(adlerStart, long), adler32.Checksum(long); got != want {
		t.Errorf("20 MiB: %#x, want %#x", got, want)
	}
}

func BenchmarkAdler(b *testing.B) {
	data := bytes.Repeat([]byte("some bytes "), 1<<20/11)
	b.Run("own", func(b *testing.B) {
		b.SetBytes(int64(len(data)))
		for b.Loop() {
			adler(adlerStart, data)
		}
	})
	b.Run("library", func(b *testing.B) {
		b.SetBytes(int64(len(data)))
		for b.Loop() {
			adler32.Checksum(data)
		}
	})
}
