package storage

import (
	"errors"
	"fmt"
	"hash/crc32"
	"io/fs"
	"path/filepath"

	"github.com/paddock-io/paddock/proto"
)

// The file .paddock.epochs repeats both epochs with a checksum, which Java's
// files do not have: a digit that has become another one shows by nothing else.
//
//	"12 11 89993ebd\n"    accepted, current, CRC-32C of the text before it
//
// It is written before the file that changes, so that after a crash it says the
// same or more; what it says more is true or harmless by then. Java, which only
// ever raises the epochs, leaves it behind: then the files say more.

func (s *Store) saveCopy(e Epochs) error {
	if err := s.writeAtomic(s.snapDir, epochsName, appendCopy(nil, e)); err != nil {
		return &FatalError{Part: PartEpoch, File: filepath.Join(s.snapDir, epochsName), Err: err}
	}
	return nil
}

func appendCopy(b []byte, e Epochs) []byte {
	b = fmt.Appendf(b, "%d %d ", e.Accepted, e.Current)
	return fmt.Appendf(b, "%08x\n", crc32.Checksum(b, castagnoli))
}

// readCopy returns what the copy says; ok is false if there is none that reads.
func (s *Store) readCopy() (e Epochs, ok bool) {
	b, err := readSmall(s.fs, filepath.Join(s.snapDir, epochsName))
	if err != nil {
		return Epochs{}, false
	}
	var sum uint32
	if n, _ := fmt.Sscanf(string(b), "%d %d %08x\n", &e.Accepted, &e.Current, &sum); n != 3 || string(appendCopy(nil, e)) != string(b) {
		return Epochs{}, false
	}
	return e, true
}

// epochFiles is what the epoch files and their copy say.
type epochFiles struct {
	dir                     string
	floor                   int64 // epoch of the newest transaction
	accepted, current       int64
	hasAccepted, hasCurrent bool // the file is there and reads
	badAccepted, badCurrent error
	copy                    Epochs
	hasCopy, brokenCopy     bool // a broken one is no copy, and makes one wonder

	lost LostEpochs // set by judge
}

func (s *Store) readEpochs(last proto.Zxid) *epochFiles {
	f := &epochFiles{dir: s.snapDir, floor: max(last.Epoch(), 0)}
	f.accepted, f.hasAccepted, f.badAccepted = s.readEpoch(acceptedName)
	f.current, f.hasCurrent, f.badCurrent = s.readEpoch(currentName)
	if f.copy, f.hasCopy = s.readCopy(); !f.hasCopy {
		_, err := s.fs.Stat(filepath.Join(s.snapDir, epochsName))
		f.brokenCopy = err == nil
		return f
	}
	gone := func(name string) error {
		return &CorruptionError{File: filepath.Join(s.snapDir, name), Err: errors.Join(fs.ErrNotExist, errors.New("the copy of it is there"))}
	}
	if !f.hasAccepted && f.badAccepted == nil {
		f.badAccepted = gone(acceptedName)
	}
	if !f.hasCurrent && f.badCurrent == nil {
		f.badCurrent = gone(currentName)
	}
	return f
}

// judge returns the epochs, or the least that they can be, and notes which of
// them are lost.
func (f *epochFiles) judge() Epochs {
	f.compare()
	for _, bad := range []error{f.badAccepted, f.badCurrent} {
		if bad != nil {
			f.lost.Damage = append(f.lost.Damage, bad)
		}
	}
	e := Epochs{Accepted: f.copy.Accepted, Current: max(f.copy.Current, f.floor)} // zero without a copy
	if f.badAccepted == nil {
		e.Accepted = max(e.Accepted, f.accepted)
	}
	if f.badCurrent == nil {
		e.Current = max(e.Current, f.current)
	}
	// It lies between what is known of it and the other promise, which is one number often.
	f.lost.Current = f.badCurrent != nil && (f.badAccepted != nil || e.Accepted != e.Current)
	f.lost.Accepted = f.badAccepted != nil
	e.Accepted = max(e.Accepted, e.Current)
	return e
}

// compare finds numbers that read and cannot be right.
func (f *epochFiles) compare() {
	unconfirmed := func(name string, says int64) error {
		return &CorruptionError{File: filepath.Join(f.dir, name), Err: fmt.Errorf("it says %d, which nothing confirms", says)}
	}
	switch { // what was damaged beside it is no witness
	case (f.badAccepted != nil || f.brokenCopy) && f.badCurrent == nil && f.current > max(f.copy.Current, f.floor):
		// A vote for an epoch whose history is not here could win.
		f.badCurrent = unconfirmed(currentName, f.current)
	case f.badAccepted == nil && f.badCurrent != nil && f.hasCopy && f.accepted > max(f.copy.Accepted, f.floor):
		f.badAccepted = unconfirmed(acceptedName, f.accepted)
	}
	if f.badAccepted != nil || f.badCurrent != nil || !f.hasAccepted || !f.hasCurrent {
		return
	}
	back := f.accepted < f.current
	wrong := error(&EpochError{Dir: f.dir, Accepted: f.accepted, Current: f.current})
	switch {
	case !f.hasCopy && back: // one of them, and nobody knows which
		f.badAccepted, f.badCurrent = wrong, wrong
	case f.hasCopy && f.accepted == f.copy.Accepted && f.current > max(f.copy.Current, f.floor):
		// A Java server that raises one raises both, but for one that joins the same leader again.
		if !back {
			wrong = &CorruptionError{File: filepath.Join(f.dir, currentName), Err: fmt.Errorf("it says %d, and its copy %d", f.current, f.copy.Current)}
		}
		f.badCurrent = wrong
	case back:
		f.badAccepted = wrong
	case f.hasCopy && f.accepted > f.copy.Accepted && f.accepted > max(f.current, f.floor):
		// So is one that a Java server accepted and never followed, just before this
		// start; asking the others finds out, which costs little. Believing a number that
		// is too large would keep this server from every leader for epochs.
		f.badAccepted = &CorruptionError{File: filepath.Join(f.dir, acceptedName), Err: fmt.Errorf("it says %d, and its copy %d", f.accepted, f.copy.Accepted)}
	}
}
