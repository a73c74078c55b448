package storage

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/paddock-io/paddock/internal/storage/vfs"
	"github.com/paddock-io/paddock/proto"
)

// Where the entries of a log end, there is padding, or a batch that was being
// written when the machine stopped, or damage. Nobody was told that the batch
// is safe, so it may be cut off; damage may hit what somebody was told, so it
// may not.
//
// What a crash leaves. A batch is one write into zeros followed by one sync, and
// the next batch is written only after that sync. So everything before the
// interrupted batch is intact, nothing lies behind it, and within it every
// sector is either as written or as it was: zero, or holding the mark of the
// batch before. Hence the remains of a batch are cut only if all of this holds:
//
//  1. No mark says that a batch beginning behind the bad entry was ever written:
//     that batch would have had to wait for the sync of this one.
//  2. The entry is bad in the way of an interrupted write: the data stop inside
//     it, or one of its sectors is missing. A flipped bit is not, garbage is
//     not, nor is a length that no sector loss explains.
//  3. It lies no farther from the end of the data than a batch is long.
//     Where a mark says that the newest batch ended before the bad entry, that is
//     enough: a whole batch behind it would have put another mark in its place.
//  4. If the file was closed in good order, or written by Java, there are no
//     marks to go by: then no intact entry may follow either.
//
// One case cannot be decided by any reader: a sector of the newest batch that
// was synced and lost later looks like one that was never written. It is cut.

// ending judges what lies behind the last good entry. open says that this is
// the newest log and that Paddock did not close it. It returns whether there
// are remains of an interrupted batch, or else a *CorruptionError.
func (r *logReader) ending(open bool) (torn bool, err error) {
	end, err := r.dataEnd()
	if err != nil || end <= r.pos {
		return false, err
	}
	if end-r.pos > maxBatch+maxEntry+2*vfs.SectorSize {
		return false, r.corrupt(r.pos, fmt.Errorf("%w, and %d bytes of data follow", r.reason(), end-r.pos))
	}
	t, err := r.loadTail(end)
	if err != nil {
		return false, err
	}
	if why := t.damage(open); why != nil {
		return false, r.corrupt(r.pos, fmt.Errorf("%w; %w", r.reason(), why))
	}
	return t.data > r.pos || t.newest.end > r.pos, nil
}

func (r *logReader) reason() error {
	if r.bad != nil {
		return r.bad
	}
	return errors.New("entries end here")
}

// dataEnd returns the offset behind the last byte that is not zero, or pos if
// there is none from there on.
func (r *logReader) dataEnd() (int64, error) {
	for end := r.size; end > r.pos; {
		start := max(r.pos, (end-1)&^(readWindow-1))
		b, err := r.read(start, int(end-start))
		if err != nil {
			return 0, err
		}
		if b = trimZeros(b); len(b) > 0 {
			return start + int64(len(b)), nil
		}
		end = start
	}
	return r.pos, nil
}

// trimZeros cuts zero bytes off the end.
func trimZeros(b []byte) []byte {
	for len(b) >= len(zeros) && bytes.Equal(b[len(b)-len(zeros):], zeros[:]) {
		b = b[:len(b)-len(zeros)]
	}
	for len(b) > 0 && b[len(b)-1] == 0 {
		b = b[:len(b)-1]
	}
	return b
}

var zeros [4096]byte

// tail is the end of a log file in memory, from the sector of pos on.
type tail struct {
	b    []byte // zeros follow the data
	base int64  // offset of b in the file
	pos  int64  // of the bad entry
	data int64  // end of the data, not counting a mark at the end; pos if there is none

	marks  map[int64]bool // offsets of the marks
	newest mark           // the one that ends last, zero without any
}

func (r *logReader) loadTail(end int64) (*tail, error) {
	t := &tail{base: r.pos &^ (vfs.SectorSize - 1), pos: r.pos, data: end, marks: map[int64]bool{}}
	b, err := r.read(t.pos, int(end-t.pos)) // what lies before pos does not matter, and may not read
	if err != nil {
		return nil, err
	}
	t.b = make([]byte, end-t.base+vfs.SectorSize)
	copy(t.b[t.pos-t.base:], b)
	last := int64(-1)
	for off := (r.pos + vfs.SectorSize - 1) &^ (vfs.SectorSize - 1); off < end; off += vfs.SectorSize {
		if m, ok := parseMark(t.b[off-t.base:], off); ok {
			t.marks[off] = true
			if m.end > t.newest.end {
				t.newest = m
			}
			last = off
		}
	}
	if last >= 0 && end <= last+markSize {
		t.data = max(t.pos, t.base+int64(len(trimZeros(t.b[:last-t.base]))))
	}
	return t, nil
}

