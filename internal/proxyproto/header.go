package proxyproto

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"strconv"
	"strings"
)

// Header says which connection a balancer has made another one for. The zero
// value speaks for nobody: the balancer itself, or a client whose address it
// cannot tell.
type Header struct {
	Source, Dest netip.AddrPort // the client, and where it connected to; of one family
}

// Known reports whether h names a client.
func (h Header) Known() bool { return h.Source.IsValid() && h.Dest.IsValid() }

// signature opens version 2. Nothing else that a server is sent begins like it.
var signature = []byte("\r\n\r\n\x00\r\nQUIT\n")

const (
	word  = "PROXY " // opens version 1
	maxV1 = 107      // bytes of a line, with its end
	minV1 = 12       // bytes that every line has: read before anything is decided

	commandLocal = 0x20 // the version in the upper half
	commandProxy = 0x21

	tcp4, tcp6 = 0x11, 0x21
)

// unmapped brings both ends to one family; an IPv4 address in IPv6 clothes is IPv4.
func (h Header) unmapped() (src, dst netip.AddrPort, v4 bool) {
	s, d := h.Source.Addr().Unmap().WithZone(""), h.Dest.Addr().Unmap().WithZone("")
	if v4 = s.Is4() && d.Is4(); !v4 {
		s, d = netip.AddrFrom16(s.As16()), netip.AddrFrom16(d.As16())
	}
	return netip.AddrPortFrom(s, h.Source.Port()), netip.AddrPortFrom(d, h.Dest.Port()), v4
}

// AppendV1 appends h as a line of text.
func (h Header) AppendV1(b []byte) []byte {
	if !h.Known() {
		return append(b, "PROXY UNKNOWN\r\n"...)
	}
	src, dst, v4 := h.unmapped()
	family := "TCP6"
	if v4 {
		family = "TCP4"
	}
	return fmt.Appendf(b, "PROXY %s %s %s %d %d\r\n", family, src.Addr(), dst.Addr(), src.Port(), dst.Port())
}

// AppendV2 appends h in the binary form:
//
//	signature, 12 bytes | version and command | family | length, 2 bytes | source | destination | ports
func (h Header) AppendV2(b []byte) []byte {
	b = append(b, signature...)
	if !h.Known() {
		return append(b, commandLocal, 0, 0, 0)
	}
	src, dst, v4 := h.unmapped()
	if v4 {
		b = append(b, commandProxy, tcp4, 0, 12)
	} else {
		b = append(b, commandProxy, tcp6, 0, 36)
	}
	b = append(b, src.Addr().AsSlice()...)
	b = append(b, dst.Addr().AsSlice()...)
	b = binary.BigEndian.AppendUint16(b, src.Port())
	return binary.BigEndian.AppendUint16(b, dst.Port())
}

// ErrNone is wrapped by Read's error if there is something else than a header.
var ErrNone = errors.New("no PROXY header")

// Read reads a header of either version, and no byte more. It holds at most 107
// bytes at a time.
func Read(r io.Reader) (Header, error) {
	var buf [maxV1]byte
	if _, err := io.ReadFull(r, buf[:1]); err != nil {
		return Header{}, fmt.Errorf("read PROXY header: %w", err)
	}
	if c := buf[0]; c != word[0] && c != signature[0] {
		return Header{}, fmt.Errorf("%w: it begins with %q", ErrNone, c) // without waiting for more
	}
	if _, err := io.ReadFull(r, buf[1:minV1]); err != nil {
		return Header{}, fmt.Errorf("read PROXY header: %w", unexpected(err))
	}
	switch {
	case bytes.Equal(buf[:minV1], signature):
		return readV2(r)
	case string(buf[:len(word)]) == word:
		return readV1(r, &buf)
	}
	return Header{}, fmt.Errorf("%w: it begins with %q", ErrNone, buf[:minV1])
}

// unexpected makes the end of the input an error that is not taken for an orderly one.
func unexpected(err error) error {
	if err == io.EOF {
		return io.ErrUnexpectedEOF
	}
	return err
}

