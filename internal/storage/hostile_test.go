package storage

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"hash/adler32"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/snappy"

	"github.com/paddock-io/paddock/internal/storage/vfs"
	"github.com/paddock-io/paddock/jute"
	"github.com/paddock-io/paddock/proto"
)

// allocated returns how many bytes f allocates.
func allocated(f func()) uint64 {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	f()
	runtime.ReadMemStats(&after)
	return after.TotalAlloc - before.TotalAlloc
}

// FuzzEpochs reads any bytes as the epoch files. Either both are what they say
// and stay so, or the server does not start and the files are untouched.
func FuzzEpochs(f *testing.F) {
	for _, s := range []string{"", "0", "5", "-1", "-2", "7\n", " 8 \r\n", "0x5", "5 6", "9223372036854775807", "9223372036854775808", "+3", "\x005", strings.Repeat("1", 100)} {
		f.Add([]byte(s), []byte("3"), int64(3)<<32)
		f.Add([]byte("9"), []byte(s), int64(0))
	}
	f.Fuzz(func(t *testing.T, accepted, current []byte, last int64) {
		mem := vfs.NewMem()
		dir := "/d/version-2/"
		put(t, mem, dir+acceptedName, accepted)
		put(t, mem, dir+currentName, current)
		bounded(t, nil, func() {
			s := open(t, Options{FS: mem, DataDir: "/d"})
			e, err := s.LoadEpochs(proto.Zxid(last))
			if err != nil {
				var epoch *EpochError
				var bad *CorruptionError
				if !errors.As(err, &epoch) && !errors.As(err, &bad) {
					t.Fatal(err)
				}
				if !bytes.Equal(get(t, mem, dir+acceptedName), accepted) || !bytes.Equal(get(t, mem, dir+currentName), current) {
					t.Fatal("refused epoch files were changed")
				}
				return
			}
			if floor := max(proto.Zxid(last).Epoch(), 0); e.Current < floor || e.Accepted < e.Current {
				t.Fatalf("%+v with the log in epoch %d", e, floor)
			}
			again, err := s.LoadEpochs(proto.Zxid(last))
			if err != nil || again != e {
				t.Fatalf("%+v, then %+v, %v", e, again, err)
			}
		})
	})
}

// FuzzWriting reads any bytes as the name of the open log: they must not make
// recovery cut more, or find less, than without the file.
func FuzzWriting(f *testing.F) {
	golden := append(unhex(f, goldenLog), unhex(f, goldenMore)...)
	for _, name := range []string{"", "log.200000001", "log.1", "../log.200000001", "log.200000001\n", "/", "\x00", "snapshot.0"} {
		f.Add([]byte(name), golden)
		f.Add([]byte(name), golden[:len(golden)-5])
	}
	f.Fuzz(func(t *testing.T, name, log []byte) {
		mem, without := vfs.NewMem(), vfs.NewMem()
		for _, m := range []*vfs.Mem{mem, without} {
			put(t, m, "/d/version-2/snapshot.0", unhex(t, goldenSnap))
			put(t, m, "/d/version-2/log.200000001", log)
		}
		put(t, mem, "/d/version-2/"+writingName, name)
		bounded(t, log, func() {
			rec, err := recoverDir(t, mem)
			if string(name) == "log.200000001" {
				return // FuzzLog's
			}
			want, wantErr := recoverDir(t, without)
			if (err == nil) != (wantErr == nil) || rec.LastZxid != want.LastZxid || rec.Entries != want.Entries {
				t.Fatalf("%q: %+v, %v, want %+v, %v", name, rec, err, want, wantErr)
			}
		})
	})
}

// bomb is a snapshot of few bytes that claims to be, or becomes, very large.
func bomb(t *testing.T, suffix string, plain func(w func([]byte))) []byte {
	t.Helper()
	var out bytes.Buffer
	switch suffix {
	case gzSuffix:
		z, err := gzip.NewWriterLevel(&out, gzip.BestSpeed)
		if err != nil {
			t.Fatal(err)
		}
		plain(func(b []byte) { z.Write(b) })
		if err := z.Close(); err != nil {
			t.Fatal(err)
		}
	case snappySuffix:
		out.WriteString(snappyMagic + "\x00\x00\x00\x01\x00\x00\x00\x01")
		plain(func(b []byte) { out.Write(jute.AppendBuffer(nil, snappy.Encode(nil, b))) })
	default:
		plain(func(b []byte) { out.Write(b) })
	}
	return out.Bytes()
}

