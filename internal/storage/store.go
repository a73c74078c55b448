package storage

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/paddock-io/paddock/internal/storage/vfs"
)

// Options say where a Store lives and how it behaves. Only DataDir must be
// set; the zero value of everything else is ZooKeeper's default.
type Options struct {
	FS      vfs.FS // nil is the operating system's
	DataDir string // as in zoo.cfg: files lie in its subdirectory version-2
	LogDir  string // dataLogDir; empty means DataDir

	PreallocBytes int64         // logs grow in steps of this; 0 means 64 MiB, negative means not ahead of use
	LogSizeLimit  int64         // begin a new log after this many bytes; 0 means never for its size
	SlowSync      time.Duration // warn when a log sync takes this long; 0 means 1 s
	NoSync        bool          // forceSync=no: no promise holds over a power failure

	TrustEmptySnapshot bool // snapshot.trust.empty: replay logs without a snapshot
	NoAutoCreateDB     bool // db.autocreate=false: an empty directory may vote only if marked "initialize"
	NoAutoCreateDir    bool // datadir.autocreate=false: a missing directory is an error

	Compression   Compression // of the snapshots that are written
	NoDigest      bool        // write snapshots without the digest and what follows it
	NoSnapshotEnd bool        // serializeLastProcessedZxid.enabled=false: write snapshots without the last section

	Metrics *Metrics     // nil counts into nowhere
	Logger  *slog.Logger // nil discards
}

// Store is a server's directory pair, locked against other processes. Which
// method may run beside which others is said at each; without a word, only one
// at a time and before the log writer is used.
type Store struct {
	fs       vfs.FS
	snapDir  string // with version-2
	logDir   string
	initMark string // the file "initialize"
	opts     Options
	metrics  *Metrics
	logger   *slog.Logger
	locks    []io.Closer
	log      *LogWriter
	epochs   Epochs       // as on disk, since LoadEpochs
	promised atomic.Int64 // epochs.Accepted and one, for those who run beside the owner
	lost     LostEpochs
}

