package storage

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path/filepath"

	"github.com/paddock-io/paddock/internal/storage/vfs"
	"github.com/paddock-io/paddock/proto"
)

// walked is one piece of a log as walk finds it.
type walked struct {
	kind     walkedKind
	off, end int64
	id       EntryID // of an intact entry, or of a lost one
	payload  []byte  // of an intact entry; reused by the walk
	err      error   // what is wrong; nil for an intact entry
}

type walkedKind uint8

const (
	intact   walkedKind = iota
	lost                // an entry that the index tells of and that does not read
	unknown             // bytes with nobody knows how many entries
	noHeader            // the file's header, which is the same in every log
)

// walk reads one log entry by entry, so that a place that does not read costs
// only what lies there, and calls visit with every piece. The index tells where
// the entry behind it begins; without one it is searched. judge says that the
// log is not being written, so that there is something to be said about its end;
// open is as in scanned. A log that is gone consists of what its index tells of.
func (s *Store) walk(name string, judge, open bool, visit func(walked) error) error {
	x, err := openIndex(s.fs, s.logDir, name)
	if err != nil {
		return err
	}
	defer x.close()
	w := &walker{path: filepath.Join(s.logDir, name), x: x, pos: logHeaderSize}
	switch w.f, err = s.fs.Open(w.path); {
	case errors.Is(err, fs.ErrNotExist):
		return w.gone(visit)
	case err != nil:
		return visit(walked{kind: unknown, end: -1, err: w.corrupt(0, err)})
	}
	defer w.f.Close()
	if w.size, err = w.f.Size(); err != nil {
		return visit(walked{kind: unknown, end: -1, err: w.corrupt(0, err)})
	}
	for {
		p, more := w.next(judge, open)
		if !more {
			return nil
		}
		if err := visit(p); err != nil {
			return err
		}
	}
}

// walker is at one place of a log.
type walker struct {
	f    vfs.File
	path string
	size int64
	x    *indexReader
	pos  int64

	win    []byte
	winOff int64
	headed bool // the file's header has been looked at
	clean  bool // the newest piece was an intact entry
}

const walkWindow = 64 << 10

// gone visits what the index of a missing log tells of, and says where it should
// tell more than it does.
func (w *walker) gone(visit func(walked) error) error {
	gone := w.corrupt(0, fs.ErrNotExist) // said once
	say := func(p walked) error {
		p.err, gone = gone, nil
		return visit(p)
	}
	hole := w.x.badHead && !w.x.empty()
	for r, ok := w.x.from(0); ok; r, ok = w.x.from(r.end()) {
		if hole = hole || w.x.hole; hole {
			if err := say(walked{kind: unknown, off: r.off, end: r.off}); err != nil {
				return err
			}
		}
		hole = false
		if err := say(walked{kind: lost, off: r.off, end: r.end(), id: r.EntryID}); err != nil {
			return err
		}
	}
	if hole || w.x.hole || w.x.ragged {
		return say(walked{kind: unknown, end: -1})
	}
	return nil
}

// next returns the piece at pos and moves behind it.
func (w *walker) next(judge, open bool) (p walked, more bool) {
	if !w.headed {
		w.headed = true
		if p, more = w.header(open); !more || p.err != nil {
			return p, more
		}
	}
	p = walked{off: w.pos}
	r, known := w.x.from(w.pos)
	if p.id, p.payload, p.err = w.entry(w.pos); p.err == nil {
		p.end = p.off + entryFrame + int64(p.id.Length)
		w.pos, w.clean = p.end, true
		if known && r.off == p.off && r.EntryID != p.id {
			w.x.forget() // it is of another log, and this one reads well
		}
		return p, true
	}
	switch {
	case w.clean && w.pos == w.size: // whoever cut the log here did it on purpose
		return p, false
	case known && r.off == w.pos:
		p.kind, p.id, p.end, p.err = lost, r.EntryID, r.end(), w.corrupt(w.pos, p.err)
	case !known && !judge:
		return p, false
	default:
		end, bad := w.behind(r, known, open)
		if bad == nil {
			return p, false
		}
		p.kind, p.end, p.err = unknown, end, w.corrupt(w.pos, bad)
	}
	w.pos, w.clean = p.end, false
	return p, true
}

// header looks at the file's header. Where neither it nor the entry behind it
// reads, and no index tells of any, the walk ends before it has begun if that may
// be a file that was never finished.
func (w *walker) header(open bool) (p walked, more bool) {
	b, err := w.read(0, logHeaderSize)
	if err == nil {
		err = checkLogHeader(b)
	}
	if err == nil {
		return p, true
	}
	p = walked{kind: noHeader, end: logHeaderSize, err: w.corrupt(0, err)}
	_, known := w.x.from(0)
	if _, _, bad := w.entry(w.pos); bad == nil || known {
		return p, true
	}
	r := &logReader{f: w.f, path: w.path, size: w.size, bad: err}
	if _, bad := r.ending(open); bad == nil {
		return walked{}, false
	}
	return p, true
}

