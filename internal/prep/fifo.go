package prep

import "github.com/paddock-io/paddock/proto"

// entry says that the transaction with this zxid touched a record.
type entry struct {
	zxid proto.Zxid
	c    *change
}

// fifo is a queue of entries in a ring that grows by doubling. The zero value is
// empty.
type fifo struct {
	ring []entry // length 0 or a power of two
	head int     // index of the oldest
	n    int
}

func (f *fifo) len() int { return f.n }

// front returns the oldest entry; the queue must not be empty.
func (f *fifo) front() *entry { return &f.ring[f.head] }

func (f *fifo) push(e entry) {
	if f.n == len(f.ring) {
		f.grow()
	}
	f.ring[(f.head+f.n)&(len(f.ring)-1)] = e
	f.n++
}

// pop takes the oldest entry; the queue must not be empty.
func (f *fifo) pop() entry {
	e := f.ring[f.head]
	f.ring[f.head] = entry{}
	f.head = (f.head + 1) & (len(f.ring) - 1)
	f.n--
	return e
}

// unpush takes back the k youngest entries.
func (f *fifo) unpush(k int) {
	for range k {
		f.n--
		f.ring[(f.head+f.n)&(len(f.ring)-1)] = entry{}
	}
}

func (f *fifo) grow() {
	ring := make([]entry, max(64, 2*len(f.ring)))
	k := copy(ring, f.ring[f.head:])
	copy(ring[k:], f.ring[:f.head])
	f.ring, f.head = ring, 0
}
