package jute

import "unicode/utf8"

// ValidUTF8 decodes bytes that are not valid UTF-8 as Java's String does, which
// puts one U+FFFD for the longest start of a character that could have gone on,
// and one for a surrogate. Source: java.lang.String, the constructor with a
// charset.
func ValidUTF8(p []byte) string {
	out := make([]byte, 0, len(p)+8)
	for len(p) > 0 {
		r, n := utf8.DecodeRune(p)
		if r == utf8.RuneError && n == 1 {
			n = malformed(p)
		}
		out = utf8.AppendRune(out, r)
		p = p[n:]
	}
	return string(out)
}

// malformed returns how many bytes at the start of p one U+FFFD stands for.
func malformed(p []byte) int {
	follows := func(i int) bool { return i < len(p) && p[i]&0xc0 == 0x80 }
	switch b := p[0]; {
	case b < 0xe0 || b > 0xf4 || !follows(1):
		return 1
	case b == 0xe0 && p[1] < 0xa0, b == 0xf0 && p[1] < 0x90, b == 0xf4 && p[1] > 0x8f:
		return 1
	case b == 0xed && p[1] >= 0xa0 && follows(2): // a surrogate
		return 3
	case b < 0xf0 || !follows(2):
		return 2
	}
	return 3
}