// TestBombs: what a snapshot costs to refuse is bounded by its largest field,
// however small the file is and however large it becomes.
func TestBombs(t *testing.T) {
	head := append([]byte(snapMagic), make([]byte, 12)...)
	tails := map[string][]byte{} // zeros that follow; parts that are compressed each for itself may be joined
	for suffix, blocks := range map[string]int{"": 1, gzSuffix: 72, snappySuffix: 72} {
		tails[suffix] = bomb(t, suffix, func(w func([]byte)) {
			for range blocks {
				w(make([]byte, 1<<20))
			}
		})
	}
	for name, counts := range map[string][]int32{
		"two billion sessions":          {math.MaxInt32},
		"two billion ACLs":              {0, math.MaxInt32},
		"an ACL of two billion entries": {0, 1, 0, 1, math.MaxInt32},
		"a path of 2 GiB":               {0, 0, math.MaxInt32},
		"data of 2 GiB":                 {0, 0, 0, math.MaxInt32},
		"a field as long as may be":     {0, 0, 64 << 20},
		"a field beyond that":           {0, 0, 64<<20 + 1},
	} {
		start := bytes.Clone(head)
		for _, n := range counts {
			start = jute.AppendInt(start, n)
		}
		for suffix, tail := range tails {
			b := bomb(t, suffix, func(w func([]byte)) { w(start) })
			if suffix == snappySuffix {
				tail = tail[16:]
			}
			b = append(b, tail...)
			mem := vfs.NewMem()
			put(t, mem, "/d/snapshot.0"+suffix, b)
			got := allocated(func() {
				var bad *CorruptionError
				if err := VerifySnapshot(mem, "/d/snapshot.0"+suffix, nil); !errors.As(err, &bad) {
					t.Errorf("%s%s: %v", name, suffix, err)
				}
			})
			limit := uint64(8 << 20)
			if suffix != "" { // the longest field is read in steps that double, and its string is a copy
				limit = 288 << 20
			}
			if got > limit {
				t.Errorf("%s%s: %d MiB were allocated for %d KiB", name, suffix, got>>20, len(b)>>10)
			}
		}
	}
}

// TestLyingBlocks: a snappy block says how long it will be.
func TestLyingBlocks(t *testing.T) {
	head := snappyMagic + "\x00\x00\x00\x01\x00\x00\x00\x01"
	for name, block := range map[string][]byte{
		"4 GiB of input":      {0xff, 0xff, 0xff, 0xff},
		"64 MiB of input":     {0x04, 0x00, 0x00, 0x00, 1},
		"4 GiB of output":     {0, 0, 0, 6, 0xff, 0xff, 0xff, 0xff, 0x0f, 0},
		"64 MiB of output":    {0, 0, 0, 5, 0x80, 0x80, 0x80, 0x20, 0},
		"no length":           {0, 0, 0, 1, 0xff},
		"nothing for ever":    bytes.Repeat([]byte{0, 0, 0, 1, 0}, 1<<20),
		"a block of no bytes": {0, 0, 0, 0},
	} {
		mem := vfs.NewMem()
		put(t, mem, "/d/snapshot.0"+snappySuffix, append([]byte(head), block...))
		got := allocated(func() {
			var bad *CorruptionError
			if err := VerifySnapshot(mem, "/d/snapshot.0"+snappySuffix, nil); !errors.As(err, &bad) {
				t.Errorf("%s: %v", name, err)
			}
		})
		if got > uint64(8<<20+32*len(block)) {
			t.Errorf("%s: %d bytes were allocated", name, got)
		}
	}
}

