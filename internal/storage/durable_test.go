package storage

import (
	"errors"
	"syscall"
	"testing"

	"github.com/paddock-io/paddock/internal/storage/vfs"
)

// replayOf returns a disk with everything that was recorded.
func replayOf(rec *vfs.Recorder) *vfs.Replay {
	disk := vfs.NewReplay(vfs.NewMem())
	for _, c := range rec.Changes() {
		disk.Apply(c)
	}
	return disk
}

// TestNewDirectoriesAreDurable checks that a power failure after a first start
// leaves the directories with what was promised in them, however deep they are, also
// if an earlier start was killed between making and syncing them.
func TestNewDirectoriesAreDurable(t *testing.T) {
	opts := Options{DataDir: "/srv/a/data", LogDir: "/var/b/log", PreallocBytes: -1}
	kill := errors.New("killed")
	for ops := 0; ; ops++ {
		rec := &vfs.Recorder{FS: vfs.NewMem()}
		opts.FS = &vfs.Faulty{FS: rec, Rule: vfs.FailFrom(ops, 0, kill, vfs.OpSyncDir)}
		s, err := Open(opts)
		if err == nil {
			if ops == 0 {
				t.Error("a new directory was not synced at all")
			}
			if err := s.kill(); err != nil {
				t.Fatal(err)
			}
		} else if !errors.Is(err, kill) {
			t.Fatal(err)
		}
		again, _, err2 := recoverDisk(rec, opts)
		if err2 != nil {
			t.Fatal(err2)
		}
		if err := again.SaveAcceptedEpoch(7); err != nil {
			t.Fatal(err)
		}
		left := replayOf(rec).Crash(vfs.Corners[0])
		_, f, err3 := recoverDisk(left, opts)
		if err3 != nil || f.epochs.Accepted != 7 {
			t.Errorf("killed at the %d-th sync of a directory, then a power failure: %+v, %v", ops, f.epochs, err3)
		}
		if err == nil {
			return
		}
	}
}

// TestForeignParents checks that a parent directory which cannot be opened or
// synced does not keep a server from starting, and that a broken one does.
func TestForeignParents(t *testing.T) {
	for _, tc := range []struct {
		err    error
		starts bool
	}{{syscall.EACCES, true}, {syscall.EINVAL, true}, {syscall.ENOTSUP, true}, {syscall.EIO, false}} {
		fsys := &vfs.Faulty{FS: vfs.NewMem(), Rule: func(op vfs.Op, name string) (int, error) {
			if op == vfs.OpSyncDir && name == "/" {
				return 0, tc.err
			}
			return 0, nil
		}}
		s, err := Open(Options{FS: fsys, DataDir: "/srv/data"})
		if (err == nil) != tc.starts {
			t.Errorf("%v: %v", tc.err, err)
		}
		if err == nil {
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// TestFoundIsDurable kills a server between a change and its sync, starts it
// again and then fails the power: what the start has found must still be there.
func TestFoundIsDurable(t *testing.T) {
	kill := errors.New("killed")
	for name, tc := range map[string]struct {
		op     vfs.Op
		rolled bool // the log is closed before
		do     func(s *Store) error
	}{
		"an epoch is renamed":   {vfs.OpSyncDir, false, func(s *Store) error { return s.SaveAcceptedEpoch(9) }},
		"a log is cut":          {vfs.OpSync, true, func(s *Store) error { return s.Truncate(0x100000003) }},
		"a log is removed":      {vfs.OpSyncDir, true, func(s *Store) error { return s.Truncate(0) }},
		"a snapshot is removed": {vfs.OpSyncDir, true, func(s *Store) error { return s.Truncate(0x100000003) }},
		"a snapshot is renamed": {vfs.OpSyncDir, false, func(s *Store) error {
			_, err := s.WriteSnapshot(0x100000008, stateSource{smallState(0x100000008, 3)})
			return err
		}},
	} {
		rec := &vfs.Recorder{FS: vfs.NewMem()}
		faulty := &vfs.Faulty{FS: rec, Rule: func(vfs.Op, string) (int, error) { return 0, nil }}
		opts := Options{DataDir: "/data", LogDir: "/log", PreallocBytes: -1}
		s, _, err := recoverDisk(faulty, opts)
		if err != nil {
			t.Fatal(err)
		}
		if err := errors.Join(s.SaveAcceptedEpoch(1), s.SaveCurrentEpoch(1), s.Log().Append(entries(0x100000001, 0x100000005, 100)...), s.Log().Flush()); err != nil {
			t.Fatal(err)
		}
		if name == "a snapshot is removed" {
			if _, err := s.WriteSnapshot(0x100000005, stateSource{smallState(0x100000005, 3)}); err != nil {
				t.Fatal(err)
			}
		}
		if tc.rolled {
			if err := s.Log().Roll(); err != nil {
				t.Fatal(err)
			}
		}
		faulty.Rule = vfs.FailFrom(0, 0, kill, tc.op)
		if err := tc.do(s); !errors.Is(err, kill) {
			t.Fatalf("%s: %v", name, err)
		}
		if err := s.kill(); err != nil {
			t.Fatal(err)
		}
		first, f, err := recoverDisk(rec, opts)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if err := first.kill(); err != nil {
			t.Fatal(err)
		}
		_, after, err := recoverDisk(replayOf(rec).Crash(vfs.Corners[0]), opts)
		if err != nil || after.last != f.last || len(after.txns) != len(f.txns) || after.epochs != f.epochs {
			t.Errorf("%s: found %s and %+v, after a power failure %s and %+v, %v", name, f.last, f.epochs, after.last, after.epochs, err)
		}
	}
}

// TestCutAfterAKill kills a server between the write of a batch and its sync
// and fails the power at each moment of the start that follows, for batches of
// many lengths: it must never look like damage.
func TestCutAfterAKill(t *testing.T) {
	kill := errors.New("killed")
	opts := Options{DataDir: "/data", PreallocBytes: 4096}
	for size := 180; size < 220; size += 5 {
		rec := &vfs.Recorder{FS: vfs.NewMem()}
		faulty := &vfs.Faulty{FS: rec, Rule: func(vfs.Op, string) (int, error) { return 0, nil }}
		s, _, err := recoverDisk(faulty, opts)
		if err != nil {
			t.Fatal(err)
		}
		if err := errors.Join(s.Log().Append(entries(0x100000001, 0x100000003, size)...), s.Log().Flush()); err != nil {
			t.Fatal(err)
		}
		faulty.Rule = vfs.FailFrom(0, 0, kill, vfs.OpSync)
		if err := errors.Join(s.Log().Append(entry(0x100000004, size)), s.Log().Flush()); !errors.Is(err, kill) {
			t.Fatal(err)
		}
		if err := s.kill(); err != nil {
			t.Fatal(err)
		}
		disk := replayOf(rec)
		before := rec.Len()
		if _, _, err = recoverDisk(rec, opts); err != nil {
			t.Fatal(err)
		}
		for i, c := range rec.Changes()[before:] {
			disk.Apply(c)
			for _, l := range leftovers(size, 2) {
				if _, f, err := recoverDisk(disk.Crash(l), opts); err != nil || len(f.txns) < 3 {
					t.Fatalf("entries of %d bytes, the power failed after change %d of the start, leaving %s: %d transactions, %v\n%s",
						size, i+1, l.Name, len(f.txns), err, tell(rec.Changes(), before+i+1))
				}
			}
		}
	}
}
