package storage

import (
	"errors"
	"fmt"
	"path/filepath"
	"strings"

	"github.com/paddock-io/paddock/proto"
)

// CorruptionError says that a file holds bytes that no correct program and no
// crash leaves behind. The server must not start on it.
type CorruptionError struct {
	File   string
	Offset int64 // of the record that does not read, in bytes
	Err    error
}

func (e *CorruptionError) Unwrap() error { return e.Err }

func (e *CorruptionError) Error() string {
	return fmt.Sprintf("storage: %s at byte %d: %v; %s", e.File, e.Offset, e.Err, nextStep(e.File))
}

// IsDamage reports whether err says that a directory is damaged, as opposed to
// one that cannot be read or written at all.
func IsDamage(err error) bool {
	var fatal *FatalError
	var corrupt *CorruptionError
	var snapshot *NoSnapshotError
	var epoch *EpochError
	return !errors.As(err, &fatal) && (errors.As(err, &corrupt) || errors.As(err, &snapshot) || errors.As(err, &epoch))
}

// nextStep says what to do about a damaged file.
func nextStep(file string) string {
	switch base := filepath.Base(file); {
	case strings.HasPrefix(base, snapPrefix):
		return "for a report run: paddock snap verify " + file
	case strings.HasPrefix(base, logPrefix):
		return "for a report run: paddock log verify " + file
	case base == asideName:
		return "start it together with the others: it gets the history from their leader"
	case base == acceptedName:
		// Forgetting a promise could let two leaders share an epoch; a newer one than was made harms nobody.
		return "write into it the newest acceptedEpoch of any server of the ensemble, never a smaller one: echo -n EPOCH > " + file
	default:
		return "remove the file to have it made anew from the log: rm " + file
	}
}

// Part is one of the three things that can fail fatally. ZooKeeper ends its
// process with a different exit code for each.
type Part int

// The parts of storage.
const (
	PartLog Part = iota + 1
	PartSnapshot
	PartEpoch
)

func (p Part) String() string {
	switch p {
	case PartLog:
		return "log"
	case PartSnapshot:
		return "snapshot"
	case PartEpoch:
		return "epoch"
	}
	return fmt.Sprintf("part %d", int(p))
}

// FatalError says that a write or sync failed, so that it is not known what is
// on disk. It must not be retried: the process must end and recover.
type FatalError struct {
	Part Part
	File string
	Err  error
}

func (e *FatalError) Unwrap() error { return e.Err }

func (e *FatalError) Error() string {
	return fmt.Sprintf("storage: cannot write %s %s: %v", e.Part, e.File, e.Err)
}

// LockedError says that another process uses the directory.
type LockedError struct {
	Dir string
	Err error
}

func (e *LockedError) Unwrap() error { return e.Err }

func (e *LockedError) Error() string {
	return fmt.Sprintf("storage: directory %s is in use: %v; stop that server or give this one a dataDir of its own", e.Dir, e.Err)
}

// DirError says that a directory cannot be used: it is missing, not writable,
// or holds the files of the other kind.
type DirError struct {
	Dir string
	Err error
}

func (e *DirError) Unwrap() error { return e.Err }

func (e *DirError) Error() string { return fmt.Sprintf("storage: directory %s: %v", e.Dir, e.Err) }

// Reasons inside a DirError; test with errors.Is.
var (
	ErrDirMissing   = errors.New("does not exist and datadir.autocreate is off; create it first")
	ErrLogsInData   = errors.New("holds transaction logs, but dataLogDir is set to another directory; move its log.* files there or correct dataLogDir")
	ErrSnapsInLog   = errors.New("holds snapshots, but is set as dataLogDir beside another dataDir; move its snapshot.* files there or correct dataLogDir")
	ErrNotDirectory = errors.New("is not a directory")
)

// NoSnapshotError says that there are logs but no snapshot that can be read.
type NoSnapshotError struct {
	Dir string
	Bad []error // one per snapshot file that was tried; empty if there is none
}

func (e *NoSnapshotError) Unwrap() []error { return e.Bad }

func (e *NoSnapshotError) Error() string {
	if len(e.Bad) > 0 {
		return fmt.Sprintf("storage: no readable snapshot among %d in %s; the newest: %v", len(e.Bad), e.Dir, e.Bad[0])
	}
	return fmt.Sprintf("storage: %s has transaction logs but no snapshot; restore a snapshot, or, "+
		"if the logs are complete from the first transaction on, start once with snapshot.trust.empty=true", e.Dir)
}

// TruncateError says that the log cannot be cut to a zxid because its state at
// that zxid cannot be rebuilt. Nothing was changed.
type TruncateError struct {
	To     proto.Zxid
	Reason string
}

func (e *TruncateError) Error() string {
	return fmt.Sprintf("storage: cannot truncate the log to %s: %s", e.To, e.Reason)
}

// EpochError says that the epoch files contradict each other.
type EpochError struct {
	Dir               string
	Accepted, Current int64
}

func (e *EpochError) Error() string {
	return fmt.Sprintf("storage: acceptedEpoch %d is less than currentEpoch %d in %s; a promise to an earlier leader was lost: "+
		"restore both files, or empty the directory and let the server synchronise anew", e.Accepted, e.Current, e.Dir)
}
