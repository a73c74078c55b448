package storage

import (
	"path/filepath"

	"github.com/paddock-io/paddock/internal/storage/vfs"
)

// PurgeDirs is Purge for data directories that a server may be using: it takes
// no lock and deletes nothing but what Purge deletes. The directories are those
// of zoo.cfg, without version-2; they may be the same.
func PurgeDirs(dataDir, logDir string, keep int) (removed []string, err error) {
	s := &Store{
		fs:      vfs.OS{},
		snapDir: filepath.Join(dataDir, versionDir),
		logDir:  filepath.Join(logDir, versionDir),
	}
	return s.Purge(keep)
}
