package storage

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"syscall"
	"testing"

	"github.com/paddock-io/paddock/internal/storage/vfs"
)

// ordinary are the steps that may fail without a FatalError, because nothing that anybody
// relies on is written in them: their server does not start, or only says so and goes on.
var ordinary = []string{"first start", "restart", "restart after a kill", "reload after TRUNC", "purge"}

// failure is one way in which a disk refuses an operation.
type failure struct {
	name string
	rule func(n int) vfs.Rule
}

var failures = []failure{
	{"EIO", func(n int) vfs.Rule { return vfs.FailOnce(n, 0, syscall.EIO, vfs.Changes...) }},
	{"EIO from then on", func(n int) vfs.Rule { return vfs.FailFrom(n, 0, syscall.EIO, vfs.Changes...) }},
	{"a short write", func(n int) vfs.Rule { return vfs.FailOnce(n, 300, syscall.EIO, vfs.Changes...) }},
	{"ENOSPC after a short write", func(n int) vfs.Rule { return vfs.FailFrom(n, 700, syscall.ENOSPC, vfs.Changes...) }},
}

// TestFailedOperations lets every operation of a server's life fail in turn. The Store must say
// so with a FatalError where something was relied on, must acknowledge nothing
// afterwards, and what had been acknowledged must be there at the next start, whether
// the process or the machine stops.
func TestFailedOperations(t *testing.T) {
	step := 61
	if *crashPointFull || *crashPointAt >= 0 {
		step = 1
	}
	total, states := 0, 0
	for _, w := range workloads()[:3] {
		t.Run(w.name, func(t *testing.T) {
			p := &crashPoints{workload: w, seen: map[string]bool{}}
			for i, how := range failures {
				for n := i; ; n += step {
					if n = max(n, *crashPointAt); *crashPointAt >= 0 && n > *crashPointAt {
						break
					}
					failed, err := p.fail(how, n)
					if err != nil {
						t.Fatalf("%s at operation %d: %v\nreplay: go test ./internal/storage -run 'TestFailedOperations/%s' -crashpoint.at=%d", how.name, n, err, w.name, n)
					}
					if !failed {
						break // there are no more operations
					}
					total++
				}
			}
			states += p.states
		})
	}
	t.Logf("failed operations %d, states recovered afterwards %d", total, states)
}

// fail lives until the n-th operation fails and checks what comes of it. It
// reports whether there was such an operation.
func (p *crashPoints) fail(how failure, n int) (failed bool, err error) {
	w := newServer(p.opts, p.seed)
	rule := how.rule(n)
	faulty := &vfs.Faulty{FS: &sectorWise{w.disk, &failed}, Rule: func(op vfs.Op, name string) (int, error) {
		keep, err := rule(op, name)
		failed = failed || err != nil
		return keep, err
	}}
	w.below = faulty
	err = p.work(w)
	switch fatal := (*FatalError)(nil); {
	case !failed:
		return false, err
	case err == nil:
		return true, errors.New("nobody was told")
	case !errors.Is(err, syscall.EIO) && !errors.Is(err, syscall.ENOSPC):
		return true, err
	case !errors.As(err, &fatal) && !slices.Contains(ordinary, w.what):
		return true, fmt.Errorf("during %q: %w, which is not a FatalError", w.what, err)
	case errors.As(err, &fatal) && fatal.Part == PartLog && (w.what == "batch" || w.what == "background snapshot"):
		if err := w.refuses(); err != nil {
			return true, err
		}
	}
	if w.s != nil {
		if err := w.s.kill(); err != nil {
			return true, err
		}
	}
	return true, p.after(w)
}

// refuses checks that the log stays broken although the disk is well again.
func (w *server) refuses() error {
	if w.s.Log().Append(entry(w.next(), 10)) == nil || w.s.Log().Flush() == nil || w.s.Log().Roll() == nil {
		return errors.New("the log goes on after a failure")
	}
	return nil
}

// after recovers from what is left when the process or the machine stops now.
func (p *crashPoints) after(w *server) error {
	disk := vfs.NewReplay(vfs.NewMem())
	for _, c := range w.disk.Changes() {
		disk.Apply(c)
	}
	now := inForce(w.claims, w.disk.Len())
	left := map[string]*vfs.Mem{"a kill": disk.Killed()}
	for _, l := range []vfs.Leftover{vfs.Corners[0], vfs.Corners[1], vfs.Corners[2], vfs.RandomLeftover(uint64(w.disk.Len()))} {
		left[l.Name] = disk.Crash(l)
	}
	for _, name := range slices.Sorted(maps.Keys(left)) {
		p.states++
		_, f, err := recoverDisk(left[name], p.opts)
		if err == nil {
			err = f.check(now)
		}
		if err != nil {
			return fmt.Errorf("during %q, and then %s: %w\nafter\n%s", w.what, name, err, tell(w.disk.Changes(), w.disk.Len()))
		}
	}
	return nil
}

// sectorWise ends a failing write at the end of a sector, as local file systems do, which
// write whole pages. A write cut at any byte may spoil the sync mark before it, and the
// start then takes the remains for damage: it refuses, and loses nothing.
type sectorWise struct {
	vfs.FS
	failed *bool
}

func (s *sectorWise) Create(name string) (vfs.File, error) {
	f, err := s.FS.Create(name)
	return &sectorFile{f, s.failed}, err
}

type sectorFile struct {
	vfs.File
	failed *bool
}

func (f *sectorFile) WriteAt(p []byte, off int64) (int, error) {
	if *f.failed {
		end := (off + int64(len(p))) &^ (vfs.SectorSize - 1)
		p = p[:max(end-off, 0)]
	}
	return f.File.WriteAt(p, off)
}
