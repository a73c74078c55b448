package storage

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"time"

	"github.com/paddock-io/paddock/internal/storage/vfs"
	"github.com/paddock-io/paddock/jute"
	"github.com/paddock-io/paddock/proto"
)

const snapBuffer = 1 << 20 // bytes collected before they are written

// WriteSnapshot writes the snapshot named zxid: src must hold every
// transaction up to it. The file appears complete and durable or not at all,
// whatever forceSync says. It returns the size in bytes.
//
// One snapshot at a time may be written, on any goroutine, beside the log
// writer and everything else but Truncate. A *FatalError means that the disk
// failed; any other error came from src, and nothing was written.
func (s *Store) WriteSnapshot(zxid proto.Zxid, src Source) (int64, error) {
	start := time.Now()
	path := filepath.Join(s.snapDir, snapName(zxid)+s.opts.Compression.suffix())
	n, err := s.writeSnapshot(path, src)
	if err != nil {
		s.metrics.SnapshotFails.Add(1)
		return 0, err
	}
	s.metrics.SnapshotTime.Observe(int64(time.Since(start)))
	s.metrics.SnapshotBytes.Add(uint64(n))
	return n, nil
}

func (s *Store) writeSnapshot(path string, src Source) (int64, error) {
	fatal := func(err error) error { return &FatalError{Part: PartSnapshot, File: path, Err: err} }
	tmp := path + tmpSuffix
	f, err := s.fs.Create(tmp)
	if err != nil {
		return 0, fatal(err)
	}
	file := &fileWriter{f: f}
	packed := s.opts.Compression.compress(file)
	e := &snapEncoder{w: packed, sealed: true, sum: adlerStart}
	err = e.file(src, &s.opts)
	if e.err == nil && err != nil { // the tree's own error, not the disk's
		return 0, errors.Join(fmt.Errorf("take snapshot: %w", err), f.Close(), s.fs.Remove(tmp))
	}
	if err == nil {
		err = packed.Close()
	}
	if err == nil {
		err = f.Sync()
	}
	err = errors.Join(err, f.Close())
	if src, ok := src.(Settler); ok && err == nil {
		if err := src.Settle(); err != nil { // not the disk's error
			return 0, errors.Join(fmt.Errorf("take snapshot: %w", err), s.fs.Remove(tmp))
		}
	}
	if err == nil {
		err = s.fs.Rename(tmp, path)
	}
	if err != nil {
		// Leave no half snapshot behind: a full disk would stay full, and Java would load it.
		return 0, fatal(errors.Join(err, s.fs.Remove(tmp)))
	}
	if err := s.fs.SyncDir(s.snapDir); err != nil {
		return 0, fatal(err)
	}
	return file.off, nil
}

// WriteSnapshotStream writes src as it goes to a learner: sessions, ACLs and
// nodes, without header, seals and SnapshotStreamEnd.
func WriteSnapshotStream(w io.Writer, src Source) error {
	e := &snapEncoder{w: w}
	if err := e.body(src); err != nil {
		return fmt.Errorf("send snapshot: %w", err)
	}
	return nil
}

// AppendSnapshotStreamEnd appends what ends a snapshot on the wire.
func AppendSnapshotStreamEnd(b []byte) []byte { return jute.AppendString(b, SnapshotStreamEnd) }

// snapEncoder collects bytes and writes them in large pieces.
type snapEncoder struct {
	w      io.Writer
	buf    []byte
	sum    uint32 // of all bytes passed on
	sealed bool   // in a file; on the wire nothing is summed up
	err    error  // of w; sticks
}

// file writes a whole snapshot file.
func (e *snapEncoder) file(src Source, opts *Options) error {
	e.buf = append(e.buf, snapMagic...)
	e.buf = jute.AppendInt(e.buf, snapVersion)
	e.buf = jute.AppendLong(e.buf, -1)
	if err := e.body(src); err != nil {
		return err
	}
	if err := e.seal(); err != nil {
		return err
	}
	zxid, version, digest, ok := src.Digest()
	last := src.LastZxid()
	// The last section without the digest would be taken for it by a Java server
	// with default settings. Without either, any server reads the file.
	if !ok || opts.NoDigest {
		return nil
	}
	e.buf = jute.AppendLong(e.buf, int64(zxid))
	e.buf = jute.AppendInt(e.buf, version)
	e.buf = jute.AppendLong(e.buf, digest)
	if err := e.seal(); err != nil || opts.NoSnapshotEnd {
		return err
	}
	e.buf = jute.AppendLong(e.buf, int64(last))
	return e.seal()
}

// body writes sessions, ACLs, nodes and the end of the tree.
func (e *snapEncoder) body(src Source) error {
	count, at := int32(0), e.open()
	err := src.Sessions(func(id proto.SessionID, timeoutMs int32) error {
		count++
		e.buf = jute.AppendInt(jute.AppendLong(e.buf, int64(id)), timeoutMs)
		return nil
	})
	if err != nil {
		return err
	}
	binary.BigEndian.PutUint32(e.buf[at:], uint32(count))

	count, at = 0, e.open()
	err = src.ACLs(func(id int64, acl []proto.ACL) error {
		count++
		e.buf = proto.AppendACLs(jute.AppendLong(e.buf, id), acl)
		return nil
	})
	if err != nil {
		return err
	}
	binary.BigEndian.PutUint32(e.buf[at:], uint32(count))

	if err := src.Nodes(e.node); err != nil {
		return err
	}
	e.buf = jute.AppendString(e.buf, endPath)
	return e.flush()
}

// open leaves room for a count that is not known yet and returns where. The
// section stays in the buffer until it is.
func (e *snapEncoder) open() int {
	at := len(e.buf)
	e.buf = jute.AppendInt(e.buf, 0)
	return at
}

func (e *snapEncoder) node(n *SnapNode) error {
	e.buf = jute.AppendString(e.buf, n.Path)
	e.buf = jute.AppendBuffer(e.buf, n.Data)
	e.buf = jute.AppendLong(e.buf, n.ACL)
	e.buf = n.Stat.Append(e.buf)
	if len(e.buf) >= snapBuffer {
		return e.flush()
	}
	return nil
}

// seal writes the checksum of everything before it.
func (e *snapEncoder) seal() error {
	if err := e.flush(); err != nil {
		return err
	}
	e.buf = jute.AppendLong(e.buf, int64(e.sum))
	e.buf = jute.AppendString(e.buf, endPath)
	return e.flush()
}

func (e *snapEncoder) flush() error {
	if e.err != nil {
		return e.err
	}
	if e.sealed {
		e.sum = adler(e.sum, e.buf)
	}
	_, e.err = e.w.Write(e.buf)
	e.buf = e.buf[:0]
	return e.err
}

// snapStep is how many bytes of a snapshot are written before they are pushed to the
// disk. Left to the end, the sync of a large file keeps the disk and the file system's
// journal busy for as long as all of it takes, and every sync of the log waits behind it.
const snapStep = 1 << 20

// fileWriter writes a file from its beginning, and pushes it to the disk step by step.
type fileWriter struct {
	f      vfs.File
	off    int64
	pushed int64 // everything before it is
}

func (w *fileWriter) Write(p []byte) (int, error) {
	n, err := w.f.WriteAt(p, w.off)
	w.off += int64(n)
	if err == nil && w.off-w.pushed >= snapStep {
		err = w.f.Push(w.pushed, w.off-w.pushed)
		w.pushed = w.off
	}
	return n, err
}
