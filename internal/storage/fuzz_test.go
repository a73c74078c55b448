package storage

import (
	"bufio"
	"bytes"
	"errors"
	"reflect"
	"runtime"
	"testing"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/snappy"

	"github.com/paddock-io/paddock/internal/storage/vfs"
	"github.com/paddock-io/paddock/jute"
	"github.com/paddock-io/paddock/proto"
)

// bounded fails the test if f allocates much more than in has bytes.
func bounded(t *testing.T, in []byte, f func()) {
	t.Helper()
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	f()
	runtime.ReadMemStats(&after)
	if got, limit := after.TotalAlloc-before.TotalAlloc, uint64(16<<20+100*len(in)); got > limit {
		t.Fatalf("%d bytes of input cost %d bytes", len(in), got)
	}
}

// FuzzLog reads any bytes as the only log of a directory. Whatever they are,
// recovery ends with all or nothing: entries in order, and a log that reads the
// same way again, or an error and an untouched file.
func FuzzLog(f *testing.F) {
	golden := append(unhex(f, goldenLog), unhex(f, goldenMore)...)
	f.Add(golden, true)
	f.Add(golden[:200], false)
	f.Add(append(bytes.Clone(golden), make([]byte, 600)...), true)
	f.Add(appendMark(bytes.Clone(golden), 0, 0), true)
	f.Add(appendMark(bytes.Clone(golden[:170]), 0, 16), true)
	f.Add(append(bytes.Clone(golden), 0xff, 0xff, 0xff), false)
	f.Fuzz(func(t *testing.T, b []byte, open bool) {
		mem := vfs.NewMem()
		put(t, mem, "/d/version-2/snapshot.0", unhex(t, goldenSnap))
		put(t, mem, "/d/version-2/log.200000001", b)
		if open {
			put(t, mem, "/d/version-2/"+writingName, []byte("log.200000001"))
		}
		bounded(t, b, func() {
			first, err := recoverDir(t, mem)
			if err != nil {
				if c := (*CorruptionError)(nil); !errors.As(err, &c) || c.Offset < 0 || c.Offset > int64(len(b)) {
					t.Fatalf("recovery: %v", err)
				}
				if !bytes.Equal(get(t, mem, "/d/version-2/log.200000001"), b) {
					t.Fatal("a refused log was changed")
				}
				return
			}
			second, err := recoverDir(t, mem)
			if err != nil || second.LastZxid != first.LastZxid || second.Entries != first.Entries || second.Cut != nil {
				t.Fatalf("first %+v, then %+v, %v", first, second, err)
			}
		})
	})
}

// FuzzSurvey looks for what is left in any bytes beside any index. Mending with
// nothing succeeds only if nothing is missing, and then the directory is whole.
func FuzzSurvey(f *testing.F) {
	golden := append(unhex(f, goldenLog), unhex(f, goldenMore)...)
	index := appendIndexHeader(nil, 0)
	index = appendIndexRecord(index, indexEntry{EntryID{0x200000001, 48, 0x0b250c3e}, 16})
	f.Add(golden, index, true)
	f.Add(golden[:100], index, false)
	f.Add(append(make([]byte, 77), golden[77:]...), index, false)
	f.Add(golden, []byte{}, true)
	f.Fuzz(func(t *testing.T, log, index []byte, open bool) {
		mem := vfs.NewMem()
		put(t, mem, "/d/version-2/snapshot.0", unhex(t, goldenSnap))
		put(t, mem, "/d/version-2/log.200000001", log)
		put(t, mem, "/d/version-2/index.200000001", index)
		if open {
			put(t, mem, "/d/version-2/"+writingName, []byte("log.200000001"))
		}
		bounded(t, append(log, index...), func() {
			if _, err := recoverDir(t, mem); err == nil {
				return
			}
			s, err := Open(Options{FS: mem, DataDir: "/d"})
			if err != nil {
				t.Fatal(err)
			}
			defer s.Close()
			v, err := s.Survey()
			if err != nil || len(v.Damage) == 0 {
				t.Fatalf("%+v, %v", v, err)
			}
			for _, g := range v.Gaps {
				if _, _, err := s.Lookup(Want{Lost: g.Lost, After: g.After, Until: g.Until}, 1000, nil); err != nil {
					t.Fatal(err)
				}
			}
			if err := s.Mend(v, nil); err != nil {
				return
			}
			if len(v.Gaps) > 0 && len(v.Gaps[0].Lost) > 0 {
				t.Fatalf("mended without %v", v.Gaps[0])
			}
			if rec, err := s.Recover(newState(), func(Entry) error { return nil }); err != nil || rec.LastZxid < v.Last {
				t.Fatalf("mended, and then %+v, %v; last %s", rec, err, v.Last)
			}
		})
	})
}

