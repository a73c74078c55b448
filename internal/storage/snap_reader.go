package storage

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/paddock-io/paddock/internal/storage/vfs"
	"github.com/paddock-io/paddock/jute"
	"github.com/paddock-io/paddock/proto"
)

// ReadSnapshotStream reads what WriteSnapshotStream, or a Java leader, wrote,
// and not one byte more: SnapshotStreamEnd and packets may follow in r. Memory
// grows with what has arrived, not with what lengths claim.
func ReadSnapshotStream(r *bufio.Reader, sink Sink, limits Limits) error {
	d := &snapDecoder{src: &snapWire{r: r}, max: limits.maxField()}
	if err := d.body(sink); err != nil {
		return fmt.Errorf("receive snapshot: at byte %d: %w", d.off, err)
	}
	return nil
}

// ReadSnapshotStreamEnd reads what ends a snapshot on the wire.
func ReadSnapshotStreamEnd(r *bufio.Reader) error {
	d := &snapDecoder{src: &snapWire{r: r}, max: len(SnapshotStreamEnd)}
	b, err := d.field()
	if err == nil && string(b) != SnapshotStreamEnd {
		err = fmt.Errorf("%q in place of %q", b, SnapshotStreamEnd)
	}
	if err != nil {
		return fmt.Errorf("receive end of snapshot: %w", err)
	}
	return nil
}

// readSnapshot reads a snapshot file and checks every seal. Errors are
// *CorruptionError unless the file cannot be opened.
func readSnapshot(fs vfs.FS, path string, sink Sink) error {
	f, err := fs.Open(path)
	if err != nil {
		return fmt.Errorf("open snapshot: %w", err)
	}
	defer f.Close()
	r, done, err := decompress(f, path)
	if err != nil {
		return &CorruptionError{File: path, Err: err}
	}
	defer done()
	size, ahead := snapPiece, true
	if _, plain := r.(*io.SectionReader); plain { // most snapshots of tests and small ensembles are smaller
		if n, err := f.Size(); err == nil && n < snapPiece {
			size, ahead = int(n)+1, false
		}
	}
	src := openSnapFile(r, size, ahead)
	defer src.close()
	d := &snapDecoder{src: src, sealed: src, max: Limits{}.maxField()}
	if err := d.file(sink); err != nil {
		return &CorruptionError{File: path, Offset: d.off, Err: err}
	}
	return nil
}

// byteSource is where the bytes of a snapshot come from: take returns the
// next n of them, which stay valid until the next call.
type byteSource interface {
	take(n int) ([]byte, error)
}

// snapDecoder reads records straight out of its source's buffer.
type snapDecoder struct {
	src    byteSource
	sealed *snapFile // src again; nil on the wire
	off    int64     // bytes taken
	max    int       // longest field
}

func (d *snapDecoder) file(sink Sink) error {
	head, err := d.take(snapHeaderSize)
	if err != nil {
		return fmt.Errorf("file header: %w", err)
	}
	if string(head[:4]) != snapMagic {
		return fmt.Errorf("file begins with %x, want %x (%s)", head[:4], snapMagic, snapMagic)
	}
	if err := d.body(sink); err != nil {
		return err
	}
	if err := d.seal(); err != nil {
		return err
	}
	return d.sections(sink)
}

// sections reads what follows the first seal, by its length.
func (d *snapDecoder) sections(sink Sink) error {
	n, err := d.sealed.left(digestSize + endZxidSize + 1)
	if err != nil {
		return err
	}
	switch n {
	case 0, digestSize, endZxidSize, digestSize + endZxidSize:
		if n == digestSize || n == digestSize+endZxidSize {
			if err := d.digest(sink); err != nil {
				return err
			}
		}
		if n == endZxidSize || n == digestSize+endZxidSize {
			return d.endZxid(sink)
		}
		return nil
	case digestSize + endZxidSize + 1:
		return errors.New("unknown sections follow the tree")
	default:
		return fmt.Errorf("the %d bytes behind the tree are not whole sections", n)
	}
}

func (d *snapDecoder) digest(sink Sink) error {
	b, err := d.take(digestSize - sealSize)
	if err != nil {
		return err
	}
	zxid, version := proto.Zxid(be64(b)), int32(be32(b[8:]))
	digest := int64(be64(b[12:]))
	if err := d.seal(); err != nil {
		return err
	}
	sink.Digest(zxid, version, digest)
	return nil
}

func (d *snapDecoder) endZxid(sink Sink) error {
	b, err := d.take(endZxidSize - sealSize)
	if err != nil {
		return err
	}
	zxid := proto.Zxid(be64(b))
	if err := d.seal(); err != nil {
		return err
	}
	sink.Last(zxid)
	return nil
}

// seal checks the checksum of everything taken so far.
func (d *snapDecoder) seal() error {
	want := uint64(d.sealed.sum())
	b, err := d.take(sealSize)
	if err != nil {
		return fmt.Errorf("checksum: %w", err)
	}
	if got := be64(b); got != want {
		return fmt.Errorf("checksum is %#x, the bytes before it have %#x", got, want)
	}
	if be32(b[8:]) != uint32(len(endPath)) || string(b[12:]) != endPath {
		return errors.New("checksum without an end mark")
	}
	return nil
}

