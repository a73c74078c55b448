package storage

import "encoding/binary"

// adlerStart is the Adler-32 checksum of no bytes.
const adlerStart uint32 = 1

const (
	adlerMod   = 65521
	adlerBlock = 20 * 8  // bytes whose weighted sums fit into 16 bits: 255 * (19 + 18 + ... + 0) < 1<<16
	adlerRun   = 1 << 20 // bytes whose sums fit into 64 bits by far
	adlerEven  = 0x00ff00ff00ff00ff
	adlerPairs = 0x0000ffff0000ffff
)

// adler returns the Adler-32 checksum of what sum is the checksum of, followed
// by b. It adds eight bytes at a time, four in each of two words, which is
// more than twice as fast as hash/adler32 that goes byte by byte.
func adler(sum uint32, b []byte) uint32 {
	s1, s2 := uint64(sum&0xffff), uint64(sum>>16)
	for len(b) >= 8 {
		run := b[:min(len(b), adlerRun)]
		b = b[len(run)&^7:]
		for len(run) >= 8 {
			n := min(len(run), adlerBlock) &^ 7
			s1, s2 = adlerAdd(s1, s2, run[:n])
			run = run[n:]
		}
		s1, s2 = s1%adlerMod, s2%adlerMod
	}
	for _, c := range b {
		s1 += uint64(c)
		s2 += s1
	}
	return uint32(s2%adlerMod)<<16 | uint32(s1%adlerMod)
}

// adlerAdd adds a block, or less in words of eight bytes, to the two sums. With
// n words s2 grows by 8n times the old s1, by 8 for each word behind a byte, and by how far
// the byte is from the end of its own word.
func adlerAdd(s1, s2 uint64, b []byte) (uint64, uint64) {
	var l adlerLanes
	rest := b
	for ; len(rest) >= 32; rest = rest[32:] {
		four := (*[32]byte)(rest) // whose bounds are checked once
		l = l.add(binary.LittleEndian.Uint64(four[:]))
		l = l.add(binary.LittleEndian.Uint64(four[8:]))
		l = l.add(binary.LittleEndian.Uint64(four[16:]))
		l = l.add(binary.LittleEndian.Uint64(four[24:]))
	}
	for ; len(rest) >= 8; rest = rest[8:] {
		l = l.add(binary.LittleEndian.Uint64(rest))
	}
	even, odd := l.even, l.odd
	before := lanes(l.evenBefore) + lanes(l.oddBefore)
	within := 8*(even&0xffff) + 6*(even>>16&0xffff) + 4*(even>>32&0xffff) + 2*(even>>48) +
		7*(odd&0xffff) + 5*(odd>>16&0xffff) + 3*(odd>>32&0xffff) + odd>>48
	s2 += uint64(len(b))*s1 + 8*before + within
	return s1 + lanes(even) + lanes(odd), s2
}

// adlerLanes are sums of four lanes of 16 bits each: of bytes 0, 2, 4, 6 and of 1,
// 3, 5, 7 of every word, and of what these were before it.
type adlerLanes struct{ even, odd, evenBefore, oddBefore uint64 }

func (l adlerLanes) add(x uint64) adlerLanes {
	return adlerLanes{
		even: l.even + x&adlerEven, odd: l.odd + x>>8&adlerEven,
		evenBefore: l.evenBefore + l.even, oddBefore: l.oddBefore + l.odd,
	}
}

// lanes adds up four lanes of 16 bits.
func lanes(x uint64) uint64 {
	x = x&adlerPairs + x>>16&adlerPairs
	return x&0xffffffff + x>>32
}
