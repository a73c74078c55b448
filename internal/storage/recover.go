package storage

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"
	"time"

	"github.com/paddock-io/paddock/proto"
)

// maxCandidates bounds how many snapshots are tried. Source:
// FileSnap.deserialize.
const maxCandidates = 100

// Recovered says what Recover found.
type Recovered struct {
	// LastZxid is the newest transaction on disk, committed or not: 0 for an empty
	// database and -1 for one that must not vote because it may have been lost.
	LastZxid proto.Zxid
	// Fresh means that there was nothing. Unless LastZxid is -1 the caller writes
	// snapshot.0 before anything is logged, and then calls DropInitMark.
	Fresh bool
	// NeedSnapshot means that the state came from logs alone, so that the caller
	// should write a snapshot now.
	NeedSnapshot bool

	Snapshot string        // base name of the snapshot loaded, or ""
	Skipped  []error       // why newer snapshots were passed over, newest first
	Entries  int           // transactions replayed
	Bytes    int64         // of them, without the framing of the log
	Cut      *Cut          // remains of an interrupted batch that were cut off, or nil
	Took     time.Duration // all of it
}

// Cut says which bytes were cut off the end of a log.
type Cut struct {
	File  string
	At    int64 // the new length, 0 if the file was removed
	Bytes int64
}

// Recover loads the newest good snapshot into sink and hands every
// transaction logged after it to replay, in order; entries belong to replay.
// An error from replay ends it. What an interrupted batch left at the end of
// the log is cut off physically. The owner of the log writer calls it, first of
// all and again when the state in memory is to be dropped.
//
// Errors: *CorruptionError, *NoSnapshotError, *FatalError when cutting fails,
// and what replay returned, wrapped. Source: FileTxnSnapLog.restore.
func (s *Store) Recover(sink Loader, replay func(Entry) error) (rec Recovered, err error) {
	start := time.Now()
	defer func() { rec.Took = time.Since(start) }()
	if err := s.log.Roll(); err != nil {
		return rec, err
	}
	if err := s.settle(); err != nil {
		return rec, err
	}
	if marked, err := s.setAsideMarked(); err != nil {
		return rec, err
	} else if marked {
		return rec, errSetAside(s.asidePath())
	}
	trusted, err := s.initMarked()
	if err != nil {
		return rec, err
	}
	snaps, err := listFiles(s.fs, s.snapDir, snapPrefix)
	if err != nil {
		return rec, fmt.Errorf("list snapshots: %w", err)
	}
	logs, err := listFiles(s.fs, s.logDir, logPrefix)
	if err != nil {
		return rec, fmt.Errorf("list logs: %w", err)
	}
	if len(snaps)+len(logs) > 0 {
		if err := s.DropInitMark(); err != nil {
			return rec, err
		}
	}
	if len(snaps) == 0 {
		switch {
		case len(logs) == 0 && trusted:
			rec.Fresh = true
			return rec, nil
		case len(logs) == 0:
			rec.Fresh, rec.LastZxid = true, -1
			return rec, nil
		case !s.opts.TrustEmptySnapshot && !s.beginsEmpty(logs):
			return rec, &NoSnapshotError{Dir: s.logDir}
		}
		rec.NeedSnapshot = true
		sink.Reset()
	} else if rec.LastZxid, err = s.loadSnapshot(snaps, sink, &rec); err != nil {
		if none := (*NoSnapshotError)(nil); !errors.As(err, &none) || !s.beginsEmpty(logs) {
			return rec, err
		}
		s.logger.Warn("no snapshot is good, but the logs begin with the first transaction", "dir", s.logDir)
		rec.LastZxid, rec.NeedSnapshot = 0, true
		sink.Reset()
	}
	s.metrics.LoadSnapshotTime.Store(int64(time.Since(start)))
	if err := s.replay(from(logs, rec.LastZxid), replay, &rec); err != nil {
		return rec, err
	}
	if err := s.checkReached(snaps, &rec); err != nil {
		return rec, err
	}
	return rec, s.removeStrayIndexes(logs)
}

// settle makes the names in the directories durable as they are. Without it, what a killed process had
// renamed or removed and not yet synced would be found, reported and built
// upon, and a power failure could still undo it.
func (s *Store) settle() error {
	for _, dir := range s.dirs() {
		if err := s.fs.SyncDir(dir); err != nil {
			part := PartLog
			if dir == s.snapDir {
				part = PartSnapshot
			}
			return &FatalError{Part: part, File: dir, Err: err}
		}
	}
	return nil
}

// initMarked reports whether an empty database may vote. Source:
// FileTxnSnapLog.restore, ZOOKEEPER-2325.
func (s *Store) initMarked() (trusted bool, err error) {
	_, err = s.fs.Stat(s.initMark)
	switch {
	case err == nil:
		return true, nil
	case errors.Is(err, fs.ErrNotExist):
		return !s.opts.NoAutoCreateDB, nil
	}
	return false, fmt.Errorf("look for %s: %w", s.initMark, err)
}

// DropInitMark deletes, durably, the file that lets an empty database vote: from
// now on an empty one is one that was lost. Whoever starts with a fresh
// directory calls it once the first snapshot is durable. Java deletes the file
// before that, so that a start which is interrupted between the two leaves a
// server that may not vote, and a new ensemble that cannot begin.
func (s *Store) DropInitMark() error {
	err := s.fs.Remove(s.initMark)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err == nil:
		err = s.syncDir(filepath.Dir(s.initMark))
	}
	if err != nil {
		return fmt.Errorf("delete %s: %w", s.initMark, err)
	}
	return nil
}