func (d *snapDecoder) body(sink Sink) error {
	if err := d.sessions(sink); err != nil {
		return fmt.Errorf("session table: %w", err)
	}
	if err := d.acls(sink); err != nil {
		return fmt.Errorf("ACL table: %w", err)
	}
	var n SnapNode
	for {
		if end, err := d.node(&n); err != nil {
			return fmt.Errorf("znode: %w", err)
		} else if end {
			return nil
		}
		if err := sink.Node(&n); err != nil {
			return fmt.Errorf("znode %q: %w", n.Path, err)
		}
	}
}

func (d *snapDecoder) sessions(sink Sink) error {
	count, err := d.count()
	for ; err == nil && count > 0; count-- {
		var b []byte
		if b, err = d.take(12); err == nil {
			err = sink.Session(proto.SessionID(be64(b)), int32(be32(b[8:])))
		}
	}
	return err
}

func (d *snapDecoder) acls(sink Sink) error {
	count, err := d.count()
	for ; err == nil && count > 0; count-- {
		var b []byte
		if b, err = d.take(8); err != nil {
			break
		}
		id := int64(be64(b))
		var acl []proto.ACL
		if acl, err = d.acl(); err == nil {
			err = sink.ACL(id, acl)
		}
	}
	return err
}

// aclEntryMin is how many bytes an entry of an ACL has at least.
const aclEntryMin = 12

// acl reads one vector of ACL entries, which together may be as long as one field.
func (d *snapDecoder) acl() ([]proto.ACL, error) {
	count, err := d.count()
	if err != nil {
		return nil, err
	}
	if int(count) > d.max/aclEntryMin {
		return nil, fmt.Errorf("%w: an ACL of %d entries", jute.ErrLength, count)
	}
	acl := make([]proto.ACL, 0, min(count, 16))
	for end := d.off + int64(d.max); count > 0; count-- {
		b, err := d.take(4)
		if err != nil {
			return nil, err
		}
		a := proto.ACL{Perms: int32(be32(b))}
		if b, err = d.field(); err != nil {
			return nil, err
		}
		a.ID.Scheme = string(b)
		if b, err = d.field(); err != nil {
			return nil, err
		}
		a.ID.ID = string(b)
		if d.off > end {
			return nil, fmt.Errorf("%w: an ACL of more than %d bytes", jute.ErrLength, d.max)
		}
		acl = append(acl, a)
	}
	return acl, nil
}

// node reads a znode, or the end of the tree.
func (d *snapDecoder) node(n *SnapNode) (end bool, err error) {
	b, err := d.take(4)
	if err != nil {
		return false, err
	}
	size, err := d.length(b)
	if err != nil {
		return false, err
	}
	if size < 0 {
		return false, errors.New("the path is null")
	}
	if b, err = d.take(size); err != nil {
		return false, err
	}
	n.Path = string(b)
	if n.Path == endPath {
		return true, nil
	}
	if b, err = d.take(4); err != nil {
		return false, err
	}
	size, err = d.length(b)
	if err != nil {
		return false, err
	}
	null := size < 0
	size = max(size, 0)
	if b, err = d.take(size + nodeFixed); err != nil {
		return false, err
	}
	if n.Data = b[:size:size]; null {
		n.Data = nil
	}
	rest := jute.NewDecoder(b[size:])
	n.ACL = rest.Long()
	n.Stat.Decode(&rest)
	return false, rest.Err()
}

// count reads the number of elements of a table. It is not to be trusted for
// allocating. Java reads a negative one as zero.
func (d *snapDecoder) count() (int32, error) {
	b, err := d.take(4)
	if err != nil {
		return 0, err
	}
	return max(int32(be32(b)), 0), nil
}

// field reads a string; null reads as empty. The result is valid until the next read.
func (d *snapDecoder) field() ([]byte, error) {
	b, err := d.take(4)
	if err != nil {
		return nil, err
	}
	n, err := d.length(b)
	if err != nil || n < 0 {
		return nil, err
	}
	return d.take(n)
}

// length checks a length prefix; -1 is null.
func (d *snapDecoder) length(b []byte) (int, error) {
	n := int(int32(be32(b)))
	if n < -1 || n > d.max {
		return 0, fmt.Errorf("%w %d", jute.ErrLength, n)
	}
	return n, nil
}

// take returns the next n bytes, which stay valid until the next call.
func (d *snapDecoder) take(n int) ([]byte, error) {
	b, err := d.src.take(n)
	if err == io.EOF {
		err = io.ErrUnexpectedEOF
	}
	if err != nil {
		return nil, err
	}
	d.off += int64(n)
	return b, nil
}

// snapWire takes a snapshot out of a connection's buffer, and nothing behind it.
type snapWire struct {
	r   *bufio.Reader
	big []byte // for a field that does not fit into r's buffer
}

func (w *snapWire) take(n int) ([]byte, error) {
	if n > w.r.Size() {
		return w.takeBig(n)
	}
	b, err := w.r.Peek(n)
	if err == nil {
		_, err = w.r.Discard(n)
	}
	return b, err
}

// takeBig reads beyond r's buffer, allocating no more than twice what has come.
func (w *snapWire) takeBig(n int) ([]byte, error) {
	b := w.big[:0]
	for len(b) < n {
		step := min(n-len(b), max(len(b), 1<<16))
		b = slices.Grow(b, step)
		from := len(b)
		b = b[:from+step]
		if _, err := io.ReadFull(w.r, b[from:]); err != nil {
			return nil, err
		}
	}
	w.big = b
	return b, nil
}

func be32(b []byte) uint32 { return binary.BigEndian.Uint32(b) }
func be64(b []byte) uint64 { return binary.BigEndian.Uint64(b) }
