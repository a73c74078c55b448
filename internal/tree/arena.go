package tree

import (
	"encoding/binary"
	"math/bits"
)

// arena holds byte strings outside of the garbage collector's view: it sees a
// slice of pages, however many strings they hold.
//
//	page of class 5:  | block | block | free -> | block | free    |   not used yet |
//	                                       +----------------^
//
// A page is cut into blocks of one size. Sizes go up in steps of an eighth of a
// power of two, so that at most a ninth of a block is wasted. A page whose last
// block is freed goes back to the runtime. What is longer than half a page has
// a slice of its own.
type arena struct {
	mem       []*[pageSize]byte // by page; apart from the rest of a page, which reads do not need
	pages     []page
	freePages []uint32             // elements of pages without memory
	partial   [arenaClasses]uint32 // head of the list of pages with room, plus one
	big       [][]byte             // what has a slice of its own
	freeBig   []uint32             // unused elements of big
	spare     *[pageSize]byte      // the page emptied last, so that one block that comes and goes costs none
}

// blob names a byte string in an arena: page and offset, or bigBlob
// and the element of big. 0 names nothing.
type blob uint64

const (
	pageSize     = 64 << 10
	pageShift    = 16
	maxBlock     = pageSize / 2
	bigBlob      = blob(1) << 63
	arenaClasses = 80 // classOf(maxBlock) + 1
)

type page struct {
	class      uint8
	live       uint16 // blocks in use
	used       uint32 // bytes that were in use at some time
	free       uint32 // offset of the first free block, plus one; it holds the next in turn
	prev, next uint32 // in the list of pages of this class with room, plus one
}

// classOf returns the smallest class whose blocks hold size bytes.
func classOf(size int) int {
	units := max(size+7, 8) / 8 // of 8 bytes
	if units <= 16 {
		return units - 1
	}
	shift := bits.Len(uint(units-1)) - 4 // four bits remain, the first of them set
	return 8*shift + (units-1)>>shift
}

// classSize returns the size of the blocks of a class.
func classSize(class int) int {
	if class < 16 {
		return 8 * (class + 1)
	}
	shift := class/8 - 1
	return 8 * ((class - 8*shift + 1) << shift)
}

// alloc returns room for size bytes.
func (a *arena) alloc(size int) blob {
	if size > maxBlock {
		return a.allocBig(size)
	}
	class := classOf(size)
	if a.partial[class] == 0 {
		a.addPage(class)
	}
	i := a.partial[class] - 1
	p := &a.pages[i]
	p.live++
	off := p.used
	if p.free != 0 {
		off = p.free - 1
		p.free = binary.NativeEndian.Uint32(a.mem[i][off:])
	} else {
		p.used += uint32(classSize(class))
	}
	if p.full() {
		a.unlist(i)
	}
	return blob(i+1)<<pageShift | blob(off)
}

func (p *page) full() bool {
	return p.free == 0 && int(p.used)+classSize(int(p.class)) > pageSize
}

// release gives a blob's room back.
func (a *arena) release(b blob) {
	if b&bigBlob != 0 {
		i := uint32(b &^ bigBlob)
		a.big[i] = nil
		a.freeBig = append(a.freeBig, i)
		return
	}
	i, off := uint32(b>>pageShift)-1, uint32(b&(pageSize-1))
	p := &a.pages[i]
	if p.full() {
		a.list(i)
	}
	binary.NativeEndian.PutUint32(a.mem[i][off:], p.free)
	p.free = off + 1
	if p.live--; p.live == 0 {
		a.unlist(i)
		a.spare, a.mem[i] = a.mem[i], nil
		*p = page{}
		a.freePages = append(a.freePages, i)
	}
}

// bytes returns the first size bytes of a blob.
func (a *arena) bytes(b blob, size int) []byte {
	if b&bigBlob != 0 {
		return a.big[b&^bigBlob][:size:size]
	}
	off := int(b & (pageSize - 1))
	return a.mem[b>>pageShift-1][off : off+size : off+size]
}

// fits reports whether a blob that holds old bytes is what alloc would give for
// size bytes.
func (a *arena) fits(old, size int) bool {
	if old > maxBlock || size > maxBlock {
		return old == size
	}
	return classOf(old) == classOf(size)
}

func (a *arena) allocBig(size int) blob {
	mem := make([]byte, size)
	if n := len(a.freeBig); n > 0 {
		i := a.freeBig[n-1]
		a.freeBig = a.freeBig[:n-1]
		a.big[i] = mem
		return bigBlob | blob(i)
	}
	a.big = append(a.big, mem)
	return bigBlob | blob(len(a.big)-1)
}

// addPage makes a page for a class.
func (a *arena) addPage(class int) {
	var i uint32
	if n := len(a.freePages); n > 0 {
		i, a.freePages = a.freePages[n-1], a.freePages[:n-1]
	} else {
		i = uint32(len(a.pages))
		a.pages, a.mem = append(a.pages, page{}), append(a.mem, nil)
	}
	a.mem[i], a.spare = a.spare, nil
	if a.mem[i] == nil {
		a.mem[i] = new([pageSize]byte)
	}
	a.pages[i] = page{class: uint8(class)}
	a.list(i)
}

// list puts page i at the head of its class's pages with room.
func (a *arena) list(i uint32) {
	p := &a.pages[i]
	p.prev, p.next = 0, a.partial[p.class]
	if p.next != 0 {
		a.pages[p.next-1].prev = i + 1
	}
	a.partial[p.class] = i + 1
}

// unlist takes page i out of them.
func (a *arena) unlist(i uint32) {
	p := &a.pages[i]
	if p.prev != 0 {
		a.pages[p.prev-1].next = p.next
	} else {
		a.partial[p.class] = p.next
	}
	if p.next != 0 {
		a.pages[p.next-1].prev = p.prev
	}
	p.prev, p.next = 0, 0
}
