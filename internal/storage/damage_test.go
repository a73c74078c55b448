package storage

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"strings"
	"testing"

	"github.com/paddock-io/paddock/internal/storage/vfs"
	"github.com/paddock-io/paddock/proto"
)

// batches builds a directory with snapshot.0 and the log 0x100000001.., one
// batch per element with so many entries of size bytes. If closed is false the
// log is left as a killed process leaves it. It returns where each batch ends.
func batches(t testing.TB, size int, closed bool, counts ...int) (*vfs.Mem, []int64) {
	t.Helper()
	mem := vfs.NewMem()
	s, err := Open(Options{FS: mem, DataDir: "/d", PreallocBytes: 1 << 16})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.WriteSnapshot(0, stateSource{smallState(0, 1)}); err != nil {
		t.Fatal(err)
	}
	z, ends := proto.MakeZxid(1, 1), []int64(nil)
	for _, n := range counts {
		if err := errors.Join(s.Log().Append(entries(z, z+proto.Zxid(n)-1, size)...), s.Log().Flush()); err != nil {
			t.Fatal(err)
		}
		z += proto.Zxid(n)
		ends = append(ends, s.Log().Size())
	}
	if closed {
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
	return unlocked(t, mem), ends
}

// unlocked copies a file system as if its process had been killed.
func unlocked(t testing.TB, mem *vfs.Mem) *vfs.Mem {
	t.Helper()
	out := vfs.NewMem()
	names, err := mem.List("/d/version-2")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		put(t, out, "/d/version-2/"+name, get(t, mem, "/d/version-2/"+name))
	}
	return out
}

const (
	batchLog   = "/d/version-2/log.100000001"
	batchIndex = "/d/version-2/index.100000001"
)

// recoverDir recovers /d and returns how many entries were replayed.
func recoverDir(t testing.TB, mem vfs.FS) (Recovered, error) {
	t.Helper()
	s, err := Open(Options{FS: mem, DataDir: "/d"})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	return s.Recover(newState(), func(Entry) error { return nil })
}

// TestNoSilentLoss damages an unclosed log in every way a disk does, at every
// sector and many bytes, and checks that no entry of a batch before the last
// one is ever lost without an error, and with an index none at all.
func TestNoSilentLoss(t *testing.T) {
	for i := range 6 {
		size, indexed := []int{10, 300, 1500}[i/2], i%2 == 0
		mem, ends := batches(t, size, false, 1, 3, 2, 4, 3)
		whole := get(t, mem, batchLog)
		safe, total := ends[len(ends)-2], ends[len(ends)-1]
		if indexed {
			safe = total
		}
		perEntry := (total - logHeaderSize) / 13
		damage := func(what string, at int64, b []byte) {
			put(t, mem, batchLog, b)
			put(t, mem, "/d/version-2/"+writingName, []byte("log.100000001"))
			if !indexed {
				mem.Remove(batchIndex)
			}
			rec, err := recoverDir(t, mem)
			var c *CorruptionError
			switch {
			case what == "flipped bit" && err == nil:
				t.Fatalf("size %d, %s at %d: taken for an interrupted write", size, what, at)
			case err != nil && !errors.As(err, &c):
				t.Fatalf("size %d, %s at %d: %v", size, what, at, err)
			case err != nil && (c.File != batchLog || !strings.Contains(err.Error(), "run: paddock log verify "+batchLog)):
				t.Fatalf("size %d, %s at %d: %v", size, what, at, err)
			case err == nil && at < safe && int64(rec.Entries) <= (at-logHeaderSize)/perEntry && !bytes.Equal(b, whole):
				t.Fatalf("size %d, %s at %d: %d entries recovered without a word", size, what, at, rec.Entries)
			case err == nil && int64(rec.Entries) < (safe-logHeaderSize)/perEntry:
				t.Fatalf("size %d, %s at %d: only %d entries recovered", size, what, at, rec.Entries)
			}
		}
		for at := int64(0); at < total; at += vfs.SectorSize {
			for what, fill := range map[string]byte{"zeros": 0, "ones": 0xff} {
				b := bytes.Clone(whole)
				copy(b[at:], bytes.Repeat([]byte{fill}, vfs.SectorSize))
				damage("sector of "+what, at, b)
			}
		}
		for at := int64(0); at < total; at++ {
			if at >= 4 && at < logHeaderSize || size > 100 && at%13 > 0 { // version and dbid are not looked at
				continue
			}
			b := bytes.Clone(whole)
			b[at] ^= 1 << (at % 8)
			damage("flipped bit", at, b)
		}
	}
}

