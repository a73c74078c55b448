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
	if path == "/" {
		path = ""
	}
	crc := crc32.Update(0, crc32.IEEETable, append(d.buf[:0], path...))
	crc = crc32.Update(crc, crc32.IEEETable, data)
	b := d.buf[:0]
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
	return crc32.Update(crc, crc32.IEEETable, b)
}
