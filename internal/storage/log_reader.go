package storage

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"path/filepath"

	"github.com/paddock-io/paddock/internal/storage/vfs"
	"github.com/paddock-io/paddock/proto"
)

const readWindow = 1 << 20 // bytes fetched at a time

// logReader reads one log file from its beginning.
type logReader struct {
	f    vfs.File
	path string
	size int64

	win    []byte // bytes of the file from winOff on
	winOff int64

	pos int64  // of the next entry; 0 while the header has not been read
	bad error  // why there is no entry at pos; nil if there is nothing
	sum uint32 // checksum of the newest entry's payload
}

func openLog(fs vfs.FS, path string) (*logReader, error) {
	f, err := fs.Open(path)
	if err != nil {
		return nil, fmt.Errorf("open log: %w", err)
	}
	size, err := f.Size()
	if err != nil {
		f.Close()
		return nil, fmt.Errorf("open log %s: %w", path, err)
	}
	return &logReader{f: f, path: path, size: size}, nil
}

func (r *logReader) close() error { return r.f.Close() }

// next returns the entry at pos and moves behind it. Without one it returns
// ok false and leaves the reason in bad; what that means is for ending to say.
// The payload is not used again by the reader.
func (r *logReader) next() (e Entry, ok bool, err error) {
	r.bad = nil
	if r.pos == 0 {
		b, err := r.read(0, logHeaderSize)
		if err != nil {
			return Entry{}, false, err
		}
		if r.bad = checkLogHeader(b); r.bad != nil {
			return Entry{}, false, nil
		}
		r.pos = logHeaderSize
	}
	head, err := r.read(r.pos, entryHead)
	if err != nil {
		return Entry{}, false, err
	}
	if len(head) < entryHead {
		if len(head) > 0 {
			r.bad = fmt.Errorf("the file ends after %d bytes of an entry", len(head))
		}
		return Entry{}, false, nil
	}
	sum, n := binary.BigEndian.Uint64(head), int64(int32(binary.BigEndian.Uint32(head[8:])))
	switch {
	case sum == 0 && n == 0:
		return Entry{}, false, nil
	case n < proto.TxnHeaderSize || n > maxEntry:
		r.bad = fmt.Errorf("unreasonable entry length %d", n)
		return Entry{}, false, nil
	case r.pos+entryFrame+n > r.size:
		r.bad = fmt.Errorf("the file ends inside an entry of %d bytes", n)
		return Entry{}, false, nil
	}
	b, err := r.read(r.pos+entryHead, int(n)+1)
	if err != nil {
		return Entry{}, false, err
	}
	if r.bad = checkEntry(b, sum); r.bad != nil {
		return Entry{}, false, nil
	}
	payload := make([]byte, n)
	copy(payload, b)
	r.pos, r.sum = r.pos+entryFrame+n, uint32(sum)
	return Entry{payloadZxid(payload), payload}, true, nil
}

// checkEntry tells what is wrong with a payload and the end mark behind it.
func checkEntry(b []byte, sum uint64) error {
	if len(b) < 1 || b[len(b)-1] != entryEnd {
		return errors.New("entry without an end mark")
	}
	if got := uint64(adler(adlerStart, b[:len(b)-1])); got != sum {
		return fmt.Errorf("entry has checksum %#x, want %#x", got, sum)
	}
	return nil
}

// read returns n bytes at off, fewer at the end of the file. The result is
// valid until the next call.
func (r *logReader) read(off int64, n int) ([]byte, error) {
	n = int(min(int64(n), max(r.size-off, 0)))
	if n == 0 {
		return nil, nil
	}
	if off < r.winOff || off+int64(n) > r.winOff+int64(len(r.win)) {
		if err := r.fill(off, n); err != nil {
			return nil, err
		}
	}
	at := off - r.winOff
	return r.win[at : at+int64(n)], nil
}

func (r *logReader) fill(off int64, n int) error {
	n = int(min(int64(max(n, readWindow)), r.size-off))
	if cap(r.win) < n {
		r.win = make([]byte, n)
	}
	r.win = r.win[:n]
	if _, err := r.f.ReadAt(r.win, off); err != nil && err != io.EOF {
		r.win = r.win[:0]
		return r.corrupt(off, err)
	}
	r.winOff = off
	return nil
}

func (r *logReader) corrupt(off int64, err error) error {
	return &CorruptionError{File: r.path, Offset: off, Err: err}
}

// sequence checks that no transaction is missing. Every zxid is the one after
// its predecessor or the first of a later epoch. A zxid that is not new is let
// through: old Java servers logged some twice, and replaying is idempotent.
//
// Java (ZKDatabase.addCommittedProposal, 3.9.4 and later) lets a later epoch
// begin anywhere. No leader ever begins with anything but 1, so another number
// means that transactions are lost.
type sequence struct{ prev proto.Zxid }

func (q *sequence) next(z proto.Zxid) error {
	switch {
	case z <= q.prev:
		return nil
	case z == q.prev+1 || z.Epoch() > q.prev.Epoch() && z.Counter() == 1:
		q.prev = z
		return nil
	}
	return fmt.Errorf("transaction %s follows %s: transactions between them are missing", z, q.prev)
}