// TestLogEnds is the table of what may stand at the end of the newest log, with
// nothing else to go by.
func TestLogEnds(t *testing.T) {
	mem, ends := batches(t, 100, true, 1, 1, 1)
	good := get(t, mem, batchLog)
	cut, end := ends[1], ends[2] // of the last entry
	mid := (cut + end) / 2
	edit := func(f func(b []byte) []byte) []byte { return f(bytes.Clone(good)) }
	for name, tc := range map[string]struct {
		log  []byte
		want int   // entries recovered, -1 for a CorruptionError
		at   int64 // of the error
	}{
		"as closed":                  {good, 3, 0},
		"with Java's padding":        {edit(func(b []byte) []byte { return append(b, make([]byte, 70000)...) }), 3, 0},
		"cut inside the last entry":  {good[:mid], 2, 0},
		"cut inside its header":      {good[:cut+5], 2, 0},
		"cut before its end mark":    {good[:end-1], 2, 0},
		"last entry half zero":       {edit(func(b []byte) []byte { clear(b[mid:]); return b }), 2, 0},
		"half zero, then padding":    {edit(func(b []byte) []byte { clear(b[mid:]); return append(b, make([]byte, 5000)...) }), 2, 0},
		"0 bytes":                    {nil, 0, 0},
		"only zeros":                 {make([]byte, 5000), 0, 0},
		"header only":                {good[:logHeaderSize], 0, 0},
		"short header":               {good[:7], 0, 0},
		"flipped bit, last payload":  {edit(func(b []byte) []byte { b[mid] ^= 4; return b }), -1, cut},
		"flipped bit, last checksum": {edit(func(b []byte) []byte { b[cut+6] ^= 4; return b }), -1, cut},
		"flipped bit, last length":   {edit(func(b []byte) []byte { b[cut+10] ^= 4; return b }), -1, cut},
		"flipped bit, end mark":      {edit(func(b []byte) []byte { b[end-1] ^= 4; return b }), -1, cut},
		"flipped bit, first payload": {edit(func(b []byte) []byte { b[50] ^= 4; return b }), -1, logHeaderSize},
		"length zero, entry follows": {edit(func(b []byte) []byte { clear(b[ends[0] : ends[0]+12]); return b }), -1, ends[0]},
		"sector-like hole":           {edit(func(b []byte) []byte { clear(b[ends[0]:ends[1]]); return b }), -1, ends[0]},
		"0xff garbage":               {edit(func(b []byte) []byte { return append(b, bytes.Repeat([]byte{0xff}, 100)...) }), -1, end},
		"one byte of garbage":        {edit(func(b []byte) []byte { return append(b, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 7) }), -1, end},
		"garbage behind padding":     {edit(func(b []byte) []byte { return append(append(b, make([]byte, 9000)...), 0xff) }), 3, 0},
		"wrong magic":                {edit(func(b []byte) []byte { b[0] = 'X'; return b }), -1, 0},
		"length 2 GiB":               {edit(func(b []byte) []byte { b[cut+8] = 0x7f; return b }), -1, cut},
		"length negative":            {edit(func(b []byte) []byte { b[cut+8] = 0x80; return b }), -1, cut},
	} {
		put(t, mem, batchLog, tc.log)
		if err := mem.Remove(batchIndex); err != nil && !errors.Is(err, fs.ErrNotExist) {
			t.Fatal(err)
		}
		rec, err := recoverDir(t, mem)
		var c *CorruptionError
		switch {
		case tc.want < 0 && (!errors.As(err, &c) || c.Offset != tc.at || c.File != batchLog):
			t.Errorf("%s: %+v, %v; want damage at byte %d", name, rec, err, tc.at)
		case tc.want >= 0 && (err != nil || rec.Entries != tc.want):
			t.Errorf("%s: %d entries, %v; want %d", name, rec.Entries, err, tc.want)
		case tc.want > 0:
			info, err := VerifyLog(mem, batchLog, nil)
			if err != nil || info.End != info.Size || info.Entries != tc.want {
				t.Errorf("%s: the log was left as %+v, %v", name, info, err)
			}
		case tc.want == 0:
			if _, err := mem.Stat(batchLog); err == nil {
				t.Errorf("%s: the log without entries is still there", name)
			}
		}
	}
}

