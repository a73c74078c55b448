package storage

import (
	"fmt"
	"path/filepath"
)

// SnapshotBytes is the size of the newest snapshot; ok is false without one.
func (s *Store) SnapshotBytes() (n int64, ok bool, err error) {
	snaps, err := listFiles(s.fs, s.snapDir, snapPrefix)
	if err != nil {
		return 0, false, fmt.Errorf("list snapshots: %w", err)
	}
	if len(snaps) == 0 {
		return 0, false, nil
	}
	f, err := s.fs.Open(filepath.Join(s.snapDir, snaps[len(snaps)-1].name))
	if err != nil {
		return 0, false, fmt.Errorf("size of the newest snapshot: %w", err)
	}
	defer f.Close()
	if n, err = f.Size(); err != nil {
		return 0, false, fmt.Errorf("size of the newest snapshot: %w", err)
	}
	return n, true, nil
}
