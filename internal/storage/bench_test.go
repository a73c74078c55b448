package storage

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"testing"

	"github.com/paddock-io/paddock/internal/storage/vfs"
	"github.com/paddock-io/paddock/proto"
)

func TestWarmWriterDoesNotAllocate(t *testing.T) {
	s := open(t, Options{DataDir: t.TempDir()})
	batch := entries(1, 20, 1000)
	run := func() {
		if err := errors.Join(s.Log().Append(batch...), s.Log().Flush()); err != nil {
			t.Fatal(err)
		}
	}
	run()
	// errors.Join allocates nothing for nil errors.
	if n := testing.AllocsPerRun(50, run); n > 0 {
		t.Errorf("%v allocations a batch", n)
	}
}

// BenchmarkLogFlush is one group commit on the disk under the temporary directory.
func BenchmarkLogFlush(b *testing.B) {
	for _, count := range []int{1, 10, 100, 1000} {
		b.Run(fmt.Sprintf("entries=%d", count), func(b *testing.B) {
			s := open(b, Options{DataDir: b.TempDir(), LogSizeLimit: 1 << 30})
			batch := entries(1, proto.Zxid(count), 1000)
			b.SetBytes(int64(count * len(batch[0].Payload)))
			b.ReportAllocs()
			for b.Loop() {
				for i := range batch { // a new file must not get an old name
					batch[i].Zxid += proto.Zxid(count)
					setZxid(batch[i])
				}
				if err := errors.Join(s.Log().Append(batch...), s.Log().Flush()); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func setZxid(e Entry) { binary.BigEndian.PutUint64(e.Payload[zxidOffset:], uint64(e.Zxid)) }

// BenchmarkLogAppend is the encoding alone, the checksum included.
func BenchmarkLogAppend(b *testing.B) {
	s := open(b, Options{FS: vfs.NewMem(), DataDir: "/d"})
	e := entry(1, 1000)
	b.SetBytes(int64(len(e.Payload)))
	b.ReportAllocs()
	for b.Loop() {
		w := s.Log()
		w.buf, w.count = w.buf[:0], 0
		if err := w.Append(e); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkRecover replays a log of 100,000 entries of 100 bytes.
func BenchmarkRecover(b *testing.B) {
	mem := vfs.NewMem()
	put(b, mem, "/d/version-2/snapshot.0", unhex(b, goldenSnap))
	log := appendLogHeader(nil)
	for z := proto.Zxid(1); z <= 100000; z++ {
		log = appendEntry(log, entry(z, 100).Payload)
	}
	put(b, mem, "/d/version-2/log.1", log)
	b.SetBytes(int64(len(log)))
	b.ReportAllocs()
	for b.Loop() {
		if rec, err := recoverDir(b, mem); err != nil || rec.Entries != 100000 {
			b.Fatal(rec, err)
		}
	}
}

// benchState is a tree of n znodes with 100 bytes each.
type benchState struct {
	stateSource
	n int
}

func (s benchState) Nodes(yield func(*SnapNode) error) error {
	n := SnapNode{Data: bytes.Repeat([]byte{7}, 100), ACL: -1}
	for i := range s.n {
		n.Path = "/application/group/znode-number-0000000000"[:32+i%10]
		if err := yield(&n); err != nil {
			return err
		}
	}
	return nil
}

func BenchmarkWriteSnapshot(b *testing.B) {
	s := open(b, Options{DataDir: b.TempDir()})
	src := benchState{stateSource{smallState(1, 0)}, 100000}
	b.ReportAllocs()
	for b.Loop() {
		n, err := s.WriteSnapshot(1, src)
		if err != nil {
			b.Fatal(err)
		}
		b.SetBytes(n)
	}
}

func BenchmarkReadSnapshot(b *testing.B) {
	s := open(b, Options{DataDir: b.TempDir()})
	n, err := s.WriteSnapshot(1, benchState{stateSource{smallState(1, 0)}, 100000})
	if err != nil {
		b.Fatal(err)
	}
	b.SetBytes(n)
	b.ReportAllocs()
	for b.Loop() {
		if err := VerifySnapshot(s.fs, s.snapDir+"/snapshot.1", nil); err != nil {
			b.Fatal(err)
		}
	}
}
