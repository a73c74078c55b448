package storage

import (
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

// stepFS makes every file a stepFile.
type stepFS struct {
	vfs.FS
	files []*stepFile
}

func (s *stepFS) Create(name string) (vfs.File, error) {
	f, err := s.FS.Create(name)
	s.files = append(s.files, &stepFile{File: f})
	return s.files[len(s.files)-1], err
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