// TestLongEntries: entries up to the limit come back, lengths beyond it are
// damage and cost nothing.
func TestLongEntries(t *testing.T) {
	for _, claim := range []int64{maxEntry, maxEntry + 1, math.MaxInt32, -1, math.MinInt32, proto.TxnHeaderSize - 1, 0} {
		payload := entry(1, 100).Payload
		if claim == maxEntry {
			payload = entry(1, maxEntry-len(entry(1, 0).Payload)).Payload
		}
		log := appendEntry(appendLogHeader(nil), payload)
		binary.BigEndian.PutUint32(log[logHeaderSize+8:], uint32(claim))
		if claim == 0 { // else it would be padding
			binary.BigEndian.PutUint64(log[logHeaderSize:], uint64(adler32.Checksum(nil)))
		}
		mem := vfs.NewMem()
		put(t, mem, "/d/version-2/snapshot.0", unhex(t, goldenSnap))
		put(t, mem, "/d/version-2/log.1", log)
		var rec Recovered
		var err error
		got := allocated(func() { rec, err = recoverDir(t, mem) })
		if claim == maxEntry {
			if err != nil || rec.Entries != 1 {
				t.Errorf("the longest entry: %+v, %v", rec, err)
			}
			continue
		}
		var bad *CorruptionError
		if !errors.As(err, &bad) || bad.Offset != logHeaderSize {
			t.Errorf("length %d: %v", claim, err)
		}
		if got > 16<<20 {
			t.Errorf("length %d: %d bytes were allocated", claim, got)
		}
	}
}

// TestNoFiles: what has the name of a file and is none is passed over or
// refused, and never waited for.
func TestNoFiles(t *testing.T) {
	for _, kind := range []string{"directory", "pipe", "link", "broken link", "device"} {
		for _, name := range []string{"snapshot.9", "log.1", "log.9", acceptedName, currentName, writingName} {
			dir := t.TempDir()
			v2 := filepath.Join(dir, versionDir)
			make := map[string]func(string) error{
				"directory":   func(p string) error { return os.Mkdir(p, 0o700) },
				"pipe":        func(p string) error { return syscall.Mkfifo(p, 0o600) },
				"link":        func(p string) error { return os.Symlink(filepath.Join(v2, "snapshot.0"), p) },
				"broken link": func(p string) error { return os.Symlink(filepath.Join(v2, "nothing"), p) },
				"device":      func(p string) error { return os.Symlink("/dev/zero", p) },
			}[kind]
			if err := errors.Join(os.Mkdir(v2, 0o700), os.WriteFile(filepath.Join(v2, "snapshot.0"), unhex(t, goldenSnap), 0o600), make(filepath.Join(v2, name))); err != nil {
				t.Fatal(err)
			}
			if name == currentName { // beside nothing it can only have been 0
				if err := os.WriteFile(filepath.Join(v2, acceptedName), []byte("5"), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			s, err := Open(Options{DataDir: dir})
			if err != nil {
				t.Fatalf("%s as %s: %v", kind, name, err)
			}
			_, err = s.Recover(newState(), func(Entry) error { return nil })
			if err == nil {
				_, err = s.LoadEpochs(0)
			}
			passedOver := kind == "directory" && (strings.HasPrefix(name, snapPrefix) || strings.HasPrefix(name, logPrefix))
			if passedOver != (err == nil) || errors.Is(err, fs.ErrNotExist) {
				t.Errorf("%s as %s: %v", kind, name, err)
			}
			s.Close()
		}
	}
}

// FuzzStreamTail: a stream is read to its end mark and not a byte further,
// whatever the size of the buffer.
func FuzzStreamTail(f *testing.F) {
	stream := append(append([]byte{}, unhex(f, goldenSnap)[16:424-13]...), AppendSnapshotStreamEnd(nil)...)
	f.Add(stream, uint16(16))
	f.Add(stream[:len(stream)-3], uint16(50))
	f.Add(append(bytes.Clone(stream), stream...), uint16(4096))
	f.Fuzz(func(t *testing.T, b []byte, size uint16) {
		r := bufio.NewReaderSize(bytes.NewReader(append(bytes.Clone(b), "behind"...)), int(size))
		if ReadSnapshotStream(r, newState(), Limits{}) != nil || ReadSnapshotStreamEnd(r) != nil {
			return
		}
		var rest bytes.Buffer
		if _, err := r.WriteTo(&rest); err != nil || !strings.HasSuffix(rest.String(), "behind") {
			t.Fatalf("%q is left behind the stream: %v", rest.String(), err)
		}
	})
}