// loadSnapshot loads the newest snapshot that is good and returns its zxid.
func (s *Store) loadSnapshot(snaps []dirFile, sink Loader, rec *Recovered) (proto.Zxid, error) {
	tried := 0
	for i := len(snaps) - 1; i >= 0 && tried < maxCandidates; i-- {
		path := filepath.Join(s.snapDir, snaps[i].name)
		err := error(&CorruptionError{File: path, Err: errors.New("the snapshot is incomplete")})
		if looksComplete(s.fs, path) {
			tried++
			sink.Reset()
			err = readSnapshot(s.fs, path, sink)
		}
		if err == nil {
			rec.Snapshot = snaps[i].name
			return snaps[i].zxid, nil
		}
		rec.Skipped = append(rec.Skipped, err)
		s.logger.Warn("snapshot is no good, trying an older one", "file", path, "error", err)
	}
	return 0, &NoSnapshotError{Dir: s.snapDir, Bad: rec.Skipped}
}

// replay reads the logs, starting behind rec.LastZxid, and cuts the last one.
func (s *Store) replay(files []dirFile, replay func(Entry) error, rec *Recovered) error {
	start := time.Now()
	seq, base, skipping := sequence{rec.LastZxid}, rec.LastZxid, true
	end, err := s.scan(files, base, true, func(path string, at int64, e Entry) error {
		if skipping && e.Zxid <= base {
			return nil
		}
		skipping = false
		if err := seq.next(e.Zxid); err != nil {
			return &CorruptionError{File: path, Offset: at, Err: err}
		}
		if err := replay(e); err != nil {
			return fmt.Errorf("replay %s at byte %d, transaction %s: %w", path, at, e.Zxid, err)
		}
		rec.Entries++
		rec.Bytes += int64(len(e.Payload))
		return nil
	})
	if err != nil {
		return err
	}
	if err := s.checkLost(files, base); err != nil {
		return err
	}
	rec.LastZxid, s.log.last = seq.prev, seq.prev
	s.metrics.ReplayTime.Store(int64(time.Since(start)))
	s.metrics.ReplayEntries.Store(uint64(rec.Entries))
	return s.trim(end, rec)
}

// checkLost refuses a history that lacks a log which is gone, but whose index
// tells of transactions behind base that were durable. A later epoch's log may
// hide the gap.
func (s *Store) checkLost(logs []dirFile, base proto.Zxid) error {
	stray, err := s.strayIndexes(logs, base)
	if err != nil || len(stray) == 0 {
		return err
	}
	z := stray[len(stray)-1].zxid
	told, err := s.indexTells(z)
	if err != nil {
		return err
	}
	bad := errors.New("the log is gone, and its index does not read")
	if told.n > 0 {
		bad = fmt.Errorf("the log is gone, but its index tells of %d transactions up to %s", told.n, told.last)
	}
	return &CorruptionError{File: filepath.Join(s.logDir, logName(z)), Err: bad}
}

// trim makes the newest log end with its last entry, durably, before anybody
// appends: neither padding nor remains may come to lie between two entries. The log is
// synced even if it ends there already: a killed process may have cut or written it and not come to that.
func (s *Store) trim(end scanEnd, rec *Recovered) error {
	path := filepath.Join(s.logDir, end.name)
	if end.end <= logHeaderSize {
		end.end = 0
	}
	if end.torn {
		rec.Cut = &Cut{File: path, At: end.end, Bytes: end.size - end.end}
		s.logger.Warn("cut off the remains of an interrupted write", "file", path, "at", end.end, "bytes", rec.Cut.Bytes)
	}
	var err error
	switch {
	case end.name == "":
	case end.end == 0:
		if err = s.removeIndex(end.name); err == nil {
			err = s.fs.Remove(path)
		}
		if err == nil {
			err = s.fs.SyncDir(s.logDir)
		}
	default:
		err = s.cut(path, end.end)
	}
	if err == nil {
		err = clearWriting(s.fs, s.logDir)
	}
	if err != nil {
		return &FatalError{Part: PartLog, File: path, Err: err}
	}
	return nil
}

// cut shortens a log, durably. What stays is synced first: a killed process may have written it and not come to
// that, and if the power failed when the file is shorter and its sectors
// are old, half a sync mark could be left, which looks like damage.
func (s *Store) cut(path string, size int64) error {
	f, err := s.fs.OpenWrite(path)
	if err != nil {
		return err
	}
	err = f.Sync()
	if err == nil {
		err = f.Truncate(size)
	}
	if err == nil {
		err = f.Sync()
	}
	return errors.Join(err, f.Close())
}

// beginsEmpty reports whether the oldest log continues an empty history, so that
// no snapshot is needed. Its index says so, or that of a log which is gone.
func (s *Store) beginsEmpty(logs []dirFile) bool {
	stray, err := s.strayIndexes(logs, 0)
	if err != nil || len(logs)+len(stray) == 0 {
		return false
	}
	oldest := slices.MinFunc(slices.Concat(logs, stray), func(a, b dirFile) int { return cmp.Compare(a.zxid, b.zxid) })
	x, err := openIndex(s.fs, s.logDir, logName(oldest.zxid))
	if err != nil {
		return false
	}
	defer x.close()
	return x.before == 0
}

// checkReached refuses a state that is older than a snapshot which could not
// be read: what lies between them may have been promised.
func (s *Store) checkReached(snaps []dirFile, rec *Recovered) error {
	if len(rec.Skipped) == 0 || snaps[len(snaps)-1].zxid <= rec.LastZxid {
		return nil
	}
	return fmt.Errorf("%w; and the log behind the older snapshot %s ends at %s, before it",
		rec.Skipped[0], rec.Snapshot, rec.LastZxid)
}
