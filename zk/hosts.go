package zk

import "slices"

// dice is where chance comes from; *rand.Rand is one.
type dice interface {
	IntN(n int) int   // 0 to n-1
	Float32() float32 // from 0 up to 1
}

// hosts decides which server of a list is tried next, and when the list
// changes, whether this client has to leave its server so that all clients
// together stay evenly spread. It does no I/O; each client throws dice of its
// own and none knows of the others.
//
//	newHosts ──► next, next ... connected          round and round
//	update ──► stay, or leave: next, next ...      one round by chance, then as before
//
// The chances, for a list of n that becomes one of m, with k servers in both:
// each server has 1/n of the clients and is to have 1/m.
//   - It grows (m > n): a client of one of the k leaves with 1-n/m, to the m-k new
//     ones, and so does every client of a server that has gone.
//   - It does not grow: a client of one of the k stays. One of a server that has
//     gone, of which there are (n-k)/n, goes to one of the k with a chance of
//     k(n-m)/(m(n-k)), which is what those lack, and to a new one otherwise.
//
// No more move than must: those whose server has gone, and what the k servers
// have too many.
//
// Source: StaticHostProvider, which decides alike given the same dice.
type hosts struct {
	dice dice
	list []string // host:port, in the order drawn
	at   int      // in list, what next has returned; -1 before the first
	last int      // in list, where a round ends: where the client was connected; -1 before the first

	// While a change of the list is being followed, the list in two parts, without
	// what has been tried. Their order is that of list.
	moving bool
	added  []string
	kept   []string
	pAdded float32 // the chance of one of added, while both parts have some left
}

// newHosts takes list over. It must not be empty.
func newHosts(list []string, d dice) *hosts {
	h := &hosts{dice: d, at: -1, last: -1}
	h.list = h.shuffle(list)
	return h
}

// next returns the server to try. again tells that all have been tried since
// the client was connected last, or since the last time that it was told so.
// Source: StaticHostProvider.next.
func (h *hosts) next() (host string, again bool) {
	if h.moving {
		if host, ok := h.nextMoving(); ok {
			h.at = slices.Index(h.list, host)
			return host, false
		}
		h.moving, again = false, true
	}
	h.at = (h.at + 1) % len(h.list)
	again = again || h.at == h.last
	if h.last == -1 {
		h.last = 0
	}
	return h.list[h.at], again
}

// nextMoving returns the next server of the round after a change, if there is
// one left. Source: StaticHostProvider.nextHostInReconfigMode.
func (h *hosts) nextMoving() (host string, ok bool) {
	wantAdded := h.dice.Float32() <= h.pAdded
	switch {
	case len(h.added) > 0 && (wantAdded || len(h.kept) == 0):
		host, h.added = h.added[0], h.added[1:]
	case len(h.kept) > 0:
		host, h.kept = h.kept[0], h.kept[1:]
	default:
		return "", false
	}
	return host, true
}

// connected tells that the server which next returned last has been reached.
// Source: StaticHostProvider.onConnected.
func (h *hosts) connected() { h.last, h.moving = h.at, false }

// update replaces the list, which is taken over and must not be empty. current
// are the names of the server that the client is connected to, none if it is
// not. The result tells whether the client is to leave it and to call next; one
// that is not connected calls next anyway. Source: StaticHostProvider.updateServerList.
func (h *hosts) update(list []string, current ...string) (leave bool) {
	list = h.shuffle(list)
	if h.moving {
		// The last change has not been followed yet: start from where it leads.
		host, _ := h.next()
		current = []string{host}
	} else if len(current) == 0 {
		current = []string{h.list[max(h.last, 0)]}
	}
	stays := slices.ContainsFunc(list, func(s string) bool { return slices.Contains(current, s) })
	h.kept, h.added = nil, nil
	for _, s := range list {
		if slices.Contains(h.list, s) {
			h.kept = append(h.kept, s)
		} else {
			h.added = append(h.added, s)
		}
	}
	h.moving = h.leaves(stays, len(h.list), len(list), len(h.kept))
	at := -1
	if !h.moving && h.at >= 0 {
		at = slices.Index(list, h.list[h.at])
	}
	h.list, h.at, h.last = list, at, at
	return h.moving
}

// leaves draws whether a client leaves its server, which stays in the list or
// does not, when the list of n becomes one of m with k in both, and sets the
// chance of the new servers.
func (h *hosts) leaves(stays bool, n, m, k int) bool {
	h.pAdded = 1
	switch {
	case m > n && stays:
		return h.dice.Float32() <= 1-float32(n)/float32(m)
	case m > n:
		return true
	case stays:
		return false
	}
	h.pAdded = 1 - float32(k*(n-m))/float32(m*(n-k)) // with n = k the server stays, as its list says
	return true
}

// shuffle puts list into an order drawn by the dice.
func (h *hosts) shuffle(list []string) []string {
	for i := len(list) - 1; i > 0; i-- {
		j := h.dice.IntN(i + 1)
		list[i], list[j] = list[j], list[i]
	}
	return list
}
