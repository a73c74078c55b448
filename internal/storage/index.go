package storage

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path/filepath"
	"slices"

	"github.com/paddock-io/paddock/internal/storage/vfs"
	"github.com/paddock-io/paddock/proto"
)

// indexReader reads an index from its beginning, as far as it went when it was
// opened. Records that are damaged or do not lie behind the one before are
// passed over: they cost knowledge only.
//
// It must be opened before its log: then the log holds what the records tell of,
// even while both are being written.
type indexReader struct {
	f       vfs.File   // nil without an index
	size    int64      // of the file
	slots   int64      // records that fit into it
	before  proto.Zxid // from the header, noZxid if it does not read
	badHead bool
	spoiled bool // some of it cannot be read, nor written over
	ragged  bool // its length is not that of a header and whole records

	slot int64 // of the record after head
	head indexEntry
	have bool  // head holds a record
	hole bool  // slots just before head, or behind the last record, cannot be used
	last int64 // end of the newest record read

	win   []byte // of records, from slot first on
	first int64
}

const indexWindow = 4096 // records read at a time

// openIndex opens the index of a log; without one the reader is empty.
func openIndex(fsys vfs.FS, dir, log string) (*indexReader, error) {
	x := &indexReader{before: noZxid, last: logHeaderSize}
	name, ok := indexOf(log)
	if !ok {
		return x, nil
	}
	f, err := fsys.Open(filepath.Join(dir, name))
	if errors.Is(err, fs.ErrNotExist) {
		return x, nil
	}
	if err != nil {
		return nil, fmt.Errorf("open index: %w", err)
	}
	size, err := f.Size()
	if err != nil {
		return nil, errors.Join(fmt.Errorf("open index: %w", err), f.Close())
	}
	var head [indexRecord]byte
	n, err := f.ReadAt(head[:], 0)
	x.spoiled = err != nil && !errors.Is(err, io.EOF)
	x.before, ok = parseIndexHeader(head[:n])
	x.badHead = !ok // no reason to give up what follows: each record has its own checksum
	x.f, x.size, x.slots, x.ragged = f, size, max(size/indexRecord-1, 0), size%indexRecord != 0
	x.advance()
	return x, nil
}

// empty reports whether there is no index, or not a byte in it.
func (x *indexReader) empty() bool { return x.size == 0 }

func (x *indexReader) close() error {
	if x.f == nil {
		return nil
	}
	return x.f.Close()
}

// advance moves head to the next record that can be used.
func (x *indexReader) advance() {
	x.have, x.hole = false, false
	for ; x.slot < x.slots && !x.have; x.slot++ {
		e, ok := parseIndexRecord(x.bytes(x.slot))
		if ok && e.off >= x.last {
			x.head, x.have, x.last = e, true, e.end()
		} else {
			x.hole = true
		}
	}
}

// forget ends the reading.
func (x *indexReader) forget() { x.have, x.slot = false, x.slots }

// from returns the first record of an entry that lies at offset off or later.
func (x *indexReader) from(off int64) (indexEntry, bool) {
	for x.have && x.head.off < off {
		x.advance()
	}
	return x.head, x.have
}

// bytes returns the record in a slot, nothing if it cannot be read.
func (x *indexReader) bytes(slot int64) []byte {
	if i := slot - x.first; i < 0 || i >= int64(len(x.win))/indexRecord {
		x.fill(slot)
	}
	i := (slot - x.first) * indexRecord
	if i+indexRecord > int64(len(x.win)) {
		return nil
	}
	return x.win[i : i+indexRecord]
}

// fill reads records from slot on: many, or just that one if there is an
// unreadable place among them.
func (x *indexReader) fill(slot int64) {
	if x.win == nil {
		x.win = make([]byte, 0, min(x.slots, indexWindow)*indexRecord)
	}
	x.first = slot
	for _, n := range []int64{min(x.slots-slot, indexWindow), 1} {
		x.win = x.win[:n*indexRecord]
		if got, err := x.f.ReadAt(x.win, (slot+1)*indexRecord); err == nil || errors.Is(err, io.EOF) {
			x.win = x.win[:got]
			return
		}
	}
	x.spoiled = true
	x.win = x.win[:0]
}

// removeIndex deletes the index of a log, durably, before the log is cut.
func (s *Store) removeIndex(log string) error {
	name, ok := indexOf(log)
	if !ok {
		return nil
	}
	err := s.fs.Remove(filepath.Join(s.logDir, name))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	return s.fs.SyncDir(s.logDir)
}

// indexUpdate brings the index of a log up to what was read from that log: it
// holds a record for entry after entry, and none beyond.
type indexUpdate struct {
	s      *Store
	log    string // base name; "" if nothing is to be written
	x      *indexReader
	before proto.Zxid // of the log, if it must be written

	slot int64  // of the next entry
	buf  []byte // records that the index lacks, up to slot
	at   int64  // slot of the first of them
	f    vfs.File
	want []byte // scratch
}

func (u *indexUpdate) add(off int64, e Entry, sum uint32) error {
	if u.log == "" {
		return nil
	}
	u.want = appendIndexRecord(u.want[:0], indexEntry{EntryID{e.Zxid, int32(len(e.Payload)), sum}, off})
	if u.slot < u.x.slots && string(u.x.bytes(u.slot)) == string(u.want) {
		err := u.flush()
		u.slot++
		return err
	}
	if len(u.buf) == 0 {
		u.at = u.slot
	}
	u.buf = append(u.buf, u.want...)
	u.slot++
	if len(u.buf) >= readWindow {
		return u.flush()
	}
	return nil
}

