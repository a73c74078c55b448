package storage

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/paddock-io/paddock/internal/storage/vfs"
	"github.com/paddock-io/paddock/proto"
)

func TestOpen(t *testing.T) {
	for name, tc := range map[string]struct {
		files []string
		opts  Options
		want  error
	}{
		"fresh":                {nil, Options{DataDir: "/d"}, nil},
		"fresh, two":           {nil, Options{DataDir: "/d", LogDir: "/l"}, nil},
		"not to be made":       {nil, Options{DataDir: "/d", NoAutoCreateDir: true}, ErrDirMissing},
		"not to be made, log":  {[]string{"/d/version-2/snapshot.0"}, Options{DataDir: "/d", LogDir: "/l", NoAutoCreateDir: true}, ErrDirMissing},
		"logs among snapshots": {[]string{"/d/version-2/log.1"}, Options{DataDir: "/d", LogDir: "/l"}, ErrLogsInData},
		"snapshots among logs": {[]string{"/l/version-2/snapshot.1"}, Options{DataDir: "/d", LogDir: "/l"}, ErrSnapsInLog},
		"one for both":         {[]string{"/d/version-2/log.1", "/d/version-2/snapshot.1"}, Options{DataDir: "/d"}, nil},
		"a file in the way":    {[]string{"/d/version-2"}, Options{DataDir: "/d"}, ErrNotDirectory},
	} {
		mem := vfs.NewMem()
		for _, f := range tc.files {
			put(t, mem, f, []byte("x"))
		}
		tc.opts.FS = mem
		s, err := Open(tc.opts)
		var dir *DirError
		if !errors.Is(err, tc.want) || tc.want != nil && !errors.As(err, &dir) {
			t.Errorf("%s: %v, want %v", name, err, tc.want)
		}
		if err == nil {
			s.Close()
		}
	}
}

func TestStaleTmpIsDeleted(t *testing.T) {
	mem := vfs.NewMem()
	put(t, mem, "/d/version-2/snapshot.0", unhex(t, goldenSnap))
	put(t, mem, "/d/version-2/snapshot.9.tmp", unhex(t, goldenSnap)) // Java would load it
	put(t, mem, "/d/version-2/currentEpoch.tmp", []byte("7"))
	rec, err := recoverDir(t, mem)
	if err != nil || rec.Snapshot != "snapshot.0" || rec.LastZxid != 0 {
		t.Errorf("%+v, %v", rec, err)
	}
	if names, _ := mem.List("/d/version-2"); slices.Contains(names, "snapshot.9.tmp") {
		t.Errorf("left: %v", names)
	}
}

// TestLock opens one directory twice, in memory and on disk.
func TestLock(t *testing.T) {
	for _, opts := range []Options{
		{FS: vfs.NewMem(), DataDir: "/d"},
		{DataDir: t.TempDir()},
		{DataDir: t.TempDir(), LogDir: t.TempDir()},
	} {
		s := open(t, opts)
		_, err := Open(opts)
		var locked *LockedError
		if !errors.As(err, &locked) || locked.Dir != s.snapDir {
			t.Errorf("second Open: %v", err)
		}
		if opts.FS == nil && !strings.Contains(err.Error(), fmt.Sprintf("process %d", os.Getpid())) {
			t.Errorf("the message does not name the holder: %v", err)
		}
		if opts.LogDir != "" {
			opts.DataDir = t.TempDir()
			if _, err := Open(opts); !errors.As(err, &locked) || locked.Dir != s.logDir {
				t.Errorf("second Open with the same log directory: %v", err)
			}
			opts.DataDir = filepath.Dir(s.snapDir)
		}
		if err := s.Close(); err != nil {
			t.Error(err)
		}
		if s, err = Open(opts); err != nil {
			t.Fatalf("Open after Close: %v", err)
		}
		s.Close()
	}
}

