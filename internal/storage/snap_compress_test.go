package storage

import (
	"bytes"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/paddock-io/paddock/internal/storage/vfs"
	"github.com/paddock-io/paddock/proto"
)

// manyNodes is a tree of more than one buffer and many blocks, half of it data that cannot be made smaller.
func manyNodes() *state {
	st, rng := newState(), newRand(7)
	st.Node(&SnapNode{Path: rootPath})
	for i := range 300 {
		data := make([]byte, rng.IntN(20000))
		for k := range data {
			if data[k] = 'x'; i%2 == 0 {
				data[k] = byte(rng.Uint32())
			}
		}
		st.Node(&SnapNode{Path: fmt.Sprintf("/n%d", i), Data: data})
	}
	st.Digest(7, proto.DigestVersion, 77)
	st.Last(7)
	return st
}

func TestWriteCompressed(t *testing.T) {
	want := manyNodes()
	for method, c := range map[string]Compression{"": Plain, "gz": Gzip, "snappy": Snappy, "SNAPPY": Snappy} {
		if got, known := ParseCompression(method); got != c || !known {
			t.Fatalf("ParseCompression(%q) = %v, %t", method, got, known)
		}
		s := open(t, Options{FS: vfs.NewMem(), DataDir: "/d", Compression: c})
		n, err := s.WriteSnapshot(0x1f, stateSource{want})
		if err != nil {
			t.Fatal(err)
		}
		path := "/d/version-2/snapshot.1f" + c.suffix()
		if size := len(get(t, s.fs, path)); int64(size) != n || c != Plain && size > 2<<20 {
			t.Errorf("%q: WriteSnapshot = %d, the file has %d bytes", method, n, size)
		}
		st := newState()
		if rec, err := s.Recover(st, nil); err != nil || rec.Snapshot != filepath.Base(path) || rec.LastZxid != 0x1f {
			t.Errorf("%q: Recover = %+v, %v", method, rec, err)
		}
		if !slices.EqualFunc(st.nodes, want.nodes, func(a, b SnapNode) bool { return a.Path == b.Path && bytes.Equal(a.Data, b.Data) }) || *st.digest != *want.digest {
			t.Errorf("%q: another tree came back", method)
		}
	}
	if _, known := ParseCompression("zstd"); known {
		t.Error("zstd is known")
	}
}

// TestWriteSnapshotFails: a write or sync that fails anywhere, also when the
// compressor ends its stream, leaves no file.
func TestWriteSnapshotFails(t *testing.T) {
	st := manyNodes()
	for _, c := range []Compression{Plain, Gzip, Snappy} {
		for op, least := range map[vfs.Op]int{vfs.OpWrite: 3, vfs.OpSync: 2} {
			if failed := failSnapshots(t, st, c, op); failed < least {
				t.Errorf("%v: %v was done %d times", c, op, failed)
			}
		}
	}
}

// failSnapshots lets the first, second ... operation of a snapshot fail until
// there is none, and returns how many there are.
func failSnapshots(t *testing.T, st *state, c Compression, op vfs.Op) (failed int) {
	for {
		mem := vfs.NewMem()
		s := open(t, Options{
			FS:      &vfs.Faulty{FS: mem, Rule: vfs.FailNth(op, "snapshot.*", failed, errors.New("disk full"))},
			DataDir: "/d", Compression: c,
		})
		_, err := s.WriteSnapshot(0x1f, stateSource{st})
		if err == nil {
			return failed
		}
		failed++
		if fatal := (*FatalError)(nil); !errors.As(err, &fatal) {
			t.Fatalf("%v, %v %d: %v", c, op, failed, err)
		}
		if files := mem.Files(); slices.ContainsFunc(files, func(f string) bool { return strings.Contains(f, snapPrefix) }) {
			t.Errorf("%v, %v %d: left %v", c, op, failed, files)
		}
	}
}
