package bench

import (
	"encoding/binary"
	"fmt"
	"io"

	"github.com/paddock-io/paddock/proto"
)

// replies reads replies from a socket: the header of each, and the first bytes of
// what follows. The rest is passed over, not decoded and not kept, so that what a
// server can do shows, not what a client makes of it. The zero value with a
// source and a buffer of at least leastBuffer bytes is ready.
type replies struct {
	from io.Reader
	buf  []byte
	r, w int // what is buffered
	skip int // bytes of the last reply that have not been passed over
}

const (
	headerSize  = 4 + 16 // length, xid, zxid, error
	glimpseSize = 9      // of what follows the header: that is all of a MultiHeader
	leastBuffer = headerSize + glimpseSize
)

// next returns the header of the next reply and the first bytes behind it, at
// most glimpseSize, which are valid until the next call.
func (in *replies) next() (h proto.ReplyHeader, body []byte, err error) {
	for in.skip > 0 {
		n := min(in.skip, in.w-in.r)
		in.r, in.skip = in.r+n, in.skip-n
		if in.skip > 0 {
			if err := in.fill(); err != nil {
				return h, nil, err
			}
		}
	}
	if err := in.need(headerSize); err != nil {
		return h, nil, err
	}
	b := in.buf[in.r:]
	n := int(binary.BigEndian.Uint32(b)) + 4
	if n < headerSize || n > maxRawFrame {
		return h, nil, fmt.Errorf("a reply of %d bytes", n-4)
	}
	if err := in.need(min(n, leastBuffer)); err != nil {
		return h, nil, err
	}
	b = in.buf[in.r:]
	h.Xid = int32(binary.BigEndian.Uint32(b[4:]))
	h.Zxid = proto.Zxid(binary.BigEndian.Uint64(b[8:]))
	h.Err = proto.ErrCode(binary.BigEndian.Uint32(b[16:]))
	in.skip = n
	return h, b[headerSize:min(n, leastBuffer)], nil
}

// ready reports whether next would return without waiting.
func (in *replies) ready() bool { return in.w-in.r >= in.skip+leastBuffer }

// need buffers at least n bytes of the next reply.
func (in *replies) need(n int) error {
	for in.w-in.r < n {
		if err := in.fill(); err != nil {
			return err
		}
	}
	return nil
}

// fill reads more, once.
func (in *replies) fill() error {
	if in.r == in.w {
		in.r, in.w = 0, 0
	} else if in.w == len(in.buf) {
		in.r, in.w = 0, copy(in.buf, in.buf[in.r:in.w])
	}
	n, err := in.from.Read(in.buf[in.w:])
	in.w += n
	if n > 0 {
		return nil
	}
	return err
}
