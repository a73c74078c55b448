package quorum

import (
	"bytes"
	"cmp"
	"fmt"
	"math"
	"testing"

	"github.com/paddock-io/paddock/internal/persist"
	"github.com/paddock-io/paddock/internal/tree"
	"github.com/paddock-io/paddock/proto"
)

// TestSnapshotDue: by number of transactions, and unless that was chosen by
// somebody, by size too.
func TestSnapshotDue(t *testing.T) {
	const txns, size = 1000, 1 << 20 // when a snapshot is due, and what it would take
	const nodes = 100                // of the tree, beside those that every tree has
	for _, tc := range []struct {
		txns  int
		bytes int64
		by    bool // size
		limit int64
		want  bool
		at    int // when a snapshot is due by number; txns if 0
	}{
		{txns: txns, bytes: 10 * size},
		{txns: txns + 1, want: true},
		{txns: txns + 1, bytes: size / snapShare * 9 / 10, by: true},
		{txns: txns + 1, bytes: size / snapShare * 11 / 10, by: true, want: true},
		{txns: txns, bytes: size * 2, by: true},
		{at: 10, txns: nodes / snapShare, bytes: size * 9 / 10, by: true}, // few large sets
		{at: 10, txns: nodes/snapShare + 4, bytes: size * 9 / 10, by: true, want: true},
		{at: 10, txns: nodes / snapShare, bytes: size * 11 / 10, by: true, want: true},
		{at: 10, txns: nodes / snapShare, want: true},
		{bytes: 101, limit: 100, want: true},
		{bytes: 101, limit: 100, by: true, want: true},
		{bytes: 100, limit: 100},
		{bytes: size * 2, limit: -1},
	} {
		t.Run(fmt.Sprintf("%+v", tc), func(t *testing.T) {
			p := &Peer{tree: treeOf(t, size)}
			p.opts.SnapBySize, p.opts.SnapBytes = tc.by, tc.limit
			p.loop.snapAt, p.loop.snapTxns, p.loop.snapBytes = cmp.Or(tc.at, txns), tc.txns, tc.bytes
			if got := p.snapDue(); got != tc.want {
				t.Errorf("due: %t", got)
			}
		})
	}
}

// treeOf returns a tree whose snapshot has about so many bytes, and checks that
// against the real one.
func treeOf(t *testing.T, size int) *tree.Tree {
	t.Helper()
	tr := tree.New()
	var res tree.Result
	for i := range 100 {
		txn := &proto.Txn{TxnHeader: proto.TxnHeader{Zxid: proto.Zxid(i + 1), Type: proto.OpCreate}, Body: &proto.CreateTxn{
			Path: fmt.Sprintf("/n%03d", i), Data: make([]byte, size/100), ACL: proto.OpenACL, ParentCversion: int32(i + 1),
		}}
		tr.Apply(txn, &res)
	}
	var file bytes.Buffer
	if err := persist.WriteTree(&file, tr); err != nil {
		t.Fatal(err)
	}
	if got := snapshotSize(tr); math.Abs(float64(got-int64(file.Len()))) > float64(file.Len())/50 {
		t.Fatalf("a snapshot of %d bytes was taken for one of %d", file.Len(), got)
	}
	return tr
}
