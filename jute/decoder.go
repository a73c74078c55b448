package jute

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"unicode/utf8"
)

// Errors that a Decoder can hold; test with errors.Is.
var (
	ErrShort  = errors.New("jute: record is truncated")
	ErrLength = errors.New("jute: unreasonable length")
)

// Decoder reads primitives from the front of a byte slice. The first failure
// sticks: every later call returns a zero value, and Err tells what happened.
// The zero value decodes an empty record.
//
// Invariant: no call allocates more than a small multiple of the bytes that
// are really left, whatever lengths the input claims.
type Decoder struct {
	buf  []byte
	off  int
	err  error
	text *text // what strings share, if they do
}

// NewDecoder returns a decoder over b. Buffers it returns alias b.
func NewDecoder(b []byte) Decoder { return Decoder{buf: b} }

// Err returns the first failure, or nil.
func (d *Decoder) Err() error { return d.err }

// Len returns how many bytes are left.
func (d *Decoder) Len() int { return len(d.buf) - d.off }

// Offset returns how many bytes have been consumed.
func (d *Decoder) Offset() int { return d.off }

// Rest consumes and returns all remaining bytes; the result aliases the input.
func (d *Decoder) Rest() []byte {
	if d.err != nil {
		return nil
	}
	p := d.buf[d.off:]
	d.off = len(d.buf)
	return p
}

// Record reads a buffer and returns a decoder over it, whose strings share memory with
// those of d if d's do.
func (d *Decoder) Record() Decoder { return Decoder{buf: d.Buffer(), text: d.text} }

// Match consumes want if what is left begins with it, and reports whether it did.
func (d *Decoder) Match(want []byte) bool {
	if d.err != nil || !bytes.HasPrefix(d.buf[d.off:], want) {
		return false
	}
	d.off += len(want)
	return true
}

// Fail makes err stick, unless an earlier error already does.
func (d *Decoder) Fail(err error) {
	if d.err == nil {
		d.err = err
	}
}

func (d *Decoder) take(n int) []byte {
	if d.err != nil {
		return nil
	}
	if n > len(d.buf)-d.off {
		d.err = ErrShort
		return nil
	}
	p := d.buf[d.off : d.off+n : d.off+n]
	d.off += n
	return p
}

// Byte reads one byte.
func (d *Decoder) Byte() byte {
	if p := d.take(1); p != nil {
		return p[0]
	}
	return 0
}

// Bool reads one byte; any value but zero is true.
func (d *Decoder) Bool() bool { return d.Byte() != 0 }

// Int reads four bytes.
func (d *Decoder) Int() int32 {
	if p := d.take(4); p != nil {
		return int32(binary.BigEndian.Uint32(p))
	}
	return 0
}

// Long reads eight bytes.
func (d *Decoder) Long() int64 {
	if p := d.take(8); p != nil {
		return int64(binary.BigEndian.Uint64(p))
	}
	return 0
}

// Buffer reads a buffer that aliases the input. Null gives nil, empty gives a
// non-nil slice of length zero.
func (d *Decoder) Buffer() []byte {
	n := d.length()
	if n < 0 {
		return nil
	}
	return d.take(n)
}

// length reads a length prefix: -1 for null or after an error.
func (d *Decoder) length() int {
	n := d.Int()
	switch {
	case d.err != nil || n == -1:
		return -1
	case n < 0:
		d.err = fmt.Errorf("%w %d", ErrLength, n)
		return -1
	}
	return int(n)
}

// NullString reads a string and reports whether it was there; ok is false for null
// and after an error. Malformed UTF-8 becomes U+FFFD, as in Java.
func (d *Decoder) NullString() (s string, ok bool) {
	n := d.length()
	if n < 0 {
		return "", false
	}
	p := d.take(n)
	if d.err != nil {
		return "", false
	}
	switch {
	case !utf8.Valid(p):
		return ValidUTF8(p), true
	case d.text != nil:
		return d.text.add(p), true
	}
	return string(p), true
}

// String reads a string; null reads as the empty string.
func (d *Decoder) String() string {
	s, _ := d.NullString()
	return s
}

// Count reads the element count of a vector whose elements take at least
// minSize bytes each. It returns -1 for null and after an error. A count that
// the remaining bytes cannot hold is an error, so callers may allocate by it.
func (d *Decoder) Count(minSize int) int {
	n := d.Int()
	switch {
	case d.err != nil || n == -1:
		return -1
	case n < 0: // Java reads any other negative count as an empty vector.
		return 0
	case int64(n)*int64(minSize) > int64(d.Len()):
		d.err = fmt.Errorf("%w: vector of %d in %d bytes", ErrShort, n, d.Len())
		return -1
	}
	return int(n)
}

// Strings reads a vector of strings; null gives nil, empty a non-nil slice.
func (d *Decoder) Strings() []string {
	n := d.Count(4)
	if n < 0 {
		return nil
	}
	v := make([]string, 0, n)
	if v, ok := d.shortStrings(v, n); ok {
		return v
	}
	for range n {
		v = append(v, d.String())
	}
	if d.err != nil {
		return nil
	}
	return v
}

// shortStrings reads n strings, if all are there, short and well-formed, into one piece
// of memory with their lengths. It returns ok false, and has read nothing, if they are not.
func (d *Decoder) shortStrings(v []string, n int) (_ []string, ok bool) {
	// A length below 0x80 is four bytes of ASCII: no character of a string goes on
	// in the next, and they are well-formed if all is.
	const short = 0x80
	end := d.off
	for range n {
		if len(d.buf)-end < 4 {
			return nil, false
		}
		size := binary.BigEndian.Uint32(d.buf[end:])
		if end += 4 + int(size%short); size >= short || end > len(d.buf) {
			return nil, false
		}
	}
	if !utf8.Valid(d.buf[d.off:end]) {
		return nil, false
	}
	all := string(d.buf[d.off:end])
	for d.off = end; len(all) > 0; {
		size := 4 + int(all[3])
		v, all = append(v, all[4:size]), all[size:]
	}
	return v, true
}
