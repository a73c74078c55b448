package storage

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/paddock-io/paddock/proto"
)

// The epoch files, in Java's format: the number in ASCII decimal, without a
// newline, written to NAME.tmp, synced and renamed. They lie with the
// snapshots. Source: QuorumPeer.writeLongToFile, loadDataBase.
//
//	acceptedEpoch  the newest epoch that this server has promised to follow: "12"
//	currentEpoch   the newest epoch whose leader's history it has
//
// Invariant on disk at all times: epoch(last zxid) <= currentEpoch <= acceptedEpoch.
const (
	acceptedName = "acceptedEpoch"
	currentName  = "currentEpoch"
	epochsName   = ".paddock.epochs" // a copy of both, with a checksum; see epochcopy.go
)

// Epochs are the two promises.
type Epochs struct{ Accepted, Current int64 }

// LoadEpochs reads the epoch files and makes those that are missing. last is
// the zxid that Recover found. If the log is ahead of currentEpoch, the server
// crashed between logging the history of a new epoch and noting that epoch; as
// the log then holds all that this leader began with, the note is caught up.
// Java has the same repair only if currentEpoch.tmp is there and otherwise
// refuses to start. Errors: *EpochError, *CorruptionError, *FatalError.
func (s *Store) LoadEpochs(last proto.Zxid) (Epochs, error) {
	f := s.readEpochs(last)
	e := f.judge()
	if f.lost.Any() {
		return Epochs{}, f.lost.Damage[0]
	}
	for _, err := range f.lost.Damage {
		s.logger.Warn("an epoch file was damaged, and only one epoch is possible", "err", err, "accepted", e.Accepted, "current", e.Current)
	}
	if f.hasCurrent && e.Current != f.current {
		s.logger.Warn("currentEpoch was behind the log and has been caught up", "from", f.current, "to", e.Current)
	}
	return s.saveLoaded(f, e)
}

// saveLoaded writes what differs from the files. The accepted epoch goes
// first, so that the invariant holds in between, and the copy last: a file that
// it tells of must be there.
func (s *Store) saveLoaded(f *epochFiles, e Epochs) (Epochs, error) {
	s.remember(e)
	if !f.hasAccepted || e.Accepted != f.accepted {
		if err := s.saveEpoch(acceptedName, e.Accepted); err != nil {
			return Epochs{}, err
		}
	}
	if !f.hasCurrent || e.Current != f.current {
		if err := s.saveEpoch(currentName, e.Current); err != nil {
			return Epochs{}, err
		}
	}
	if !f.hasCopy || f.copy != e {
		if err := s.saveCopy(e); err != nil {
			return Epochs{}, err
		}
	}
	return e, s.removeEpochTmp()
}

// LostEpochs says which of the two promises cannot be read.
type LostEpochs struct {
	Accepted, Current bool
	Damage            []error // for people
}

// Any reports whether one of them is lost.
func (l LostEpochs) Any() bool { return l.Accepted || l.Current }

// SurveyEpochs reads the epoch files after Recover or LoadEpochs has failed, and
// writes nothing. Of a promise that is lost it returns the least that it can have
// been: a server that has one must not be trusted until a leader has brought it
// up to date, because it may have promised more. last is the newest transaction
// that was here for certain.
func (s *Store) SurveyEpochs(last proto.Zxid) (Epochs, LostEpochs) {
	f := s.readEpochs(last)
	s.remember(f.judge())
	s.lost = f.lost
	return s.epochs, s.lost
}

// RaiseAccepted says that a lost promise was for no newer epoch than this, and
// writes it down as if it had been for this one.
func (s *Store) RaiseAccepted(epoch int64) error {
	e := s.epochs
	e.Accepted = max(e.Accepted, epoch)
	s.lost.Accepted = false
	return s.saveEpochs(e, acceptedName, e.Accepted)
}

// SaveLostEpochs writes the epoch files that could not be read, once a leader has
// brought this server up to date, after which only what it promised to that
// leader counts.
func (s *Store) SaveLostEpochs() error {
	if len(s.lost.Damage) == 0 {
		return nil
	}
	if err := errors.Join(s.saveCopy(s.epochs), s.saveEpoch(acceptedName, s.epochs.Accepted), s.saveEpoch(currentName, s.epochs.Current)); err != nil {
		return err
	}
	s.lost = LostEpochs{}
	return nil
}

// SaveAcceptedEpoch makes the promise to epoch durable. Together with
// SaveCurrentEpoch it belongs to one goroutine, beside which all others may run.
func (s *Store) SaveAcceptedEpoch(epoch int64) error {
	if epoch < s.epochs.Accepted {
		panic(fmt.Sprintf("storage: accepted epoch %d would go back from %d", epoch, s.epochs.Accepted))
	}
	e := s.epochs
	e.Accepted = epoch
	return s.saveEpochs(e, acceptedName, epoch)
}

// SaveCurrentEpoch notes durably that the server has the history of epoch. The
// history itself must be durable before.
func (s *Store) SaveCurrentEpoch(epoch int64) error {
	if epoch > s.epochs.Accepted {
		panic(fmt.Sprintf("storage: current epoch %d would exceed accepted epoch %d", epoch, s.epochs.Accepted))
	}
	e := s.epochs
	e.Current = epoch
	return s.saveEpochs(e, currentName, epoch)
}

// saveEpochs writes one of the files, and before it the copy of both.
func (s *Store) saveEpochs(e Epochs, name string, epoch int64) error {
	if err := s.saveCopy(e); err != nil {
		return err
	}
	if err := s.saveEpoch(name, epoch); err != nil {
		return err
	}
	s.remember(e) // memory follows the disk, never the other way round
	return nil
}

func (s *Store) saveEpoch(name string, epoch int64) error {
	if err := s.writeAtomic(s.snapDir, name, strconv.AppendInt(nil, epoch, 10)); err != nil {
		return &FatalError{Part: PartEpoch, File: filepath.Join(s.snapDir, name), Err: err}
	}
	return nil
}

func (s *Store) readEpoch(name string) (epoch int64, ok bool, err error) {
	path := filepath.Join(s.snapDir, name)
	b, err := readSmall(s.fs, path)
	if errors.Is(err, fs.ErrNotExist) {
		return 0, false, nil
	}
	if err != nil {
		return 0, false, &CorruptionError{File: path, Err: err}
	}
	// Java reads the first line; -1 is what it writes for a database that may not vote.
	epoch, err = strconv.ParseInt(strings.TrimSpace(string(b)), 10, 64)
	if err != nil || epoch < -1 {
		return 0, false, &CorruptionError{File: path, Err: fmt.Errorf("%q is not an epoch", b)}
	}
	return epoch, true, nil
}

// Promised returns the newest epoch that was accepted, durably. It belongs to the
// goroutine that saves epochs.
func (s *Store) Promised() int64 { return s.epochs.Accepted }

// AcceptedEpoch is Promised for everybody: as memory has it, whatever happens to
// the file meanwhile; -1 before the files were read.
func (s *Store) AcceptedEpoch() int64 { return s.promised.Load() - 1 }

// remember keeps what the files say now.
func (s *Store) remember(e Epochs) {
	s.epochs = e
	s.promised.Store(e.Accepted + 1)
}

// removeEpochTmp deletes what an interrupted save left. Nobody was told that it
// had happened, and what could be needed of it is in the log.
func (s *Store) removeEpochTmp() error {
	for _, name := range []string{acceptedName, currentName, epochsName} {
		err := s.fs.Remove(filepath.Join(s.snapDir, name+tmpSuffix))
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("delete unfinished epoch file: %w", err)
		}
	}
	return nil
}
