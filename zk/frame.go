package zk

import (
	"encoding/binary"
	"fmt"
	"io"
)

// Read buffers start small, since most sessions are quiet, and grow while
// reads fill them.
const (
	minReadBuffer = 2 << 10
	maxReadBuffer = 64 << 10
)

// frameReader cuts a stream into frames: int32 length, payload.
type frameReader struct {
	r   io.Reader
	max int // longest payload allowed

	buf      []byte
	pos, end int  // buf[pos:end] has been read and not returned
	full     bool // the latest read filled buf
}

// next returns the next frame's payload. Unless owned is true, it is valid only
// until the next call.
func (f *frameReader) next() (payload []byte, owned bool, err error) {
	if err := f.fill(4); err != nil {
		return nil, false, err
	}
	n := int(int32(binary.BigEndian.Uint32(f.buf[f.pos:])))
	if n < 0 || n > f.max {
		return nil, false, fmt.Errorf("frame of %d bytes, limit is %d", n, f.max)
	}
	f.pos += 4
	if n > maxReadBuffer {
		p := make([]byte, n)
		have := copy(p, f.buf[f.pos:f.end])
		f.pos += have
		_, err := io.ReadFull(f.r, p[have:])
		return p, true, err
	}
	if err := f.fill(n); err != nil {
		return nil, false, err
	}
	p := f.buf[f.pos : f.pos+n : f.pos+n]
	f.pos += n
	return p, false, nil
}

// fill reads until n bytes are buffered.
func (f *frameReader) fill(n int) error {
	if f.end-f.pos >= n {
		return nil
	}
	f.makeRoom(n)
	for f.end-f.pos < n {
		m, err := f.r.Read(f.buf[f.end:])
		f.end += m
		f.full = f.end == len(f.buf)
		if err != nil && f.end-f.pos < n {
			return err
		}
	}
	return nil
}

// makeRoom moves what is left to the front of a buffer that holds n bytes.
func (f *frameReader) makeRoom(n int) {
	size := max(len(f.buf), minReadBuffer)
	if f.full {
		size *= 2
	}
	for size < n {
		size *= 2
	}
	buf := f.buf
	if size = min(size, maxReadBuffer); size > len(buf) {
		buf = make([]byte, size)
	}
	f.end = copy(buf, f.buf[f.pos:f.end])
	f.buf, f.pos, f.full = buf, 0, false
}

// putLength writes a frame's length into its first four bytes.
func putLength(frame []byte) {
	binary.BigEndian.PutUint32(frame, uint32(len(frame)-4))
}
