package storage

import (
	"bytes"
	"encoding/binary"
	"fmt"

	"github.com/paddock-io/paddock/internal/storage/vfs"
	"github.com/paddock-io/paddock/proto"
)

// A transaction log, in Java's format. Numbers are big-endian.
//
//	file    = header entry* padding
//	header  = "ZKLG" | int32 version = 2 | int64 dbid = 0                  16 bytes
//	entry   = int64 adler32(payload) | int32 length | payload | 'B'        13 + length bytes
//	payload = TxnHeader | record | [TxnDigest]; its zxid is bytes 12..20
//	padding = zero bytes
//
// A reader stops at the first entry of length zero, which is what padding
// looks like. The checksum does not cover the length or the 'B'.
// Source: FileTxnLog.append, FileTxnLog.FileTxnIterator, Util.readTxnBytes.
//
// Padding of a file that Paddock is still writing holds one more thing, which
// every reader takes for padding because it lies behind an entry of length
// zero: the sync mark of the newest batch. It says which bytes were written
// together and so may be torn together, and that everything before them had
// been synced. It lies at the first sector boundary that leaves room for the
// empty entry, and disappears when the file is closed.
//
//	... entries of batch n | zeros, 12 to 523 of them | mark | zeros ...
//	mark    = "PDKBATCH" | int64 start | int64 end | int64 adler32(the 24 bytes)  32 bytes
const (
	logMagic      = "ZKLG"
	logVersion    = 2
	logHeaderSize = 16
	entryHead     = 12   // checksum and length
	entryFrame    = 13   // and the end mark
	entryEnd      = 0x42 // 'B'
	zxidOffset    = 12   // of the zxid in a payload

	markMagic = "PDKBATCH"
	markSize  = 32

	// maxEntry bounds a payload. Java refuses beyond jute.maxbuffer and some, 2 MiB
	// by default, which preparing requests takes care of; this bound only keeps a
	// damaged length from being believed.
	maxEntry = 64 << 20
)

// Entry is one logged transaction.
type Entry struct {
	Zxid    proto.Zxid
	Payload []byte // TxnHeader, record and digest as encoded; see proto.DecodeTxn
}

func appendLogHeader(b []byte) []byte {
	b = append(b, logMagic...)
	b = binary.BigEndian.AppendUint32(b, logVersion)
	return binary.BigEndian.AppendUint64(b, 0)
}

func appendEntry(b, payload []byte) []byte {
	b = binary.BigEndian.AppendUint64(b, uint64(adler(adlerStart, payload)))
	b = binary.BigEndian.AppendUint32(b, uint32(len(payload)))
	b = append(b, payload...)
	return append(b, entryEnd)
}

// payloadZxid returns the zxid inside a payload of at least TxnHeaderSize bytes.
func payloadZxid(p []byte) proto.Zxid {
	return proto.Zxid(binary.BigEndian.Uint64(p[zxidOffset:]))
}

// mark says that bytes [start, end) of a log were written as one batch.
type mark struct{ start, end int64 }

// markOffset returns where the mark of a batch that ends at end lies.
func markOffset(end int64) int64 {
	return (end + entryHead + vfs.SectorSize - 1) &^ (vfs.SectorSize - 1)
}

// appendMark appends padding and the mark to b, which will be written at
// offset at. Nothing before offset start can be torn together with b.
func appendMark(b []byte, at, start int64) []byte {
	end := at + int64(len(b))
	b = append(b, make([]byte, markOffset(end)-end)...)
	m := len(b)
	b = append(b, markMagic...)
	b = binary.BigEndian.AppendUint64(b, uint64(start))
	b = binary.BigEndian.AppendUint64(b, uint64(end))
	return binary.BigEndian.AppendUint64(b, uint64(adler(adlerStart, b[m:])))
}

// parseMark reads the mark that b begins with, found at offset off of a file.
func parseMark(b []byte, off int64) (mark, bool) {
	if len(b) < markSize || !bytes.HasPrefix(b, []byte(markMagic)) {
		return mark{}, false
	}
	m := mark{int64(binary.BigEndian.Uint64(b[8:])), int64(binary.BigEndian.Uint64(b[16:]))}
	ok := binary.BigEndian.Uint64(b[24:]) == uint64(adler(adlerStart, b[:24])) &&
		0 <= m.start && m.start < m.end && m.end < off && markOffset(m.end) == off
	return m, ok
}

// checkLogHeader tells what is wrong with the first bytes of a log, if anything.
// Like Java it looks at the magic only.
func checkLogHeader(b []byte) error {
	if len(b) < logHeaderSize {
		return fmt.Errorf("file header is %d bytes long, want %d", len(b), logHeaderSize)
	}
	if string(b[:4]) != logMagic {
		return fmt.Errorf("file begins with %x, want %x (%s)", b[:4], logMagic, logMagic)
	}
	return nil
}

// PayloadZxid returns the zxid of a payload from elsewhere; ok is false if it
// cannot be one.
func PayloadZxid(p []byte) (z proto.Zxid, ok bool) {
	if len(p) < proto.TxnHeaderSize || len(p) > maxEntry {
		return 0, false
	}
	return payloadZxid(p), true
}