// entry reads the entry at off. The error says why there is none.
func (w *walker) entry(off int64) (EntryID, []byte, error) {
	head, err := w.read(off, entryHead)
	switch {
	case err != nil:
		return EntryID{}, nil, err
	case len(head) < entryHead:
		return EntryID{}, nil, fmt.Errorf("the file ends after %d bytes of an entry", len(head))
	}
	sum, n := binary.BigEndian.Uint64(head), int64(int32(binary.BigEndian.Uint32(head[8:])))
	if n < proto.TxnHeaderSize || n > maxEntry || off+entryFrame+n > w.size {
		return EntryID{}, nil, fmt.Errorf("unreasonable entry length %d", n)
	}
	b, err := w.read(off+entryHead, int(n)+1)
	if err == nil {
		err = checkEntry(b, sum)
	}
	if err != nil {
		return EntryID{}, nil, err
	}
	return EntryID{payloadZxid(b), int32(n), uint32(sum)}, b[:n], nil
}

// behind finds where the log goes on behind pos, where neither an entry nor a
// record is: at an entry that reads, or at record r. bad is nil if the log just
// ends at pos.
func (w *walker) behind(r indexEntry, known, open bool) (end int64, bad error) {
	limit := r.off
	if !known && w.marked() {
		return 0, nil
	}
	if !known {
		lr := &logReader{f: w.f, path: w.path, size: w.size, pos: w.pos}
		if _, _, bad = lr.next(); bad == nil {
			_, bad = lr.ending(open)
		}
		if bad == nil {
			return 0, nil
		}
		limit = w.size
	} else {
		bad = errors.New("bytes between two entries do not read")
	}
	if c := (*CorruptionError)(nil); errors.As(bad, &c) {
		bad = c.Err
	}
	if at := w.find(w.pos+1, limit); at >= 0 {
		return at, bad
	}
	return limit, bad
}

// marked reports whether a sync mark says that the newest batch ended at pos. It
// may read where the last sector of the batch does not.
func (w *walker) marked() bool {
	off := markOffset(w.pos)
	b, err := w.read(off, markSize)
	if err != nil {
		return false
	}
	m, ok := parseMark(b, off)
	return ok && m.end == w.pos
}

// find returns the offset of the first intact entry in [low, high), -1 without
// one. It looks no farther than one interrupted batch would reach.
func (w *walker) find(low, high int64) int64 {
	high = min(high, low+maxBatch+maxEntry, w.size-entryFrame-proto.TxnHeaderSize+1)
	for at := low; at < high; at++ {
		head, err := w.read(at, entryHead)
		if err != nil {
			if end := at | (vfs.SectorSize - 1); w.unreadable(end) {
				at = end
			}
			continue
		}
		n := int64(int32(binary.BigEndian.Uint32(head[8:])))
		if binary.BigEndian.Uint32(head) != 0 || n < proto.TxnHeaderSize || n > maxEntry || at+entryFrame+n > w.size {
			continue
		}
		var end [1]byte
		if _, err := w.f.ReadAt(end[:], at+entryHead+n); err != nil || end[0] != entryEnd {
			continue
		}
		if _, _, err := w.entry(at); err == nil {
			return at
		}
	}
	return -1
}

func (w *walker) unreadable(off int64) bool {
	_, err := w.read(off, 1)
	return err != nil
}

// read returns n bytes at off, fewer at the end of the file, valid until the
// next call. It fails only if some of these very bytes cannot be read.
func (w *walker) read(off int64, n int) ([]byte, error) {
	n = int(min(int64(n), max(w.size-off, 0)))
	if n == 0 {
		return nil, nil
	}
	if off < w.winOff || off+int64(n) > w.winOff+int64(len(w.win)) {
		err := w.fill(off, max(n, walkWindow))
		if err != nil && n < walkWindow {
			err = w.fill(off, n)
		}
		if err != nil {
			return nil, err
		}
	}
	at := off - w.winOff
	return w.win[at : at+int64(n)], nil
}

func (w *walker) fill(off int64, n int) error {
	n = int(min(int64(n), w.size-off))
	if cap(w.win) < n {
		w.win = make([]byte, n)
	}
	w.win, w.winOff = w.win[:n], off
	if _, err := w.f.ReadAt(w.win, off); err != nil && err != io.EOF {
		w.win = w.win[:0]
		return err
	}
	return nil
}

func (w *walker) corrupt(off int64, err error) error {
	return &CorruptionError{File: w.path, Offset: off, Err: err}
}
