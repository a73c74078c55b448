package tree

import (
	"fmt"
	"testing"

	"github.com/paddock-io/paddock/proto"
)

// Fetching ahead finds the znodes that are there and changes nothing.
func TestFetchAhead(t *testing.T) {
	tr := New()
	z := proto.Zxid(0)
	for tr.count <= aheadNodes {
		z++
		apply(tr, mkCreate(z, fmt.Sprintf("/n%d", z), "", -1))
	}
	digest, a := tr.Digest(), &tr.ahead
	for i := range len(a.hash) - 1 {
		tr.lookFor(fmt.Sprintf("/n%d", 500*i+1))
	}
	tr.fetchAhead()
	hits := 0
	for i := range len(a.hash) - 1 {
		if a.node[i] != 0 && a.node[i] == tr.find(fmt.Sprintf("/n%d", 500*i+1)) {
			hits++
		}
	}
	// The others are not in the first slot where they might be.
	if hits < len(a.hash)/2 || a.n != 0 {
		t.Errorf("%d of %d znodes were fetched, and %d are still to be", hits, len(a.hash)-1, a.n)
	}

	var txns []*proto.Txn
	for i := range proto.Zxid(1000) { // more than are fetched at once
		path := fmt.Sprintf("/n%d", i+1)
		txns = append(txns, mkSet(z+1, path, "x", 1), mkMulti(z+2, mkSet(0, path, "y", 2), mkCreate(0, path+"/c", "", -1)),
			mkDelete(z+3, path+"/c"), mkClose(z+4, 1))
		z += 4
	}
	tr.FetchTxns(txns)
	if tr.Digest() != digest || a.n != 0 {
		t.Error("looking ahead has changed the tree")
	}
	small := New()
	small.lookFor("/a")
	if small.ahead.n != 0 {
		t.Error("a small tree is looked ahead in")
	}
}
