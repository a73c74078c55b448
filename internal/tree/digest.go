package tree

import (
	"encoding/binary"
	"hash/crc32"
	"strings"

	"github.com/paddock-io/paddock/proto"
)

// systemSubtree is the prefix of the znodes that the digest leaves out; the
// znode "/zookeeper" itself is not among them. Source:
// NodeHashMapImpl.addDigest.
const systemSubtree = "/zookeeper/"

// digestInline is the most bytes of data that are copied, so that path, data and
// metadata are summed up in one go: each begins and ends with some bytes that
// are slow to sum up.
const digestInline = 1 << 10

// Digester computes the digests of znodes. The zero value is ready; it is for
// one goroutine.
type Digester struct{ buf []byte }

// Node returns the digest of one znode, version 2: a CRC-32 over path, data and
// stored metadata, or 0 for what lies below /zookeeper. The digest of a tree is
// the sum over its znodes. The root may be named "/" or "". Source:
// DigestCalculator.calculateDigest.
func (d *Digester) Node(path string, data []byte, s *proto.StatPersisted) uint32 {
	if strings.HasPrefix(path, systemSubtree) {
		return 0
	}
	crc, b := d.begin(path, data)
	return d.end(crc, b, s)
}

// Begin returns the part of a znode's digest that is of its path and data, for End.
func (d *Digester) Begin(path string, data []byte) uint32 {
	return crcOf(d.begin(path, data))
}

// End completes what Begin returned with the metadata, which may have changed since.
// Unlike Node it does not know which znodes have no digest.
func (d *Digester) End(begun uint32, s *proto.StatPersisted) uint32 {
	return d.end(begun, append(d.buf[:0], make([]byte, crcRoom)...), s)
}

// begin returns the checksum of what is long, and with room ahead what is not summed
// up yet, in d.buf.
func (d *Digester) begin(path string, data []byte) (crc uint32, rest []byte) {
	if path == "/" {
		path = ""
	}
	b := append(d.buf[:0], make([]byte, crcRoom)...)
	b = append(b, path...)
	if len(data) <= digestInline {
		b = append(b, data...)
	} else {
		crc = crc32.Update(crcOf(0, b), crc32.IEEETable, data)
		b = b[:crcRoom]
	}
	d.buf = b
	return crc, b
}

func (d *Digester) end(crc uint32, b []byte, s *proto.StatPersisted) uint32 {
	b = binary.BigEndian.AppendUint64(b, uint64(s.Czxid))
	b = binary.BigEndian.AppendUint64(b, uint64(s.Mzxid))
	b = binary.BigEndian.AppendUint64(b, uint64(s.Pzxid))
	b = binary.BigEndian.AppendUint64(b, uint64(s.Ctime))
	b = binary.BigEndian.AppendUint64(b, uint64(s.Mtime))
	b = binary.BigEndian.AppendUint32(b, uint32(s.Version))
	b = binary.BigEndian.AppendUint32(b, uint32(s.Cversion))
	b = binary.BigEndian.AppendUint32(b, uint32(s.Aversion))
	b = binary.BigEndian.AppendUint64(b, uint64(s.EphemeralOwner))
	d.buf = b
	return crcOf(crc, b)
}
