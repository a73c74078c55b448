package storage

import (
	"cmp"
	"slices"
	"testing"

	"github.com/paddock-io/paddock/internal/storage/vfs"
	"github.com/paddock-io/paddock/proto"
)

// forgetFile is a file that knows what was synced, and what is to be forgotten.
type forgetFile struct {
	vfs.File
	t                        *testing.T
	written, synced, forgets int64
}

func (f *forgetFile) WriteAt(p []byte, off int64) (int, error) {
	f.written = max(f.written, off+int64(len(p)))
	return f.File.WriteAt(p, off)
}

func (f *forgetFile) Sync() error {
	f.synced = f.written
	return f.File.Sync()
}

func (f *forgetFile) Forget(off, n int64) {
	if off != f.forgets || off+n > f.synced-keptCached {
		f.t.Errorf("bytes %d to %d are forgotten behind %d, and %d are synced", off, off+n, f.forgets, f.synced)
	}
	f.forgets = off + n
}

type forgetFS struct {
	vfs.FS
	t     *testing.T
	files []*forgetFile
}

func (s *forgetFS) Create(name string) (vfs.File, error) {
	f, err := s.FS.Create(name)
	s.files = append(s.files, &forgetFile{File: f, t: s.t})
	return s.files[len(s.files)-1], err
}

// TestLogIsForgotten: of a log, whatever its number, the newest part alone stays in the system's memory.
func TestLogIsForgotten(t *testing.T) {
	fs := &forgetFS{FS: vfs.NewMem(), t: t}
	w := open(t, Options{FS: fs, DataDir: "/d"}).Log()
	z := proto.Zxid(0)
	for range 2 {
		fs.files = nil
		for size := 0; size < 2*(keptCached+forgetStep); size += 300_000 {
			z++
			if err := w.Append(entry(z, 300_000)); err != nil {
				t.Fatal(err)
			}
			if err := w.Flush(); err != nil {
				t.Fatal(err)
			}
		}
		f := slices.MaxFunc(fs.files, func(a, b *forgetFile) int { return cmp.Compare(a.written, b.written) })
		if kept := f.written - f.forgets; kept < keptCached || kept > keptCached+forgetStep+600_000 {
			t.Errorf("%d bytes of %d are kept", kept, f.written)
		}
		if err := w.Roll(); err != nil {
			t.Fatal(err)
		}
	}
}
