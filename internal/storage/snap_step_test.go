package storage

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/paddock-io/paddock/internal/storage/vfs"
)

// stepFile is a file that knows how much of it no sync has covered, and how much that was at most.
type stepFile struct {
	vfs.File
	dirty, most int
}

func (f *stepFile) WriteAt(p []byte, off int64) (int, error) {
	f.dirty += len(p)
	f.most = max(f.most, f.dirty)
	return f.File.WriteAt(p, off)
}

func (f *stepFile) Sync() error {
	f.dirty = 0
	return f.File.Sync()
}

// pushFile is a stepFile that can be pushed.
type pushFile struct {
	*stepFile
	pushed, synced int64
	err            error
}

func (f *pushFile) Push(off, n int64) error {
	if off != f.pushed {
		return fmt.Errorf("pushed from %d, was at %d", off, f.pushed)
	}
	f.pushed, f.dirty = off+n, 0
	return f.err
}

func (f *pushFile) Sync() error {
	f.synced = f.pushed + int64(f.dirty)
	return f.stepFile.Sync()
}

// stepFS makes every file a stepFile, or a pushFile.
type stepFS struct {
	vfs.FS
	push   bool
	err    error // of pushing
	files  []*stepFile
	pushed []*pushFile
}

func (s *stepFS) Create(name string) (vfs.File, error) {
	f, err := s.FS.Create(name)
	step := &stepFile{File: f}
	s.files = append(s.files, step)
	if !s.push {
		return step, err
	}
	s.pushed = append(s.pushed, &pushFile{stepFile: step, err: s.err})
	return s.pushed[len(s.pushed)-1], err
}

// TestSnapshotIsSyncedInSteps: the log's syncs must not wait for a large one.
func TestSnapshotIsSyncedInSteps(t *testing.T) {
	for _, c := range []Compression{Plain, Gzip, Snappy} {
		fs := &stepFS{FS: vfs.NewMem()}
		s := open(t, Options{FS: fs, DataDir: "/d", Compression: c})
		fs.files = nil
		size, err := s.WriteSnapshot(1, stateSource{manyNodes()})
		if err != nil || size < snapStep {
			t.Fatalf("%d bytes, %v", size, err)
		}
		if f := fs.files[0]; f.dirty != 0 || f.most > snapStep+snapBuffer {
			t.Errorf("%v: up to %d bytes without a sync, %d at the end", c, f.most, f.dirty)
		}
	}
}

// TestSnapshotIsPushedInSteps: where a file can be pushed it is, and what makes it
// durable is one sync of all of it.
func TestSnapshotIsPushedInSteps(t *testing.T) {
	fs := &stepFS{FS: vfs.NewMem(), push: true}
	s := open(t, Options{FS: fs, DataDir: "/d"})
	fs.files, fs.pushed = nil, nil
	size, err := s.WriteSnapshot(1, stateSource{manyNodes()})
	if err != nil || size < snapStep {
		t.Fatalf("%d bytes, %v", size, err)
	}
	if f := fs.pushed[0]; f.most > snapStep+snapBuffer || f.pushed < snapStep || f.synced != size {
		t.Errorf("up to %d bytes were not pushed, %d were, and %d of %d synced", f.most, f.pushed, f.synced, size)
	}
}

// TestFailedPushIsFatal: the disk has failed, and there is no snapshot.
func TestFailedPushIsFatal(t *testing.T) {
	fs := &stepFS{FS: vfs.NewMem(), push: true}
	s := open(t, Options{FS: fs, DataDir: "/d"})
	fs.err = errors.New("no")
	_, err := s.WriteSnapshot(1, stateSource{manyNodes()})
	if fatal := new(FatalError); !errors.As(err, &fatal) || fatal.Part != PartSnapshot {
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
