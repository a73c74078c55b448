package tree

import "github.com/paddock-io/paddock/proto"

// aheadNodes is from how many znodes on it pays to fetch ahead: the places of fewer are
// in the processor's caches anyway.
const aheadNodes = 1 << 16

// ahead are paths that will be looked for soon.
type ahead struct {
	n       int
	hash    [128]uint64 // of the paths
	node    [128]nodeID // that may be at them
	fetched uint64      // so that nothing is fetched in vain
}

// FetchTxns brings what transactions will look for into the processor's caches. In a
// large tree each path has its place in the index anywhere in memory, and its znode
// another. To wait for one after the other is a good part of applying; many at once are
// fetched side by side.
//
// It belongs to the goroutine that calls Apply, which needs no lock for that as it
// changes nothing that readers see.
func (t *Tree) FetchTxns(txns []*proto.Txn) {
	for _, txn := range txns {
		multi, ok := txn.Body.(*proto.MultiTxn)
		if !ok {
			t.lookAhead(txn.Body)
			continue
		}
		for i := range multi.Subs {
			t.lookAhead(multi.Subs[i].Body)
		}
	}
	t.fetchAhead()
}

func (t *Tree) lookAhead(body proto.TxnBody) {
	switch body := body.(type) {
	case *proto.CreateTxn:
		t.lookFor(body.Path)
	case *proto.SetDataTxn:
		t.lookFor(body.Path)
	case *proto.DeleteTxn:
		t.lookFor(body.Path)
	}
}

// lookFor notes a path that will be looked for soon.
func (t *Tree) lookFor(path string) {
	if t.count < aheadNodes {
		return
	}
	a := &t.ahead
	a.hash[a.n] = t.index.hash(path)
	if a.n++; a.n == len(a.hash) {
		t.fetchAhead()
	}
}

// fetchAhead fetches what lookFor has noted. In each of its loops no load waits for
// the one before.
func (t *Tree) fetchAhead() {
	a := &t.ahead
	for i, h := range a.hash[:a.n] {
		a.node[i] = 0
		if e := t.index.first(h); e.hash == uint32(h) {
			a.node[i] = e.node
		}
	}
	for _, id := range a.node[:a.n] {
		n := t.at(id)                                // what 0 names is not used, and there
		a.fetched += uint64(n.czxid) + uint64(n.crc) // its first and its last bytes
	}
	a.n = 0
}