// FuzzSnapshot reads any bytes as a snapshot, plain and compressed. Those that
// are accepted must come out again as they went in.
func FuzzSnapshot(f *testing.F) {
	golden := unhex(f, goldenSnap)
	f.Add(golden, byte(0))
	f.Add(golden[:424], byte(0))
	f.Add(golden[:457], byte(0))
	f.Add(gzipped(golden), byte(1))
	f.Add(snappied(golden), byte(2))
	f.Fuzz(func(t *testing.T, b []byte, kind byte) {
		name := "/s/version-2/snapshot.0" + []string{"", gzSuffix, snappySuffix}[kind%3]
		mem, st := vfs.NewMem(), newState()
		put(t, mem, name, b)
		bounded(t, b, func() {
			err := VerifySnapshot(mem, name, st)
			var c *CorruptionError
			if err != nil && !errors.As(err, &c) {
				t.Fatal(err)
			}
			if err != nil || kind%3 != 0 || !st.hasLast || st.digest == nil {
				return
			}
			s := open(t, Options{FS: vfs.NewMem(), DataDir: "/w"})
			if _, err := s.WriteSnapshot(0, stateSource{st}); err != nil {
				t.Fatal(err)
			}
			again := newState()
			if err := VerifySnapshot(s.fs, "/w/version-2/snapshot.0", again); err != nil || len(again.nodes) != len(st.nodes) {
				t.Fatalf("%v, %d nodes of %d", err, len(again.nodes), len(st.nodes))
			}
		})
	})
}

// FuzzSnapshotStream reads any bytes as a leader's snapshot.
func FuzzSnapshotStream(f *testing.F) {
	f.Add(unhex(f, goldenSnap)[16:], uint16(16))
	f.Add([]byte{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x7f, 0xff, 0xff, 0xff}, uint16(100))
	f.Add([]byte{0, 0, 0, 0, 0x7f, 0xff, 0xff, 0xff}, uint16(100))
	f.Fuzz(func(t *testing.T, b []byte, size uint16) {
		bounded(t, b, func() {
			r := bufio.NewReaderSize(bytes.NewReader(b), int(size))
			if err := ReadSnapshotStream(r, newState(), Limits{}); err != nil && errors.Is(err, bufio.ErrBufferFull) {
				t.Fatal(err)
			}
		})
	})
}

func gzipped(b []byte) []byte {
	var out bytes.Buffer
	z := gzip.NewWriter(&out)
	z.Write(b)
	z.Close()
	return out.Bytes()
}

// snappied frames b as SnappyOutputStream does, in blocks of 100 bytes.
func snappied(b []byte) []byte {
	out := append([]byte(snappyMagic), 0, 0, 0, 1, 0, 0, 0, 1)
	for len(b) > 0 {
		n := min(len(b), 100)
		out = jute.AppendBuffer(out, snappy.Encode(nil, b[:n]))
		b = b[n:]
	}
	return out
}

func TestCompressedSnapshots(t *testing.T) {
	golden := unhex(t, goldenSnap)
	for suffix, b := range map[string][]byte{gzSuffix: gzipped(golden), snappySuffix: snappied(golden)} {
		mem := vfs.NewMem()
		put(t, mem, "/d/version-2/snapshot.7"+suffix, b)
		rec, err := recoverDir(t, mem)
		if err != nil || rec.Snapshot != "snapshot.7"+suffix || rec.LastZxid != 7 {
			t.Errorf("%s: %+v, %v", suffix, rec, err)
		}
		want := newState()
		if err := VerifySnapshot(mem, "/d/version-2/snapshot.7"+suffix, want); err != nil {
			t.Fatal(err)
		}
		for at := range b {
			bad := bytes.Clone(b)
			bad[at] ^= 0x10
			put(t, mem, "/d/version-2/snapshot.7"+suffix, bad)
			st := newState() // some bits of a compressed stream say the same either way
			if err := VerifySnapshot(mem, "/d/version-2/snapshot.7"+suffix, st); err == nil && !reflect.DeepEqual(st, want) {
				t.Errorf("%s: flipped bit at %d was not noticed", suffix, at)
			}
		}
	}
}

// TestLimits checks that lengths are bounded before anything is allocated.
func TestLimits(t *testing.T) {
	long := smallState(1, 1)
	long.acls = []aclEntry{{1, make([]proto.ACL, 2000)}}
	var wire bytes.Buffer
	if err := WriteSnapshotStream(&wire, stateSource{long}); err != nil {
		t.Fatal(err)
	}
	for limit, ok := range map[int]bool{0: true, 2000 * 12: true, 2000*12 - 1: false, 100: false} {
		err := ReadSnapshotStream(bufio.NewReader(bytes.NewReader(wire.Bytes())), newState(), Limits{MaxField: limit})
		if (err == nil) != ok || err != nil && !errors.Is(err, jute.ErrLength) {
			t.Errorf("limit %d: %v", limit, err)
		}
	}
}
