package server

import (
	"math/bits"
	"sync"
)

// Buffers come in powers of two between these; larger ones are left to the
// garbage collector.
const (
	minBufferBits = 9
	maxBufferBits = 20
)

// buffer is a pooled byte slice.
type buffer struct{ b []byte }

var bufferPools [maxBufferBits + 1]sync.Pool

// getBuffer returns an empty buffer that holds at least size bytes.
func getBuffer(size int) *buffer {
	n := max(bits.Len(uint(size-1)), minBufferBits)
	if n > maxBufferBits {
		return &buffer{make([]byte, 0, size)}
	}
	if v := bufferPools[n].Get(); v != nil {
		return v.(*buffer)
	}
	return &buffer{make([]byte, 0, 1<<n)}
}

// putBuffer takes a buffer back; nobody may hold its bytes any more.
func putBuffer(b *buffer) {
	n := bits.Len(uint(cap(b.b))) - 1 // what it holds at least
	if n < minBufferBits || n > maxBufferBits {
		return
	}
	b.b = b.b[:0]
	bufferPools[n].Put(b)
}

// growBuffer returns a buffer with b's bytes and room for at least n more. b
// must not be used any more.
func growBuffer(b *buffer, n int) *buffer {
	if cap(b.b)-len(b.b) >= n {
		return b
	}
	bigger := getBuffer(max(2*cap(b.b), len(b.b)+n))
	bigger.b = append(bigger.b, b.b...)
	putBuffer(b)
	return bigger
}
