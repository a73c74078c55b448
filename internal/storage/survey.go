package storage

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"

	"github.com/paddock-io/paddock/proto"
)

// Survey says what a damaged directory still holds and what it lacks. Nothing
// in it is a guess: what is not known is said not to be.
type Survey struct {
	Base     proto.Zxid // newest snapshot that reads, which recovery begins with; -1 without one
	Snapshot string     // its file's base name; none is needed if the logs begin with the first transaction
	Last     proto.Zxid // newest transaction that was here for certain, intact or lost
	Gaps     []Gap      // by zxid; the history from Base on is whole but for these
	SetAside bool       // the history was moved away for a leader's snapshot that is not here yet
	Damage   []error    // what is wrong, for people; mostly *CorruptionError

	logs []surveyedLog
}

// Gap is a stretch of the history that does not read. Either its transactions
// are named in Lost, or nobody knows how many there were, if any.
type Gap struct {
	After EntryID   // the transaction before it; Length is 0 if only its zxid is known
	Lost  []EntryID // in order
	Until EntryID   // the transaction behind it, itself lost perhaps; zero at the end of the log
}

// Fillable reports whether peers can tell what belongs into the gap: either
// everything in it is named, or both its ends are, between which all histories
// that have them agree. What was lost at the open end of a log may have been the
// only copy but one.
func (g *Gap) Fillable() bool { return len(g.Lost) > 0 || g.Until.Zxid != 0 }

func (g *Gap) String() string {
	if n := len(g.Lost); n == 1 {
		return "transaction " + g.Lost[0].Zxid.String()
	} else if n > 1 {
		return fmt.Sprintf("%d transactions from %s to %s", n, g.Lost[0].Zxid, g.Lost[n-1].Zxid)
	}
	if g.Until.Zxid == 0 {
		return fmt.Sprintf("what may have come behind %s", g.After.Zxid)
	}
	return fmt.Sprintf("an unknown number of transactions between %s and %s", g.After.Zxid, g.Until.Zxid)
}

// Blame has Mend write a log anew although nothing of its transactions is lost:
// recovery fails where there is none, behind the last one perhaps. It reports
// whether there is such a log.
func (v *Survey) Blame(path string) bool {
	for i := range v.logs {
		if l := &v.logs[i]; l.name == filepath.Base(path) && !l.gone {
			l.damaged = true
			return true
		}
	}
	return false
}

// surveyedLog is a log that recovery needs.
type surveyedLog struct {
	dirFile
	gone    bool // its file is missing
	damaged bool
	low     bool  // damaged where the snapshot makes it useless
	runs    []run // what reads, in order
}

// empty reports whether nothing was found of a log that must have held something,
// seeing what the next one begins with. Compare scanned.needs.
func (l *surveyedLog) empty(next, base proto.Zxid) bool {
	return len(l.runs) == 0 && !l.damaged && !l.gone && next != l.zxid && next != base+1
}

// run is a stretch of intact entries of a log, in bytes [low, high). No run has
// entries both up to Base and above it.
type run struct {
	low, high   int64
	first, last proto.Zxid
}

// surveyor puts a survey together while it walks through the logs.
type surveyor struct {
	*Survey
	seq     sequence // of what was seen, intact or lost
	prev    EntryID  // the newest transaction seen
	missing bool     // something may be missing behind prev that nothing names
	open    bool     // the newest gap is of named transactions and may go on
}

// Survey looks at everything that Recover needs after Recover has failed. It
// changes nothing. Errors are of the file system; damage is the result.
func (s *Store) Survey() (*Survey, error) {
	v := &surveyor{Survey: &Survey{Base: -1}}
	if marked, err := s.setAsideMarked(); err != nil {
		return nil, err
	} else if marked {
		v.SetAside = true
		v.Damage = append(v.Damage, errSetAside(s.asidePath()))
		logs, err := listFiles(s.fs, s.logDir, logPrefix)
		for _, f := range logs {
			v.logs = append(v.logs, surveyedLog{dirFile: f, damaged: true})
		}
		return v.Survey, err
	}
	reach, err := s.surveySnapshots(v)
	if err != nil {
		return nil, err
	}
	v.seq.prev, v.Last, v.prev = v.Base, max(v.Base, 0), EntryID{Zxid: v.Base}
	if err := s.surveyLogs(v); err != nil {
		return nil, err
	}
	if v.Base >= 0 && v.Last < reach {
		v.missing = true // the history led up to a snapshot that does not read, and no log shows how
	}
	v.Last = max(v.Last, reach)
	if v.missing {
		v.Gaps = append(v.Gaps, Gap{After: v.prev})
	}
	return v.Survey, nil
}

