package main

import (
	"fmt"
	"path/filepath"
	"slices"
	"time"

	"github.com/paddock-io/paddock/internal/storage/vfs"
)

// journalSize is how much is written before the file begins anew, in bytes.
const journalSize = 256 << 20

// journal is a file of fixed size and place, written over again and again.
type journal struct {
	f    vfs.File
	size int64 // bytes
	off  int64 // of the next write
}

// openJournal makes the file and writes all of it once.
func openJournal(dir string, size int64) (*journal, error) {
	f, err := vfs.OS{}.Create(filepath.Join(dir, "journal"))
	if err != nil {
		return nil, err
	}
	zeros := make([]byte, 1<<20)
	for off := int64(0); off < size; off += int64(len(zeros)) {
		if _, err := f.WriteAt(zeros, off); err != nil {
			return nil, fmt.Errorf("fill journal: %w", err)
		}
	}
	return &journal{f: f, size: size}, f.Sync()
}

// append writes parts one behind the other and syncs once.
func (j *journal) append(parts ...[]byte) error {
	for _, p := range parts {
		if j.off+int64(len(p)) > j.size {
			j.off = 0
		}
		if _, err := j.f.WriteAt(p, j.off); err != nil {
			return fmt.Errorf("write journal: %w", err)
		}
		j.off += int64(len(p))
	}
	if err := j.f.Sync(); err != nil {
		return fmt.Errorf("sync journal: %w", err)
	}
	return nil
}

// syncTime returns the median time of n appends of so many bytes.
func (j *journal) syncTime(n, size int) (time.Duration, error) {
	took := make([]time.Duration, n)
	for i := range took {
		start := time.Now()
		if err := j.append(make([]byte, size)); err != nil {
			return 0, err
		}
		took[i] = time.Since(start)
	}
	slices.Sort(took)
	return took[n/2], nil
}
