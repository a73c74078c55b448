package auth

import (
	"slices"

	"github.com/paddock-io/paddock/proto"
)

// Add returns a new list with those of more that are not in ids, which comes from Add or has one entry. It keeps the
// order in which Java goes through the identities of a connection, a concurrent hash set, because clients see it: in
// whoAmI, and in what becomes of scheme auth in an ACL.
//
// The order is that of the set's bins. What it needs to know follows from the list: how many bins there are from its
// length, and the order within a bin from that in the list. Source: ServerCnxn.addAuthInfo, ConcurrentHashMap.
func Add(ids []proto.ID, more ...proto.ID) []proto.ID {
	list := append(make([]proto.ID, 0, len(ids)+len(more)), ids...)
	for _, id := range more {
		if slices.Contains(list, id) {
			continue
		}
		bins := binCount(len(list))
		at := len(list)
		for at > 0 && hash(list[at-1])&(bins-1) > hash(id)&(bins-1) {
			at--
		}
		list = slices.Insert(list, at, id) // the last of its bin
		if binCount(len(list)) != bins {
			list = split(list, bins)
		}
	}
	return list
}

// binCount returns how many bins a set of n has; it doubles once it is filled to three quarters.
func binCount(n int) uint32 {
	bins := uint32(16)
	for n >= int(bins-bins/4) {
		bins *= 2
	}
	return bins
}

// split returns the order after bins have become twice as many: each gives some of its entries to the one as far behind
// it as there were bins. The longest end of a bin that stays together keeps its order, and what was before it comes in
// front of it, backwards.
func split(list []proto.ID, bins uint32) []proto.ID {
	var low, high []proto.ID
	for len(list) > 0 {
		bin := hash(list[0]) & (bins - 1)
		n := 1
		for n < len(list) && hash(list[n])&(bins-1) == bin {
			n++
		}
		last := n - 1
		for last > 0 && hash(list[last-1])&bins == hash(list[n-1])&bins {
			last--
		}
		var parts [2][]proto.ID
		for i := last - 1; i >= 0; i-- {
			side := &parts[min(hash(list[i])&bins, 1)]
			*side = append(*side, list[i])
		}
		side := &parts[min(hash(list[n-1])&bins, 1)]
		*side = append(*side, list[last:n]...)
		low, high = append(low, parts[0]...), append(high, parts[1]...)
		list = list[n:]
	}
	return append(low, high...)
}

// hash is what decides on an identity's bin. Source: Id.hashCode, ConcurrentHashMap.spread.
func hash(id proto.ID) uint32 {
	h := (17*37+stringHash(id.Scheme))*37 + stringHash(id.ID)
	return h ^ h>>16
}

// stringHash is String.hashCode, over UTF-16.
func stringHash(s string) uint32 {
	var h uint32
	for _, r := range s {
		if r >= 0x10000 {
			h = h*31 + 0xd800 + uint32(r-0x10000)>>10
			r = 0xdc00 + r&0x3ff
		}
		h = h*31 + uint32(r)
	}
	return h
}