// flush writes the records that the index lacks. Only what is durable may have
// one, so the log is synced first.
func (u *indexUpdate) flush() error {
	if len(u.buf) == 0 || u.x.spoiled {
		u.buf = u.buf[:0]
		return nil
	}
	if err := u.open(); err != nil {
		return err
	}
	_, err := u.f.WriteAt(u.buf, (u.at+1)*indexRecord)
	u.buf = u.buf[:0]
	return err
}

// open syncs the log and opens the index for writing, made anew if there is none.
func (u *indexUpdate) open() error {
	if u.f != nil {
		return nil
	}
	log, err := u.s.fs.OpenWrite(filepath.Join(u.s.logDir, u.log))
	if err != nil {
		return err
	}
	if err := errors.Join(log.Sync(), log.Close()); err != nil {
		return err
	}
	name, _ := indexOf(u.log)
	path := filepath.Join(u.s.logDir, name)
	if u.x.f == nil {
		u.f, err = u.s.fs.Create(path)
	} else {
		u.f, err = u.s.fs.OpenWrite(path)
	}
	if err == nil && (u.x.f == nil || u.x.badHead) {
		_, err = u.f.WriteAt(appendIndexHeader(nil, u.before), 0)
	}
	return err
}

// finish writes what is left and cuts records behind the last entry, once the
// log is known to end with it.
func (u *indexUpdate) finish() (err error) {
	if u.log == "" {
		return nil
	}
	defer func() {
		if u.f != nil {
			err = errors.Join(err, u.f.Close())
		}
	}()
	if u.x.spoiled {
		return u.anew()
	}
	if err := u.flush(); err != nil {
		return err
	}
	if u.x.slots > u.slot || u.x.badHead {
		if err := u.open(); err != nil {
			return err
		}
		if err := u.f.Truncate((u.slot + 1) * indexRecord); err != nil {
			return err
		}
	}
	if u.f == nil {
		return nil
	}
	if err := u.f.Sync(); err != nil {
		return err
	}
	return u.s.fs.SyncDir(u.s.logDir)
}

// anew makes the index from the beginning, in place of one that cannot be read.
func (u *indexUpdate) anew() error {
	if err := u.s.removeIndex(u.log); err != nil {
		return err
	}
	fresh := &indexUpdate{s: u.s, log: u.log, x: &indexReader{before: noZxid}, before: u.before}
	r, err := openLog(u.s.fs, filepath.Join(u.s.logDir, u.log))
	if err != nil {
		return err
	}
	defer r.close()
	for {
		at := max(r.pos, logHeaderSize)
		e, ok, err := r.next()
		if err != nil {
			return err
		}
		if !ok {
			return fresh.finish()
		}
		if err := fresh.add(at, e, r.sum); err != nil {
			return err
		}
	}
}

// strayIndexes returns the indexes that have lost their log and tell of something
// behind base, or may have told of it before they were damaged themselves. An index is
// made before its log is durable and written after that, so one without a byte
// tells of nothing.
func (s *Store) strayIndexes(logs []dirFile, base proto.Zxid) ([]dirFile, error) {
	files, err := listFiles(s.fs, s.logDir, indexPrefix)
	if err != nil {
		return nil, fmt.Errorf("list indexes: %w", err)
	}
	var stray []dirFile
	for _, f := range files {
		if f.name != indexName(f.zxid) || slices.ContainsFunc(logs, func(l dirFile) bool { return l.name == logName(f.zxid) }) {
			continue
		}
		told, err := s.indexTells(f.zxid)
		if err != nil {
			return nil, err
		}
		old := slices.ContainsFunc(logs, func(l dirFile) bool { return l.zxid > f.zxid && l.zxid <= base+1 })
		if told.last > base || told.more && !old {
			stray = append(stray, f)
		}
	}
	return stray, nil
}

// indexTells is what an index says of a log that is gone.
type indexTells struct {
	last proto.Zxid // the newest transaction
	n    int        // how many there are
	more bool       // there was more in it, or all of it, that does not read
}

func (s *Store) indexTells(z proto.Zxid) (t indexTells, err error) {
	x, err := openIndex(s.fs, s.logDir, logName(z))
	if err != nil {
		return t, err
	}
	defer x.close()
	for t.more = x.hole; x.have; t.more = t.more || x.hole {
		t.last, t.n = max(t.last, x.head.Zxid), t.n+1
		x.advance()
	}
	t.more = t.more || !x.empty() && (x.badHead || t.n == 0) || x.ragged
	return t, nil
}

// removeStrayIndexes deletes indexes without a log. Whatever they tell of is
// contained in what was recovered, or was cut off by a Java server.
func (s *Store) removeStrayIndexes(logs []dirFile) error {
	files, err := listFiles(s.fs, s.logDir, indexPrefix)
	if err != nil {
		return fmt.Errorf("list indexes: %w", err)
	}
	for _, f := range files {
		if slices.ContainsFunc(logs, func(l dirFile) bool { return l.name == logName(f.zxid) }) {
			continue
		}
		if err := s.fs.Remove(filepath.Join(s.logDir, f.name)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("delete an index without a log: %w", err)
		}
	}
	return nil
}