// TestLogsInSequence is the table of what may stand between two logs.
func TestLogsInSequence(t *testing.T) {
	file := func(es ...Entry) []byte {
		b := appendLogHeader(nil)
		for _, e := range es {
			b = appendEntry(b, e.Payload)
		}
		return b
	}
	z := func(epoch int64, n uint32) proto.Zxid { return proto.MakeZxid(epoch, n) }
	run := func(from, to proto.Zxid) []Entry { return entries(from, to, 9) }
	torn := func(b []byte, n int) []byte { return append(b[:len(b)-n:len(b)-n], make([]byte, 600)...) }
	for name, tc := range map[string]struct {
		logs map[string][]byte
		want proto.Zxid // -1 for a CorruptionError
	}{
		"two":                           {map[string][]byte{"log.1": file(run(1, 3)...), "log.4": file(run(4, 5)...)}, 5},
		"new epoch in the file":         {map[string][]byte{"log.1": file(append(run(1, 3), run(z(1, 1), z(1, 2))...)...)}, z(1, 2)},
		"new epoch, new file":           {map[string][]byte{"log.1": file(run(1, 3)...), "log.500000001": file(run(z(5, 1), z(5, 1))...)}, z(5, 1)},
		"hole in a file":                {map[string][]byte{"log.1": file(append(run(1, 3), run(5, 6)...)...)}, -1},
		"hole between files":            {map[string][]byte{"log.1": file(run(1, 3)...), "log.5": file(run(5, 5)...)}, -1},
		"hole at the start of an epoch": {map[string][]byte{"log.1": file(append(run(1, 3), run(z(1, 2), z(1, 3))...)...)}, -1},
		"hole behind the snapshot":      {map[string][]byte{"log.2": file(run(2, 3)...)}, -1},
		"some twice":                    {map[string][]byte{"log.1": file(append(run(1, 5), run(4, 7)...)...)}, 7},
		"torn, and repeated":            {map[string][]byte{"log.1": torn(file(run(1, 3)...), 20), "log.3": file(run(3, 5)...)}, 5},
		"torn, then a gap":              {map[string][]byte{"log.1": torn(file(run(1, 3)...), 20), "log.4": file(run(4, 5)...)}, -1},
		"torn, then an epoch":           {map[string][]byte{"log.1": torn(file(run(1, 3)...), 20), "log.100000001": file(run(z(1, 1), z(1, 1))...)}, -1},
		"padded":                        {map[string][]byte{"log.1": torn(file(run(1, 3)...), 0), "log.4": file(run(4, 5)...)}, 5},
		"garbage in the first":          {map[string][]byte{"log.1": append(file(run(1, 3)...), 0xff, 0xff), "log.4": file(run(4, 5)...)}, -1},
		"first is empty":                {map[string][]byte{"log.1": nil, "log.4": file(run(4, 5)...)}, -1},
		"last is empty":                 {map[string][]byte{"log.1": file(run(1, 3)...), "log.4": nil}, 3},
		"other files":                   {map[string][]byte{"log.1": file(run(1, 3)...), "log.x": nil, "log": {1}, "logs.2": {2}, "x.log.1": {3}}, 3},
	} {
		mem := vfs.NewMem()
		for n, b := range tc.logs {
			put(t, mem, "/d/version-2/"+n, b)
		}
		put(t, mem, "/d/version-2/snapshot.0", unhex(t, goldenSnap))
		rec, err := recoverDir(t, mem)
		var c *CorruptionError
		if tc.want < 0 && !errors.As(err, &c) {
			t.Errorf("%s: %+v, %v; want damage", name, rec, err)
		}
		if tc.want >= 0 && (err != nil || rec.LastZxid != tc.want) {
			t.Errorf("%s: %s, %v; want %s", name, rec.LastZxid, err, tc.want)
		}
	}
}