func TestRecoverWithout(t *testing.T) {
	log := append(appendLogHeader(nil), unhex(t, goldenLog)[logHeaderSize:]...)
	for name, tc := range map[string]struct {
		files map[string][]byte
		opts  Options
		want  Recovered
		err   error
	}{
		"anything":                    {nil, Options{}, Recovered{Fresh: true}, nil},
		"anything, no autocreate":     {nil, Options{NoAutoCreateDB: true}, Recovered{Fresh: true, LastZxid: -1}, nil},
		"anything but a mark":         {map[string][]byte{"/d/initialize": nil}, Options{NoAutoCreateDB: true}, Recovered{Fresh: true}, nil},
		"a snapshot":                  {map[string][]byte{"/d/version-2/log.200000001": log}, Options{}, Recovered{}, new(NoSnapshotError)},
		"a snapshot, trusted":         {map[string][]byte{"/d/version-2/log.200000001": log}, Options{TrustEmptySnapshot: true}, Recovered{NeedSnapshot: true, LastZxid: 0x200000002, Entries: 2, Bytes: 135}, nil},
		"a good snapshot":             {map[string][]byte{"/d/version-2/snapshot.0": {1}}, Options{TrustEmptySnapshot: true}, Recovered{}, new(NoSnapshotError)},
		"logs":                        {map[string][]byte{"/d/version-2/snapshot.0": unhex(t, goldenSnap)}, Options{}, Recovered{Snapshot: "snapshot.0"}, nil},
		"a mark, with all the rest":   {map[string][]byte{"/d/version-2/snapshot.0": unhex(t, goldenSnap), "/d/version-2/log.200000001": log}, Options{NoAutoCreateDB: true}, Recovered{Snapshot: "snapshot.0", LastZxid: 0x200000002, Entries: 2, Bytes: 135}, nil},
		"what is before the log":      {map[string][]byte{"/d/version-2/snapshot.0": unhex(t, goldenSnap), "/d/version-2/log.200000003": log}, Options{TrustEmptySnapshot: true}, Recovered{Snapshot: "snapshot.0", LastZxid: 0x200000002, Entries: 2, Bytes: 135}, nil},
		"entries behind a snapshot":   {map[string][]byte{"/d/version-2/snapshot.200000002": unhex(t, goldenSnap), "/d/version-2/log.200000001": log}, Options{}, Recovered{Snapshot: "snapshot.200000002", LastZxid: 0x200000002}, nil},
		"one entry behind a snapshot": {map[string][]byte{"/d/version-2/snapshot.200000001": unhex(t, goldenSnap), "/d/version-2/log.200000001": log}, Options{}, Recovered{Snapshot: "snapshot.200000001", LastZxid: 0x200000002, Entries: 1, Bytes: 87}, nil},
	} {
		mem := vfs.NewMem()
		for f, b := range tc.files {
			put(t, mem, f, b)
		}
		tc.opts.FS, tc.opts.DataDir = mem, "/d"
		s := open(t, tc.opts)
		rec, err := s.Recover(newState(), func(Entry) error { return nil })
		var none *NoSnapshotError
		if (tc.err != nil) != errors.As(err, &none) || tc.err == nil && err != nil {
			t.Errorf("%s: %v", name, err)
		}
		rec.Took, rec.Skipped = 0, nil
		if err == nil && fmt.Sprint(rec) != fmt.Sprint(tc.want) {
			t.Errorf("%s: %+v, want %+v", name, rec, tc.want)
		}
		// The mark stays until a first snapshot takes its place, or an interrupted
		// start would be the last.
		_, marked := tc.files["/d/initialize"]
		if _, err := mem.Stat("/d/initialize"); (err == nil) != (marked && rec.Fresh) {
			t.Errorf("%s: the mark: %v", name, err)
		}
		if err := s.DropInitMark(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if _, err := mem.Stat("/d/initialize"); err == nil {
			t.Errorf("%s: the mark is still there", name)
		}
	}
}

// TestRecoverAgain recovers under a writer that has a log open, and crashes later.
func TestRecoverAgain(t *testing.T) {
	mem := vfs.NewMem()
	s := open(t, Options{FS: mem, DataDir: "/d"})
	put(t, mem, "/d/version-2/snapshot.0", unhex(t, goldenSnap))
	for z := proto.Zxid(1); z < 9; z++ {
		if err := errors.Join(s.Log().Append(entry(z, 9)), s.Log().Flush()); err != nil {
			t.Fatal(err)
		}
		if rec, err := s.Recover(newState(), func(Entry) error { return nil }); err != nil || rec.LastZxid != z {
			t.Fatalf("%+v, %v", rec, err)
		}
		if err := errors.Join(s.Log().Append(entry(z+1, 9)), s.Log().Flush()); err != nil {
			t.Fatal(err)
		}
		open, err := writing(mem, s.logDir)
		if z++; err != nil || open != logName(z) {
			t.Fatalf("the log being written is noted as %q, %v", open, err)
		}
	}
}

func TestReplayErrorNamesThePlace(t *testing.T) {
	mem, ends := batches(t, 10, true, 2)
	s := open(t, Options{FS: mem, DataDir: "/d"})
	n := 0
	_, err := s.Recover(newState(), func(e Entry) error {
		if n++; n == 2 {
			return errPower
		}
		return nil
	})
	at := (ends[0]-logHeaderSize)/2 + logHeaderSize
	if !errors.Is(err, errPower) || !strings.Contains(err.Error(), fmt.Sprintf("%s at byte %d, transaction 0x100000002", batchLog, at)) {
		t.Error(err)
	}
}

func TestEpochs(t *testing.T) {
	for name, tc := range map[string]struct {
		accepted, current, tmp string // file contents, "-" for no file
		last                   proto.Zxid
		want                   Epochs
		err                    any
	}{
		"as they should be":       {"12", "11", "-", proto.MakeZxid(11, 4), Epochs{12, 11}, nil},
		"with a newline":          {"12\n", "11\n", "-", 0, Epochs{12, 11}, nil},
		"fresh":                   {"-", "-", "-", 0, Epochs{0, 0}, nil},
		"fresh, may not vote":     {"-", "-", "-", -1, Epochs{0, 0}, nil},
		"Java's, may not vote":    {"-1", "-1", "-", -1, Epochs{0, 0}, nil},
		"lost with a log":         {"-", "-", "-", proto.MakeZxid(3, 1), Epochs{3, 3}, nil},
		"current is missing":      {"5", "-", "-", proto.MakeZxid(4, 1), Epochs{5, 4}, nil},
		"accepted is missing":     {"-", "5", "-", proto.MakeZxid(4, 1), Epochs{5, 5}, nil},
		"log is ahead":            {"6", "4", "-", proto.MakeZxid(6, 1), Epochs{6, 6}, nil},
		"log is ahead of both":    {"5", "4", "6", proto.MakeZxid(6, 1), Epochs{6, 6}, nil},
		"unfinished save":         {"6", "4", "6", proto.MakeZxid(4, 1), Epochs{6, 4}, nil},
		"a promise was lost":      {"4", "5", "-", proto.MakeZxid(4, 1), Epochs{}, new(*EpochError)},
		"not a number":            {"4x", "4", "-", 0, Epochs{}, new(*CorruptionError)},
		"empty":                   {"4", "", "-", 0, Epochs{}, new(*CorruptionError)},
		"beyond 64 bits":          {"99999999999999999999", "4", "-", 0, Epochs{}, new(*CorruptionError)},
		"many digits, but a file": {strings.Repeat("0", 64) + "9", "4", "-", 0, Epochs{}, new(*EpochError)},
	} {
		mem := vfs.NewMem()
		for file, text := range map[string]string{acceptedName: tc.accepted, currentName: tc.current, currentName + tmpSuffix: tc.tmp} {
			if text != "-" {
				put(t, mem, "/d/version-2/"+file, []byte(text))
			}
		}
		s := open(t, Options{FS: mem, DataDir: "/d"})
		got, err := s.LoadEpochs(tc.last)
		if tc.err == nil && (err != nil || got != tc.want) || tc.err != nil && !errors.As(err, tc.err) {
			t.Errorf("%s: %+v, %v; want %+v", name, got, err, tc.want)
		}
		if err != nil {
			continue
		}
		text := fmt.Sprintf("%s %s", get(t, mem, "/d/version-2/acceptedEpoch"), get(t, mem, "/d/version-2/currentEpoch"))
		if e := (Epochs{}); tc.accepted != "12\n" {
			if _, err := fmt.Sscan(text, &e.Accepted, &e.Current); err != nil || e != tc.want || strings.Contains(text, "\n") {
				t.Errorf("%s: files hold %q", name, text)
			}
		}
		if names, _ := mem.List("/d/version-2"); slices.ContainsFunc(names, func(n string) bool { return strings.HasSuffix(n, tmpSuffix) }) {
			t.Errorf("%s: left %v", name, names)
		}
	}
}

func TestSaveEpochs(t *testing.T) {
	mem := vfs.NewMem()
	s := open(t, Options{FS: mem, DataDir: "/d"})
	if _, err := s.LoadEpochs(0); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(s.SaveAcceptedEpoch(3), s.SaveCurrentEpoch(3), s.SaveAcceptedEpoch(12)); err != nil {
		t.Fatal(err)
	}
	if a, c := get(t, mem, "/d/version-2/acceptedEpoch"), get(t, mem, "/d/version-2/currentEpoch"); string(a) != "12" || string(c) != "3" {
		t.Errorf("files hold %q, %q", a, c)
	}
	for name, f := range map[string]func(){
		"current above accepted": func() { s.SaveCurrentEpoch(13) },
		"accepted backwards":     func() { s.SaveAcceptedEpoch(11) },
	} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%s: no panic", name)
				}
			}()
			f()
		}()
	}
	for _, op := range []vfs.Op{vfs.OpCreate, vfs.OpWrite, vfs.OpSync, vfs.OpRename, vfs.OpSyncDir} {
		s.fs = &vfs.Faulty{FS: mem, Rule: vfs.FailNth(op, "*", 0, errPower)}
		var fatal *FatalError
		if err := s.SaveAcceptedEpoch(20); !errors.As(err, &fatal) || fatal.Part != PartEpoch || s.epochs.Accepted != 12 {
			t.Errorf("%s fails: %v, %+v", op, err, s.epochs)
		}
	}
}

