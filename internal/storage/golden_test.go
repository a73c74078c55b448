package storage

import (
	"bufio"
	"bytes"
	"encoding/hex"
	"errors"
	"io"
	"path/filepath"
	"strings"
	"testing"

	"github.com/paddock-io/paddock/internal/storage/vfs"
	"github.com/paddock-io/paddock/proto"
)

// The golden bytes were read, and the replay of the log on a snapshot checked,
// by the classes of Apache ZooKeeper 3.8.0.

// goldenLog is log.200000001: createSession and create /a.
const goldenLog = `
5a4b4c47 00000002 00000000 00000000 00000000 0b250c3e 00000030 0300018b
cfe56800 00000000 00000002 00000001 0000018b cfe56800 fffffff6 00007530
00000002 00000000 51c6d660 42000000 0039810e 04000000 57030001 8bcfe568
00000000 01000000 02000000 02000001 8bcfe568 00000000 01000000 022f6100
00000178 00000001 0000001f 00000005 776f726c 64000000 06616e79 6f6e6500
00000001 00000002 00000000 fabdee1a 42`

// goldenMore are entries for the same log: error, closeSession with a list, multi.
const goldenMore = `
00000000 97270cef 00000024 0300018b cfe56800 00000002 00000002 00000003 0000018b cfe56800 ffffffff ffffff9b 42
00000000 c5da09e3 0000002a 0300018b cfe56800 00000000 00000002 00000004 0000018b cfe56800 fffffff5 00000001 00000002 2f6542
00000000 7008073a 0000004d 0300018b cfe56800 00000003 00000002 00000005 0000018b cfe56800 0000000e 00000002 0000000d 0000000a 00000002 2f610000 00010000 00050000 000f0000 00022f61 00000001 7a000000 0142`

// goldenSnap is snapshot.0 of a fresh stand-alone server, 3.9.
const goldenSnap = `
5a4b534e 00000002 ffffffff ffffffff 00000000 00000001 00000000 00000001
00000001 00000001 00000005 776f726c 64000000 06616e79 6f6e6500 00000000
000000ff ffffffff ffffff00 00000000 00000000 00000000 00000000 00000000
00000000 00000000 00000000 00000000 00000000 00000000 00000000 00000000
00000000 00000000 00000a2f 7a6f6f6b 65657065 72000000 00ffffff ffffffff
ff000000 00000000 00000000 00000000 00000000 00000000 00000000 00000000
00000000 00000000 00000000 00000000 00000000 00000000 00000000 00000000
112f7a6f 6f6b6565 7065722f 636f6e66 69670000 00000000 00000000 00010000
00000000 00000000 00000000 00000000 00000000 00000000 00000000 00000000
00000000 0000ffff ffff0000 00000000 00000000 00000000 00000000 00102f7a
6f6f6b65 65706572 2f71756f 74610000 0000ffff ffffffff ffff0000 00000000
00000000 00000000 00000000 00000000 00000000 00000000 00000000 00000000
00000000 00000000 00000000 00000000 00000000 00000000 00012f00 000000b8
a23b4900 0000012f 00000000 00000000 00000002 00000000 00000000 00000000
95b93d59 00000001 2f000000 00000000 00000000 00bde83f 6d000000 012f`

