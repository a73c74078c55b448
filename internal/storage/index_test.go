package storage

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"
	"testing"

	"github.com/paddock-io/paddock/internal/storage/vfs"
	"github.com/paddock-io/paddock/proto"
)

// checkIndexes compares the index of every log that recovery read with the log.
func checkIndexes(fsys vfs.FS, dir, snapshot string) error {
	logs, err := listFiles(fsys, dir, logPrefix)
	if err != nil {
		return err
	}
	snap, _ := parseName(snapshot, snapPrefix)
	for _, f := range from(logs, snap.zxid) {
		var want []byte
		_, err := VerifyLog(fsys, filepath.Join(dir, f.name), func(at int64, e Entry) error {
			want = appendIndexRecord(want, indexEntry{IDOf(e), at})
			return nil
		})
		if err != nil {
			return err
		}
		name, _ := indexOf(f.name)
		got, err := readAll(fsys, filepath.Join(dir, name))
		if err != nil {
			return err
		}
		if _, ok := parseIndexHeader(got); !ok || !bytes.Equal(got[indexRecord:], want) {
			return fmt.Errorf("%s has %d bytes and tells something else than the log, which has %d entries", name, len(got), len(want)/indexRecord)
		}
	}
	stray, err := listFiles(fsys, dir, indexPrefix)
	if err != nil {
		return err
	}
	for _, f := range stray {
		if !slices.ContainsFunc(logs, func(l dirFile) bool { return l.zxid == f.zxid }) {
			return fmt.Errorf("%s has no log", f.name)
		}
	}
	return nil
}

func readAll(fsys vfs.FS, path string) ([]byte, error) {
	f, err := fsys.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	size, err := f.Size()
	if err != nil {
		return nil, err
	}
	b := make([]byte, size)
	if n, err := f.ReadAt(b, 0); int64(n) < size {
		return nil, err
	}
	return b, nil
}

// TestIndexFormat holds the bytes of docs/formats/index.md.
func TestIndexFormat(t *testing.T) {
	b := appendIndexHeader(nil, 0x100000007)
	b = appendIndexRecord(b, indexEntry{EntryID{0x200000001, 48, 0x0b250c3e}, 16})
	want := unhex(t, `50444b494e444558 00000001 00000000 0000000100000007 eff1425c
		0000000200000001 0000000000000010 00000030 0b250c3e 2132ff6d`)
	if !bytes.Equal(b, want) {
		t.Errorf("got  %x\nwant %x", b, want)
	}
	for at := range b { // no flipped bit is believed
		c := bytes.Clone(b)
		c[at] ^= 1 << (at % 8)
		_, head := parseIndexHeader(c)
		_, rec := parseIndexRecord(c[indexRecord:])
		if head && at < indexRecord || rec && at >= indexRecord {
			t.Errorf("byte %d flipped: believed", at)
		}
	}
}

