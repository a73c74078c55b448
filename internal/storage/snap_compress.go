package storage

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"strings"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/snappy"

	"github.com/paddock-io/paddock/internal/storage/vfs"
)

// Compressed snapshots, of snapshot.compression.method. The suffix of the name
// says how; what goes over the wire is plain.
//
//	.gz      one gzip stream
//	.snappy  "\x82SNAPPY\0" | int32 version = 1 | int32 compatible = 1 |
//	         { int32 length | snappy block of that many bytes }*
//
// Source: SnapStream, org.xerial.snappy.SnappyOutputStream.
const (
	gzSuffix     = ".gz"
	snappySuffix = ".snappy"
	snappyMagic  = "\x82SNAPPY\x00"

	snappyVersion  = 1
	snappyBlock    = 32 << 10 // plain bytes of a block, as Java writes it
	maxSnappyBlock = 64 << 20 // that is read
)

// Compression is how snapshot files are compressed.
type Compression uint8

// The methods that Java has.
const (
	Plain Compression = iota
	Gzip
	Snappy
)

// ParseCompression reads a value of snapshot.compression.method. Java takes what it does not know for plain.
// Source: SnapStream.StreamMode.fromString.
func ParseCompression(method string) (c Compression, known bool) {
	switch strings.ToLower(method) {
	case "":
		return Plain, true
	case "gz":
		return Gzip, true
	case "snappy":
		return Snappy, true
	}
	return Plain, false
}

// suffix is what the names of such files end in.
func (c Compression) suffix() string {
	switch c {
	case Gzip:
		return gzSuffix
	case Snappy:
		return snappySuffix
	}
	return ""
}

// compress returns a writer that passes on to w what it gets, compressed. Close ends the stream and leaves w open.
func (c Compression) compress(w io.Writer) io.WriteCloser {
	switch c {
	case Gzip:
		file := bufio.NewWriterSize(w, gzipBuffer)
		return &gzipWriter{gzip.NewWriter(file), file}
	case Snappy:
		return &snappyWriter{w: w}
	}
	return plainWriter{w}
}

// gzipBuffer collects the small pieces that the compressor writes.
const gzipBuffer = 256 << 10

type gzipWriter struct {
	*gzip.Writer
	file *bufio.Writer
}

func (z *gzipWriter) Close() error {
	if err := z.Writer.Close(); err != nil {
		return err
	}
	return z.file.Flush()
}

type plainWriter struct{ io.Writer }

func (plainWriter) Close() error { return nil }

// snappyWriter writes xerial's framing of snappy blocks. Large pieces come in, so that each is cut into blocks at once,
// the last of them shorter; a reader does not mind.
type snappyWriter struct {
	w     io.Writer
	begun bool
	out   []byte // blocks with their lengths, to be written together
}

func (s *snappyWriter) Write(p []byte) (int, error) {
	s.out = s.header(s.out[:0])
	for block := range slices.Chunk(p, snappyBlock) {
		at := len(s.out)
		s.out = slices.Grow(s.out, 4+snappy.MaxEncodedLen(len(block)))
		packed := snappy.Encode(s.out[at+4:cap(s.out)], block)
		s.out = s.out[:at+4+len(packed)]
		binary.BigEndian.PutUint32(s.out[at:], uint32(len(packed)))
	}
	if _, err := s.w.Write(s.out); err != nil {
		return 0, err
	}
	return len(p), nil
}

// header appends what a stream begins with, once.
func (s *snappyWriter) header(b []byte) []byte {
	if s.begun {
		return b
	}
	s.begun = true
	b = append(b, snappyMagic...)
	b = binary.BigEndian.AppendUint32(b, snappyVersion)
	return binary.BigEndian.AppendUint32(b, snappyVersion) // the oldest reader's that can read it
}

func (s *snappyWriter) Close() error { return nil }

// decompress returns the plain bytes of a snapshot file and a function that
// releases the reader.
func decompress(f vfs.File, path string) (io.Reader, func(), error) {
	r := io.NewSectionReader(f, 0, math.MaxInt64)
	switch {
	case strings.HasSuffix(path, gzSuffix):
		z, err := gzip.NewReader(bufio.NewReaderSize(r, readWindow))
		if err != nil {
			return nil, nil, err
		}
		return z, func() { z.Close() }, nil
	case strings.HasSuffix(path, snappySuffix):
		z := &snappyReader{r: bufio.NewReaderSize(r, readWindow)}
		return z, func() {}, z.header()
	}
	return r, func() {}, nil
}

// looksComplete is Java's quick check that a snapshot was written to its end:
// plain ones end in the string "/", of compressed ones only the magic is
// looked at. Source: SnapStream.isValidSnapshot.
func looksComplete(fs vfs.FS, path string) bool {
	f, err := fs.Open(path)
	if err != nil {
		return false
	}
	defer f.Close()
	magic, at := []byte("\x00\x00\x00\x01/"), int64(0)
	switch {
	case strings.HasSuffix(path, gzSuffix):
		magic = []byte{0x1f, 0x8b}
	case strings.HasSuffix(path, snappySuffix):
		magic = []byte(snappyMagic)
	default:
		size, err := f.Size()
		if err != nil || size < snapHeaderSize+sealSize {
			return false
		}
		at = size - int64(len(magic))
	}
	b := make([]byte, len(magic))
	n, err := f.ReadAt(b, at)
	return n == len(b) && (err == nil || err == io.EOF) && bytes.Equal(b, magic)
}

// snappyReader reads xerial's framing of snappy blocks.
type snappyReader struct {
	r           *bufio.Reader
	in, out     []byte
	outConsumed int
}

func (s *snappyReader) header() error {
	var head [16]byte
	if _, err := io.ReadFull(s.r, head[:]); err != nil {
		return fmt.Errorf("snappy header: %w", err)
	}
	if string(head[:8]) != snappyMagic {
		return fmt.Errorf("file begins with %x, want %x", head[:8], snappyMagic)
	}
	return nil
}

func (s *snappyReader) Read(p []byte) (int, error) {
	for s.outConsumed == len(s.out) {
		if err := s.block(); err != nil {
			return 0, err
		}
	}
	n := copy(p, s.out[s.outConsumed:])
	s.outConsumed += n
	return n, nil
}

func (s *snappyReader) block() error {
	var head [4]byte
	if _, err := io.ReadFull(s.r, head[:]); err != nil {
		return err // io.EOF between two blocks is the end
	}
	n := binary.BigEndian.Uint32(head[:])
	if n > maxSnappyBlock {
		return fmt.Errorf("snappy block of %d bytes", n)
	}
	in := bytes.NewBuffer(s.in[:0])
	if _, err := io.CopyN(in, s.r, int64(n)); err != nil {
		return fmt.Errorf("snappy block: %w", io.ErrUnexpectedEOF)
	}
	s.in = in.Bytes()
	size, err := snappy.DecodedLen(s.in)
	if err != nil || size > maxSnappyBlock || size > 32*len(s.in)+64 {
		return errors.New("snappy block of unreasonable size") // the format cannot shrink data that far
	}
	s.out, err = snappy.Decode(s.out[:cap(s.out)], s.in)
	s.outConsumed = 0
	return err
}
