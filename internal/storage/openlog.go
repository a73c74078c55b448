package storage

import (
	"errors"
	"io"
	"io/fs"
	"path/filepath"
	"syscall"

	"github.com/paddock-io/paddock/internal/storage/vfs"
)

// The file .paddock.writing holds the name of the log that Paddock is writing,
// from before the log is made until it is closed in good order. At start it
// tells whether the end of the newest log may be the ruins of an interrupted
// batch of ours, with sync marks to go by, or was finished or written by Java.
// Java ignores the file: its name does not begin with "log" or "snapshot".

// setWriting notes that the log called name is about to be made. The caller
// syncs the directory before it relies on the log.
func setWriting(fsys vfs.FS, dir, name string) (err error) {
	f, err := fsys.Create(filepath.Join(dir, writingName))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	if _, err := f.WriteAt([]byte(name), 0); err != nil {
		return err
	}
	return f.Sync()
}

// clearWriting notes that no log is open.
func clearWriting(fsys vfs.FS, dir string) error {
	err := fsys.Remove(filepath.Join(dir, writingName))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	return fsys.SyncDir(dir)
}

// writing returns the name noted by setWriting, or "". A note that does not read
// counts as none: the end of a log is judged more strictly then.
func writing(fsys vfs.FS, dir string) (string, error) {
	b, err := readSmall(fsys, filepath.Join(dir, writingName))
	if err != nil && !errors.Is(err, syscall.EIO) && !errors.Is(err, fs.ErrNotExist) {
		return "", err
	}
	return string(b), nil
}

// readSmall returns the first bytes of a file that is meant to hold a few.
func readSmall(fsys vfs.FS, name string) ([]byte, error) {
	f, err := fsys.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	b := make([]byte, 64)
	n, err := f.ReadAt(b, 0)
	if err != nil && err != io.EOF {
		return nil, err
	}
	return b[:n], nil
}
