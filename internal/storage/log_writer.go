package storage

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"time"

	"github.com/paddock-io/paddock/internal/storage/vfs"
	"github.com/paddock-io/paddock/proto"
)

const (
	// maxBatch bounds what is written between two syncs, and so both the buffer
	// and how far back from its end a log can be torn, in bytes.
	maxBatch = 4 << 20
	// minPadding is how much padding must follow the newest entry, as in Java.
	minPadding = 4096
)

// LogWriter appends transactions to the log. One goroutine owns it.
//
// A file is made when its first entry is flushed and named by that entry's
// zxid; the writer never appends to a file of an earlier run.
type LogWriter struct {
	s *Store

	buf   []byte     // encoded since the last Flush; of a new file, with the header
	count int        // entries in buf
	first proto.Zxid // of buf
	last  proto.Zxid // newest transaction of the history, flushed or not

	f         vfs.File // nil between two files
	name      string   // of f, with directory
	pos       int64    // end of what is flushed
	allocated int64    // length of f, at least
	zeroed    int64    // f holds entries or written zeros up to here
	forgotten int64    // of f, up to here, the system keeps nothing in memory
	err       *FatalError

	index    vfs.File // beside f; nil when nothing is sure to be durable
	indexBuf []byte   // records of buf; of a new file, with the header
	indexPos int64    // end of what is written
}

// Append encodes entries behind those not yet flushed. It keeps nothing of the
// arguments. Once a batch is large it is flushed early. The error is a *FatalError.
//
// Invariant: a payload begins with a TxnHeader that has the entry's zxid.
func (w *LogWriter) Append(entries ...Entry) error {
	for _, e := range entries {
		if len(e.Payload) < proto.TxnHeaderSize || payloadZxid(e.Payload) != e.Zxid {
			panic(fmt.Sprintf("storage: entry %s with a payload of %d bytes is not a transaction of that zxid", e.Zxid, len(e.Payload)))
		}
		if len(e.Payload) > maxEntry {
			return w.fail(w.nameFor(e.Zxid), fmt.Errorf("transaction %s has %d bytes, more than %d", e.Zxid, len(e.Payload), maxEntry))
		}
		if w.count == 0 {
			w.first = e.Zxid
			if w.f == nil {
				w.buf = appendLogHeader(w.buf[:0])
				w.indexBuf = appendIndexHeader(w.indexBuf[:0], w.last)
				w.pos = 0
			}
		}
		at := len(w.buf)
		w.buf = appendEntry(w.buf, e.Payload)
		w.indexBuf = appendIndexRecord(w.indexBuf, indexEntry{
			EntryID{e.Zxid, int32(len(e.Payload)), binary.BigEndian.Uint32(w.buf[at+4:])}, w.pos + int64(at)})
		w.last = e.Zxid
		w.count++
		if len(w.buf) >= maxBatch {
			if err := w.Flush(); err != nil {
				return err
			}
		}
	}
	return w.sticky()
}

// Flush makes everything appended durable with one write and one sync, and
// goes on to a new file if this one has reached its size limit. The error is a
// *FatalError; every later call returns it again.
func (w *LogWriter) Flush() error {
	if w.err != nil || w.count == 0 {
		return w.sticky()
	}
	fresh := w.f == nil
	if fresh {
		if err := w.create(); err != nil {
			return w.fail(w.nameFor(w.first), err)
		}
	}
	batch := len(w.buf)
	start := w.pos
	if w.s.opts.NoSync {
		start = 0 // nothing of this file is sure to have reached the disk
	}
	w.buf = appendMark(w.buf, w.pos, start)
	if err := w.write(w.buf, batch); err != nil {
		return w.fail(w.name, err)
	}
	if fresh {
		if err := w.s.syncDir(w.s.logDir); err != nil {
			return w.fail(w.name, err)
		}
	}
	if err := w.writeIndex(); err != nil {
		return w.fail(w.name, fmt.Errorf("its index: %w", err))
	}
	w.s.metrics.LogBytes.Add(uint64(batch))
	w.s.metrics.LogEntries.Add(uint64(w.count))
	w.pos += int64(batch)
	w.forget()
	w.count = 0
	if w.buf = w.buf[:0]; cap(w.buf) > 2*maxBatch {
		w.buf = nil
	}
	if limit := w.s.opts.LogSizeLimit; limit > 0 && w.pos >= limit {
		return w.Roll()
	}
	return nil
}

// write writes b, a batch with its mark, at the end of the log and syncs.
func (w *LogWriter) write(b []byte, batch int) error {
	if step := w.s.opts.PreallocBytes; step > 0 {
		if need := w.pos + int64(len(b)) + minPadding; need > w.allocated {
			size := (need + step - 1) / step * step
			if err := w.f.Preallocate(size); err != nil {
				return err
			}
			w.allocated = size
		}
	}
	if _, err := w.f.WriteAt(b, w.pos); err != nil {
		return err
	}
	if w.s.opts.NoSync {
		return nil
	}
	if err := w.zeroAhead(w.pos+int64(len(b)), len(b)); err != nil {
		return err
	}
	start := time.Now()
	err := w.f.Sync()
	took := time.Since(start)
	slow := took >= w.s.opts.SlowSync
	w.s.metrics.observeSync(took, batch, slow)
	if slow {
		w.s.logger.Warn("fsync-ing the write ahead log took long and delays every write; give the log a disk of its own",
			"took", took, "file", w.name, "fileBytes", w.pos+int64(batch))
	}
	return err
}

