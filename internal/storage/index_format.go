package storage

import (
	"encoding/binary"
	"hash/crc32"
	"strconv"
	"strings"

	"github.com/paddock-io/paddock/proto"
)

// The index of a log, which only Paddock has. It lies beside log.X as index.X
// and says which transactions of that log have been durable once, so that
// somebody may have been told of them. Java ignores the file by its name.
//
//	file   = header record*                                                   28 bytes each
//	header = "PDKINDEX" | int32 version = 1 | int32 0 | int64 before | crc
//	record = int64 zxid | int64 offset | int32 length | int32 adler32 | crc
//
// before is the newest transaction of the history that this log continues, -1
// if it is not known; a log that is missing as a whole shows by it. offset and
// length are those of the entry and its payload, adler32 is the checksum in the
// entry. crc is the CRC-32C of the 24 bytes before it.
//
// Records are written behind the sync that made their entries durable, and are
// synced themselves only when the log is closed. What a crash takes from the
// end of an index costs knowledge, never correctness: entries without a record
// are judged as tail.go says. The other way round there must never be a record
// for something that was taken back on purpose, so whoever cuts a log removes
// its index first.
const (
	indexPrefix  = "index."
	indexMagic   = "PDKINDEX"
	indexVersion = 1
	indexRecord  = 28 // bytes of a record, and of the header

	noZxid proto.Zxid = -1
)

// EntryID tells one logged transaction from every other: two of the same zxid
// are the same transaction, and length and checksum show whether a copy is good.
type EntryID struct {
	Zxid   proto.Zxid
	Length int32  // of the payload, in bytes
	Sum    uint32 // Adler-32 of the payload
}

// indexEntry is a record of an index.
type indexEntry struct {
	EntryID
	off int64 // of the entry in the log
}

// end is where the entry behind it begins.
func (e indexEntry) end() int64 { return e.off + entryFrame + int64(e.Length) }

func indexName(z proto.Zxid) string { return indexPrefix + strconv.FormatInt(int64(z), 16) }

// indexOf returns the name of the index beside a log. A log of a name that
// Paddock does not give has none.
func indexOf(log string) (name string, ok bool) {
	rest, ok := strings.CutPrefix(log, logPrefix)
	if !ok || strings.Contains(rest, ".") {
		return "", false
	}
	return indexPrefix + rest, true
}

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// sealRecord appends the checksum of the 24 bytes that b ends with.
func sealRecord(b []byte) []byte {
	return binary.BigEndian.AppendUint32(b, crc32.Checksum(b[len(b)-indexRecord+4:], castagnoli))
}

func sealed(b []byte) bool {
	return len(b) >= indexRecord &&
		binary.BigEndian.Uint32(b[indexRecord-4:]) == crc32.Checksum(b[:indexRecord-4], castagnoli)
}

func appendIndexHeader(b []byte, before proto.Zxid) []byte {
	b = append(b, indexMagic...)
	b = binary.BigEndian.AppendUint32(b, indexVersion)
	b = binary.BigEndian.AppendUint32(b, 0)
	return sealRecord(binary.BigEndian.AppendUint64(b, uint64(before)))
}

// parseIndexHeader reads a header; ok is false if it is damaged or of a version
// that is not known.
func parseIndexHeader(b []byte) (before proto.Zxid, ok bool) {
	if !sealed(b) || string(b[:8]) != indexMagic || binary.BigEndian.Uint32(b[8:]) != indexVersion {
		return noZxid, false
	}
	return proto.Zxid(binary.BigEndian.Uint64(b[16:])), true
}

func appendIndexRecord(b []byte, e indexEntry) []byte {
	b = binary.BigEndian.AppendUint64(b, uint64(e.Zxid))
	b = binary.BigEndian.AppendUint64(b, uint64(e.off))
	b = binary.BigEndian.AppendUint32(b, uint32(e.Length))
	return sealRecord(binary.BigEndian.AppendUint32(b, e.Sum))
}

// parseIndexRecord reads a record; ok is false if it is damaged or tells
// nothing that could be true.
func parseIndexRecord(b []byte) (e indexEntry, ok bool) {
	if !sealed(b) {
		return indexEntry{}, false
	}
	e.Zxid = proto.Zxid(binary.BigEndian.Uint64(b))
	e.off = int64(binary.BigEndian.Uint64(b[8:]))
	e.Length = int32(binary.BigEndian.Uint32(b[16:]))
	e.Sum = binary.BigEndian.Uint32(b[20:])
	ok = e.Zxid > 0 && e.off >= logHeaderSize && e.Length >= proto.TxnHeaderSize && e.Length <= maxEntry
	return e, ok
}

// IDOf identifies an entry.
func IDOf(e Entry) EntryID {
	return EntryID{e.Zxid, int32(len(e.Payload)), adler(adlerStart, e.Payload)}
}
