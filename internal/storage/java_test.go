package storage

import (
	"bytes"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/paddock-io/paddock/internal/storage/vfs"
	"github.com/paddock-io/paddock/proto"
)

// javaDirs copies each captured data directory, testdata/java/NAME/version-2,
// into a memory file system of its own at /d/version-2. NOTE says how they came about.
func javaDirs(t *testing.T) map[string]*vfs.Mem {
	t.Helper()
	paths, err := filepath.Glob("testdata/java/*/version-2/*")
	if err != nil || len(paths) == 0 {
		t.Skip("no captured files")
	}
	dirs := map[string]*vfs.Mem{}
	for _, path := range paths {
		b, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		name := filepath.Base(filepath.Dir(filepath.Dir(path)))
		if dirs[name] == nil {
			dirs[name] = vfs.NewMem()
		}
		put(t, dirs[name], filepath.Join("/d/version-2", filepath.Base(path)), b)
	}
	return dirs
}

// TestJavaLogs reads every captured log, every transaction in it, and writes it again, byte for byte.
func TestJavaLogs(t *testing.T) {
	for name, mem := range javaDirs(t) {
		logs, _ := listFiles(mem, "/d/version-2", logPrefix)
		for _, f := range logs {
			path := filepath.Join("/d/version-2", f.name)
			var b []byte
			b = appendLogHeader(b)
			zxids := []proto.Zxid{}
			info, err := VerifyLog(mem, path, func(_ int64, e Entry) error {
				txn, err := proto.DecodeTxn(e.Payload)
				if err != nil {
					return err
				}
				zxids = append(zxids, txn.Zxid)
				txn.Encode(len(e.Payload))
				b = appendEntry(b, txn.Raw)
				return nil
			})
			if err != nil || info.Torn || info.First != f.zxid {
				t.Errorf("%s/%s: %+v, %v", name, f.name, info, err)
			}
			if want := get(t, mem, path)[:info.End]; !bytes.Equal(b, want) {
				t.Errorf("%s/%s: encoded %x\nwant %x", name, f.name, b, want)
			}
			if want := javaZxids(t, name, f.name); !equalZxids(zxids, want) {
				t.Errorf("%s/%s: zxids %v, Java's tool prints %v", name, f.name, zxids, want)
			}
		}
	}
}

// javaZxids reads the zxids out of what Java's TxnLogToolkit printed.
func javaZxids(t *testing.T, dir, log string) []proto.Zxid {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("testdata/java", dir, log+".txt"))
	if err != nil {
		t.Fatal(err)
	}
	zxids := []proto.Zxid{}
	for line := range strings.Lines(string(b)) {
		_, rest, ok := strings.Cut(line, " zxid 0x")
		if !ok {
			continue
		}
		hex, _, _ := strings.Cut(rest, " ")
		z, err := strconv.ParseInt(hex, 16, 64)
		if err != nil {
			t.Fatal(err)
		}
		zxids = append(zxids, proto.Zxid(z))
	}
	return zxids
}

func equalZxids(a, b []proto.Zxid) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		if a[i] != b[i] {
			return false
		}
	}
	return true
}

// TestJavaSnapshots reads every captured snapshot and writes it again, byte for byte, told what that server was told.
// Two things are not written: another program's compression, whose plain bytes are compared, and the last section of
// a 3.9 without digests, which a server with digests would take for one.
func TestJavaSnapshots(t *testing.T) {
	for name, mem := range javaDirs(t) {
		snaps, _ := listFiles(mem, "/d/version-2", snapPrefix)
		for _, f := range snaps {
			st, path := newState(), filepath.Join("/d/version-2", f.name)
			if err := VerifySnapshot(mem, path, st); err != nil {
				t.Errorf("%s/%s: %v", name, f.name, err)
				continue
			}
			want := plain(t, mem, path)
			if st.digest == nil && st.hasLast {
				want = want[:len(want)-endZxidSize]
			}
			s := open(t, Options{FS: vfs.NewMem(), DataDir: "/w", NoDigest: st.digest == nil, NoSnapshotEnd: !st.hasLast})
			if _, err := s.WriteSnapshot(f.zxid, stateSource{st}); err != nil {
				t.Fatal(err)
			}
			if got := get(t, s.fs, filepath.Join("/w/version-2", snapName(f.zxid))); !bytes.Equal(got, want) {
				t.Errorf("%s/%s: wrote %x\nwant %x", name, f.name, got, want)
			}
		}
	}
}

