package proxyproto

import (
	"bytes"
	"errors"
	"io"
	"net/netip"
	"strings"
	"testing"
)

func header(src, dst string) Header {
	return Header{netip.MustParseAddrPort(src), netip.MustParseAddrPort(dst)}
}

// The bytes are those of the specification's examples and tables (haproxy's
// proxy-protocol.txt, sections 2.1 and 2.2).
func TestHeaders(t *testing.T) {
	const v2 = "\x0d\x0a\x0d\x0a\x00\x0d\x0a\x51\x55\x49\x54\x0a"
	for in, want := range map[string]Header{
		"PROXY TCP4 255.255.255.255 255.255.255.255 65535 65535\r\n": header("255.255.255.255:65535", "255.255.255.255:65535"),
		"PROXY TCP4 192.0.2.7 192.0.2.1 50000 2181\r\n":              header("192.0.2.7:50000", "192.0.2.1:2181"),
		"PROXY TCP6 2001:db8::7 2001:db8::1 50000 2181\r\n":          header("[2001:db8::7]:50000", "[2001:db8::1]:2181"),
		"PROXY UNKNOWN\r\n": {},
		"PROXY UNKNOWN ffff:f...f:ffff ffff:f...f:ffff 65535 65535\r\n": {},
		v2 + "\x20\x00\x00\x00":    {},
		v2 + "\x20\x11\x00\x03abc": {},
		v2 + "\x21\x11\x00\x0c\xc0\x00\x02\x07\xc0\x00\x02\x01\xc3\x50\x08\x85":                                                                                           header("192.0.2.7:50000", "192.0.2.1:2181"),
		v2 + "\x21\x11\x00\x0f\xc0\x00\x02\x07\xc0\x00\x02\x01\xc3\x50\x08\x85\x04\x00\x00":                                                                               header("192.0.2.7:50000", "192.0.2.1:2181"),
		v2 + "\x21\x21\x00\x24 \x01\x0d\xb8\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x07 \x01\x0d\xb8\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x01\xc3\x50\x08\x85": header("[2001:db8::7]:50000", "[2001:db8::1]:2181"),
		v2 + "\x21\x31\x00\x02ab": {}, // a unix socket
	} {
		r := strings.NewReader(in + "behind")
		got, err := Read(r)
		rest, _ := io.ReadAll(r)
		if err != nil || got != want || string(rest) != "behind" {
			t.Errorf("%q: %+v, %v, behind it %q", in, got, err, rest)
		}
		if !want.Known() || strings.Contains(in, "\x00\x0f") {
			continue
		}
		if v1, v2 := string(want.AppendV1(nil)), string(want.AppendV2(nil)); in != v1 && in != v2 {
			t.Errorf("written %q and %q, want %q", v1, v2, in)
		}
	}
	if v1, v2 := string(Header{}.AppendV1(nil)), string(Header{}.AppendV2(nil)); v1 != "PROXY UNKNOWN\r\n" || v2 != "\r\n\r\n\x00\r\nQUIT\n \x00\x00\x00" {
		t.Errorf("nobody: %q, %q", v1, v2)
	}
	mapped := header("[::ffff:192.0.2.7]:1", "192.0.2.1:2")
	if got := string(mapped.AppendV1(nil)); got != "PROXY TCP4 192.0.2.7 192.0.2.1 1 2\r\n" {
		t.Errorf("mapped: %q", got)
	}
	mixed := header("192.0.2.7:1", "[2001:db8::1]:2")
	if got, err := Read(bytes.NewReader(mixed.AppendV2(nil))); err != nil || got.Source != mixed.Source || got.Dest != mixed.Dest {
		t.Errorf("two families: %+v, %v", got, err)
	}
}

