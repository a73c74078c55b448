package jute

import "strings"

// maxTogether is how many strings share memory at most: what one that is kept alone may
// keep with it.
const maxTogether = 16

// text is the memory that strings share.
type text struct {
	b    strings.Builder
	left int // strings that are still expected
	room int // bytes that they can have together
}

// ShareStrings says that about n strings will be read, each about as long as the first.
// They share memory, at most 16 of them the same, so that one that is kept keeps others
// too.
func (d *Decoder) ShareStrings(n int) {
	if n > 1 {
		d.text = &text{left: n, room: d.Len()}
	}
}

// add returns p as a string.
func (t *text) add(p []byte) string {
	if t.b.Cap()-t.b.Len() < len(p) {
		n := max(1, min(t.left, maxTogether))
		t.b = strings.Builder{} // those that are in the old one need it still
		t.b.Grow(max(len(p), min(n*(len(p)+len(p)/8), t.room)))
	}
	t.left--
	t.room -= len(p)
	at := t.b.Len()
	t.b.Write(p)
	return t.b.String()[at:]
}
