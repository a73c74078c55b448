package shell

import (
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/paddock-io/paddock/zk"
)

// javaDate is the form of java.util.Date.toString.
const javaDate = "Mon Jan 02 15:04:05 MST 2006"

// formatStat returns a znode's metadata, one field a line, times in the local zone.
// Source: StatPrinter.print.
func formatStat(s zk.Stat) string {
	var b strings.Builder
	fmt.Fprintf(&b, "cZxid = 0x%x\n", uint64(s.Czxid))
	fmt.Fprintf(&b, "ctime = %s\n", time.UnixMilli(s.Ctime).Format(javaDate))
	fmt.Fprintf(&b, "mZxid = 0x%x\n", uint64(s.Mzxid))
	fmt.Fprintf(&b, "mtime = %s\n", time.UnixMilli(s.Mtime).Format(javaDate))
	fmt.Fprintf(&b, "pZxid = 0x%x\n", uint64(s.Pzxid))
	fmt.Fprintf(&b, "cversion = %d\n", s.Cversion)
	fmt.Fprintf(&b, "dataVersion = %d\n", s.Version)
	fmt.Fprintf(&b, "aclVersion = %d\n", s.Aversion)
	fmt.Fprintf(&b, "ephemeralOwner = 0x%x\n", uint64(s.EphemeralOwner))
	fmt.Fprintf(&b, "dataLength = %d\n", s.DataLength)
	fmt.Fprintf(&b, "numChildren = %d\n", s.NumChildren)
	return b.String()
}

// formatText returns data as text, with U+FFFD for what is not UTF-8: one for each sequence that
// breaks off, as Java's decoder does, where Go counts one for each byte.
func formatText(data []byte) string {
	if utf8.Valid(data) {
		return string(data)
	}
	var b strings.Builder
	for len(data) > 0 {
		r, size := utf8.DecodeRune(data)
		if r == utf8.RuneError && size == 1 {
			size = brokenLen(data)
		}
		b.WriteRune(r)
		data = data[size:]
	}
	return b.String()
}

// brokenLen returns how many bytes at the start of data, which begins no character, Java takes for one
// that breaks off: all that could go on, and the halves of surrogate pairs whole.
func brokenLen(data []byte) int {
	if len(data) > 1 && data[0] == 0xed && data[1] >= 0xa0 && data[1] <= 0xbf {
		if len(data) > 2 && data[2] >= 0x80 && data[2] <= 0xbf {
			return 3
		}
		return 2
	}
	for n := min(3, len(data)); n > 1; n-- {
		if !utf8.FullRune(data[:n]) {
			return n
		}
	}
	return 1
}

const (
	hexRuler = "         +-------------------------------------------------+\n" +
		"         |  0  1  2  3  4  5  6  7  8  9  a  b  c  d  e  f |\n"
	hexLine = "+--------+-------------------------------------------------+----------------+"
)

// formatHex returns data in hexadecimal, sixteen bytes a line; nothing for no data.
// Source: netty's ByteBufUtil.prettyHexDump.
func formatHex(data []byte) string {
	if len(data) == 0 {
		return ""
	}
	var b strings.Builder
	b.WriteString(hexRuler + hexLine + "\n")
	for at := 0; at < len(data); at += 16 {
		row := data[at:min(at+16, len(data))]
		text := make([]byte, len(row))
		for i, c := range row {
			text[i] = '.'
			if c > 0x1f && c < 0x7f {
				text[i] = c
			}
		}
		fmt.Fprintf(&b, "|%08x| %-48s|%-16s|\n", at, fmt.Sprintf("% x", row), text)
	}
	b.WriteString(hexLine)
	return b.String()
}

// permLetters are the permission bits in the order in which Java prints them.
// Source: ZKUtil.getPermString.
var permLetters = []struct {
	bit    zk.Perms
	letter byte
}{{zk.PermCreate, 'c'}, {zk.PermDelete, 'd'}, {zk.PermRead, 'r'}, {zk.PermWrite, 'w'}, {zk.PermAdmin, 'a'}}

// formatACL returns the entries of an ACL, two lines each: the first is Java's text of the record Id,
// which ends with a line break of its own.
func formatACL(acl []zk.ACL) string {
	var b strings.Builder
	for _, a := range acl {
		fmt.Fprintf(&b, "'%s,'%s\n: ", csvEscape.Replace(a.ID.Scheme), csvEscape.Replace(a.ID.ID))
		for _, p := range permLetters {
			if a.Perms&p.bit != 0 {
				b.WriteByte(p.letter)
			}
		}
		b.WriteByte('\n')
	}
	return b.String()
}

// csvEscape is how jute escapes strings in its text form. Source: ToStringOutputArchive.escapeString.
var csvEscape = strings.NewReplacer("\x00", "%00", "\n", "%0A", "\r", "%0D", ",", "%2C", "}", "%7D", "%", "%25")

// parseACL reads "scheme:id:perms,...". What it cannot read it complains about and leaves out, so the
// list may come out empty. Source: AclParser.parse.
func parseACL(text string, complain func(string)) []zk.ACL {
	entries := strings.Split(text, ",")
	for text != "" && len(entries) > 0 && entries[len(entries)-1] == "" {
		entries = entries[:len(entries)-1] // as String.split does
	}
	var acl []zk.ACL
	for _, e := range entries {
		first, last := strings.IndexByte(e, ':'), strings.LastIndexByte(e, ':')
		if first == last {
			complain(e + " does not have the form scheme:id:perm")
			continue
		}
		a := zk.ACL{ID: zk.ID{Scheme: e[:first], ID: e[first+1 : last]}}
		for _, r := range e[last+1:] {
			bit := permBit(r)
			if bit == 0 {
				complain("Unknown perm type: " + string(r))
			}
			a.Perms |= bit
		}
		acl = append(acl, a)
	}
	return acl
}

func permBit(r rune) zk.Perms {
	for _, p := range permLetters {
		if rune(p.letter) == r {
			return p.bit
		}
	}
	return 0
}

// compareJava orders as String.compareTo does: by UTF-16 units, which differs from the order of bytes
// only between characters beyond the first plane and those at its end.
func compareJava(a, b string) int {
	if isASCII(a) || isASCII(b) {
		return strings.Compare(a, b)
	}
	return slices.Compare(utf16.Encode([]rune(a)), utf16.Encode([]rune(b)))
}

func isASCII(s string) bool {
	for i := range len(s) {
		if s[i] >= utf8.RuneSelf {
			return false
		}
	}
	return true
}
