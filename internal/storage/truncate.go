package storage

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"strings"

	"github.com/paddock-io/paddock/proto"
)

// Truncate makes zxid z the newest transaction on disk: later ones are removed
// from the logs, and so is every snapshot that may contain one of them. It is
// durable on return; then the caller starts over with Recover. A *TruncateError
// means that the state at z cannot be rebuilt from what is here, and that
// nothing was changed. It must be called by the owner of the log writer while
// no snapshot is being written.
//
// Java (FileTxnLog.truncate) keeps a transaction above z if z itself is not in
// the log, and keeps snapshots that contain what was cut (ZOOKEEPER-1549).
func (s *Store) Truncate(z proto.Zxid) error {
	if err := s.log.Roll(); err != nil {
		return err
	}
	base, dirty, err := s.splitSnapshots(z)
	if err != nil {
		return err
	}
	if base < 0 {
		return &TruncateError{To: z, Reason: "no good snapshot is that old"}
	}
	c, err := s.findCut(z, base)
	if err != nil {
		return err
	}
	if c.have != z {
		return &TruncateError{To: z, Reason: fmt.Sprintf("the newest transaction up to there is %s", c.have)}
	}
	return s.cutAt(c, dirty)
}

// DiscardAbove removes everything above z that a restart would take for newer
// than the snapshot named z, which the caller writes next because a full
// synchronisation brought it. In this order a crash in between leaves an older
// state of this server's own. Callers and durability as with Truncate.
func (s *Store) DiscardAbove(z proto.Zxid) error {
	if err := s.log.Roll(); err != nil {
		return err
	}
	snaps, err := listFiles(s.fs, s.snapDir, snapPrefix)
	if err != nil {
		return fmt.Errorf("list snapshots: %w", err)
	}
	var dirty []string
	for _, f := range snaps {
		if f.zxid > z {
			dirty = append(dirty, f.name)
		}
	}
	c, err := s.findCut(z, z)
	if err != nil {
		return err
	}
	if err := s.cutAt(c, dirty); err != nil {
		return err
	}
	s.log.last = z
	return nil
}

// DropBefore removes every snapshot older than the one named z and all logs of
// before, once z is durable as a full synchronisation's snapshot. They may hold
// transactions that were never decided: a leader replaces such a history
// without naming what was wrong with it. Nothing reads them while z is good;
// were it damaged, an older snapshot with a log that begins behind z would pass
// for a whole history. Callers and durability as with Truncate.
func (s *Store) DropBefore(z proto.Zxid) error {
	if err := s.log.Roll(); err != nil {
		return err
	}
	for _, d := range []struct {
		dir, prefix string
		part        Part
	}{{s.snapDir, snapPrefix, PartSnapshot}, {s.logDir, logPrefix, PartLog}} {
		files, err := listFiles(s.fs, d.dir, d.prefix)
		if err != nil {
			return fmt.Errorf("list %s: %w", d.dir, err)
		}
		for i, f := range files {
			if d.part == PartSnapshot && f.zxid >= z || f.zxid > z {
				files = files[:i]
				break
			}
		}
		if err := s.removeAll(d.dir, files, d.part); err != nil {
			return err
		}
	}
	return s.forgetLost()
}

// forgetLost removes the indexes of logs that are gone, durably: the snapshot replaces those, too.
func (s *Store) forgetLost() error {
	logs, err := listFiles(s.fs, s.logDir, logPrefix)
	if err == nil {
		err = s.removeStrayIndexes(logs)
	}
	if err == nil {
		err = s.fs.SyncDir(s.logDir)
	}
	if err != nil {
		return &FatalError{Part: PartLog, File: s.logDir, Err: err}
	}
	return nil
}

func (s *Store) removeAll(dir string, files []dirFile, part Part) error {
	for _, f := range files {
		path := filepath.Join(dir, f.name)
		if part == PartLog { // an index that outlived its log would tell of a history that begins here
			if err := s.removeIndex(f.name); err != nil {
				return &FatalError{Part: part, File: path, Err: err}
			}
		}
		if err := s.fs.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) { // a purge may have been faster
			return &FatalError{Part: part, File: path, Err: err}
		}
	}
	if len(files) == 0 {
		return nil
	}
	if err := s.fs.SyncDir(dir); err != nil {
		return &FatalError{Part: part, File: dir, Err: err}
	}
	return nil
}

