package zab

import (
	"sort"

	"github.com/paddock-io/paddock/proto"
)

// History is the recent end of a server's transactions, from which a leader
// brings learners up to date without a snapshot. The zero value holds nothing.
//
// Invariant: every transaction of the server's log in (base, last] is in txns,
// in zxid order, without a hole.
type History struct {
	// Keep is how many of the newest to keep, whatever their size; an eighth more
	// may be there. 0 means 20,000, or as many as have 32 MiB, but at least 500.
	Keep int
	// MaxTxns is the most to keep, for tests that want few; 0 leaves it to Keep.
	MaxTxns int

	base  proto.Zxid
	txns  []kept
	bytes int
}

// kept is what learners get of a transaction. It is without what the bytes were
// decoded to: that may be many pieces of memory, and the collector would look at
// each of them as long as it is kept.
type kept struct {
	Zxid proto.Zxid
	Raw  []byte
}

// Limits of a History: Java keeps 500 transactions whatever their size
// (commitLogCount); we keep more as long as they are small.
const (
	historyTxns  = 20_000
	historyBytes = 32 << 20
	historyMin   = 500
)

// Reset forgets everything and starts after base.
func (h *History) Reset(base proto.Zxid) { *h = History{Keep: h.Keep, MaxTxns: h.MaxTxns, base: base} }

// Last returns the zxid of the newest transaction, or the base.
func (h *History) Last() proto.Zxid {
	if n := len(h.txns); n > 0 {
		return h.txns[n-1].Zxid
	}
	return h.base
}

// Base returns the zxid after which the history starts.
func (h *History) Base() proto.Zxid { return h.base }

// Rebase says that there is no transaction between base and the first one kept.
func (h *History) Rebase(base proto.Zxid) {
	if len(h.txns) == 0 || base < h.txns[0].Zxid {
		h.base = base
	}
}

// Add appends a transaction. One that is not newer than the last is dropped:
// replay over a fuzzy snapshot may bring it again.
func (h *History) Add(t *proto.Txn) {
	if t.Zxid <= h.Last() {
		return
	}
	h.txns = append(h.txns, kept{t.Zxid, t.Raw})
	h.bytes += len(t.Raw)
	limit, least := historyTxns, historyMin
	switch {
	case h.MaxTxns != 0:
		limit = h.MaxTxns
	case h.Keep != 0:
		limit = h.Keep + max(h.Keep/7, 1) // so that an eighth can go
		least = limit
	}
	if len(h.txns) > limit || h.bytes > historyBytes && len(h.txns) > least {
		h.evict()
	}
}

// evict drops the oldest eighth, so that the copying is paid seldom.
func (h *History) evict() {
	n := max(len(h.txns)/8, 1)
	for i := range n {
		h.bytes -= len(h.txns[i].Raw)
	}
	h.base = h.txns[n-1].Zxid
	keep := copy(h.txns, h.txns[n:])
	clear(h.txns[keep:])
	h.txns = h.txns[:keep]
}

// Truncate forgets everything after z. A z before the base empties the history.
func (h *History) Truncate(z proto.Zxid) {
	if z < h.base {
		h.Reset(z)
		return
	}
	i := h.after(z)
	for _, t := range h.txns[i:] {
		h.bytes -= len(t.Raw)
	}
	clear(h.txns[i:])
	h.txns = h.txns[:i]
}

// after returns the index of the first transaction newer than z.
func (h *History) after(z proto.Zxid) int {
	return sort.Search(len(h.txns), func(i int) bool { return h.txns[i].Zxid > z })
}

// SyncKind is how a learner is brought up to date.
type SyncKind uint8

// Ways to bring a learner up to date.
const (
	SyncDiff SyncKind = iota
	SyncTrunc
	SyncSnap
)

// Plan is the answer to a learner's last zxid: what to tell it first and which
// transactions to send then.
type Plan struct {
	Kind  SyncKind
	To    proto.Zxid   // for SyncTrunc: keep up to here
	Txns  []*proto.Txn // without Body
	Until *proto.Txn   // for SyncSnap: the oldest one kept, if the log may hold what is missing before it
}

// Plan decides how a learner whose last transaction is p gets to Last. Source:
// LearnerHandler.syncFollower.
func (h *History) Plan(p proto.Zxid) Plan {
	last := h.Last()
	newEpoch := p.Counter() == 0 // p is the start of an epoch, not a transaction
	switch {
	case p == last:
		return Plan{Kind: SyncDiff}
	case p > last && newEpoch:
		return Plan{Kind: SyncSnap}
	case p > last:
		return Plan{Kind: SyncTrunc, To: last}
	case p < h.base && p >= 0 && len(h.txns) > 0 && !h.tooLarge(0):
		return Plan{Kind: SyncSnap, Until: h.at(0)}
	case p < h.base:
		return Plan{Kind: SyncSnap}
	}
	i := h.after(p)
	prev := h.base
	if i > 0 {
		prev = h.txns[i-1].Zxid
	}
	if h.tooLarge(i) {
		return Plan{Kind: SyncSnap}
	}
	rest := h.list(i)
	switch {
	case prev == p || newEpoch:
		return Plan{Kind: SyncDiff, Txns: rest}
	case rest[0].Zxid.Epoch() != p.Epoch():
		// Java learners cannot truncate across an epoch.
		return Plan{Kind: SyncSnap}
	}
	return Plan{Kind: SyncTrunc, To: prev, Txns: rest}
}

// since returns the transactions from first on; ok is false if it is forgotten.
func (h *History) since(first *proto.Txn) (_ []*proto.Txn, ok bool) {
	i := h.after(first.Zxid - 1)
	if i == len(h.txns) || h.txns[i].Zxid != first.Zxid || string(h.txns[i].Raw) != string(first.Raw) {
		return nil, false
	}
	return h.list(i), true
}

func (h *History) at(i int) *proto.Txn {
	k := h.txns[i]
	return &proto.Txn{TxnHeader: proto.TxnHeader{Zxid: k.Zxid}, Raw: k.Raw}
}

// list returns the transactions from index i on.
func (h *History) list(i int) []*proto.Txn {
	all := make([]proto.Txn, len(h.txns)-i)
	list := make([]*proto.Txn, len(all))
	for j, k := range h.txns[i:] {
		all[j].Zxid, all[j].Raw = k.Zxid, k.Raw
		list[j] = &all[j]
	}
	return list
}

// tooLarge reports whether those are too many to be sent at once.
func (h *History) tooLarge(i int) bool {
	n := 0
	for _, k := range h.txns[i:] {
		n += len(k.Raw)
	}
	return n > maxPlanBytes
}

// maxPlanBytes bounds what a plan sends at once, well below what the queue of a
// link may hold; beyond it a snapshot, which is streamed, costs less.
const maxPlanBytes = 64 << 20

func tooLarge(txns []*proto.Txn) bool {
	n := 0
	for _, t := range txns {
		n += len(t.Raw)
	}
	return n > maxPlanBytes
}