func unhex(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(strings.Join(strings.Fields(s), ""))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// put makes a file in a memory file system.
func put(t testing.TB, fs vfs.FS, path string, b []byte) {
	t.Helper()
	if err := fs.MkdirAll(filepath.Dir(path)); err != nil {
		t.Fatal(err)
	}
	f, err := fs.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.WriteAt(b, 0); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(f.Sync(), f.Close(), fs.SyncDir(filepath.Dir(path))); err != nil {
		t.Fatal(err)
	}
}

// get returns a file's bytes.
func get(t testing.TB, fs vfs.FS, path string) []byte {
	t.Helper()
	f, err := fs.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	size, err := f.Size()
	if err != nil {
		t.Fatal(err)
	}
	b := make([]byte, size)
	if _, err := f.ReadAt(b, 0); err != nil && err != io.EOF {
		t.Fatal(err)
	}
	return b
}

func TestGoldenLog(t *testing.T) {
	want := append(unhex(t, goldenLog), unhex(t, goldenMore)...)
	mem := vfs.NewMem()
	put(t, mem, "/g/version-2/log.200000001", want)
	var entries []Entry
	info, err := VerifyLog(mem, "/g/version-2/log.200000001", func(_ int64, e Entry) error {
		entries = append(entries, e)
		return nil
	})
	if err != nil || info.Entries != 5 || info.First != 0x200000001 || info.Last != 0x200000005 || info.Torn {
		t.Fatalf("VerifyLog = %+v, %v", info, err)
	}
	for _, e := range entries {
		if _, err := proto.DecodeTxn(e.Payload); err != nil {
			t.Errorf("%s: %v", e.Zxid, err)
		}
	}
	s := open(t, Options{FS: vfs.NewMem(), DataDir: "/d"})
	if err := errors.Join(s.Log().Append(entries[:2]...), s.Log().Flush(), s.Log().Append(entries[2:]...), s.Close()); err != nil {
		t.Fatal(err)
	}
	if got := get(t, s.fs, "/d/version-2/log.200000001"); !bytes.Equal(got, want) {
		t.Errorf("wrote %x\nwant  %x", got, want)
	}
}

// TestOpenLogReadsAsJavaReads checks that behind the newest entry of an open
// log there are twelve zero bytes, where every Java reader stops.
func TestOpenLogReadsAsJavaReads(t *testing.T) {
	mem := vfs.NewMem()
	s := open(t, Options{FS: mem, DataDir: "/d", PreallocBytes: 1 << 16})
	for i := range 700 {
		if err := errors.Join(s.Log().Append(entry(proto.Zxid(i+1), i%37)), s.Log().Flush()); err != nil {
			t.Fatal(err)
		}
		end := s.Log().Size()
		b := get(t, mem, "/d/version-2/log.1")
		if !bytes.Equal(b[end:end+entryHead], zeros[:entryHead]) {
			t.Fatalf("entry %d: %x follows at %d", i, b[end:end+entryHead], end)
		}
		if len(b)%(1<<16) != 0 || int64(len(b)) < end+minPadding/2 {
			t.Fatalf("file of %d bytes has grown to %d", end, len(b))
		}
	}
}

func TestGoldenSnapshot(t *testing.T) {
	want := unhex(t, goldenSnap)
	mem := vfs.NewMem()
	put(t, mem, "/g/version-2/snapshot.0", want)
	st := newState()
	if err := VerifySnapshot(mem, "/g/version-2/snapshot.0", st); err != nil {
		t.Fatal(err)
	}
	s := open(t, Options{FS: vfs.NewMem(), DataDir: "/d"})
	for name, tc := range map[string]struct {
		opts Options
		size int
	}{
		"3.9":             {Options{}, 478},
		"3.6 to 3.8":      {Options{NoSnapshotEnd: true}, 457},
		"3.5, no digests": {Options{NoDigest: true}, 424},
	} {
		s.opts.NoDigest, s.opts.NoSnapshotEnd = tc.opts.NoDigest, tc.opts.NoSnapshotEnd
		n, err := s.WriteSnapshot(0, stateSource{st})
		if err != nil || n != int64(tc.size) {
			t.Fatalf("%s: WriteSnapshot = %d, %v", name, n, err)
		}
		if got := get(t, s.fs, "/d/version-2/snapshot.0"); !bytes.Equal(got, want[:tc.size]) {
			t.Errorf("%s: wrote %x\nwant  %x", name, got, want[:tc.size])
		}
	}
}

// TestSnapshotStream checks that the wire form is the file's middle and that
// its reader leaves what follows alone.
func TestSnapshotStream(t *testing.T) {
	snap := unhex(t, goldenSnap)
	st := newState()
	for _, size := range []int{16, 4096} {
		wire := append(append([]byte{}, snap[16:424-13]...), AppendSnapshotStreamEnd(nil)...)
		r := bufio.NewReaderSize(bytes.NewReader(append(wire, 0xaa, 0xbb)), size)
		st.Reset()
		if err := errors.Join(ReadSnapshotStream(r, st, Limits{}), ReadSnapshotStreamEnd(r)); err != nil {
			t.Fatal(err)
		}
		if rest, _ := io.ReadAll(r); !bytes.Equal(rest, []byte{0xaa, 0xbb}) {
			t.Errorf("%x is left", rest)
		}
		var out bytes.Buffer
		if err := WriteSnapshotStream(&out, stateSource{st}); err != nil || !bytes.Equal(out.Bytes(), snap[16:424-13]) {
			t.Errorf("wrote %x, %v", out.Bytes(), err)
		}
	}
}
