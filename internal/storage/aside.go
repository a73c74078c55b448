package storage

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"
)

// A damaged history that cannot be mended is replaced by a leader's snapshot. In
// between, what is left here would read like an old state of this server that it
// may vote with, so the file .paddock.aside says until the snapshot is durable
// that nothing here is to be trusted. Java ignores it.
const asideName = ".paddock.aside"

func (s *Store) asidePath() string { return filepath.Join(s.logDir, asideName) }

func errSetAside(path string) error {
	return &CorruptionError{File: path, Err: errors.New("a damaged history was to be replaced by a leader's snapshot, which has not come to its end")}
}

func (s *Store) setAsideMarked() (bool, error) {
	_, err := s.fs.Stat(s.asidePath())
	switch {
	case err == nil:
		return true, nil
	case errors.Is(err, fs.ErrNotExist):
		return false, nil
	}
	return false, fmt.Errorf("look for %s: %w", asideName, err)
}

// Distrust says durably that nothing here counts until Trust. The error is a *FatalError.
func (s *Store) Distrust() error {
	if err := s.markAside(); err != nil {
		return &FatalError{Part: PartLog, File: s.asidePath(), Err: err}
	}
	return nil
}

// SetAside makes room for a leader's snapshot, which replaces the history that v
// describes: damaged files and the logs behind them get other names. Until
// Trust nothing here counts, durably, whatever happens in between. The caller
// goes on with DiscardAbove, WriteSnapshot, SaveLostEpochs and Trust. The owner of
// the log writer calls it. The error is a *FatalError or says why the log cannot
// be closed.
func (s *Store) SetAside(v *Survey) error {
	if err := s.log.Roll(); err != nil {
		return err
	}
	err := s.markAside()
	if err == nil {
		err = s.moveAside(v)
	}
	if err != nil {
		return &FatalError{Part: PartLog, File: s.asidePath(), Err: err}
	}
	return nil
}

func (s *Store) markAside() error {
	f, err := s.fs.Create(s.asidePath())
	if err != nil {
		return err
	}
	if err := errors.Join(f.Sync(), f.Close()); err != nil {
		return err
	}
	return s.fs.SyncDir(s.logDir)
}

func (s *Store) moveAside(v *Survey) error {
	for _, bad := range v.Damage {
		c := (*CorruptionError)(nil)
		if !errors.As(bad, &c) {
			continue
		}
		if _, ok := parseName(filepath.Base(c.File), snapPrefix); ok && filepath.Dir(c.File) == s.snapDir {
			if err := s.keepDamaged(s.snapDir, filepath.Base(c.File)); err != nil {
				return err
			}
		}
	}
	first := slices.IndexFunc(v.logs, func(l surveyedLog) bool { return l.damaged || l.gone })
	// Without one, something is missing between whole files, or nobody can say what is wrong.
	for _, l := range slices.Backward(v.logs[max(first, 0):]) {
		if err := s.removeIndex(l.name); err != nil {
			return err
		}
		if err := s.keepDamaged(s.logDir, l.name); err != nil {
			return err
		}
	}
	for _, dir := range s.dirs() {
		if err := s.fs.SyncDir(dir); err != nil {
			return err
		}
	}
	return nil
}

// Trust ends what SetAside began: a leader's snapshot is durable, and what is
// here counts again.
func (s *Store) Trust() error {
	err := s.fs.Remove(s.asidePath())
	if err == nil {
		err = s.fs.SyncDir(s.logDir)
	} else if errors.Is(err, fs.ErrNotExist) {
		err = nil
	}
	if err != nil {
		return &FatalError{Part: PartLog, File: s.asidePath(), Err: err}
	}
	return nil
}
