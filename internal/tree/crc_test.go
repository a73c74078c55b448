package tree

import (
	"bytes"
	"hash/crc32"
	"math/rand/v2"
	"testing"
)

// TestCRC: whatever the length and what was summed up before, and whatever the room
// holds. That it is faster is for BenchmarkCRC.
func TestCRC(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	for n := range 400 {
		b := make([]byte, crcRoom+n)
		for i := range b {
			b[i] = byte(random.Uint32())
		}
		for _, crc := range []uint32{0, 1, 1 << 31, ^uint32(0), random.Uint32()} {
			want := crc32.Update(crc, crc32.IEEETable, b[crcRoom:])
			if got := crcOf(crc, bytes.Clone(b)); got != want {
				t.Errorf("%d bytes after %08x: %08x, want %08x", n, crc, got, want)
			}
		}
	}
}

func BenchmarkCRC(b *testing.B) {
	buf := make([]byte, crcRoom+191)
	b.Run("padded", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			crcOf(0, buf)
		}
	})
	b.Run("plain", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			crc32.ChecksumIEEE(buf[crcRoom:])
		}
	})
}