// surveySnapshots finds the newest good snapshot. reach is the newest zxid that
// any snapshot is named by.
func (s *Store) surveySnapshots(v *surveyor) (reach proto.Zxid, err error) {
	snaps, err := listFiles(s.fs, s.snapDir, snapPrefix)
	if err != nil {
		return 0, fmt.Errorf("list snapshots: %w", err)
	}
	for _, f := range slices.Backward(snaps) {
		reach = max(reach, f.zxid)
		path := filepath.Join(s.snapDir, f.name)
		bad := readSnapshot(s.fs, path, new(endSink))
		if bad == nil {
			v.Base, v.Snapshot = f.zxid, f.name
			return reach, nil
		}
		v.Damage = append(v.Damage, bad)
	}
	logs, err := listFiles(s.fs, s.logDir, logPrefix)
	if err != nil {
		return 0, fmt.Errorf("list logs: %w", err)
	}
	if s.beginsEmpty(logs) {
		v.Base = 0
	} else if len(snaps) == 0 {
		v.Damage = append(v.Damage, &NoSnapshotError{Dir: s.snapDir})
	}
	return reach, nil
}

// surveyLogs walks through the logs behind the snapshot, those that are gone included.
func (s *Store) surveyLogs(v *surveyor) error {
	logs, err := listFiles(s.fs, s.logDir, logPrefix)
	if err != nil {
		return fmt.Errorf("list logs: %w", err)
	}
	logs = from(logs, max(v.Base, 0))
	stray, err := s.strayIndexes(logs, v.Base)
	if err != nil {
		return err
	}
	newest := ""
	for _, f := range logs {
		v.logs = append(v.logs, surveyedLog{dirFile: f})
		newest = f.name
	}
	for _, f := range stray {
		v.logs = append(v.logs, surveyedLog{dirFile: dirFile{logName(f.zxid), f.zxid}, gone: true})
	}
	slices.SortStableFunc(v.logs, func(a, b surveyedLog) int { return int(min(max(a.zxid-b.zxid, -1), 1)) })
	open, err := writing(s.fs, s.logDir)
	if err != nil {
		return fmt.Errorf("survey logs: %w", err)
	}
	for i := range v.logs {
		l := &v.logs[i]
		if i > 0 && v.logs[i-1].empty(l.zxid, v.Base) {
			v.note(&CorruptionError{File: filepath.Join(s.logDir, v.logs[i-1].name), Err: errors.New("the log holds no transaction")})
			v.missing = true
		}
		if i > 0 || l.zxid > v.Base {
			if err := s.surveyBefore(v, l.name); err != nil {
				return err
			}
		}
		err := s.walk(l.name, true, l.name == newest && l.name == open, func(p walked) error { v.piece(l, p); return nil })
		if err != nil {
			return err
		}
	}
	return nil
}

// surveyBefore compares what a log's index says of the history before it.
func (s *Store) surveyBefore(v *surveyor, log string) error {
	x, err := openIndex(s.fs, s.logDir, log)
	if err != nil {
		return err
	}
	defer x.close()
	if bad := continues(x, v.seq.prev); bad != nil {
		v.note(&CorruptionError{File: filepath.Join(s.logDir, log), Err: bad})
		v.missing = true
	}
	return nil
}

// piece takes what the walk found next in log l.
func (v *surveyor) piece(l *surveyedLog, p walked) {
	if p.err != nil {
		l.damaged = l.damaged || !errors.Is(p.err, fs.ErrNotExist)
		v.note(p.err)
	}
	switch p.kind {
	case unknown:
		l.low = l.low || v.prev.Zxid <= v.Base
		v.missing = true
	case lost:
		l.low = l.low || p.id.Zxid <= v.Base
		v.transaction(p.id, true)
	case intact:
		if z := p.id.Zxid; z > v.Base && z <= v.seq.prev {
			return // logged twice, or behind a stray copy of a later one: a mended log has it once, in its place
		}
		v.addRun(l, p)
		v.transaction(p.id, false)
	}
}

// maxDamage bounds how many places are named.
const maxDamage = 100

func (v *surveyor) note(err error) {
	if len(v.Damage) < maxDamage {
		v.Damage = append(v.Damage, err)
	}
}

// transaction takes the next transaction of the history, lost or intact.
func (v *surveyor) transaction(id EntryID, lost bool) {
	switch {
	case id.Zxid <= v.Base:
		v.missing = false // the snapshot holds whatever was there
		return
	case id.Zxid <= v.seq.prev:
		return // logged twice
	}
	if err := v.seq.next(id.Zxid); err != nil {
		if !v.missing {
			v.note(err)
		}
		v.missing, v.seq.prev = true, id.Zxid
	}
	if v.missing && id.Zxid != v.prev.Zxid+1 {
		v.Gaps = append(v.Gaps, Gap{After: v.prev, Until: id})
	} else if v.open && !lost {
		v.Gaps[len(v.Gaps)-1].Until = id
	}
	v.open, v.missing = v.open && lost && !v.missing, false
	if lost {
		if !v.open {
			v.Gaps = append(v.Gaps, Gap{After: v.prev})
		}
		g := &v.Gaps[len(v.Gaps)-1]
		g.Lost, v.open = append(g.Lost, id), true
	}
	v.prev, v.Last = id, max(v.Last, id.Zxid)
}

func (v *surveyor) addRun(l *surveyedLog, p walked) {
	n, z := len(l.runs), p.id.Zxid
	if n > 0 && l.runs[n-1].high == p.off && (l.runs[n-1].last <= v.Base) == (z <= v.Base) {
		l.runs[n-1].high, l.runs[n-1].last = p.end, max(l.runs[n-1].last, z)
		return
	}
	l.runs = append(l.runs, run{p.off, p.end, z, z})
}