// writeIndex notes that the batch is durable. It is not synced: losing it costs
// only what it could tell about a log that is damaged, too.
func (w *LogWriter) writeIndex() error {
	b := w.indexBuf
	if w.indexBuf = b[:0]; cap(b) > maxBatch {
		w.indexBuf = nil
	}
	if w.index == nil {
		return nil
	}
	_, err := w.index.WriteAt(b, w.indexPos)
	w.indexPos += int64(len(b))
	return err
}

// zeroStep is how far ahead of small batches the log is written with zeros.
const zeroStep = 256 << 10

var zeroBlock [zeroStep]byte

// zeroAhead writes zeros behind a small batch that ends at end, when it has
// used up the last ones. Reserved blocks read as zeros anyway; but the first
// write into each makes the file system note that, which lengthens the sync of
// every batch, while blocks that were written before sync by themselves.
func (w *LogWriter) zeroAhead(end int64, batch int) error {
	if end <= w.zeroed {
		return nil
	}
	w.zeroed = end
	if batch > zeroStep/4 || end+zeroStep > w.allocated {
		return nil
	}
	w.zeroed += zeroStep
	_, err := w.f.WriteAt(zeroBlock[:], end)
	return err
}

// Of a log, which is hardly ever read again, keptCached bytes stay in the system's
// memory, and what is older goes a forgetStep at a time.
const (
	keptCached = 4 << 20
	forgetStep = 1 << 20
)

// forget gives the memory of what was synced long ago back to the system. It gets
// what comes next, which costs less than memory that was not in use: under load
// that is most of what a write to the file costs.
func (w *LogWriter) forget() {
	n := w.pos - keptCached - w.forgotten
	if n < forgetStep {
		return
	}
	if f, ok := w.f.(vfs.Forgetter); ok {
		f.Forget(w.forgotten, n)
	}
	w.forgotten += n
}

// create makes the file whose first entry is w.first.
func (w *LogWriter) create() error {
	name := logName(w.first)
	path := filepath.Join(w.s.logDir, name)
	info, err := w.s.fs.Stat(path)
	switch {
	case err == nil && info.Size > logHeaderSize:
		return errors.New("a log with this first zxid exists; history went back without being truncated")
	case err != nil && !errors.Is(err, fs.ErrNotExist):
		return err
	}
	if err := setWriting(w.s.fs, w.s.logDir, name); err != nil {
		return err
	}
	f, err := w.s.fs.Create(path)
	if err != nil {
		return err
	}
	w.f, w.name, w.pos, w.allocated, w.zeroed, w.forgotten = f, path, 0, 0, 0, 0
	w.s.metrics.LogFiles.Add(1)
	return w.createIndex()
}

// createIndex makes the index of a new log. With forceSync=no there is none:
// nothing of the log is sure to be durable.
func (w *LogWriter) createIndex() (err error) {
	name, _ := indexOf(filepath.Base(w.name))
	path := filepath.Join(w.s.logDir, name)
	w.index, w.indexPos = nil, 0
	if !w.s.opts.NoSync {
		w.index, err = w.s.fs.Create(path)
		return err
	}
	if err = w.s.fs.Remove(path); errors.Is(err, fs.ErrNotExist) {
		err = nil
	}
	return err
}

// Roll flushes and closes the current file, so that the next entry begins a
// new one. Padding and mark are cut off. Without an open file it does nothing.
func (w *LogWriter) Roll() error {
	if err := w.Flush(); err != nil || w.f == nil {
		return err
	}
	f := w.f
	w.f = nil
	err := f.Truncate(w.pos)
	if err == nil && !w.s.opts.NoSync {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err == nil {
		err = w.closeIndex()
	}
	if err == nil {
		err = clearWriting(w.s.fs, w.s.logDir)
	}
	if err != nil {
		return w.fail(w.name, err)
	}
	return nil
}

func (w *LogWriter) closeIndex() error {
	x := w.index
	if w.index = nil; x == nil {
		return nil
	}
	return errors.Join(x.Sync(), x.Close())
}

// Size returns the length of the open file up to its newest flushed entry in
// bytes, 0 without one.
func (w *LogWriter) Size() int64 {
	if w.f == nil {
		return 0
	}
	return w.pos
}

// Pending returns how many entries, and how many bytes of them, wait for Flush.
func (w *LogWriter) Pending() (entries, bytes int) {
	if w.count == 0 {
		return 0, 0
	}
	return w.count, len(w.buf)
}

func (w *LogWriter) nameFor(z proto.Zxid) string {
	if w.f != nil {
		return w.name
	}
	return filepath.Join(w.s.logDir, logName(z))
}

func (w *LogWriter) fail(file string, err error) error {
	if w.err == nil {
		w.err = &FatalError{Part: PartLog, File: file, Err: err}
	}
	return w.err
}

// sticky returns the first failure as an error that is nil if there is none.
func (w *LogWriter) sticky() error {
	if w.err != nil {
		return w.err
	}
	return nil
}
