package golden

import (
	"fmt"
	"io"
)

// SplitFrames reads one frame, int32 length and payload, as on the client port in both directions. It is
// the simplest splitter; the comment it returns is empty.
func SplitFrames(r io.Reader) ([]byte, string, error) {
	m := &Message{R: r}
	m.Skip(int64(m.Int()))
	return m.Taken, "", m.Err
}

// maxMessage bounds what a splitter reads at once; a recorder that lost its place would ask for more.
const maxMessage = 64 << 20

// Message reads the parts of one message and keeps every byte. The first error sticks.
type Message struct {
	R     io.Reader
	Taken []byte // everything so far
	Err   error
}

// Skip takes n bytes and returns them.
func (m *Message) Skip(n int64) []byte {
	if m.Err == nil && (n < 0 || n > maxMessage) {
		m.Err = fmt.Errorf("%d bytes at once: lost the place", n)
	}
	if m.Err != nil {
		return nil
	}
	b := make([]byte, n)
	if _, err := io.ReadFull(m.R, b); err != nil {
		if len(m.Taken) > 0 && err == io.EOF {
			err = io.ErrUnexpectedEOF
		}
		m.Err = err
		return nil
	}
	m.Taken = append(m.Taken, b...)
	return b
}

// Int takes four bytes.
func (m *Message) Int() int32 { return int32(m.uint(4)) }

// Long takes eight bytes.
func (m *Message) Long() int64 { return int64(m.uint(8)) }

func (m *Message) uint(n int64) uint64 {
	var v uint64
	for _, b := range m.Skip(n) {
		v = v<<8 | uint64(b)
	}
	return v
}

// Buffer takes a length and that many bytes; nil for -1.
func (m *Message) Buffer() []byte {
	n := m.Int()
	if n == -1 {
		return nil
	}
	return m.Skip(int64(n))
}