// TestSnapshotDamage flips every bit of a snapshot and cuts it at every byte:
// an older one must be taken, and only if the log leads up to the bad one.
func TestSnapshotDamage(t *testing.T) {
	mem, _ := batches(t, 10, true, 3)
	old := get(t, mem, "/d/version-2/snapshot.0")
	s := open(t, Options{FS: vfs.NewMem(), DataDir: "/w"})
	if _, err := s.WriteSnapshot(5, stateSource{smallState(5, 3)}); err != nil {
		t.Fatal(err)
	}
	good := get(t, s.fs, "/w/version-2/snapshot.5")
	check := func(what string, at int, b []byte) {
		for z, covered := range map[proto.Zxid]bool{proto.MakeZxid(1, 2): true, proto.MakeZxid(1, 4): false} {
			dir := vfs.NewMem()
			put(t, dir, "/d/version-2/snapshot.0", old)
			put(t, dir, batchLog, get(t, mem, batchLog))
			put(t, dir, filepath.Join("/d/version-2", snapName(z)), b)
			rec, err := recoverDir(t, dir)
			var c *CorruptionError
			if covered && (err != nil || rec.Snapshot != "snapshot.0" || rec.Entries != 3 || len(rec.Skipped) != 1) {
				t.Fatalf("%s at %d: %+v, %v", what, at, rec, err)
			}
			if !covered && (!errors.As(err, &c) || !strings.Contains(err.Error(), "snap verify")) {
				t.Fatalf("%s at %d, log too short: %+v, %v", what, at, rec, err)
			}
		}
	}
	for at := range good {
		if at >= 4 && at < snapHeaderSize {
			continue // covered by the checksum alone; see below
		}
		b := bytes.Clone(good)
		b[at] ^= 1 << (at % 8)
		check("flipped bit", at, b)
		if (len(good)-at != endZxidSize) && (len(good)-at != endZxidSize+digestSize) { // whole sections may be missing
			check("cut", at, good[:at])
		}
	}
	b := bytes.Clone(good)
	b[5] ^= 1
	check("version", 5, b)
	check("longer", len(good), append(bytes.Clone(good), "\x00\x00\x00\x01/"...))
}

// TestSnapshotLayouts reads every combination of trailing sections.
func TestSnapshotLayouts(t *testing.T) {
	whole := unhex(t, goldenSnap)
	lastOnly := bytes.Clone(whole[:424])
	e := &snapEncoder{w: new(bytes.Buffer), sealed: true, sum: adler(adlerStart, lastOnly)}
	e.buf = append(e.buf, 0, 0, 0, 0, 0, 0, 0, 9)
	if err := e.seal(); err != nil {
		t.Fatal(err)
	}
	lastOnly = append(lastOnly, e.w.(*bytes.Buffer).Bytes()...)
	for name, tc := range map[string]struct {
		b            []byte
		digest, last bool
	}{
		"neither": {whole[:424], false, false},
		"digest":  {whole[:457], true, false},
		"both":    {whole, true, true},
		"last":    {lastOnly, false, true},
	} {
		mem, st := vfs.NewMem(), newState()
		put(t, mem, "/s/snapshot.0", tc.b)
		err := VerifySnapshot(mem, "/s/snapshot.0", st)
		if err != nil || (st.digest != nil) != tc.digest || st.hasLast != tc.last || len(st.nodes) != 4 {
			t.Errorf("%s: digest %v, last %v, %d nodes, %v", name, st.digest, st.hasLast, len(st.nodes), err)
		}
	}
}

