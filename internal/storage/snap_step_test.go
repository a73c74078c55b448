package storage

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/paddock-io/paddock/internal/storage/vfs"
)

// stepFile is a file that knows how much of it was written, pushed and synced, and how
// much was written and not pushed at most.
type stepFile struct {
	vfs.File
	end, pushed, synced, most int64
	err                       error // of pushing
}

func (f *stepFile) WriteAt(p []byte, off int64) (int, error) {
	f.end = max(f.end, off+int64(len(p)))
	f.most = max(f.most, f.end-f.pushed)
	return f.File.WriteAt(p, off)
}

func (f *stepFile) Push(off, n int64) error {
	if off != f.pushed || off+n > f.end {
		return fmt.Errorf("%d bytes from %d on were pushed, of %d from %d on", n, off, f.end-f.pushed, f.pushed)
	}
	f.pushed = off + n
	return f.err
}

func (f *stepFile) Sync() error {
	f.synced = f.end
	return f.File.Sync()
}

// stepFS makes every file a stepFile.
type stepFS struct {
	vfs.FS
	err   error
	files []*stepFile
}

func (s *stepFS) Create(name string) (vfs.File, error) {
	f, err := s.FS.Create(name)
	s.files = append(s.files, &stepFile{File: f, err: s.err})
	return s.files[len(s.files)-1], err
}

// TestSnapshotIsPushedInSteps: the log's syncs must not wait for a large one, and what
// makes a snapshot durable is a sync of all of it.
func TestSnapshotIsPushedInSteps(t *testing.T) {
	for _, c := range []Compression{Plain, Gzip, Snappy} {
		fs := &stepFS{FS: vfs.NewMem()}
		s := open(t, Options{FS: fs, DataDir: "/d", Compression: c})
		fs.files = nil
		size, err := s.WriteSnapshot(1, stateSource{manyNodes()})
		if err != nil || size < snapStep {
			t.Fatalf("%d bytes, %v", size, err)
		}
		if f := fs.files[0]; f.most > snapStep+snapBuffer || f.synced != size {
			t.Errorf("%v: up to %d bytes were not pushed, and %d of %d synced at the end", c, f.most, f.synced, size)
		}
	}
}

// TestFailedPushIsFatal: the disk has failed, and there is no snapshot.
func TestFailedPushIsFatal(t *testing.T) {
	fs := &stepFS{FS: vfs.NewMem()}
	s := open(t, Options{FS: fs, DataDir: "/d"})
	fs.err = errors.New("no")
	_, err := s.WriteSnapshot(1, stateSource{manyNodes()})
	if fatal := new(FatalError); !errors.As(err, &fatal) || fatal.Part != PartSnapshot || !errors.Is(err, fs.err) {
		t.Fatalf("a failed push gives %v", err)
	}
	names, err := fs.List("/d/version-2")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		if strings.HasPrefix(name, "snapshot") {
			t.Errorf("%s is there", name)
		}
	}
}