func TestTruncate(t *testing.T) {
	z := func(n uint32) proto.Zxid { return proto.MakeZxid(1, n) }
	build := func(t *testing.T) *Store {
		s := open(t, Options{FS: vfs.NewMem(), DataDir: "/d", PreallocBytes: 1 << 14})
		snap := func(name, end proto.Zxid) {
			st := smallState(end, 2)
			if _, err := s.WriteSnapshot(name, stateSource{st}); err != nil {
				t.Fatal(err)
			}
		}
		snap(0, 0)
		for _, r := range [][2]uint32{{1, 4}, {5, 6}, {7, 10}} {
			if err := errors.Join(s.Log().Append(entries(z(r[0]), z(r[1]), 40)...), s.Log().Roll()); err != nil {
				t.Fatal(err)
			}
		}
		snap(z(3), z(5)) // fuzzy: holds two more than its name says
		snap(z(8), z(8))
		return s
	}
	for name, tc := range map[string]struct {
		to    proto.Zxid
		files string // left of logs, their indexes and snapshots; "" if refused
	}{
		"to the end":               {z(10), "index.100000001 index.100000005 index.100000007 log.100000001 log.100000005 log.100000007 snapshot.0 snapshot.100000003 snapshot.100000008"},
		"inside the last file":     {z(8), "index.100000001 index.100000005 log.100000001 log.100000005 log.100000007 snapshot.0 snapshot.100000003 snapshot.100000008"},
		"dirty snapshot":           {z(7), "index.100000001 index.100000005 log.100000001 log.100000005 log.100000007 snapshot.0 snapshot.100000003"},
		"to the end of a file":     {z(6), "index.100000001 index.100000005 log.100000001 log.100000005 snapshot.0 snapshot.100000003"},
		"dirty by its end":         {z(4), "index.100000001 log.100000001 snapshot.0"},
		"to the first":             {z(1), "log.100000001 snapshot.0"},
		"to the snapshot":          {0, "snapshot.0"},
		"beyond the end":           {z(11), ""},
		"not in the log":           {proto.MakeZxid(2, 1), ""},
		"between snapshot and log": {5, ""},
	} {
		s := build(t)
		before, _ := s.fs.List(s.snapDir)
		err := s.Truncate(tc.to)
		names, _ := s.fs.List(s.snapDir)
		if refused := (*TruncateError)(nil); tc.files == "" {
			if !errors.As(err, &refused) || !slices.Equal(before, names) {
				t.Errorf("%s: %v, left %v", name, err, names)
			}
			continue
		}
		left := strings.TrimPrefix(strings.Join(names, " "), lockName+" ")
		if err != nil || left != tc.files {
			t.Errorf("%s: %v, left %s\nwant %s", name, err, left, tc.files)
		}
		rec, err := s.Recover(newState(), func(e Entry) error {
			if e.Zxid > tc.to {
				return fmt.Errorf("%s is still there", e.Zxid)
			}
			return nil
		})
		if err != nil || rec.LastZxid != tc.to {
			t.Errorf("%s: %+v, %v", name, rec, err)
		}
		if err := checkIndexes(s.fs, s.logDir, rec.Snapshot); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		// And on with another history.
		next := proto.MakeZxid(2, 1)
		if err := errors.Join(s.Log().Append(entries(next, next+2, 5)...), s.Close()); err != nil {
			t.Fatal(err)
		}
		if rec, err := recoverDir(t, s.fs); err != nil || rec.LastZxid != next+2 {
			t.Errorf("%s, and on: %+v, %v", name, rec, err)
		}
	}
}

