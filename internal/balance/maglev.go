package balance

import (
	"crypto/sha256"
	"encoding/binary"
	"net/netip"
	"slices"
)

// tableSize is how many slots a table has. It must be prime, so that each
// server's order of the slots goes through all of them, and large against the
// number of servers: with a hundred servers their shares differ by about 1 %.
const tableSize = 65537

// table says which server a key belongs to: Maglev's lookup table. It depends on
// the set of names alone, so that fronts agree and a restart changes nothing.
//
// Each server has an order of its own for all slots, made from its name. They
// take turns in taking the next free slot of their order until none is left. So
// all get the same number of slots, within one; and when a server goes, most
// slots of the others are taken by them as before.
//
// Source: Eisenbud et al., Maglev: A Fast and Reliable Software Network Load
// Balancer (NSDI 2016), section 3.4.
type table struct {
	names []string // sorted, each once
	slots []uint16 // indices into names; empty if there are none
}

// newTable returns the table of the servers with these names, fewer than 65,536.
func newTable(names []string) *table {
	t := &table{names: slices.Compact(slices.Sorted(slices.Values(names)))}
	if len(t.names) == 0 {
		return t
	}
	const free = 1<<16 - 1
	t.slots = make([]uint16, tableSize)
	for i := range t.slots {
		t.slots[i] = free
	}
	type order struct{ at, skip uint32 }
	orders := make([]order, len(t.names))
	for i, name := range t.names {
		h := sha256.Sum256([]byte(name))
		orders[i].at = uint32(binary.BigEndian.Uint64(h[:]) % tableSize)
		orders[i].skip = uint32(binary.BigEndian.Uint64(h[8:])%(tableSize-1)) + 1
	}
	for taken := 0; ; {
		for i := range orders {
			o := &orders[i]
			for t.slots[o.at] != free {
				o.at = (o.at + o.skip) % tableSize
			}
			t.slots[o.at] = uint16(i)
			if taken++; taken == tableSize {
				return t
			}
		}
	}
}

// pick returns the server of a key, or if that one has been tried another one
// that has not; none if there is no other.
func (t *table) pick(key uint64, tried []string) (name string, ok bool) {
	if len(t.names) == 0 {
		return "", false
	}
	name = t.names[t.slots[key]]
	if !slices.Contains(tried, name) {
		return name, true
	}
	left := slices.DeleteFunc(slices.Clone(t.names), func(n string) bool { return slices.Contains(tried, n) })
	if len(left) == 0 {
		return "", false
	}
	h := sha256.Sum256(binary.BigEndian.AppendUint64(nil, key)) // so that those of one server spread
	return left[binary.BigEndian.Uint64(h[:])%uint64(len(left))], true
}

// keyOf returns the key of a client, below tableSize: of its address, so that a client has the
// same server each time, or of address and port, so that many clients of one
// machine spread.
func keyOf(client netip.AddrPort, byConnection bool) uint64 {
	b := client.Addr().Unmap().As16()
	key := b[:]
	if byConnection {
		key = binary.BigEndian.AppendUint16(key, client.Port())
	}
	h := sha256.Sum256(key) // one that clients, who choose their addresses, cannot aim with
	return binary.BigEndian.Uint64(h[:]) % tableSize
}