// Follows reports whether z may come right behind prev in a log.
func Follows(prev, z proto.Zxid) bool {
	q := sequence{prev}
	return z > prev && q.next(z) == nil
}

// scanEnd says how a scan ended.
type scanEnd struct {
	name string     // of the last file, base name; "" if there was none
	end  int64      // behind its last entry; 0 if not even its header is there
	size int64      // of that file
	torn bool       // remains of an interrupted batch lie behind end
	last proto.Zxid // newest of this file and those before, none if not above 0
}

// errStop returned by a visitor ends a scan early and is not an error.
var errStop = errors.New("stop")

// visitor gets every entry of a scan, with its file's path and its offset.
type visitor func(path string, at int64, e Entry) error

// scan reads log files in order and calls visit with every entry. The files must
// be a suffix of those in the directory and lead on from base, a snapshot. With
// update it also brings their indexes up to date.
func (s *Store) scan(files []dirFile, base proto.Zxid, update bool, visit visitor) (scanEnd, error) {
	open, err := writing(s.fs, s.logDir)
	if err != nil {
		return scanEnd{}, fmt.Errorf("scan logs: %w", err)
	}
	var end scanEnd
	for i, file := range files {
		f := scanned{dirFile: file, open: file.name == open, update: update, base: base, before: noZxid}
		if i+1 < len(files) {
			f.next = files[i+1].zxid
		}
		if i > 0 || file.zxid > base {
			f.before = max(base, end.last)
		}
		if end, err = s.scanFile(f, visit); err != nil {
			return end, err
		}
	}
	return end, nil
}

// scanned says what is known of a file that is to be scanned.
type scanned struct {
	dirFile
	next   proto.Zxid // first one of the following file, 0 in the last one
	open   bool       // Paddock did not close it in good order
	update bool       // bring its index up to date
	base   proto.Zxid // of the snapshot
	before proto.Zxid // newest transaction before it, noZxid if that is not known
}

// needs reports whether the following file leaves something out if nothing behind
// last is in this one: it goes on neither there nor behind the snapshot, nor with
// what this file was named by.
func (f *scanned) needs(last proto.Zxid) bool {
	return f.next != 0 && f.next != last+1 && f.next != f.base+1 && (last >= 0 || f.next != f.zxid)
}

// scanFile scans one file. The index says what must be there and decides what
// the end of the file alone leaves open; where the two contradict each other
// and the log reads well, the log is right: Java may have cut it.
func (s *Store) scanFile(f scanned, visit visitor) (end scanEnd, err error) {
	x, err := openIndex(s.fs, s.logDir, f.name)
	if err != nil {
		return scanEnd{}, err
	}
	defer x.close()
	r, err := openLog(s.fs, filepath.Join(s.logDir, f.name))
	if err != nil {
		return scanEnd{}, err
	}
	defer r.close()
	u := &indexUpdate{s: s, x: x, before: f.before}
	if _, ok := indexOf(f.name); ok && f.update && !s.opts.NoSync {
		u.log = f.name
	}
	if err := continues(x, f.before); err != nil {
		return scanEnd{}, r.corrupt(0, err)
	}
	end = scanEnd{name: f.name, last: f.before}
	own := proto.Zxid(-1) // newest of this file
	for {
		at := max(r.pos, logHeaderSize)
		e, ok, err := r.next()
		if err != nil {
			return scanEnd{}, err
		}
		if !ok {
			break
		}
		own, end.last = e.Zxid, max(end.last, e.Zxid)
		if err := visit(r.path, at, e); err != nil {
			return scanEnd{}, err
		}
		x.from(r.pos) // keeps up, so that both use what was read once
		if err := u.add(at, e, r.sum); err != nil {
			return scanEnd{}, &FatalError{Part: PartLog, File: r.path, Err: fmt.Errorf("its index: %w", err)}
		}
	}
	if lost, ok := x.from(r.pos); ok && !(r.pos == r.size && r.pos > logHeaderSize) {
		return scanEnd{}, r.corrupt(r.pos, fmt.Errorf("%w, but transaction %s, at byte %d, was durable once", r.reason(), lost.Zxid, lost.off))
	}
	if end.torn, err = r.ending(f.next == 0 && f.open); err != nil {
		return scanEnd{}, err
	}
	if (end.torn || own < 0) && f.needs(own) {
		// An earlier server started again behind an interrupted batch: Java does not
		// cut it off. Where the next file takes up the thread, nothing is lost.
		return scanEnd{}, r.corrupt(r.pos, fmt.Errorf("the log breaks off after %s, and the next file begins with %s", own, f.next))
	}
	if err := u.finish(); err != nil {
		return scanEnd{}, &FatalError{Part: PartLog, File: r.path, Err: fmt.Errorf("its index: %w", err)}
	}
	end.end, end.size = r.pos, r.size
	return end, nil
}

// continues checks that a log continues the history before it, as far as that
// is known. Between epochs no sequence of zxids shows that a file is missing.
func continues(x *indexReader, before proto.Zxid) error {
	if before >= 0 && x.before > before && x.before.Counter() > 0 {
		return fmt.Errorf("this log continues a history up to %s, and what is before it ends at %s: a log is missing", x.before, before)
	}
	return nil
}
