package ensemble

import (
	"errors"
	"fmt"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// Property is one key and value of a properties text, in the order of the text.
type Property struct {
	Key, Value string
	Line       int // of the key, counted from 1
}

// maxPropertiesText bounds the text ParseProperties takes. The largest text met in practice is a config of a few
// hundred servers, some 30 KB.
const maxPropertiesText = 4 << 20

// ParseProperties reads text by the rules of java.util.Properties.load(Reader): comments begin with # or !, a key
// ends at the first unescaped '=', ':' or blank, a line ending in an odd number of backslashes goes on in the next
// one, and \t \n \r \f \uXXXX are escapes while any other escaped character stands for itself.
//
// Every occurrence is returned: a caller that wants Java's answer takes the last one of each key. Keys and values
// are not trimmed beyond what those rules do. Half of a surrogate pair becomes U+FFFD.
//
// A malformed line does not hide the ones after it: the error joins a *PropertyError for each of the first
// maxPropertyErrors such lines, and the good lines are returned with it. Java would refuse the whole text.
func ParseProperties(text string) ([]Property, error) {
	if len(text) > maxPropertiesText {
		return nil, fmt.Errorf("text of %d bytes is longer than %d", len(text), maxPropertiesText)
	}
	var props []Property
	var errs []error
	for lines := (lineReader{rest: text, number: 1}); len(errs) < maxPropertyErrors; {
		line, number, ok := lines.next()
		if !ok {
			break
		}
		p, err := splitProperty(line)
		p.Line = number
		if err != nil {
			errs = append(errs, &PropertyError{p, err})
			continue
		}
		props = append(props, p)
	}
	return props, errors.Join(errs...)
}

const maxPropertyErrors = 16

// PropertyError tells which line of a text is wrong. Property.Key is empty when it could not be read.
type PropertyError struct {
	Property Property
	Err      error
}

func (e *PropertyError) Error() string {
	if e.Property.Key == "" {
		return fmt.Sprintf("line %d: %v", e.Property.Line, e.Err)
	}
	return fmt.Sprintf("line %d: %s: %v", e.Property.Line, e.Property.Key, e.Err)
}

// Unwrap returns what is wrong with the line.
func (e *PropertyError) Unwrap() error { return e.Err }

// lineReader yields logical lines: comments and blank lines dropped, continuations joined with the blanks that
// begin the following line removed. Java: Properties.LineReader.readLine.
type lineReader struct {
	rest   string
	number int // of the line rest begins with
}

func (r *lineReader) next() (line string, number int, ok bool) {
	for r.rest != "" {
		number = r.number
		if line, ok = r.block(); ok {
			return line, number, true
		}
	}
	return "", 0, false
}

// block reads on to the end of a logical line, or of one that is none, which is a comment or blank.
func (r *lineReader) block() (line string, ok bool) {
	natural := strings.TrimLeft(r.natural(), blanks)
	if natural == "" || natural[0] == '#' || natural[0] == '!' {
		return "", false
	}
	if !continued(natural) {
		return natural, true
	}
	return r.join(natural[:len(natural)-1])
}

// join appends continuation lines to first. As long as the logical line is empty a comment may still begin, and the
// line counts only at the end of the text, where Java hands it out as an empty key.
func (r *lineReader) join(first string) (string, bool) {
	var b strings.Builder
	b.WriteString(first)
	for r.rest != "" {
		natural := strings.TrimLeft(r.natural(), blanks)
		if b.Len() == 0 && (natural == "" || natural[0] == '#' || natural[0] == '!') {
			return "", false
		}
		if !continued(natural) {
			b.WriteString(natural)
			return b.String(), true
		}
		b.WriteString(natural[:len(natural)-1])
	}
	return b.String(), true
}

// natural cuts the next line off rest, ending at \n, \r or \r\n.
func (r *lineReader) natural() string {
	r.number++
	end := strings.IndexAny(r.rest, "\r\n")
	if end < 0 {
		line := r.rest
		r.rest = ""
		return line
	}
	line, after := r.rest[:end], r.rest[end+1:]
	if r.rest[end] == '\r' {
		after = strings.TrimPrefix(after, "\n")
	}
	r.rest = after
	return line
}

const blanks = " \t\f"

func isBlank(c byte) bool { return c == ' ' || c == '\t' || c == '\f' }

// continued reports whether line ends in an odd number of backslashes.
func continued(line string) bool {
	n := 0
	for n < len(line) && line[len(line)-1-n] == '\\' {
		n++
	}
	return n%2 == 1
}

// splitProperty cuts a logical line into key and value. Java: Properties.load0.
func splitProperty(line string) (Property, error) {
	end, separated := 0, false
	for ; end < len(line); end++ {
		if c := line[end]; c == '\\' {
			end++ // whatever follows belongs to the key
		} else if c == '=' || c == ':' || isBlank(c) {
			break
		}
	}
	end = min(end, len(line))
	value := end
	for ; value < len(line); value++ {
		if c := line[value]; !separated && (c == '=' || c == ':') {
			separated = true
		} else if !isBlank(c) {
			break
		}
	}
	key, err := unescape(line[:end])
	if err != nil {
		return Property{}, err
	}
	text, err := unescape(line[value:])
	return Property{Key: key, Value: text}, err
}

var errUnicodeEscape = errors.New(`malformed \uxxxx encoding; write \u and four hex digits, or \\u for a backslash and a u`)

// unescape resolves backslash escapes. Java: Properties.loadConvert.
func unescape(s string) (string, error) {
	if !strings.Contains(s, `\`) {
		return s, nil
	}
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] != '\\' {
			b.WriteByte(s[i])
			continue
		}
		if i++; i == len(s) {
			break // Java drops a backslash that ends the text
		}
		switch c := s[i]; c {
		case 't':
			b.WriteByte('\t')
		case 'n':
			b.WriteByte('\n')
		case 'r':
			b.WriteByte('\r')
		case 'f':
			b.WriteByte('\f')
		case 'u':
			r, size, err := unicodeEscape(s[i+1:])
			if err != nil {
				return "", err
			}
			b.WriteRune(r)
			i += size
		default:
			b.WriteByte(c)
		}
	}
	return b.String(), nil
}

// unicodeEscape decodes what follows `\u`: four hex digits, or a surrogate pair in two such escapes. size is the
// number of bytes taken.
func unicodeEscape(s string) (r rune, size int, err error) {
	high, err := hex4(s)
	if err != nil {
		return 0, 0, err
	}
	if !utf16.IsSurrogate(high) || !strings.HasPrefix(s[4:], `\u`) {
		return high, 4, nil // WriteRune turns a lone half into U+FFFD
	}
	low, err := hex4(s[6:])
	if err != nil {
		return 0, 0, err
	}
	if pair := utf16.DecodeRune(high, low); pair != '\uFFFD' {
		return pair, 10, nil
	}
	return high, 4, nil
}

// hex4 reads four hex digits; strconv would also take signs.
func hex4(s string) (rune, error) {
	if len(s) < 4 {
		return 0, errUnicodeEscape
	}
	var r rune
	for _, c := range []byte(s[:4]) {
		digit := strings.IndexByte("0123456789abcdef", c|0x20)
		if digit < 0 || c < '0' || (c > '9' && c < 'A') {
			return 0, errUnicodeEscape
		}
		r = r<<4 | rune(digit)
	}
	return r, nil
}

// EscapeValue writes a value as ParseProperties reads it, and Java, which takes the bytes of a file for Latin-1, too.
// Bytes that are no UTF-8 stay as they are.
func EscapeValue(s string) string {
	var b strings.Builder
	for i, r := range s {
		switch {
		case r == '\\' || r == ' ' && i == 0:
			b.WriteByte('\\')
			b.WriteRune(r)
		case r >= ' ' && r <= '~':
			b.WriteRune(r)
		case r == utf8.RuneError && !strings.HasPrefix(s[i:], "\uFFFD"):
			b.WriteByte(s[i])
		default:
			for _, half := range utf16.AppendRune(nil, r) {
				fmt.Fprintf(&b, `\u%04x`, half)
			}
		}
	}
	return b.String()
}

// WithoutProperties returns text without the properties whose key drop selects. Everything else, comments and blank
// lines too, stays as it is. Text that ParseProperties would refuse stays too.
func WithoutProperties(text string, drop func(key string) bool) string {
	var b strings.Builder
	for lines := (lineReader{rest: text, number: 1}); lines.rest != ""; {
		before := lines.rest
		line, ok := lines.block()
		piece := before[:len(before)-len(lines.rest)]
		if p, err := splitProperty(line); !ok || err != nil || !drop(p.Key) {
			b.WriteString(piece)
		}
	}
	return b.String()
}