func TestFullDisk(t *testing.T) {
	for _, op := range []vfs.Op{vfs.OpWrite, vfs.OpSync, vfs.OpCreate, vfs.OpSyncDir, vfs.OpTruncate} {
		for n := range 4 {
			mem, full := vfs.NewMem(), errors.New("no space left on device")
			s := open(t, Options{FS: mem, DataDir: "/d", PreallocBytes: 4096})
			if _, err := s.WriteSnapshot(0, stateSource{smallState(0, 1)}); err != nil {
				t.Fatal(err)
			}
			s.fs = &vfs.Faulty{FS: mem, Rule: vfs.FailNth(op, "*", n, full)}
			acked, failed := 0, error(nil)
			for z := proto.Zxid(1); z < 9 && failed == nil; z++ {
				if failed = errors.Join(s.Log().Append(entry(z, 2000)), s.Log().Flush()); failed == nil {
					acked = int(z)
				}
			}
			var fatal *FatalError
			if (op == vfs.OpWrite || op == vfs.OpSync) && failed == nil {
				t.Errorf("%s fails from the %dth on: nobody noticed", op, n+1)
			}
			if failed != nil && (!errors.As(failed, &fatal) || fatal.Part != PartLog || !errors.Is(failed, full)) {
				t.Errorf("%s: %v", op, failed)
			}
			s.fs = mem // the disk has room again, but what is on it is not known
			if failed != nil {
				if err := s.Log().Flush(); err == nil || !errors.Is(err, full) {
					t.Errorf("%s: the failure was forgotten: %v", op, err)
				}
				if err := s.Log().Append(entry(99, 1)); err == nil {
					t.Errorf("%s: Append after a failure", op)
				}
			}
			s.Close()
			if rec, err := recoverDir(t, mem); err != nil || rec.Entries < acked {
				t.Errorf("%s: %d of %d entries, %v", op, rec.Entries, acked, err)
			}
		}
	}
}

func TestFailedSnapshotLeavesNothing(t *testing.T) {
	for _, op := range []vfs.Op{vfs.OpCreate, vfs.OpWrite, vfs.OpSync, vfs.OpRename} {
		mem := vfs.NewMem()
		s := open(t, Options{FS: mem, DataDir: "/d"})
		s.fs = &vfs.Faulty{FS: mem, Rule: vfs.FailNth(op, "snapshot*", 0, errPower)}
		_, err := s.WriteSnapshot(7, stateSource{smallState(7, 5)})
		var fatal *FatalError
		if !errors.As(err, &fatal) || fatal.Part != PartSnapshot {
			t.Errorf("%s: %v", op, err)
		}
		if names, _ := mem.List("/d/version-2"); fmt.Sprint(names) != "["+lockName+"]" {
			t.Errorf("%s: %v is left", op, names)
		}
	}
	mem := vfs.NewMem()
	s := open(t, Options{FS: mem, DataDir: "/d"})
	_, err := s.WriteSnapshot(7, failingSource{stateSource{smallState(7, 5)}})
	var fatal *FatalError
	if !errors.Is(err, errPower) || errors.As(err, &fatal) {
		t.Errorf("source: %v", err)
	}
	if names, _ := mem.List("/d/version-2"); len(names) != 1 {
		t.Errorf("source: %v is left", names)
	}
}

type failingSource struct{ stateSource }

func (failingSource) Nodes(func(*SnapNode) error) error { return errPower }