// plain returns a snapshot's bytes without its compression.
func plain(t *testing.T, fs vfs.FS, path string) []byte {
	t.Helper()
	f, err := fs.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	r, done, err := decompress(f, path)
	if err != nil {
		t.Fatal(err)
	}
	defer done()
	b, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// beginsWithLogs reports whether there is no snapshot, as in the directory of a young 3.4: later versions, and Paddock,
// want to be told snapshot.trust.empty=true before they believe it.
func beginsWithLogs(mem *vfs.Mem) bool {
	snaps, _ := listFiles(mem, "/d/version-2", snapPrefix)
	return len(snaps) == 0
}

// TestJavaDirectories recovers every captured directory.
func TestJavaDirectories(t *testing.T) {
	for name, mem := range javaDirs(t) {
		logs, _ := listFiles(mem, "/d/version-2", logPrefix)
		want := javaZxids(t, name, logs[len(logs)-1].name)
		s := open(t, Options{FS: mem, DataDir: "/d", TrustEmptySnapshot: beginsWithLogs(mem)})
		rec, err := s.Recover(newState(), func(e Entry) error { return nil })
		if err != nil || rec.LastZxid != want[len(want)-1] || rec.Cut != nil || len(rec.Skipped) > 0 {
			t.Errorf("%s: %+v, %v; Java's log ends at %s", name, rec, err, want[len(want)-1])
		}
		if _, err := s.LoadEpochs(rec.LastZxid); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestJavaTruncate does to the directory before a TRUNC what Java did to it.
func TestJavaTruncate(t *testing.T) {
	dirs := javaDirs(t)
	before, after := dirs["before_trunc"], dirs["after_trunc"]
	if before == nil || after == nil {
		t.Skip("no captured truncation")
	}
	logs, _ := listFiles(before, "/d/version-2", logPrefix)
	last := filepath.Join("/d/version-2", logs[len(logs)-1].name)
	want, err := VerifyLog(after, last, nil)
	if err != nil {
		t.Fatal(err)
	}
	s := open(t, Options{FS: before, DataDir: "/d"})
	if err := s.Truncate(want.Last); err != nil {
		t.Fatal(err)
	}
	if got := get(t, before, last); !bytes.Equal(got, get(t, after, last)[:want.End]) {
		t.Errorf("%s has %d bytes, Java's has %d", last, len(got), want.End)
	}
	snaps, _ := listFiles(before, "/d/version-2", snapPrefix)
	for _, f := range snaps {
		if f.zxid > want.Last {
			t.Errorf("%s, which holds more than %s, is still there", f.name, want.Last)
		}
	}
	rec, err := s.Recover(newState(), func(Entry) error { return nil })
	if err != nil || rec.LastZxid != want.Last {
		t.Errorf("Recover = %+v, %v; want %s", rec, err, want.Last)
	}
}

// TestJavaDirectoriesAreMended recovers every captured directory, damages the
// newest transaction of each log in turn, and gets it back from a copy.
func TestJavaDirectoriesAreMended(t *testing.T) {
	for name, mem := range javaDirs(t) {
		if beginsWithLogs(mem) {
			continue
		}
		whole, err := replayed(t, mem)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		logs, _ := listFiles(mem, "/d/version-2", logPrefix)
		for _, f := range logs {
			var last place
			if _, err := VerifyLog(mem, "/d/version-2/"+f.name, func(at int64, e Entry) error {
				last = place{f.name, at, at + entryFrame + int64(len(e.Payload)), IDOf(e)}
				return nil
			}); err != nil || last.file == "" {
				t.Fatalf("%s/%s: %v", name, f.name, err)
			}
			for _, how := range damages {
				dir := unlocked(t, mem)
				damage(t, dir, last, how)
				v, err := mend(t, dir, mem)
				if err != nil {
					t.Errorf("%s/%s, %s: %+v, %v", name, f.name, how, v, err)
				}
				if got, err := replayed(t, dir); err != nil || !slices.Equal(got, whole) {
					t.Errorf("%s/%s, %s: %d of %d, %v", name, f.name, how, len(got), len(whole), err)
				}
			}
		}
	}
}