func TestRefused(t *testing.T) {
	const v2 = "\x0d\x0a\x0d\x0a\x00\x0d\x0a\x51\x55\x49\x54\x0a"
	for _, in := range []string{
		"PROXY TCP4 192.0.2.7 192.0.2.1 50000\r\n", "PROXY TCP4 192.0.2.7 192.0.2.1 50000 2181 1\r\n",
		"PROXY TCP4 192.0.2.7 192.0.2.1 65536 2181\r\n", "PROXY TCP4 192.0.2.7 192.0.2.1 050 2181\r\n", "PROXY TCP4 192.0.2.7 192.0.2.1 -1 2181\r\n",
		"PROXY TCP4 2001:db8::7 192.0.2.1 1 2\r\n", "PROXY TCP6 192.0.2.7 192.0.2.1 1 2\r\n", "PROXY TCP6 fe80::1%eth0 fe80::2 1 2\r\n",
		"PROXY TCP4  192.0.2.7 192.0.2.1 1 2\r\n", "PROXY UDP4 192.0.2.7 192.0.2.1 1 2\r\n", "PROXY TCP4 a b 1 2\r\n",
		"PROXY UNKNOWN\n", "PROXY UNKNOWN\rx\r\n", "PROXY TCP4 192.0.2.7 192.0.2.1 1 2\n",
		"PROXY UNKNOWN " + strings.Repeat("x", 120) + "\r\n", "PROXX TCP4 192.0.2.7 192.0.2.1 1 2\r\n",
		v2 + "\x11\x11\x00\x00", v2 + "\x22\x11\x00\x00", v2 + "\x21\x41\x00\x00", v2 + "\x21\x13\x00\x00",
		v2 + "\x21\x11\x00\x0b\xc0\x00\x02\x07\xc0\x00\x02\x01\xc3\x50\x08 and more", "srvr", "\x00\x00\x00\x2d\x00\x00\x00\x00",
	} {
		if h, err := Read(strings.NewReader(in)); err == nil {
			t.Errorf("%q: %+v, want an error", in, h)
		}
	}
	for _, in := range []string{"", "PROXY", "PROXY TCP4 192.0.2.7", v2, v2 + "\x21\x11\x00\x0c\xc0", v2 + "\x20\x00\x00\x05ab"} {
		_, err := Read(strings.NewReader(in))
		if !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
			t.Errorf("%q, and then the end: %v", in, err)
		}
	}
	if _, err := Read(strings.NewReader("srvr")); !errors.Is(err, ErrNone) {
		t.Errorf("srvr: %v", err)
	}
}

// FuzzRead: nothing makes it panic or read on behind a header, and what it takes
// for one comes out again the same, in both forms.
func FuzzRead(f *testing.F) {
	f.Add([]byte("PROXY TCP4 192.0.2.7 192.0.2.1 50000 2181\r\n\x00\x00\x00\x2d"))
	f.Add([]byte("PROXY UNKNOWN\r\n"))
	f.Add(header("[2001:db8::7]:1", "192.0.2.7:2").AppendV2(nil))
	f.Add(append(header("192.0.2.9:1", "192.0.2.7:2").AppendV2(nil), "srvr"...))
	f.Add([]byte("\r\n\r\n\x00\r\nQUIT\n\x21\x11\xff\xff"))
	f.Fuzz(func(t *testing.T, in []byte) {
		r := bytes.NewReader(in)
		h, err := Read(r)
		if err != nil {
			return
		}
		taken := len(in) - r.Len()
		if in[0] == 'P' && (taken > maxV1 || in[taken-1] != '\n') || in[0] == '\r' && taken != 16+int(in[14])<<8+int(in[15]) {
			t.Fatalf("took %d bytes of %q", taken, in)
		}
		for _, b := range [][]byte{h.AppendV1(nil), h.AppendV2(nil)} {
			if again, err := Read(bytes.NewReader(b)); err != nil || again != h {
				t.Fatalf("%q gives %+v, written %q, which gives %+v, %v", in, h, b, again, err)
			}
		}
	})
}
