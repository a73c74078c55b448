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

// TestWriteCompressedFails: a full disk anywhere, also when the compressor
// ends its stream, leaves no file.
func TestWriteCompressedFails(t *testing.T) {
	st := manyNodes()
	for _, c := range []Compression{Gzip, Snappy} {
		failed := 0
		for done := false; !done; {
			mem := vfs.NewMem()
			s := open(t, Options{
				FS:      &vfs.Faulty{FS: mem, Rule: vfs.FailNth(vfs.OpWrite, "snapshot.*", failed, errors.New("disk full"))},
				DataDir: "/d", Compression: c,
			})
			_, err := s.WriteSnapshot(0x1f, stateSource{st})
			if done = err == nil; done {
				break
			}
			failed++
			if fatal := (*FatalError)(nil); !errors.As(err, &fatal) {
				t.Fatalf("%v, write %d: %v", c, failed, err)
			}
			if files := mem.Files(); slices.ContainsFunc(files, func(f string) bool { return strings.Contains(f, snapPrefix) }) {
				t.Errorf("%v, write %d: left %v", c, failed, files)
			}
		}
		if failed < 3 {
			t.Errorf("%v: written in %d pieces", c, failed)
		}
	}
}
