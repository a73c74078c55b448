package server

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"syscall"
)

// readBufferSize is how much a connection reads at once. It holds a buffer of
// that size only while it has bytes to work on. Before it has a session it reads
// no more than greetSize, enough for a connect request: thousands may come at once.
const (
	readBufferSize = 16 << 10
	greetSize      = 1 << minBufferBits
)

var errFrameLength = errors.New("frame length out of bounds")

// sock cuts a connection's input into frames. Where the system allows, it waits
// for input without a buffer.
type sock struct {
	nc    net.Conn
	rc    syscall.RawConn       // nil: use nc's Read
	ready func(fd uintptr) bool // readReady, bound once
	in    *buffer               // received; nil if nothing is there
	off   int                   // in.b[:off] is used up
	n     int                   // result of the last read
	err   error                 // the same
	small *[smallRead]byte      // where input arrives while there is no buffer and no rc
	size  int                   // of a new buffer
}

// smallRead is enough for a ping or a short read in one call.
const smallRead = 64

// next returns the payload of the next frame if it has arrived whole. The
// bytes are valid until fill. A length above max, or negative, is an error.
func (s *sock) next(maxLen int) (frame []byte, ok bool, err error) {
	rest := s.rest()
	if len(rest) < 4 {
		return nil, false, nil
	}
	n := int(int32(binary.BigEndian.Uint32(rest)))
	if n < 0 || n > maxLen {
		return nil, false, fmt.Errorf("%w: %d", errFrameLength, n)
	}
	if len(rest) < 4+n {
		return nil, false, nil
	}
	s.off += 4 + n
	return rest[4 : 4+n : 4+n], true, nil
}

// rest returns what has arrived and was not consumed.
func (s *sock) rest() []byte {
	if s.in == nil {
		return nil
	}
	return s.in.b[s.off:]
}

// compact gives the buffer back if it is used up, and else makes room in it.
func (s *sock) compact() {
	switch {
	case s.in == nil:
	case s.off == len(s.in.b):
		putBuffer(s.in)
		s.in = nil
	case s.off > 0:
		s.in.b = s.in.b[:copy(s.in.b, s.in.b[s.off:])]
	case len(s.in.b) == cap(s.in.b): // a frame larger than the buffer: grow as its bytes arrive
		s.in = growBuffer(s.in, 1)
	}
	s.off = 0
}

// fill waits until at least one more byte has arrived.
func (s *sock) fill() error {
	s.compact()
	if s.rc != nil {
		return s.fillRaw()
	}
	if s.in == nil {
		if s.small == nil {
			s.small = new([smallRead]byte)
		}
		n, err := s.nc.Read(s.small[:])
		if n > 0 {
			s.in = getBuffer(s.size)
			s.in.b = append(s.in.b, s.small[:n]...)
			return nil
		}
		return err
	}
	n, err := s.nc.Read(s.in.b[len(s.in.b):cap(s.in.b)])
	if s.in.b = s.in.b[:len(s.in.b)+n]; n > 0 {
		return nil
	}
	return err
}

// release gives back the input buffer. Nothing may be read afterwards.
func (s *sock) release() {
	if s.in != nil {
		putBuffer(s.in)
		s.in, s.off = nil, 0
	}
}
