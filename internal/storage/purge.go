package storage

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"

	"github.com/paddock-io/paddock/proto"
)

// MinRetain is the least number of snapshots that Purge keeps.
const MinRetain = 3

// Purge deletes what a restart does not need while the keep newest complete
// snapshots are there: older snapshots, and the logs before the one that the
// oldest of them is replayed from. It returns the paths of the files it removed
// and may run beside everything else. Source: PurgeTxnLog.purge.
func (s *Store) Purge(keep int) (removed []string, err error) {
	if keep < MinRetain {
		return nil, fmt.Errorf("purge: %d snapshots to keep, must be at least %d", keep, MinRetain)
	}
	snaps, err := listFiles(s.fs, s.snapDir, snapPrefix)
	if err != nil {
		return nil, fmt.Errorf("purge: %w", err)
	}
	oldest := proto.Zxid(-1) // of those kept
	for i := len(snaps) - 1; i >= 0 && keep > 0; i-- {
		if looksComplete(s.fs, filepath.Join(s.snapDir, snaps[i].name)) {
			oldest = snaps[i].zxid
			keep--
		}
	}
	if oldest < 0 {
		return nil, nil
	}
	logs, err := listFiles(s.fs, s.logDir, logPrefix)
	if err != nil {
		return nil, fmt.Errorf("purge: %w", err)
	}
	needed := from(logs, oldest)
	var doomed []string
	for _, f := range snaps {
		if f.zxid < oldest {
			doomed = append(doomed, filepath.Join(s.snapDir, f.name))
		}
	}
	for _, f := range logs[:len(logs)-len(needed)] {
		if index, ok := indexOf(f.name); ok {
			if err := s.fs.Remove(filepath.Join(s.logDir, index)); err != nil && !errors.Is(err, fs.ErrNotExist) {
				return nil, fmt.Errorf("purge: %w", err)
			}
		}
		doomed = append(doomed, filepath.Join(s.logDir, f.name))
	}
	for _, path := range doomed {
		if err := s.fs.Remove(path); errors.Is(err, fs.ErrNotExist) {
			continue // another purge was faster
		} else if err != nil {
			return removed, fmt.Errorf("purge: %w", err)
		}
		removed = append(removed, path)
	}
	if len(removed) == 0 {
		return nil, nil
	}
	for _, dir := range s.dirs() {
		if err := s.syncDir(dir); err != nil {
			return removed, fmt.Errorf("purge: %w", err)
		}
	}
	return removed, nil
}