// Open makes or checks the directories, locks them and deletes what atomic
// writes have left over. Errors are *DirError, *LockedError or of the file system.
func Open(opts Options) (*Store, error) {
	if opts.FS == nil {
		opts.FS = vfs.OS{}
	}
	if opts.LogDir == "" {
		opts.LogDir = opts.DataDir
	}
	if opts.PreallocBytes == 0 {
		opts.PreallocBytes = 64 << 20
	}
	if opts.SlowSync == 0 {
		opts.SlowSync = time.Second
	}
	s := &Store{
		fs: opts.FS, opts: opts, metrics: opts.Metrics, logger: opts.Logger,
		snapDir:  filepath.Join(opts.DataDir, versionDir),
		logDir:   filepath.Join(opts.LogDir, versionDir),
		initMark: filepath.Join(opts.LogDir, initializeName),
	}
	if s.metrics == nil {
		s.metrics = new(Metrics)
	}
	if s.logger == nil {
		s.logger = slog.New(slog.DiscardHandler)
	}
	s.log = &LogWriter{s: s}
	if err := s.prepare(); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

func (s *Store) prepare() error {
	for _, dir := range s.dirs() {
		if err := s.makeDir(dir); err != nil {
			return err
		}
	}
	for _, dir := range s.dirs() {
		lock, err := s.fs.Lock(filepath.Join(dir, lockName))
		if locked := (*vfs.LockedError)(nil); errors.As(err, &locked) {
			return &LockedError{Dir: dir, Err: err}
		} else if err != nil {
			return &DirError{Dir: dir, Err: err}
		}
		s.locks = append(s.locks, lock)
	}
	if err := s.checkSwapped(); err != nil {
		return err
	}
	if err := s.finishMending(); err != nil {
		return fmt.Errorf("finish mending the log: %w", err)
	}
	return s.removeStaleTmp()
}

// dirs returns the directories that hold files, each once.
func (s *Store) dirs() []string {
	if s.logDir == s.snapDir {
		return []string{s.snapDir}
	}
	return []string{s.snapDir, s.logDir}
}

func (s *Store) makeDir(dir string) error {
	info, err := s.fs.Stat(dir)
	switch {
	case err == nil && !info.Dir:
		return &DirError{Dir: dir, Err: ErrNotDirectory}
	case err != nil && !errors.Is(err, fs.ErrNotExist):
		return &DirError{Dir: dir, Err: err}
	case err != nil && s.opts.NoAutoCreateDir:
		return &DirError{Dir: dir, Err: ErrDirMissing}
	case err != nil:
		err = s.makeParents(filepath.Dir(dir))
		if err == nil {
			err = s.fs.MkdirAll(dir)
		}
	}
	if err == nil {
		// Even if it has been there: a start that was killed may have made it and not come this far.
		err = s.syncNames(filepath.Dir(dir))
	}
	if err != nil {
		return &DirError{Dir: dir, Err: err}
	}
	return nil
}

// makeParents makes a directory that is about to get its first subdirectory, with its parents.
//
// Invariant: once version-2 is there, the way to it is durable, or a power
// failure could take all of it away.
func (s *Store) makeParents(dir string) error {
	if err := s.fs.MkdirAll(dir); err != nil {
		return err
	}
	for dir != filepath.Dir(dir) {
		dir = filepath.Dir(dir)
		if err := s.syncNames(dir); err != nil {
			return err
		}
	}
	return nil
}

// syncNames is syncDir for a directory that may be somebody else's: one that we may not open, or
// whose file system has nothing to sync, such as autofs, holds nothing that
// this process has made, but for rare permissions.
func (s *Store) syncNames(dir string) error {
	err := s.syncDir(dir)
	for _, foreign := range []error{fs.ErrPermission, errors.ErrUnsupported, syscall.EINVAL} {
		if errors.Is(err, foreign) {
			return nil
		}
	}
	return err
}

// checkSwapped refuses dataDir and dataLogDir that have been exchanged or
// separated without moving files. Source: FileTxnSnapLog.checkLogDir, checkSnapDir.
func (s *Store) checkSwapped() error {
	if s.logDir == s.snapDir {
		return nil
	}
	for _, c := range []struct {
		dir, prefix string
		why         error
	}{{s.snapDir, logPrefix, ErrLogsInData}, {s.logDir, snapPrefix, ErrSnapsInLog}} {
		files, err := listFiles(s.fs, c.dir, c.prefix)
		if err != nil {
			return &DirError{Dir: c.dir, Err: err}
		}
		if len(files) > 0 {
			return &DirError{Dir: c.dir, Err: c.why}
		}
	}
	return nil
}

// removeStaleTmp deletes snapshots and mended logs that were never finished.
// Those of the epoch files are LoadEpochs' business.
func (s *Store) removeStaleTmp() error {
	for _, stale := range [][2]string{{s.snapDir, snapPrefix}, {s.logDir, mendedPrefix}} {
		dir, prefix := stale[0], stale[1]
		names, err := s.fs.List(dir)
		if err != nil {
			return &DirError{Dir: dir, Err: err}
		}
		for _, name := range names {
			if !strings.HasPrefix(name, prefix) || !strings.HasSuffix(name, tmpSuffix) {
				continue
			}
			if err := s.fs.Remove(filepath.Join(dir, name)); err != nil {
				return fmt.Errorf("delete an unfinished file: %w", err)
			}
			s.logger.Info("deleted an unfinished file", "file", name)
		}
	}
	return nil
}

// Log returns the log writer. Its owner is one goroutine, which starts using
// it after Recover.
func (s *Store) Log() *LogWriter { return s.log }

// Close closes the log in good order and releases the directories. The
// goroutines that used the Store must have ended.
func (s *Store) Close() error {
	err := s.log.Roll()
	for _, lock := range s.locks {
		err = errors.Join(err, lock.Close())
	}
	s.locks = nil
	return err
}

// syncDir makes names durable unless forceSync=no.
func (s *Store) syncDir(dir string) error {
	if s.opts.NoSync {
		return nil
	}
	return s.fs.SyncDir(dir)
}

// writeAtomic puts b into the file name so that a crash leaves the old content
// or the new one. It is durable on return, forceSync or not, as in Java
// (common.AtomicFileOutputStream).
func (s *Store) writeAtomic(dir, name string, b []byte) error {
	path := filepath.Join(dir, name)
	f, err := s.fs.Create(path + tmpSuffix)
	if err != nil {
		return err
	}
	_, err = f.WriteAt(b, 0)
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return err
	}
	if err := s.fs.Rename(path+tmpSuffix, path); err != nil {
		return err
	}
	return s.fs.SyncDir(dir)
}