// readV1 goes on reading a line of which the first minV1 bytes are in buf.
func readV1(r io.Reader, buf *[maxV1]byte) (Header, error) {
	n := minV1
	for ; buf[n-1] != '\n'; n++ {
		if n == maxV1 {
			return Header{}, fmt.Errorf("PROXY header: line is longer than %d bytes", maxV1)
		}
		// One at a time: what is behind the line is not for us.
		if _, err := io.ReadFull(r, buf[n:n+1]); err != nil {
			return Header{}, fmt.Errorf("read PROXY header: %w", unexpected(err))
		}
	}
	line, ok := strings.CutSuffix(string(buf[:n]), "\r\n")
	if !ok || strings.ContainsAny(line, "\r\n") {
		return Header{}, fmt.Errorf("PROXY header: %q is not one line", buf[:n])
	}
	f := strings.Split(line, " ")
	if f[1] == "UNKNOWN" {
		return Header{}, nil
	}
	if len(f) != 6 || f[1] != "TCP4" && f[1] != "TCP6" {
		return Header{}, fmt.Errorf("PROXY header: %q has not the form PROXY TCP4 source destination port port", line)
	}
	src, err1 := addrPort(f[1], f[2], f[4])
	dst, err2 := addrPort(f[1], f[3], f[5])
	if err := errors.Join(err1, err2); err != nil {
		return Header{}, fmt.Errorf("PROXY header %q: %w", line, err)
	}
	return Header{src, dst}, nil
}

func addrPort(family, host, port string) (netip.AddrPort, error) {
	addr, err := netip.ParseAddr(host)
	if err != nil {
		return netip.AddrPort{}, err
	}
	if addr.Is4() != (family == "TCP4") || addr.Zone() != "" {
		return netip.AddrPort{}, fmt.Errorf("%s is no address of %s", host, family)
	}
	n, err := strconv.ParseUint(port, 10, 16)
	if err != nil || strconv.FormatUint(n, 10) != port {
		return netip.AddrPort{}, fmt.Errorf("%q is no port", port)
	}
	return netip.AddrPortFrom(addr.Unmap(), uint16(n)), nil
}

// readV2 reads what is behind the signature.
func readV2(r io.Reader) (Header, error) {
	var buf [36]byte
	if _, err := io.ReadFull(r, buf[:4]); err != nil {
		return Header{}, fmt.Errorf("read PROXY header: %w", unexpected(err))
	}
	command, family, rest := buf[0], buf[1], int64(binary.BigEndian.Uint16(buf[2:4]))
	size := map[byte]int{tcp4: 4, tcp6: 16}[family] // of an address; 0: a family that is passed over
	switch {
	case command != commandLocal && command != commandProxy:
		return Header{}, fmt.Errorf("PROXY header: version and command are %#x", command)
	case family>>4 > 3 || family&15 > 2:
		return Header{}, fmt.Errorf("PROXY header: family %#x is unknown", family)
	case command == commandLocal:
		size = 0
	case int64(2*size+4) > rest && size > 0:
		return Header{}, fmt.Errorf("PROXY header: %d bytes do not hold two addresses of family %#x", rest, family)
	}
	var h Header
	if size > 0 {
		addrs := buf[:2*size+4]
		if _, err := io.ReadFull(r, addrs); err != nil {
			return Header{}, fmt.Errorf("read PROXY header: %w", unexpected(err))
		}
		src, _ := netip.AddrFromSlice(addrs[:size])
		dst, _ := netip.AddrFromSlice(addrs[size : 2*size])
		h.Source = netip.AddrPortFrom(src.Unmap(), binary.BigEndian.Uint16(addrs[2*size:]))
		h.Dest = netip.AddrPortFrom(dst.Unmap(), binary.BigEndian.Uint16(addrs[2*size+2:]))
		rest -= int64(len(addrs))
	}
	if _, err := io.CopyN(io.Discard, r, rest); err != nil { // further fields, which are optional
		return Header{}, fmt.Errorf("read PROXY header: %w", unexpected(err))
	}
	return h, nil
}
