package storage

import (
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"path/filepath"
	"strings"

	"github.com/paddock-io/paddock/internal/storage/vfs"
	"github.com/paddock-io/paddock/proto"
)

// Inspector looks at a directory pair that may be in use by a server, Java's or
// Paddock's. It takes no lock and cannot write: the file system it works with
// refuses to. What it sees of a server that runs is a moment, in which an entry
// may be half written or a file just deleted; who finds damage beside a running
// server looks again.
type Inspector struct{ s *Store }

// Inspect returns an Inspector of the directories; of opts only those and FS matter.
func Inspect(opts Options) *Inspector {
	if opts.FS == nil {
		opts.FS = vfs.OS{}
	}
	if opts.LogDir == "" {
		opts.LogDir = opts.DataDir
	}
	s := &Store{
		fs: vfs.ReadOnly{FS: opts.FS}, opts: opts, metrics: new(Metrics), logger: slog.New(slog.DiscardHandler),
		snapDir:  filepath.Join(opts.DataDir, versionDir),
		logDir:   filepath.Join(opts.LogDir, versionDir),
		initMark: filepath.Join(opts.LogDir, initializeName),
	}
	s.log = &LogWriter{s: s}
	return &Inspector{s}
}

// DirInfo says which files there are.
type DirInfo struct {
	SnapDir, LogDir string     // with version-2
	Missing         []string   // directories that are not there
	Snapshots, Logs []FileInfo // by ascending zxid
	Paddocks        []string   // base names of files that only Paddock has, which Java ignores
	Initialize      bool       // the file that lets an empty database vote is there
	Swapped         error      // logs lie where snapshots belong or the other way round
}

// FileInfo is a snapshot or log by its name.
type FileInfo struct {
	Path string
	Zxid proto.Zxid
	Size int64 // bytes; a log is often longer than what it holds
}

// Dir lists the directories. Errors are of the file system.
func (i *Inspector) Dir() (DirInfo, error) {
	info := DirInfo{SnapDir: i.s.snapDir, LogDir: i.s.logDir}
	_, err := i.s.fs.Stat(i.s.initMark)
	info.Initialize = err == nil
	for _, dir := range i.s.dirs() {
		names, err := i.s.fs.List(dir)
		switch {
		case errors.Is(err, fs.ErrNotExist):
			info.Missing = append(info.Missing, dir)
			continue
		case err != nil:
			return info, fmt.Errorf("list %s: %w", dir, err)
		}
		for _, name := range names {
			_, index := parseName(name, indexPrefix)
			if index || strings.HasPrefix(name, ".paddock.") || strings.HasPrefix(name, damagedPrefix) {
				info.Paddocks = append(info.Paddocks, name)
			}
		}
	}
	if len(info.Missing) > 0 {
		return info, nil
	}
	if wrong := (*DirError)(nil); errors.As(i.s.checkSwapped(), &wrong) {
		info.Swapped = wrong
	}
	if info.Snapshots, err = i.files(i.s.snapDir, snapPrefix); err == nil {
		info.Logs, err = i.files(i.s.logDir, logPrefix)
	}
	return info, err
}

func (i *Inspector) files(dir, prefix string) ([]FileInfo, error) {
	files, err := listFiles(i.s.fs, dir, prefix)
	if err != nil {
		return nil, fmt.Errorf("list %s: %w", dir, err)
	}
	infos := make([]FileInfo, 0, len(files))
	for _, f := range files {
		path := filepath.Join(dir, f.name)
		st, err := i.s.fs.Stat(path)
		if errors.Is(err, fs.ErrNotExist) {
			continue // a purge was faster
		}
		if err != nil {
			return nil, fmt.Errorf("look at %s: %w", path, err)
		}
		infos = append(infos, FileInfo{path, f.zxid, st.Size})
	}
	return infos, nil
}

// Survey is Store.Survey, of a directory with nothing wrong, too.
func (i *Inspector) Survey() (*Survey, error) { return i.s.Survey() }

// Epochs reads the epoch files. With last, the newest transaction here, a file
// that is missing is no loss: Java makes it at its next start, and so does Paddock.
func (i *Inspector) Epochs(last proto.Zxid) (Epochs, LostEpochs) { return i.s.SurveyEpochs(last) }

// Snapshot reads the snapshot of that base name with all checks. Errors are VerifySnapshot's.
func (i *Inspector) Snapshot(name string, sink Sink) error {
	return readSnapshot(i.s.fs, filepath.Join(i.s.snapDir, name), sink)
}

// ReadLog is Store.ReadLog.
func (i *Inspector) ReadLog(first proto.Zxid, fn func(Entry) error) error {
	return i.s.ReadLog(first, fn)
}