// TestIndexDecides is the table of what looks like a torn end, where an index
// knows better.
func TestIndexDecides(t *testing.T) {
	for _, closed := range []bool{true, false} {
		mem, ends := batches(t, 100, closed, 1, 1, 1)
		good, index := get(t, mem, batchLog), get(t, mem, batchIndex)
		cut, end := ends[1], ends[2] // of the last entry
		mid := (cut + end) / 2
		zero := func(b []byte, low, high int64) []byte { b = bytes.Clone(b); clear(b[low:high]); return b }
		for name, tc := range map[string]struct {
			log, index []byte // nil for no file
			want       int    // entries recovered, -1 for a CorruptionError
		}{
			"whole":                                             {good, index, 3},
			"whole, no index":                                   {good, nil, 3},
			"whole, empty index":                                {good, []byte{}, 3},
			"whole, index cut":                                  {good, index[:indexRecord*2+7], 3},
			"whole, index of zeros":                             {good, make([]byte, len(index)), 3},
			"whole, index header damaged":                       {good, zero(index, 0, 8), 3},
			"whole, index record damaged":                       {good, zero(index, 60, 61), 3},
			"whole, index of something else":                    {good, appendIndexRecord(appendIndexHeader(nil, -1), indexEntry{EntryID{7, 99, 3}, 16}), 3},
			"last entry zero":                                   {zero(good, cut, end), index, -1},
			"last entry half zero":                              {zero(good, mid, end), index, -1},
			"last entry half zero, no index":                    {zero(good, mid, end), nil, 2},
			"last entry half zero, its record damaged":          {zero(good, mid, end), zero(index, 4*indexRecord-9, 4*indexRecord-7), 2},
			"last entry half zero, header of the index damaged": {zero(good, mid, end), zero(index, 0, 30), -1},
			"cut inside the last entry":                         {good[:mid], index, -1},
			"cut by a Java server":                              {good[:cut], index, 2},
			"cut behind the file's header":                      {good[:logHeaderSize], index, -1},
			"all zero":                                          {make([]byte, len(good)), index, -1},
			"no byte":                                           {[]byte{}, index, -1},
			"gone":                                              {nil, index, -1},
			"gone with its index":                               {nil, nil, 0},
			"gone, and the index is empty":                      {nil, []byte{}, 0},
			"gone, and the index has its header only":           {nil, index[:indexRecord], -1},
			"gone, and the index is zero":                       {nil, make([]byte, len(index)), -1},
		} {
			dir := vfs.NewMem()
			put(t, dir, "/d/version-2/snapshot.0", get(t, mem, "/d/version-2/snapshot.0"))
			if !closed {
				put(t, dir, "/d/version-2/"+writingName, []byte("log.100000001"))
			}
			for path, b := range map[string][]byte{batchLog: tc.log, batchIndex: tc.index} {
				if b != nil {
					put(t, dir, path, b)
				}
			}
			rec, err := recoverDir(t, dir)
			var c *CorruptionError
			if tc.want < 0 && (!errors.As(err, &c) || c.File != batchLog) || tc.want >= 0 && (err != nil || rec.Entries != tc.want) {
				t.Errorf("closed %v, %s: %+v, %v; want %d entries", closed, name, rec, err, tc.want)
			}
			if tc.want >= 0 {
				if err := checkIndexes(dir, "/d/version-2", "snapshot.0"); err != nil {
					t.Errorf("closed %v, %s: %v", closed, name, err)
				}
			} else if _, err := dir.Stat(batchIndex); err != nil {
				t.Errorf("closed %v, %s: the index is gone", closed, name)
			}
		}
	}
}

// TestLostLog takes whole files away where no sequence of zxids shows it.
func TestLostLog(t *testing.T) {
	build := func() *vfs.Mem {
		mem := vfs.NewMem()
		s := open(t, Options{FS: mem, DataDir: "/d"})
		if _, err := s.WriteSnapshot(0, stateSource{smallState(0, 1)}); err != nil {
			t.Fatal(err)
		}
		for e := int64(1); e <= 3; e++ {
			if err := errors.Join(s.Log().Append(entries(proto.MakeZxid(e, 1), proto.MakeZxid(e, 3), 30)...), s.Log().Roll()); err != nil {
				t.Fatal(err)
			}
		}
		return unlocked(t, mem)
	}
	for name, tc := range map[string]struct {
		remove []string
		want   int // entries, -1 for damage
	}{
		"none":                        {nil, 9},
		"in the middle":               {[]string{"log.200000001"}, -1},
		"in the middle, index too":    {[]string{"log.200000001", "index.200000001"}, -1},
		"the newest":                  {[]string{"log.300000001"}, -1},
		"the newest two":              {[]string{"log.200000001", "log.300000001"}, -1},
		"the newest, by a Java trunc": {[]string{"log.300000001", "index.300000001"}, 6},
		"all":                         {[]string{"log.100000001", "log.200000001", "log.300000001"}, -1},
	} {
		mem := build()
		for _, f := range tc.remove {
			if err := mem.Remove("/d/version-2/" + f); err != nil {
				t.Fatal(err)
			}
		}
		rec, err := recoverDir(t, mem)
		var c *CorruptionError
		if tc.want < 0 && !errors.As(err, &c) || tc.want >= 0 && (err != nil || rec.Entries != tc.want) {
			t.Errorf("%s: %+v, %v; want %d", name, rec, err, tc.want)
		}
	}
	// A snapshot that holds all of it makes the loss harmless.
	mem := build()
	s := open(t, Options{FS: mem, DataDir: "/d"})
	if _, err := s.WriteSnapshot(proto.MakeZxid(3, 3), stateSource{smallState(1, 1)}); err != nil {
		t.Fatal(err)
	}
	s.Close()
	if err := mem.Remove("/d/version-2/log.300000001"); err != nil {
		t.Fatal(err)
	}
	if _, err := recoverDir(t, unlocked(t, mem)); err != nil {
		t.Errorf("behind a snapshot: %v", err)
	}
}

