package bench

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/paddock-io/paddock/proto"
)

// frame returns a reply with a body of so many bytes, all of them b.
func frame(h proto.ReplyHeader, b byte, n int) []byte {
	body := bytes.Repeat([]byte{b}, n)
	return endFrame(append(h.Append(make([]byte, 4)), body...), 0)
}

// TestReplies: the same replies, however they arrive and however small the
// buffer is.
func TestReplies(t *testing.T) {
	var stream []byte
	sizes := []int{0, 3, 9, 10, 100, 5000, 0}
	for i, n := range sizes {
		stream = append(stream, frame(proto.ReplyHeader{Xid: int32(i - 2), Zxid: proto.Zxid(i) << 32, Err: proto.ErrCode(-i)}, byte(i), n)...)
	}
	for _, buffer := range []int{leastBuffer, 64, 1 << 16} {
		for name, from := range map[string]io.Reader{
			"at once": bytes.NewReader(stream), "byte by byte": iotest.OneByteReader(bytes.NewReader(stream)),
			"with the end": iotest.DataErrReader(bytes.NewReader(stream)),
		} {
			in := replies{from: from, buf: make([]byte, buffer)}
			for i, n := range sizes {
				h, body, err := in.next()
				want := proto.ReplyHeader{Xid: int32(i - 2), Zxid: proto.Zxid(i) << 32, Err: proto.ErrCode(-i)}
				if err != nil || h != want || string(body) != strings.Repeat(string(rune(i)), min(n, glimpseSize)) {
					t.Fatalf("%s, buffer of %d, reply %d: %+v %q %v", name, buffer, i, h, body, err)
				}
			}
			if _, _, err := in.next(); !errors.Is(err, io.EOF) {
				t.Errorf("%s: after the last one: %v", name, err)
			}
		}
	}
}

// TestRepliesReady: ready promises that next does not read.
func TestRepliesReady(t *testing.T) {
	stream := append(frame(proto.ReplyHeader{Xid: 1}, 0, 20), frame(proto.ReplyHeader{Xid: 2}, 0, 20)...)
	for cut := range len(stream) + 1 {
		in := replies{from: bytes.NewReader(stream[:cut]), buf: make([]byte, 1024)}
		_, _, err := in.next()
		if err != nil {
			continue
		}
		in.from = iotest.ErrReader(errors.New("it has read"))
		ready := in.ready()
		if _, _, err := in.next(); ready && err != nil {
			t.Errorf("%d bytes: %v", cut, err)
		} else if cut == len(stream) && err != nil {
			t.Errorf("all of it: %v", err)
		}
	}
}

// TestRepliesRefuseNonsense: a length from outside is no reason to wait for so
// much.
func TestRepliesRefuseNonsense(t *testing.T) {
	for _, length := range []string{"\xff\xff\xff\xff", "\x00\x00\x00\x0f", "\x7f\xff\xff\xff", "\x80\x00\x00\x00"} {
		in := replies{from: strings.NewReader(length + strings.Repeat("x", 100)), buf: make([]byte, 64)}
		if _, _, err := in.next(); err == nil || errors.Is(err, io.EOF) {
			t.Errorf("length %x: %v", length, err)
		}
	}
}

func TestFlights(t *testing.T) {
	var f flights
	in, out := int32(0), int32(0)
	for round := range 50 {
		for range round % 7 {
			in++
			f.push(flight{xid: in})
		}
		for f.n > round%3 {
			out++
			if x, err := f.take(out); err != nil || x.xid != out {
				t.Fatalf("%+v, %v, want %d", x, err, out)
			}
		}
	}
	f.push(flight{xid: 77})
	if _, err := f.take(78); !errors.Is(err, errUnasked) {
		t.Errorf("a foreign reply: %v", err)
	}
}
