package ensemble

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// Addr is a host and a TCP port. Host is a name, an IPv4 literal or an IPv6 literal without brackets; names are not
// resolved here, since a name may move between two connections.
type Addr struct {
	Host string
	Port int
}

// String writes host:port, with brackets around an IPv6 literal. Java: QuorumServer.delimitedHostString.
func (a Addr) String() string { return bracketed(a.Host) + ":" + strconv.Itoa(a.Port) }

// Wildcard reports whether a names every interface of its own server: 0.0.0.0 or ::.
func (a Addr) Wildcard() bool {
	return a.Host == "0.0.0.0" || canonicalHost(a.Host) == "0:0:0:0:0:0:0:0"
}

// Loopback reports whether a can only be reached from its own server: localhost, 127.x.y.z or ::1.
func (a Addr) Loopback() bool {
	host := strings.ToLower(a.Host)
	return host == "localhost" || isIPv4(host) && strings.HasPrefix(host, "127.") ||
		canonicalHost(host) == "0:0:0:0:0:0:0:1"
}

// same reports whether two addresses are written alike: host names without regard to case, IPv6 in any spelling.
func (a Addr) same(b Addr) bool {
	return a.Port == b.Port && strings.EqualFold(canonicalHost(a.Host), canonicalHost(b.Host))
}

func bracketed(host string) string {
	if strings.Contains(host, ":") {
		return "[" + host + "]"
	}
	return host
}

// splitHost cuts "host:rest" or "[v6]:rest" and returns the host without brackets. Java: ConfigUtils.getHostAndPort.
func splitHost(s string) (host, rest string, err error) {
	if !strings.HasPrefix(s, "[") {
		host, rest, _ = strings.Cut(s, ":")
		return host, rest, checkHost(host)
	}
	host, rest, ok := strings.Cut(s[1:], "]")
	if !ok {
		return "", "", fmt.Errorf("%s starts with '[' but has no matching ']:'", s)
	}
	if !strings.HasPrefix(rest, ":") || rest == ":" {
		return "", "", fmt.Errorf("%s doesn't have a port after colon", s)
	}
	return canonicalHost(host), rest[1:], checkHost(host)
}

// maxHostBytes is the longest name DNS can hold.
const maxHostBytes = 255

var errNoHost = errors.New("the host is empty; give a name or an address")

// checkHost keeps out what could not be written back into a config text: separators, blanks, control characters.
func checkHost(host string) error {
	if host == "" {
		return errNoHost
	}
	if len(host) > maxHostBytes {
		return fmt.Errorf("host of %d bytes is longer than %d", len(host), maxHostBytes)
	}
	if strings.Contains(host, ":") {
		if _, _, ok := parseIPv6(host); !ok {
			return fmt.Errorf("%q is not an IPv6 address", host)
		}
		return nil
	}
	if i := strings.IndexFunc(host, notHostRune); i >= 0 {
		return fmt.Errorf("host %q has the character %q; names hold letters, digits, '-', '.' and '_'", host, host[i:i+1])
	}
	return nil
}

func notHostRune(r rune) bool {
	return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && r != '-' && r != '.' && r != '_'
}

// parsePort reads a decimal port not below lowest: a client port may be 0, meaning any free one.
func parsePort(s string, lowest int) (int, error) {
	port, err := strconv.Atoi(s)
	if err != nil {
		return 0, fmt.Errorf("port %q is not a number", s)
	}
	if port < lowest || port > 65535 {
		return 0, fmt.Errorf("port out of range:%d; ports go from %d to 65535", port, lowest)
	}
	return port, nil
}

// canonicalHost spells an IPv6 literal as Java's Inet6Address.getHostAddress does, eight groups without leading
// zeros and without "::", and an IPv4-mapped one as IPv4, so that both implementations write the same config text.
// Anything else is returned as it is.
func canonicalHost(host string) string {
	groups, zone, ok := parseIPv6(host)
	if !ok {
		return host
	}
	if [6]uint16(groups[:6]) == [6]uint16{5: 0xffff} {
		return fmt.Sprintf("%d.%d.%d.%d", groups[6]>>8, groups[6]&0xff, groups[7]>>8, groups[7]&0xff)
	}
	var b strings.Builder
	for i, g := range groups {
		if i > 0 {
			b.WriteByte(':')
		}
		b.WriteString(strconv.FormatUint(uint64(g), 16))
	}
	return b.String() + zone
}

// parseIPv6 reads an IPv6 literal with an optional zone, returned with its '%'.
func parseIPv6(s string) (groups [8]uint16, zone string, ok bool) {
	if i := strings.IndexByte(s, '%'); i >= 0 {
		s, zone = s[:i], s[i:]
		if len(zone) == 1 || strings.IndexFunc(zone[1:], notHostRune) >= 0 {
			return groups, "", false
		}
	}
	head, tail, gap := strings.Cut(s, "::")
	left, ok1 := parseGroups(head, !gap)
	right, ok2 := parseGroups(tail, true)
	switch n := len(left) + len(right); {
	case !ok1 || !ok2, gap && n > 7, !gap && n != 8:
		return groups, "", false
	}
	copy(groups[:], left)
	copy(groups[8-len(right):], right)
	return groups, zone, true
}

// parseGroups reads up to eight hex groups between colons; the last may be an IPv4 literal where last allows it.
func parseGroups(s string, last bool) (groups []uint16, ok bool) {
	if s == "" {
		return nil, true
	}
	fields := strings.Split(s, ":")
	if len(fields) > 8 {
		return nil, false
	}
	for i, f := range fields {
		if last && i == len(fields)-1 && isIPv4(f) {
			var b [4]uint64
			for j, part := range strings.Split(f, ".") {
				b[j], _ = strconv.ParseUint(part, 10, 8)
			}
			return append(groups, uint16(b[0]<<8|b[1]), uint16(b[2]<<8|b[3])), true
		}
		g, err := strconv.ParseUint(f, 16, 16)
		if err != nil || len(f) > 4 {
			return nil, false
		}
		groups = append(groups, uint16(g))
	}
	return groups, true
}

func isIPv4(s string) bool {
	parts := strings.Split(s, ".")
	for _, p := range parts {
		if _, err := strconv.ParseUint(p, 10, 8); err != nil || len(p) > 1 && p[0] == '0' {
			return false
		}
	}
	return len(parts) == 4
}
