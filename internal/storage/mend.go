package storage

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/paddock-io/paddock/internal/storage/vfs"
	"github.com/paddock-io/paddock/proto"
)

// Names of files that repair makes. Java takes none of them for a log or a
// snapshot. A mended log waits whole and durable under a name of its own until
// the damaged one has been renamed, so that a crash in between leaves one of the two.
const (
	mendedPrefix  = "mended."  // mended.log.X replaces log.X
	damagedPrefix = "damaged." // what a damaged file is kept as
	maxKept       = 8          // damaged files kept
)

// Mend writes the logs of a survey anew, with found in the gaps, byte for byte as
// they had been: found must be exactly what the gaps lack, in order. It is durable
// on return; then the caller starts over with Recover. The damaged files are kept
// under names of their own, some of them. The owner of the log writer calls it.
func (s *Store) Mend(v *Survey, found []Entry) error {
	if err := v.check(found); err != nil {
		return fmt.Errorf("mend the log: %w", err)
	}
	if err := s.log.Roll(); err != nil {
		return err
	}
	if len(found) > 0 && (len(v.logs) == 0 || found[0].Zxid < v.logs[0].zxid) {
		z := found[0].Zxid // the oldest log is gone, and nothing has told its name
		v.logs = slices.Insert(v.logs, 0, surveyedLog{dirFile: dirFile{logName(z), z}, gone: true})
	}
	for i := range v.logs {
		l := &v.logs[i]
		var own []Entry // the log with the newest name that is not newer
		for len(found) > 0 && (i+1 == len(v.logs) || found[0].Zxid < v.logs[i+1].zxid) {
			own, found = append(own, found[0]), found[1:]
		}
		if !l.damaged && len(own) == 0 {
			continue
		}
		if err := s.mendLog(l, v.Base, own); err != nil {
			return fmt.Errorf("mend %s: %w", l.name, err)
		}
	}
	err := s.finishMending()
	if err == nil {
		err = s.fs.SyncDir(s.logDir)
	}
	if err != nil {
		return &FatalError{Part: PartLog, File: s.logDir, Err: err}
	}
	return nil
}

// check tells what speaks against found being what the gaps lack.
func (v *Survey) check(found []Entry) error {
	if v.Base < 0 || v.SetAside {
		return errors.New("there is no snapshot to begin with")
	}
	for i := range v.Gaps {
		g := &v.Gaps[i]
		n := g.count(found)
		if err := g.check(found[:n]); err != nil {
			return err
		}
		found = found[n:]
	}
	if len(found) > 0 {
		return fmt.Errorf("transaction %s belongs into no gap", found[0].Zxid)
	}
	return nil
}

// count returns how many of found, from its beginning, belong into the gap.
func (g *Gap) count(found []Entry) int {
	if len(g.Lost) > 0 {
		return min(len(g.Lost), len(found))
	}
	n := slices.IndexFunc(found, func(e Entry) bool { return e.Zxid >= g.Until.Zxid })
	if n < 0 {
		return len(found)
	}
	return n
}

// check tells what speaks against found filling the gap.
func (g *Gap) check(found []Entry) error {
	if !g.Fillable() {
		return fmt.Errorf("nobody knows %s", g)
	}
	for i, id := range g.Lost {
		if i >= len(found) {
			return fmt.Errorf("transaction %s is missing", id.Zxid)
		}
		if IDOf(found[i]) != id {
			return fmt.Errorf("transaction %s is not the one that was here, %s", found[i].Zxid, id.Zxid)
		}
	}
	if len(g.Lost) > 0 {
		return nil
	}
	seq := sequence{g.After.Zxid}
	for _, e := range found {
		if e.Zxid <= seq.prev {
			return fmt.Errorf("transaction %s after %s", e.Zxid, seq.prev)
		}
		if err := seq.next(e.Zxid); err != nil {
			return err
		}
	}
	return seq.next(g.Until.Zxid)
}

// mendLog writes the file that is to replace a log: what reads of it, with own
// in between. Entries that the snapshot holds are left out if some of them are lost.
func (s *Store) mendLog(l *surveyedLog, base proto.Zxid, own []Entry) error {
	runs := l.runs
	if l.low {
		runs = slices.DeleteFunc(slices.Clone(runs), func(r run) bool { return r.last <= base })
	}
	if len(runs) == 0 && len(own) == 0 {
		return s.keepDamaged(s.logDir, l.name)
	}
	path := filepath.Join(s.logDir, mendedPrefix+l.name)
	fatal := func(err error) error { return &FatalError{Part: PartLog, File: path, Err: err} }
	f, err := s.fs.Create(path + tmpSuffix)
	if err != nil {
		return fatal(err)
	}
	w := &mender{out: fileWriter{f: f}}
	err = w.log(s.fs, filepath.Join(s.logDir, l.name), runs, own)
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return fatal(err)
	}
	if err := checkMended(s.fs, path+tmpSuffix); err != nil {
		return err
	}
	if err = s.fs.Rename(path+tmpSuffix, path); err == nil {
		err = s.fs.SyncDir(s.logDir)
	}
	if err != nil {
		return fatal(err)
	}
	return nil
}