// TestTruncateWithoutBase cuts below all snapshots: nothing may be touched.
func TestTruncateWithoutBase(t *testing.T) {
	s := open(t, Options{FS: vfs.NewMem(), DataDir: "/d"})
	if err := errors.Join(s.Log().Append(entries(1, 9, 5)...), s.Log().Flush()); err != nil {
		t.Fatal(err)
	}
	if _, err := s.WriteSnapshot(7, stateSource{smallState(7, 1)}); err != nil {
		t.Fatal(err)
	}
	var refused *TruncateError
	if err := s.Truncate(6); !errors.As(err, &refused) {
		t.Errorf("Truncate = %v", err)
	}
	if rec, err := s.Recover(newState(), func(Entry) error { return nil }); err != nil || rec.LastZxid != 9 {
		t.Errorf("%+v, %v", rec, err)
	}
}

func TestDiscardAbove(t *testing.T) {
	s := open(t, Options{FS: vfs.NewMem(), DataDir: "/d"})
	if err := errors.Join(s.Log().Append(entries(1, 9, 5)...), s.Log().Roll(), s.Log().Append(entries(10, 12, 5)...), s.Log().Flush()); err != nil {
		t.Fatal(err)
	}
	for _, z := range []proto.Zxid{0, 11, 7} { // 11 is dirty; 7 came over the wire
		if _, err := s.WriteSnapshot(z, stateSource{smallState(z, 1)}); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.DiscardAbove(7); err != nil {
		t.Fatal(err)
	}
	rec, err := s.Recover(newState(), func(Entry) error { return nil })
	if err != nil || rec.LastZxid != 7 || rec.Snapshot != "snapshot.7" {
		t.Errorf("%+v, %v", rec, err)
	}
}

// TestDropBefore: what a full synchronisation has replaced does not come back
// if its snapshot is damaged, not even where a log behind it seems to follow.
func TestDropBefore(t *testing.T) {
	mem := vfs.NewMem()
	s := open(t, Options{FS: mem, DataDir: "/d"})
	newEpoch := proto.MakeZxid(2, 1)
	must := func(errs ...error) {
		t.Helper()
		if err := errors.Join(errs...); err != nil {
			t.Fatal(err)
		}
	}
	snapshot := func(z proto.Zxid) {
		_, err := s.WriteSnapshot(z, stateSource{smallState(z, 1)})
		must(err)
	}
	snapshot(0)
	must(s.Log().Append(entries(1, 9, 5)...), s.Log().Roll())
	put(t, mem, "/d/version-2/index.a", make([]byte, 99)) // of a log that is gone
	snapshot(20)                                          // from a leader, whose history has no 9
	must(s.DropBefore(20), s.Log().Append(entry(newEpoch, 5)), s.Log().Roll())
	if rec, err := s.Recover(newState(), func(Entry) error { return nil }); err != nil || rec.LastZxid != newEpoch || rec.Entries != 1 {
		t.Fatalf("%+v, %v", rec, err)
	}
	if names, err := mem.List("/d/version-2"); err != nil || slices.Contains(names, "index.1") || slices.Contains(names, "index.a") || !slices.Contains(names, "index.200000001") {
		t.Errorf("left are %v, %v", names, err)
	}
	if _, ok := mem.Zero("/d/version-2/snapshot.14", 40, 40); !ok {
		t.Fatal("nothing damaged")
	}
	rec, err := s.Recover(newState(), func(Entry) error { return nil })
	if none := (*NoSnapshotError)(nil); !errors.As(err, &none) {
		t.Errorf("recovered %+v, %v", rec, err)
	}
}

// settling is a source whose log has to catch up.
type settling struct {
	stateSource
	settle func() error
}

func (s settling) Settle() error { return s.settle() }

// TestSettle: a snapshot appears after its source has settled, or not at all.
func TestSettle(t *testing.T) {
	s := open(t, Options{FS: vfs.NewMem(), DataDir: "/d"})
	files := func() string {
		names, err := s.fs.List("/d/version-2")
		if err != nil {
			t.Fatal(err)
		}
		return strings.Join(names, " ")
	}
	src := settling{stateSource{smallState(3, 1)}, func() error {
		if got := files(); strings.Contains(got, "snapshot.3 ") || strings.HasSuffix(got, "snapshot.3") {
			t.Errorf("before it has settled there is %s", got)
		}
		return nil
	}}
	if _, err := s.WriteSnapshot(3, src); err != nil || !strings.Contains(files(), "snapshot.3") {
		t.Errorf("%v, %s", err, files())
	}
	src.settle = func() error { return errStop }
	if _, err := s.WriteSnapshot(4, src); !errors.Is(err, errStop) || strings.Contains(files(), "snapshot.4") {
		t.Errorf("stopped: %v, %s", err, files())
	}
}

func TestPurge(t *testing.T) {
	for name, tc := range map[string]struct {
		snaps, bad, logs []proto.Zxid
		keep             int
		want             string
	}{
		"nothing":               {nil, nil, nil, 3, ""},
		"few":                   {[]proto.Zxid{0, 5}, nil, []proto.Zxid{1, 6}, 3, ""},
		"one too many":          {[]proto.Zxid{0, 5, 9, 12}, nil, []proto.Zxid{1, 6, 10, 13}, 3, "snapshot.0"},
		"log ends before":       {[]proto.Zxid{0, 6, 9, 12}, nil, []proto.Zxid{1, 6, 10, 13}, 3, "snapshot.0 log.1"},
		"keep more":             {[]proto.Zxid{0, 5, 9, 12}, nil, []proto.Zxid{1, 6, 10, 13}, 4, ""},
		"bad ones do not count": {[]proto.Zxid{0, 5, 9, 12}, []proto.Zxid{4, 10}, []proto.Zxid{1, 6, 10, 13}, 3, "snapshot.0 snapshot.4"},
		"only bad ones":         {nil, []proto.Zxid{1, 2, 3, 4}, []proto.Zxid{1, 2}, 3, ""},
		"many":                  {[]proto.Zxid{1, 2, 3, 4, 5, 6, 7, 8}, nil, []proto.Zxid{1, 2, 3, 4, 5, 6, 7}, 3, "snapshot.1 snapshot.2 snapshot.3 snapshot.4 snapshot.5 log.1 log.2 log.3 log.4 log.5"},
	} {
		mem := vfs.NewMem()
		s := open(t, Options{FS: mem, DataDir: "/d"})
		for _, z := range tc.snaps {
			put(t, mem, filepath.Join(s.snapDir, snapName(z)), unhex(t, goldenSnap))
		}
		for _, z := range tc.bad {
			put(t, mem, filepath.Join(s.snapDir, snapName(z)), []byte("half a snapsho"))
		}
		for _, z := range tc.logs {
			put(t, mem, filepath.Join(s.logDir, logName(z)), nil)
		}
		put(t, mem, "/d/version-2/snapshot.3.tmp", []byte("being written"))
		before, _ := mem.List("/d/version-2")
		removed, err := s.Purge(tc.keep)
		var names []string
		for _, path := range removed {
			names = append(names, filepath.Base(path))
		}
		if got := strings.Join(names, " "); err != nil || got != tc.want {
			t.Errorf("%s: removed %q, %v; want %q", name, got, err, tc.want)
		}
		if after, _ := mem.List("/d/version-2"); len(after) != len(before)-len(removed) {
			t.Errorf("%s: left %v", name, after)
		}
	}
	if _, err := open(t, Options{FS: vfs.NewMem(), DataDir: "/d"}).Purge(2); err == nil {
		t.Error("Purge(2) is no error")
	}
}

func TestReadLog(t *testing.T) {
	s := open(t, Options{FS: vfs.NewMem(), DataDir: "/d", LogSizeLimit: 500})
	for z := proto.Zxid(1); z <= 30; z++ {
		if err := errors.Join(s.Log().Append(entry(z, 20)), s.Log().Flush()); err != nil {
			t.Fatal(err)
		}
	}
	for _, first := range []proto.Zxid{0, 1, 7, 30, 31} {
		next := max(first, 1)
		err := s.ReadLog(first, func(e Entry) error {
			if e.Zxid != next || !bytes.Equal(e.Payload, entry(next, 20).Payload) {
				return fmt.Errorf("got %s, want %s", e.Zxid, next)
			}
			next++
			return nil
		})
		if err != nil || next != 31 {
			t.Errorf("from %s: %v, then %s", first, err, next)
		}
	}
	if err := s.ReadLog(1, func(Entry) error { return errPower }); err != errPower {
		t.Errorf("error of fn: %v", err)
	}
	logs, _ := listFiles(s.fs, s.logDir, logPrefix)
	if len(logs) < 3 {
		t.Fatalf("%d logs", len(logs))
	}
	if err := s.fs.Remove(filepath.Join(s.logDir, logs[1].name)); err != nil {
		t.Fatal(err)
	}
	var c *CorruptionError
	if err := s.ReadLog(1, func(Entry) error { return nil }); !errors.As(err, &c) {
		t.Errorf("with a hole: %v", err)
	}
}

// TestBesideTheLog runs everything that may run beside the log writer, on a
// real disk, and then starts again from it.
func TestBesideTheLog(t *testing.T) {
	opts := Options{DataDir: t.TempDir(), PreallocBytes: 1 << 16, LogSizeLimit: 1 << 15}
	s := open(t, opts)
	if _, err := s.WriteSnapshot(0, stateSource{smallState(0, 3)}); err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	wg.Go(func() {
		for z := proto.Zxid(1); z <= 600; z++ {
			if err := errors.Join(s.Log().Append(entry(z, 100)), s.Log().Flush()); err != nil {
				t.Error(err)
				return
			}
		}
	})
	wg.Go(func() {
		for z := proto.Zxid(1); z <= 6; z++ {
			if _, err := s.WriteSnapshot(z, stateSource{smallState(z, 50)}); err != nil {
				t.Error(err)
			}
		}
		if _, err := s.Purge(MinRetain); err != nil {
			t.Error(err)
		}
	})
	wg.Go(func() {
		for range 20 {
			if err := s.ReadLog(7, func(Entry) error { return nil }); err != nil {
				t.Error(err)
			}
		}
	})
	wg.Go(func() {
		if _, err := s.LoadEpochs(0); err != nil {
			t.Error(err)
		}
		for e := int64(1); e < 20; e++ {
			if err := errors.Join(s.SaveAcceptedEpoch(e), s.SaveCurrentEpoch(e)); err != nil {
				t.Error(err)
			}
		}
	})
	wg.Wait()
	if v := s.metrics.SyncTime.Values(); v.Count != 600 || v.Sum <= 0 || v.Max <= 0 {
		t.Errorf("sync times: %+v", v)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = open(t, opts)
	n := 0
	rec, err := s.Recover(newState(), func(e Entry) error {
		n++
		if !bytes.Equal(e.Payload, entry(e.Zxid, 100).Payload) {
			return errors.New("other bytes than were written")
		}
		return nil
	})
	if err != nil || rec.LastZxid != 600 || rec.Snapshot != "snapshot.6" || n != 594 {
		t.Errorf("%+v, %d entries, %v", rec, n, err)
	}
}

func TestSymlinkIsNotFollowed(t *testing.T) {
	dir := t.TempDir()
	s := open(t, Options{DataDir: filepath.Join(dir, "data")})
	victim := filepath.Join(dir, "victim")
	if err := os.WriteFile(victim, []byte("precious"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(victim, filepath.Join(s.snapDir, "snapshot.7.tmp")); err != nil {
		t.Fatal(err)
	}
	if _, err := s.WriteSnapshot(7, stateSource{smallState(7, 1)}); err == nil {
		t.Error("wrote through a symbolic link")
	}
	if b, _ := os.ReadFile(victim); string(b) != "precious" {
		t.Errorf("the link's target holds %q", b)
	}
}
