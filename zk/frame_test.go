package zk

import (
	"bytes"
	"encoding/binary"
	"io"
	"testing"
	"testing/iotest"
)

func TestFrameReader(t *testing.T) {
	sizes := []int{0, 1, 100, minReadBuffer, minReadBuffer - 4, 3, maxReadBuffer, maxReadBuffer + 1, 5, 1 << 20, 7}
	var stream []byte
	for i, n := range sizes {
		stream = binary.BigEndian.AppendUint32(stream, uint32(n))
		stream = append(stream, bytes.Repeat([]byte{byte(i)}, n)...)
	}
	for name, r := range map[string]io.Reader{
		"whole":        bytes.NewReader(stream),
		"halves":       iotest.HalfReader(bytes.NewReader(stream)),
		"data and EOF": iotest.DataErrReader(bytes.NewReader(stream)),
	} {
		f := frameReader{r: r, max: 1 << 20}
		for i, n := range sizes {
			p, owned, err := f.next()
			if err != nil || !bytes.Equal(p, bytes.Repeat([]byte{byte(i)}, n)) {
				t.Fatalf("%s: frame %d: %d bytes, %v; want %d", name, i, len(p), err, n)
			}
			if owned != (n > maxReadBuffer) {
				t.Errorf("%s: frame %d: owned is %v", name, i, owned)
			}
		}
		if _, _, err := f.next(); err != io.EOF {
			t.Errorf("%s: at the end: %v", name, err)
		}
		if len(f.buf) > maxReadBuffer {
			t.Errorf("%s: buffer grew to %d", name, len(f.buf))
		}
	}
}

func TestFrameReaderStaysSmallWhenIdle(t *testing.T) {
	frame := append([]byte{0, 0, 0, 16}, make([]byte, 16)...)
	f := frameReader{r: iotest.OneByteReader(bytes.NewReader(bytes.Repeat(frame, 1000))), max: 1 << 20}
	for range 1000 {
		if _, _, err := f.next(); err != nil {
			t.Fatal(err)
		}
	}
	if len(f.buf) != minReadBuffer {
		t.Errorf("buffer is %d bytes, want %d", len(f.buf), minReadBuffer)
	}
}

func TestFrameReaderRefuses(t *testing.T) {
	for name, in := range map[string][]byte{
		"negative":  {0xff, 0xff, 0xff, 0xff},
		"too long":  {0, 0, 0x10, 1},
		"truncated": {0, 0, 0, 2, 1},
	} {
		f := frameReader{r: bytes.NewReader(in), max: 0x1000}
		if p, _, err := f.next(); err == nil {
			t.Errorf("%s: %x, want an error", name, p)
		}
	}
}
