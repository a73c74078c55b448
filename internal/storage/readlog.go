package storage

import (
	"fmt"
	"path/filepath"

	"github.com/paddock-io/paddock/internal/storage/vfs"
	"github.com/paddock-io/paddock/proto"
)

// ReadLog calls fn with the logged transactions from zxid first on, in order
// and without a gap; the first one may be later than that if the log begins
// later. Entries belong to fn, and an error of fn ends the reading and is
// returned as it is. It may run beside the log writer and Purge: it ends with the last
// entry that it finds whole, which need not be flushed, so the caller must
// bound what it uses. A gap, a repetition or damage is a *CorruptionError.
func (s *Store) ReadLog(first proto.Zxid, fn func(Entry) error) error {
	logs, err := listFiles(s.fs, s.logDir, logPrefix)
	if err != nil {
		return fmt.Errorf("read log: %w", err)
	}
	logs = from(logs, first)
	var seq sequence
	started := false
	for i, file := range logs {
		f := scanned{dirFile: file, before: noZxid, base: first - 1}
		if i+1 < len(logs) {
			f.next = logs[i+1].zxid
		}
		err := s.readLogFile(f, func(path string, at int64, e Entry) error {
			if !started && e.Zxid < first {
				return nil
			}
			if started && e.Zxid <= seq.prev {
				return &CorruptionError{File: path, Offset: at, Err: fmt.Errorf("transaction %s comes after %s", e.Zxid, seq.prev)}
			}
			if started {
				if err := seq.next(e.Zxid); err != nil {
					return &CorruptionError{File: path, Offset: at, Err: err}
				}
			}
			started, seq.prev = true, e.Zxid
			return fn(e)
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// readLogFile reads one file; in the newest one, where next is 0, whatever
// does not read is still to be written.
func (s *Store) readLogFile(f scanned, visit visitor) error {
	if f.next != 0 {
		_, err := s.scanFile(f, visit)
		return err
	}
	r, err := openLog(s.fs, filepath.Join(s.logDir, f.name))
	if err != nil {
		return err
	}
	defer r.close()
	for {
		at := max(r.pos, logHeaderSize)
		e, ok, err := r.next()
		if err != nil || !ok {
			return err
		}
		if err := visit(r.path, at, e); err != nil {
			return err
		}
	}
}

// LogInfo describes one log file.
type LogInfo struct {
	First, Last proto.Zxid // 0 without entries
	Entries     int
	End         int64 // behind the last entry, in bytes
	Size        int64
	Torn        bool // remains of an interrupted batch follow
}

// VerifyLog reads one log file from end to end and tells what is in it. Damage
// is a *CorruptionError. A file that is being written reads as torn or not as
// the moment has it.
func VerifyLog(fs vfs.FS, path string, visit func(at int64, e Entry) error) (LogInfo, error) {
	var info LogInfo
	open, err := writing(fs, filepath.Dir(path))
	if err != nil {
		return info, fmt.Errorf("verify log: %w", err)
	}
	s := &Store{fs: fs, logDir: filepath.Dir(path)}
	file := scanned{dirFile: dirFile{name: filepath.Base(path)}, open: open == filepath.Base(path), before: noZxid}
	end, err := s.scanFile(file, func(_ string, at int64, e Entry) error {
		if info.Entries == 0 {
			info.First = e.Zxid
		}
		info.Last = max(info.Last, e.Zxid)
		info.Entries++
		if visit == nil {
			return nil
		}
		return visit(at, e)
	})
	info.End, info.Size, info.Torn = end.end, end.size, end.torn
	return info, err
}

// VerifySnapshot reads one snapshot file with all checks and passes it to
// sink, which may be nil. Damage is a *CorruptionError.
func VerifySnapshot(fs vfs.FS, path string, sink Sink) error {
	if sink == nil {
		sink = new(endSink)
	}
	return readSnapshot(fs, path, sink)
}
