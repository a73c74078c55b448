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
	floor := max(last.Epoch(), 0)
	accepted, hasAccepted, err := s.readEpoch(acceptedName)
	if err != nil {
		return Epochs{}, err
	}
	current, hasCurrent, err := s.readEpoch(currentName)
	if err != nil {
		return Epochs{}, err
	}
	if hasAccepted && hasCurrent && accepted < current {
		return Epochs{}, &EpochError{Dir: s.snapDir, Accepted: accepted, Current: current}
	}
	s.epochs = Epochs{Accepted: accepted, Current: current}
	current = max(current, floor)
	accepted = max(accepted, current)
	if err := s.saveLoaded(Epochs{accepted, current}, hasAccepted, hasCurrent); err != nil {
		return Epochs{}, err
	}
	return s.epochs, s.removeEpochTmp()
}

// saveLoaded writes what differs from the files. The accepted epoch goes
// first, so that the invariant holds in between.
func (s *Store) saveLoaded(e Epochs, hasAccepted, hasCurrent bool) error {
	if hasCurrent && e.Current != s.epochs.Current {
		s.logger.Warn("currentEpoch was behind the log and has been caught up", "from", s.epochs.Current, "to", e.Current)
	}
	if !hasAccepted || e.Accepted != s.epochs.Accepted {
		if err := s.saveEpoch(acceptedName, e.Accepted); err != nil {
			return err
		}
	}
	if !hasCurrent || e.Current != s.epochs.Current {
		if err := s.saveEpoch(currentName, e.Current); err != nil {
			return err
		}
	}
	s.epochs = e
	return nil
}

// SaveAcceptedEpoch makes the promise to epoch durable. Together with
// SaveCurrentEpoch it belongs to one goroutine, beside which all others may run.
func (s *Store) SaveAcceptedEpoch(epoch int64) error {
	if epoch < s.epochs.Accepted {
		panic(fmt.Sprintf("storage: accepted epoch %d would go back from %d", epoch, s.epochs.Accepted))
	}
	if err := s.saveEpoch(acceptedName, epoch); err != nil {
		return err
	}
	s.epochs.Accepted = epoch // memory follows the disk, never the other way round
	return nil
}

// SaveCurrentEpoch notes durably that the server has the history of epoch. The
// history itself must be durable before.
func (s *Store) SaveCurrentEpoch(epoch int64) error {
	if epoch > s.epochs.Accepted {
		panic(fmt.Sprintf("storage: current epoch %d would exceed accepted epoch %d", epoch, s.epochs.Accepted))
	}
	if err := s.saveEpoch(currentName, epoch); err != nil {
		return err
	}
	s.epochs.Current = epoch
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
		return 0, false, fmt.Errorf("read epoch file: %w", err)
	}
	// Java reads the first line; -1 is what it writes for a database that may not vote.
	epoch, err = strconv.ParseInt(strings.TrimSpace(string(b)), 10, 64)
	if err != nil || epoch < -1 {
		return 0, false, &CorruptionError{File: path, Err: fmt.Errorf("%q is not an epoch", b)}
	}
	return epoch, true, nil
}

// removeEpochTmp deletes what an interrupted save left. Nobody was told that it
// had happened, and what could be needed of it is in the log.
func (s *Store) removeEpochTmp() error {
	for _, name := range []string{acceptedName, currentName} {
		err := s.fs.Remove(filepath.Join(s.snapDir, name+tmpSuffix))
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("delete unfinished epoch file: %w", err)
		}
	}
	return nil
}
