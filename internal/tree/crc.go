package tree

import "hash/crc32"

// crcRoom is how many bytes crcOf needs ahead of its input: what the instructions of
// amd64 take at a time. Source: hash/crc32, archUpdateIEEE.
const crcRoom = 16

// leastInstructed is the shortest input for which hash/crc32 uses those instructions.
const leastInstructed = 64

// crcOf returns crc32.Update(crc, crc32.IEEETable, b[crcRoom:]). It changes b, whose
// first crcRoom bytes may be anything.
//
// The instructions take whole blocks, and the rest is done with tables, which takes
// as long as all else of a short input. So the input is padded ahead to whole blocks.
// The checksum's register begins with ^crc, which is the same as if it began with zero
// and the first four bytes were combined with ^crc; and zeros do not change a register
// that is zero.
func crcOf(crc uint32, b []byte) uint32 {
	in := b[crcRoom:]
	if len(in) < leastInstructed-crcRoom {
		return crc32.Update(crc, crc32.IEEETable, in)
	}
	for i := range 4 {
		in[i] ^= byte(^crc >> (8 * i))
	}
	clear(b[:crcRoom])
	return crc32.Update(^uint32(0), crc32.IEEETable, b[len(b)%crcRoom:])
}
