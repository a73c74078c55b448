package storage

import (
	"io"
	"slices"
)

// Sizes of the pieces in which a snapshot file is read, in bytes, and how many
// there are. What fits into one piece is read without a goroutine.
const (
	snapPiece  = 256 << 10
	snapPieces = 4
)

// piece is a part of a snapshot file.
type piece struct {
	b      []byte
	before uint32 // checksum of everything before b
	err    error  // why nothing follows; io.EOF at the end of the file
}

// filler reads pieces in order and sums them up.
type filler struct {
	r   io.Reader
	sum uint32
}

func (f *filler) fill(b []byte) piece {
	n, err := io.ReadFull(f.r, b)
	if err == io.ErrUnexpectedEOF {
		err = io.EOF
	}
	p := piece{b: b[:n], before: f.sum, err: err}
	f.sum = adler(f.sum, p.b)
	return p
}

// snapFile hands out the bytes of a snapshot file:
//
//	file -> filler -> full -> cur -> take -> decoder, sink
//	          ^---- empty <----'
//
// Reading and summing up go ahead on a goroutine, while what was read is
// decoded. Only one goroutine may use a snapFile.
type snapFile struct {
	cur  piece
	at   int    // how much of cur.b was taken
	next *piece // behind cur, if it was looked at already
	big  []byte // for a field that reaches into another piece

	filler filler
	full   chan piece  // nil without a goroutine
	empty  chan []byte // closed to end the goroutine
}

// openSnapFile begins to read r; ahead says whether to do so on another goroutine.
// The caller closes it.
func openSnapFile(r io.Reader, size int, ahead bool) *snapFile {
	f := &snapFile{filler: filler{r: r, sum: adlerStart}}
	if !ahead {
		f.cur.b = make([]byte, 0, size)
		return f
	}
	f.full, f.empty = make(chan piece, snapPieces), make(chan []byte, snapPieces)
	for range snapPieces {
		f.empty <- make([]byte, size)
	}
	go f.readAhead() // ends by close
	return f
}

func (f *snapFile) readAhead() {
	defer close(f.full)
	for b := range f.empty {
		p := f.filler.fill(b)
		f.full <- p // has room for all pieces
		if p.err != nil {
			return
		}
	}
}

// close ends the goroutine and waits for that.
func (f *snapFile) close() {
	if f.full == nil {
		return
	}
	close(f.empty)
	for range f.full {
	}
}

// advance goes on to the next piece.
func (f *snapFile) advance() error {
	switch {
	case f.cur.err != nil:
		return f.cur.err
	case f.next != nil:
		f.release(f.cur.b)
		f.cur, f.next = *f.next, nil
	case f.full != nil:
		f.release(f.cur.b)
		f.cur = <-f.full
	default:
		f.cur = f.filler.fill(f.cur.b[:cap(f.cur.b)])
	}
	f.at = 0
	return nil
}

// release lets a piece be filled again.
func (f *snapFile) release(b []byte) {
	if f.full != nil && b != nil {
		f.empty <- b[:cap(b)] // has room for all pieces
	}
}

// take returns the next n bytes, which stay valid until the next call.
func (f *snapFile) take(n int) ([]byte, error) {
	if len(f.cur.b)-f.at < n {
		return f.takeAcross(n)
	}
	b := f.cur.b[f.at : f.at+n : f.at+n]
	f.at += n
	return b, nil
}

// takeAcross puts n bytes together from several pieces, allocating no more
// than twice what has come.
func (f *snapFile) takeAcross(n int) ([]byte, error) {
	b := f.big[:0]
	for len(b) < n {
		if f.at == len(f.cur.b) {
			if err := f.advance(); err != nil {
				return nil, err
			}
		}
		part := f.cur.b[f.at:min(len(f.cur.b), f.at+n-len(b))]
		if cap(b)-len(b) < len(part) {
			b = slices.Grow(b, min(n-len(b), max(len(b), len(part))))
		}
		b = append(b, part...)
		f.at += len(part)
	}
	f.big = b
	return b, nil
}

// left returns how many bytes follow, limit if there are more, which must not
// be larger than a piece.
func (f *snapFile) left(limit int) (int, error) {
	n, err := len(f.cur.b)-f.at, f.cur.err
	if n < limit && err == nil {
		f.look()
		n, err = n+len(f.next.b), f.next.err
	}
	if n < limit && err != io.EOF {
		return 0, err
	}
	return min(n, limit), nil
}

// look gets the next piece and leaves the current one where it is.
func (f *snapFile) look() {
	if f.next != nil {
		return
	}
	var p piece
	if f.full != nil {
		p = <-f.full
	} else {
		p = f.filler.fill(make([]byte, cap(f.cur.b)))
	}
	f.next = &p
}

// sum returns the checksum of everything taken.
func (f *snapFile) sum() uint32 { return adler(f.cur.before, f.cur.b[:f.at]) }