// at returns the bytes of [from, to), which must lie in the tail.
func (t *tail) at(from, to int64) []byte { return t.b[from-t.base : to-t.base] }

// damage returns why the tail cannot be the remains of an interrupted batch, or nil.
func (t *tail) damage(open bool) error {
	switch {
	case t.newest.start > t.pos:
		return fmt.Errorf("a later batch, from byte %d on, had been written", t.newest.start)
	case t.data == t.pos || t.newest.end == t.pos && t.pos > 0:
		return nil // behind the newest batch that was ever whole: whatever is there, nobody was told of it
	case t.pos == 0:
		return t.headerDamage(open)
	}
	if err := t.entryDamage(); err != nil {
		return err
	}
	if !open {
		if at := t.findEntry(); at >= 0 {
			return fmt.Errorf("an intact entry follows at byte %d", at)
		}
	}
	return nil
}

// headerDamage is damage for a file whose header does not read.
func (t *tail) headerDamage(open bool) error {
	head := t.at(0, t.data)
	if len(head) <= logHeaderSize && bytes.HasPrefix(appendLogHeader(nil), head) {
		return nil // cut short
	}
	if open && t.anyLost(0, logHeaderSize) {
		return nil
	}
	return errors.New("this is not the beginning of a log")
}

// entryDamage returns why the entry at pos cannot be interrupted, or nil.
func (t *tail) entryDamage() error {
	// The first four bytes of an entry are always zero and tell nothing.
	head := t.pos + 4
	if t.anyLost(head, t.pos+entryHead) {
		return nil // its length is not known
	}
	if len(trimZeros(t.at(t.pos, min(head, t.data)))) > 0 {
		return errors.New("no entry begins like this")
	}
	if t.pos+entryHead > t.data {
		return nil
	}
	n := int64(int32(binary.BigEndian.Uint32(t.at(t.pos+8, t.pos+entryHead))))
	if n < proto.TxnHeaderSize || n > maxEntry {
		return errors.New("this length was never written")
	}
	end := t.pos + entryFrame + n
	if end <= t.data {
		if t.anyLost(head, end) {
			return nil
		}
		return errors.New("none of its sectors is missing")
	}
	if t.newest.end > 0 && end > t.newest.end && t.newest.end > t.pos {
		return fmt.Errorf("its length exceeds its batch, which ends at byte %d", t.newest.end)
	}
	if checkEntry(t.at(t.pos+entryHead, t.data), binary.BigEndian.Uint64(t.at(t.pos, t.pos+8))) == nil {
		return errors.New("its length is wrong")
	}
	return nil
}

// anyLost reports whether a sector with some of [from, to) in it is missing: it
// is as it was before the batch was written, zero or with an older mark.
func (t *tail) anyLost(from, to int64) bool {
	for sector := from &^ (vfs.SectorSize - 1); sector < to; sector += vfs.SectorSize {
		low, high := max(sector, t.pos), min(sector+vfs.SectorSize, t.base+int64(len(t.b)))
		if t.marks[sector] || low >= high || len(trimZeros(t.at(low, high))) == 0 {
			return true
		}
	}
	return false
}

// findEntry returns the offset of an intact entry behind pos, or -1.
func (t *tail) findEntry() int64 {
	for at := t.pos + 1; at+entryFrame+proto.TxnHeaderSize <= t.data; at++ {
		b := t.at(at, t.data)
		sum, n := binary.BigEndian.Uint64(b), int64(int32(binary.BigEndian.Uint32(b[8:])))
		if sum>>32 != 0 || n < proto.TxnHeaderSize || n > int64(len(b))-entryFrame || b[entryHead+n] != entryEnd {
			continue
		}
		if uint64(adler(adlerStart, b[entryHead:entryHead+n])) == sum {
			return at
		}
	}
	return -1
}