// TestLostLogAndIndex: with the log gone, what its damaged index does not tell any
// more may have been there.
func TestLostLogAndIndex(t *testing.T) {
	const n = 60 // transactions: the index has four sectors
	for name, damage := range map[string]func(mem *vfs.Mem, at int64) (vfs.Damage, bool){
		"zero": func(mem *vfs.Mem, at int64) (vfs.Damage, bool) {
			return mem.Zero("/d/version-2/index.100000001", at, 28)
		},
		"unreadable": func(mem *vfs.Mem, at int64) (vfs.Damage, bool) {
			return mem.Unreadable("/d/version-2/index.100000001", at, 1)
		},
	} {
		for at := int64(0); at < (n+1)*indexRecord; at += 256 {
			mem := vfs.NewMem()
			s := open(t, Options{FS: mem, DataDir: "/d"})
			if _, err := s.WriteSnapshot(0, stateSource{smallState(0, 1)}); err != nil {
				t.Fatal(err)
			}
			if err := errors.Join(s.Log().Append(entries(proto.MakeZxid(1, 1), proto.MakeZxid(1, n), 30)...), s.Close()); err != nil {
				t.Fatal(err)
			}
			if err := mem.Remove("/d/version-2/log.100000001"); err != nil {
				t.Fatal(err)
			}
			if _, ok := damage(mem, at); !ok {
				t.Fatal("nothing damaged")
			}
			s = open(t, Options{FS: mem, DataDir: "/d"})
			_, err := s.Recover(newState(), func(Entry) error { return nil })
			var c *CorruptionError
			if !errors.As(err, &c) || filepath.Base(c.File) != "log.100000001" {
				t.Errorf("%s at %d: %v", name, at, err)
			}
			v, err := s.Survey()
			if err != nil {
				t.Fatal(err)
			}
			known, open := 0, false
			for _, g := range v.Gaps {
				known += len(g.Lost)
				open = open || len(g.Lost) == 0
			}
			if known == n && at > 0 || !open && at > 0 || known > n {
				t.Errorf("%s at %d: %d transactions are known, %+v", name, at, known, v.Gaps)
			}
		}
	}
}

// TestIndexWrite fails every operation on an index: it is as fatal as one on the
// log, because the next records would tell of other offsets.
func TestIndexWrite(t *testing.T) {
	for _, op := range []vfs.Op{vfs.OpCreate, vfs.OpWrite, vfs.OpSync} {
		mem := vfs.NewMem()
		s := open(t, Options{FS: &vfs.Faulty{FS: mem, Rule: vfs.FailNth(op, "index.*", 0, errPower)}, DataDir: "/d"})
		err := errors.Join(s.Log().Append(entry(1, 10)), s.Log().Roll())
		var fatal *FatalError
		if !errors.As(err, &fatal) || fatal.Part != PartLog {
			t.Errorf("%s: %v", op, err)
		}
	}
}

// TestNoSyncHasNoIndex checks that nothing claims durability when nothing is durable.
func TestNoSyncHasNoIndex(t *testing.T) {
	mem := vfs.NewMem()
	s := open(t, Options{FS: mem, DataDir: "/d", NoSync: true})
	if err := errors.Join(s.Log().Append(entry(1, 10)), s.Log().Roll()); err != nil {
		t.Fatal(err)
	}
	if _, err := mem.Stat("/d/version-2/index.1"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("there is an index: %v", err)
	}
}