// mender writes a log out of pieces.
type mender struct {
	out fileWriter
	buf []byte
}

func (w *mender) log(fsys vfs.FS, from string, runs []run, own []Entry) error {
	if _, err := w.out.Write(appendLogHeader(nil)); err != nil {
		return err
	}
	for _, r := range runs {
		n := 0
		for n < len(own) && own[n].Zxid < r.first {
			n++
		}
		if err := w.entries(own[:n]); err != nil {
			return err
		}
		own = own[n:]
		if err := w.copy(fsys, from, r); err != nil {
			return err
		}
	}
	return w.entries(own)
}

func (w *mender) entries(es []Entry) error {
	for _, e := range es {
		w.buf = appendEntry(w.buf[:0], e.Payload)
		if _, err := w.out.Write(w.buf); err != nil {
			return err
		}
	}
	return nil
}

// copy copies a run, in pieces that reach over no place that does not read.
func (w *mender) copy(fsys vfs.FS, from string, r run) error {
	f, err := fsys.Open(from)
	if err != nil {
		return err
	}
	defer f.Close()
	for low := r.low; low < r.high; {
		b := make([]byte, min(r.high-low, readWindow))
		if _, err := f.ReadAt(b, low); err != nil {
			return err
		}
		if _, err := w.out.Write(b); err != nil {
			return err
		}
		low += int64(len(b))
	}
	return nil
}

// checkMended reads a log that was written just now: it must read to its last byte.
func checkMended(fsys vfs.FS, path string) error {
	r, err := openLog(fsys, path)
	if err != nil {
		return err
	}
	defer r.close()
	for {
		if _, ok, err := r.next(); err != nil {
			return err
		} else if !ok {
			break
		}
	}
	if r.pos != r.size {
		return r.corrupt(r.pos, r.reason())
	}
	return nil
}

// finishMending puts mended logs in the place of the damaged ones, durably. It
// is called again at the next start if a crash interrupts it.
func (s *Store) finishMending() error {
	names, err := s.fs.List(s.logDir)
	if err != nil {
		return err
	}
	for _, name := range names {
		log, ok := strings.CutPrefix(name, mendedPrefix)
		if _, is := parseName(log, logPrefix); !ok || !is {
			continue
		}
		if _, err := s.fs.Stat(filepath.Join(s.logDir, log)); err == nil {
			if err := s.keepDamaged(s.logDir, log); err != nil {
				return err
			}
		} else if !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		if err := s.fs.Rename(filepath.Join(s.logDir, name), filepath.Join(s.logDir, log)); err != nil {
			return err
		}
		if err := s.fs.SyncDir(s.logDir); err != nil {
			return err
		}
		s.logger.Info("put a mended log in the place of the damaged one", "file", filepath.Join(s.logDir, log))
	}
	return nil
}

// keptNumber is the number in the name of a kept file, by which the oldest is known.
func keptNumber(name string) int {
	text, _, _ := strings.Cut(strings.TrimPrefix(name, damagedPrefix), ".")
	n, _ := strconv.Atoi(text)
	return n
}

// keepDamaged renames a file so that nobody takes it for a log or a snapshot,
// and deletes the oldest of those kept if there are many. A file that is gone is no error.
func (s *Store) keepDamaged(dir, name string) error {
	kept, err := s.fs.List(dir)
	if err != nil {
		return err
	}
	kept = slices.DeleteFunc(kept, func(n string) bool { return !strings.HasPrefix(n, damagedPrefix) })
	slices.SortFunc(kept, func(a, b string) int { return keptNumber(a) - keptNumber(b) })
	number := 1
	if n := len(kept); n > 0 {
		number = keptNumber(kept[n-1]) + 1
	}
	to := damagedPrefix + strconv.Itoa(number) + "." + name
	for ; len(kept) >= maxKept; kept = kept[1:] {
		if err := s.fs.Remove(filepath.Join(dir, kept[0])); err != nil {
			return err
		}
	}
	err = s.fs.Rename(filepath.Join(dir, name), filepath.Join(dir, to))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}
