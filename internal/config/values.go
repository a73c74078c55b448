package config

import (
	"math"
	"net/netip"
	"strconv"
	"strings"
	"time"
)

// loader fills a Config from settings. Keys of zoo.cfg are read strictly, since ZooKeeper does not start with a bad
// one; properties are read with Java's leniency, but not silently.
type loader struct {
	report
	settings
	cfg *Config
}

// number reads a key of zoo.cfg. Java: Integer.parseInt.
func (l *loader) number(key string, fallback, lowest, highest int) int {
	s, ok := l.keys[key]
	if !ok {
		return fallback
	}
	n, err := strconv.ParseInt(s.value, 10, 32)
	if err != nil {
		l.problem(s, "write a whole number, digits only", "%s: %q is not a number", key, s.value)
		return fallback
	}
	if int(n) < lowest || int(n) > highest {
		fix := "write a number of " + strconv.Itoa(lowest) + " or more"
		if highest != math.MaxInt32 {
			fix = "write a number from " + strconv.Itoa(lowest) + " to " + strconv.Itoa(highest)
		}
		l.problem(s, fix, "%s: %d is out of range", key, n)
		return fallback
	}
	return int(n)
}

// boolean reads a key of zoo.cfg. Java: QuorumPeerConfig.parseBoolean.
func (l *loader) boolean(key string, fallback bool) bool {
	s, ok := l.keys[key]
	switch {
	case !ok:
		return fallback
	case strings.EqualFold(s.value, "true"):
		return true
	case strings.EqualFold(s.value, "false"):
		return false
	}
	l.problem(s, "write "+key+"=true or "+key+"=false", "Invalid option %s for %s. Choose 'true' or 'false.'", s.value, key)
	return fallback
}

// checkForms reads the keys whose values are not used, because ZooKeeper refuses badly written ones all the same.
func (l *loader) checkForms() {
	for _, name := range sortedKeys(l.keys) {
		switch k := table[name]; {
		case k.Status == Supported: // read elsewhere
		case k.form == number:
			l.number(name, 0, math.MinInt32, math.MaxInt32)
		case k.form == boolean:
			l.boolean(name, false)
		}
	}
}

// propNumber reads a property of at least lowest. A value that is not a number counts as absent, as in Java's
// Integer.getInteger, but with a warning.
func (l *loader) propNumber(name string, fallback, lowest, highest int64) int64 {
	s, ok := l.props[name]
	if !ok {
		return fallback
	}
	n, err := decodeInt(s.value)
	switch {
	case err != nil:
		l.warn(s, "%s: %q is not a number; %d is used", s.name, s.value, fallback)
		return fallback
	case n < lowest:
		l.warn(s, "%s should be %d or more; %d is used", s.name, lowest, lowest)
		return lowest
	case n > highest:
		l.warn(s, "%s should be %d or less; %d is used", s.name, highest, highest)
		return highest
	}
	return n
}

func (l *loader) propInt(name string, fallback, lowest int) int {
	return int(l.propNumber(name, int64(fallback), int64(lowest), math.MaxInt32))
}

func (l *loader) propMillis(name string, fallback, lowest int) time.Duration {
	return time.Duration(l.propInt(name, fallback, lowest)) * time.Millisecond
}

// maxKilobytes keeps a size in bytes within an int64.
const maxKilobytes = 1 << 50

// propKilobytes reads a size in KiB and returns bytes; anything below 1 switches the limit off.
func (l *loader) propKilobytes(name string, fallback int64) int64 {
	return max(0, l.propNumber(name, fallback, math.MinInt64, maxKilobytes)) << 10
}

// propBool reads a property as Boolean.parseBoolean does: "true" is true and anything else false.
func (l *loader) propBool(name string, fallback bool) bool {
	s, ok := l.props[name]
	if !ok {
		return fallback
	}
	if !strings.EqualFold(s.value, "true") && !strings.EqualFold(s.value, "false") {
		l.warn(s, "%s: %q counts as false; write true or false", s.name, s.value)
	}
	return strings.EqualFold(s.value, "true")
}

// propWord reads a property of which a single word, in this spelling, changes the default.
func (l *loader) propWord(name, word string) bool {
	s, ok := l.props[name]
	if ok && s.value != word && s.value != "yes" && s.value != "no" {
		l.warn(s, "%s: %q is neither yes nor no; only %s has an effect", s.name, s.value, word)
	}
	return s.value == word
}

// decodeInt reads a number as Long.decode: decimal, or hex after 0x, 0X or #, or octal after 0, with a sign before.
func decodeInt(s string) (int64, error) {
	digits, sign := s, ""
	if digits != "" && (digits[0] == '-' || digits[0] == '+') {
		sign, digits = digits[:1], digits[1:]
	}
	base := 10
	switch {
	case strings.HasPrefix(digits, "0x"), strings.HasPrefix(digits, "0X"):
		base, digits = 16, digits[2:]
	case strings.HasPrefix(digits, "#"):
		base, digits = 16, digits[1:]
	case len(digits) > 1 && digits[0] == '0':
		base, digits = 8, digits[1:]
	}
	if strings.HasPrefix(digits, "-") || strings.HasPrefix(digits, "+") {
		return 0, strconv.ErrSyntax
	}
	return strconv.ParseInt(sign+digits, base, 64)
}

// prefixes reads addresses and networks separated by commas.
func (l *loader) prefixes(name string) (list []netip.Prefix) {
	s := l.props[name]
	for word := range strings.SplitSeq(s.value, ",") {
		if word = javaTrim(word); word == "" {
			continue
		}
		p, err := netip.ParsePrefix(word)
		if !strings.Contains(word, "/") {
			var addr netip.Addr
			if addr, err = netip.ParseAddr(word); err == nil {
				addr = addr.Unmap().WithZone("")
				p = netip.PrefixFrom(addr, addr.BitLen())
			}
		}
		if err != nil {
			l.problem(s, "write addresses such as 10.0.0.5 and networks such as 10.1.0.0/16, separated by commas", "%s: %q is neither an address nor a network", s.name, word)
			continue
		}
		list = append(list, p.Masked())
	}
	return list
}
