package storage

import (
	"slices"
	"strconv"
	"strings"

	"github.com/paddock-io/paddock/internal/storage/vfs"
	"github.com/paddock-io/paddock/proto"
)

// File names. Source: persistence.Util.makeLogName, makeSnapshotName and
// getZxidFromName.
const (
	versionDir     = "version-2"
	logPrefix      = "log."
	snapPrefix     = "snapshot."
	tmpSuffix      = ".tmp"
	initializeName = "initialize"
	lockName       = ".paddock.lock"    // held while a Store is open
	writingName    = ".paddock.writing" // names the log file that was not closed, see openlog.go
)

func logName(z proto.Zxid) string  { return logPrefix + strconv.FormatInt(int64(z), 16) }
func snapName(z proto.Zxid) string { return snapPrefix + strconv.FormatInt(int64(z), 16) }

// dirFile is a log or snapshot file by name.
type dirFile struct {
	name string // base name
	zxid proto.Zxid
}

// parseName reads a name as Java does: the part between the first and the
// second dot, in hex. Leftovers of atomic writes do not count: Java would load a
// snapshot.X.tmp, which is one more reason to delete it.
func parseName(name, prefix string) (dirFile, bool) {
	rest, ok := strings.CutPrefix(name, prefix)
	if !ok || strings.HasSuffix(name, tmpSuffix) {
		return dirFile{}, false
	}
	hex, _, _ := strings.Cut(rest, ".")
	z, err := strconv.ParseInt(hex, 16, 64)
	if err != nil || z < 0 {
		return dirFile{}, false
	}
	return dirFile{name, proto.Zxid(z)}, true
}

// listFiles returns the logs or snapshots of a directory by ascending zxid.
func listFiles(fs vfs.FS, dir, prefix string) ([]dirFile, error) {
	names, err := fs.List(dir)
	if err != nil {
		return nil, err
	}
	var files []dirFile
	for _, name := range names {
		if f, ok := parseName(name, prefix); ok {
			files = append(files, f)
		}
	}
	slices.SortStableFunc(files, func(a, b dirFile) int {
		switch {
		case a.zxid < b.zxid:
			return -1
		case a.zxid > b.zxid:
			return 1
		}
		return strings.Compare(a.name, b.name)
	})
	return files, nil
}

// from returns the files needed to read from zxid z on: the newest one named z
// or less, and all later ones. Source: FileTxnLog.getLogFiles.
func from(files []dirFile, z proto.Zxid) []dirFile {
	i := len(files)
	for i > 0 && files[i-1].zxid > z {
		i--
	}
	return files[max(i-1, 0):]
}
