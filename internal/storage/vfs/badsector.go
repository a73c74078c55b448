package vfs

import "maps"

// badSectors are the offsets of sectors that cannot be read.
type badSectors map[int64]bool

func (b badSectors) clone() badSectors { return maps.Clone(b) }

// first returns the first bad sector that has some of [low, end) in it.
func (b badSectors) first(low, end int64) (at int64, ok bool) {
	if len(b) == 0 {
		return 0, false
	}
	for at := low &^ (SectorSize - 1); at < end; at += SectorSize {
		if b[at] {
			return at, true
		}
	}
	return 0, false
}

// partly returns the first bad sector of which a write of [low, end) to a file
// of size bytes leaves something that was there before.
func (b badSectors) partly(low, end, size int64) (at int64, ok bool) {
	for _, s := range []int64{low &^ (SectorSize - 1), (end - 1) &^ (SectorSize - 1)} {
		if b[s] && low < end && (low > s || end < min(s+SectorSize, size)) {
			return s, true
		}
	}
	return 0, false
}

// rewrite takes out what a write of [low, end) covers.
func (b badSectors) rewrite(low, end, size int64) {
	if len(b) == 0 {
		return
	}
	for at := (low + SectorSize - 1) &^ (SectorSize - 1); at < end; at += SectorSize {
		if end >= min(at+SectorSize, size) {
			delete(b, at)
		}
	}
}

// shorten takes out what lies behind the end of a file of size bytes.
func (b badSectors) shorten(size int64) {
	maps.DeleteFunc(b, func(at int64, _ bool) bool { return at >= size })
}
