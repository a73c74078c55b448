package jute

import (
	"strings"
	"testing"
	"unicode/utf8"
)

// The counts are those of new String(bytes, UTF_8) of OpenJDK 17.
func TestMalformedUTF8(t *testing.T) {
	for in, replaced := range map[string]int{
		"\xff\xfe":         2,
		"\xc0\x80":         2,
		"\xc2":             1,
		"\xe2\x82":         1,
		"\xe2\x82/":        1,
		"\xe0\x80\x80":     3,
		"\xed\xa0\x80":     1,
		"\xed\xa0":         1,
		"\xed\xa0/":        1,
		"\xf0\x80\x80\x80": 4,
		"\xf0\x9f\x98":     1,
		"\xf0\x9f/":        1,
		"\xf4\x90\x80\x80": 4,
		"\xf8\x88\x80\x80": 4,
		"\x80\x80":         2,
	} {
		b := append(AppendInt(nil, int32(len(in)+2)), "a"+in+"b"...)
		d := NewDecoder(b)
		if got, want := d.String(), "a"+strings.Repeat("\uFFFD", replaced)+strings.TrimLeftFunc(in, isMalformed)+"b"; got != want {
			t.Errorf("%x: %q, want %q", in, got, want)
		}
	}
}

// isMalformed holds for bytes that are no UTF-8.
func isMalformed(r rune) bool { return r == utf8.RuneError }
