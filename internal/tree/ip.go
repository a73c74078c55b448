package tree

import (
	"strconv"
	"strings"
)

// address is an IPv4 or IPv6 address as bytes.
type address struct {
	b    [16]byte
	bits int // 32 or 128
}

// parseAddress reads an address as Java does, which takes any decimal digits in
// IPv4 and neither an embedded IPv4 address nor a zone in IPv6. Source:
// IPAuthenticationProvider.addr2Bytes.
func parseAddress(s string) (a address, ok bool) {
	if strings.Contains(s, ":") {
		a.bits = 128
		return a, parseIPv6(s, &a.b)
	}
	a.bits = 32
	if parsePlainIPv4(s, &a.b) {
		return a, true
	}
	for i := range 4 {
		part, rest, more := strings.Cut(s, ".")
		v, err := strconv.ParseInt(part, 10, 32)
		if err != nil || v < 0 || v > 255 || more != (i < 3) {
			return a, false
		}
		a.b[i], s = byte(v), rest
	}
	return a, true
}

// parsePlainIPv4 fills b from an address as everybody writes it, in a tenth of the
// time that the rest of parseAddress takes. It returns false for every other form.
func parsePlainIPv4(s string, b *[16]byte) bool {
	part, v, digits := 0, 0, 0
	for i := range len(s) {
		switch d := s[i]; {
		case d >= '0' && d <= '9' && digits < 3:
			v, digits = 10*v+int(d-'0'), digits+1
		case d == '.' && digits > 0 && v <= 255 && part < 3:
			b[part] = byte(v)
			part, v, digits = part+1, 0, 0
		default:
			return false
		}
	}
	b[3] = byte(v)
	return part == 3 && digits > 0 && v <= 255
}

// parseIPv6 fills b. At most one "::", which stands for at least one group.
func parseIPv6(s string, b *[16]byte) bool {
	head, tail, short := strings.Cut(s, "::")
	if strings.Contains(tail, "::") || strings.HasPrefix(tail, ":") {
		return false
	}
	n, ok := parseGroups(head, b[:])
	switch {
	case !ok:
		return false
	case !short:
		return n == 8
	}
	var end [16]byte
	m, ok := parseGroups(tail, end[:])
	if !ok || n+m >= 8 {
		return false
	}
	copy(b[16-2*m:], end[:2*m])
	return true
}

// parseGroups reads groups of up to four hexadecimal digits into b and returns
// how many there are. No text is no group.
func parseGroups(s string, b []byte) (n int, ok bool) {
	for more := s != ""; more; n++ {
		var group string
		group, s, more = strings.Cut(s, ":")
		v, err := strconv.ParseInt(group, 16, 32)
		if err != nil || len(group) > 4 || n == 8 {
			return n, false
		}
		b[2*n], b[2*n+1] = byte(v>>8), byte(v)
	}
	return n, true
}

// parseRange reads an address with an optional "/" and number of leading bits.
func parseRange(s string) (a address, bits int, ok bool) {
	text, suffix, short := strings.Cut(s, "/")
	if a, ok = parseAddress(text); !ok || !short {
		return a, a.bits, ok
	}
	v, err := strconv.ParseInt(suffix, 10, 32)
	return a, int(v), err == nil && v >= 0 && int(v) <= a.bits
}

func validIP(s string) bool {
	_, _, ok := parseRange(s)
	return ok
}

// in reports whether a begins as w does, for so many bits. Source:
// IPAuthenticationProvider.matches.
func (a *address) in(w *address, bits int) bool {
	if a.bits != w.bits {
		return false
	}
	for i := 0; bits > 0; i, bits = i+1, bits-8 {
		mask := byte(0xff)
		if bits < 8 {
			mask <<= 8 - bits
		}
		if (a.b[i]^w.b[i])&mask != 0 {
			return false
		}
	}
	return true
}
