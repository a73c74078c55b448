package tree

import "strings"

// dnKeywords are the attribute types that have a name; all others must be
// written as object identifiers. Source: sun.security.x509.AVAKeyword.
var dnKeywords = map[string]bool{
	"CN": true, "C": true, "L": true, "S": true, "ST": true, "O": true, "OU": true, "T": true,
	"IP": true, "STREET": true, "DC": true, "DNQUALIFIER": true, "DNQ": true, "SURNAME": true,
	"GIVENNAME": true, "INITIALS": true, "GENERATION": true, "EMAIL": true, "EMAILADDRESS": true,
	"UID": true, "SERIALNUMBER": true,
}

// validDN reports whether s is a distinguished name that X500Principal takes,
// which X509AuthenticationProvider.isValid asks for: attributes type=value,
// joined by "+", "," or ";", where a value is plain, quoted or "#" and hex.
func validDN(s string) bool {
	for more := s != ""; more; {
		typ, rest, ok := strings.Cut(s, "=")
		if !ok || !validDNType(strings.Trim(typ, " \n")) {
			return false
		}
		if s, more, ok = skipDNValue(strings.TrimLeft(rest, " \n")); !ok {
			return false
		}
	}
	return true
}

func validDNType(s string) bool {
	upper := strings.ToUpper(s)
	return dnKeywords[upper] || validOID(strings.TrimPrefix(upper, "OID."))
}

// validOID wants at least two numbers, the first at most 2, the second below 40
// unless the first is 2.
func validOID(s string) bool {
	parts := strings.Split(s, ".")
	for _, p := range parts {
		if p == "" || strings.Trim(p, "0123456789") != "" {
			return false
		}
	}
	if len(parts) < 2 {
		return false
	}
	first, second := strings.TrimLeft(parts[0], "0"), strings.TrimLeft(parts[1], "0")
	return first == "2" || (first == "" || first == "1") && (len(second) < 2 || len(second) == 2 && second < "40")
}

// skipDNValue reads one value and the separator behind it; more says that there
// is one.
func skipDNValue(s string) (rest string, more, ok bool) {
	switch {
	case strings.HasPrefix(s, "#"):
		i := strings.IndexAny(s, "+,;")
		if i < 0 {
			return "", false, validDNHex(s[1:])
		}
		return s[i+1:], true, validDNHex(s[1:i])
	case strings.HasPrefix(s, `"`):
		n, ok := scanDNText(s[1:], `"`, "")
		if !ok || n == len(s)-1 {
			return "", false, false
		}
		s = strings.TrimLeft(s[n+2:], " \n")
		if s == "" {
			return "", false, true
		}
		return s[1:], true, strings.ContainsRune("+,;", rune(s[0]))
	}
	n, ok := scanDNText(s, "+,;", `<>"`)
	if !ok || n == len(s) {
		return "", false, ok
	}
	return s[n+1:], true, true
}

// scanDNText returns where in s the first of the characters in stop stands that
// is not escaped, or the length of s. It fails at one of those in bad.
func scanDNText(s, stop, bad string) (n int, ok bool) {
	for n < len(s) {
		c := s[n]
		switch {
		case c == '\\' && n+2 < len(s) && isHex(s[n+1]) && isHex(s[n+2]):
			n += 3
		case c == '\\':
			if n+1 == len(s) || strings.IndexByte(",=\n+<>#;\\\" ", s[n+1]) < 0 {
				return n, false
			}
			n += 2
		case strings.IndexByte(stop, c) >= 0:
			return n, true
		case strings.IndexByte(bad, c) >= 0:
			return n, false
		default:
			n++
		}
	}
	return n, true
}

// validDNHex wants the hexadecimal form of one DER value: a tag of one byte, a length, and as many bytes. As in Java the
// length may take up to four bytes more than it needs; that it is left open is refused here.
func validDNHex(s string) bool {
	if len(s) < 4 || len(s)%2 != 0 {
		return false
	}
	for i := range len(s) {
		if !isHex(s[i]) {
			return false
		}
	}
	if at(s, 0)&0x1f == 0x1f {
		return false
	}
	size, head := int64(at(s, 1)), 2
	if size > 0x84 || size == 0x80 {
		return false
	}
	if size > 0x80 {
		n := int(size - 0x80)
		if len(s) < 2*(2+n) {
			return false
		}
		for size = 0; head < 2+n; head++ {
			size = size<<8 | int64(at(s, head))
		}
	}
	return int64(len(s)) == 2*(int64(head)+size)
}

// at returns byte i of hexadecimal text.
func at(s string, i int) byte { return unhex(s[2*i])<<4 | unhex(s[2*i+1]) }

func isHex(c byte) bool { return unhex(c) < 16 }

// unhex returns the value of a hexadecimal digit, 255 for others.
func unhex(c byte) byte {
	switch {
	case c >= '0' && c <= '9':
		return c - '0'
	case c >= 'a' && c <= 'f':
		return c - 'a' + 10
	case c >= 'A' && c <= 'F':
		return c - 'A' + 10
	}
	return 255
}