// splitSnapshots returns the zxid of the newest good snapshot that holds
// nothing above z, -1 without one, and the names of those that may.
func (s *Store) splitSnapshots(z proto.Zxid) (base proto.Zxid, dirty []string, err error) {
	snaps, err := listFiles(s.fs, s.snapDir, snapPrefix)
	if err != nil {
		return 0, nil, fmt.Errorf("list snapshots: %w", err)
	}
	for i := len(snaps) - 1; i >= 0; i-- {
		f := snaps[i]
		if f.zxid > z {
			dirty = append(dirty, f.name)
			continue
		}
		path := filepath.Join(s.snapDir, f.name)
		var end endSink
		if !looksComplete(s.fs, path) || readSnapshot(s.fs, path, &end) != nil {
			continue // Recover passes it over
		}
		if end.zxid <= z {
			return f.zxid, dirty, nil
		}
		dirty = append(dirty, f.name)
	}
	return -1, dirty, nil
}

// endSink keeps the newest zxid that a snapshot says it contains.
type endSink struct{ zxid proto.Zxid }

func (*endSink) Session(proto.SessionID, int32) error       { return nil }
func (*endSink) ACL(int64, []proto.ACL) error               { return nil }
func (*endSink) Node(*SnapNode) error                       { return nil }
func (e *endSink) Digest(zxid proto.Zxid, _ int32, _ int64) { e.zxid = max(e.zxid, zxid) }
func (e *endSink) Last(zxid proto.Zxid)                     { e.zxid = max(e.zxid, zxid) }

// logCut is a place in the log: all from byte at of the first file on goes.
type logCut struct {
	files []string   // to be cut, removed, removed ...; empty if nothing lies above
	at    int64      // in files[0]
	have  proto.Zxid // newest transaction before the cut, at least base
}

// findCut finds the first entry above z, reading from base on.
func (s *Store) findCut(z, base proto.Zxid) (logCut, error) {
	logs, err := listFiles(s.fs, s.logDir, logPrefix)
	if err != nil {
		return logCut{}, fmt.Errorf("list logs: %w", err)
	}
	logs = from(logs, base)
	c, seq := logCut{have: base}, sequence{base}
	_, err = s.scan(logs, base, false, func(path string, at int64, e Entry) error {
		if e.Zxid <= z {
			if e.Zxid <= base {
				return nil
			}
			err := seq.next(e.Zxid)
			if err != nil {
				return &CorruptionError{File: path, Offset: at, Err: err}
			}
			c.have = seq.prev
			return nil
		}
		c.at = at
		for i, f := range logs {
			if f.name == filepath.Base(path) {
				for _, f := range logs[i:] {
					c.files = append(c.files, f.name)
				}
			}
		}
		return errStop
	})
	if err != nil && !errors.Is(err, errStop) {
		return logCut{}, err
	}
	return c, nil
}

// cutAt removes snapshots and then logs from the newest backwards, so that a
// crash in between leaves a state that was there before or a prefix of it.
func (s *Store) cutAt(c logCut, dirty []string) error {
	for _, name := range dirty {
		if err := s.fs.Remove(filepath.Join(s.snapDir, name)); err != nil {
			return &FatalError{Part: PartSnapshot, File: filepath.Join(s.snapDir, name), Err: err}
		}
	}
	if len(dirty) > 0 {
		s.logger.Info("removed snapshots with discarded transactions", "files", strings.Join(dirty, " "))
		if err := s.fs.SyncDir(s.snapDir); err != nil {
			return &FatalError{Part: PartSnapshot, File: s.snapDir, Err: err}
		}
	}
	for i := len(c.files) - 1; i >= 0; i-- {
		path := filepath.Join(s.logDir, c.files[i])
		err := s.removeIndex(c.files[i])
		if err != nil {
			return &FatalError{Part: PartLog, File: path, Err: fmt.Errorf("its index: %w", err)}
		}
		if i == 0 && c.at > logHeaderSize {
			err = s.cut(path, c.at)
		} else if err = s.fs.Remove(path); err == nil {
			// One at a time: a gap in the middle would be worse than any of the ends.
			err = s.fs.SyncDir(s.logDir)
		}
		if err != nil {
			return &FatalError{Part: PartLog, File: path, Err: err}
		}
	}
	return nil
}
