package jute

import "strings"

// Strings of a piece of memory at most, and bytes of a string that is in one: what one
// that is kept alone may keep with it.
const (
	maxTogether = 16
	maxShared   = 128
)

// text is the memory that strings share.
type text struct {
	b    strings.Builder
	in   int // strings in b
	left int // strings that are still expected
	room int // bytes that they can have together
}

// ShareStrings says that about n strings will be read, each about as long as the first.
// Those of no more than 128 bytes share memory, at most 16 of them the same, so that one
// that is kept keeps others too.
func (d *Decoder) ShareStrings(n int) {
	if n > 1 {
		d.text = &text{left: n, room: d.Len()}
	}
}

// add returns p as a string.
func (t *text) add(p []byte) string {
	if len(p) > maxShared {
		return string(p)
	}
	if t.b.Cap()-t.b.Len() < len(p) || t.in == maxTogether {
		n := max(1, min(t.left, maxTogether))
		t.b, t.in = strings.Builder{}, 0 // those that are in the old one need it still
		t.b.Grow(max(len(p), min(n*(len(p)+len(p)/8), t.room)))
	}
	t.in++
	t.left--
	t.room -= len(p)
	at := t.b.Len()
	t.b.Write(p)
	return t.b.String()[at:]
}
