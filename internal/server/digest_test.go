package server

import (
	"bytes"
	"log/slog"
	"strings"
	"testing"

	"github.com/paddock-io/paddock/proto"
)

// A transaction after which the tree is not what the leader says is applied all
// the same, counted every time, and told of in detail once.
func TestDigestMismatch(t *testing.T) {
	var log bytes.Buffer
	w := newWorld(t, 0, func(o *Options) { o.Logger = slog.New(slog.NewTextHandler(&log, nil)) })
	c := w.connect()
	c.create("/a", "", proto.OpenACL, 0)
	var digests []int64
	apply := func(off ...int64) {
		var txns []*proto.Txn
		for _, off := range off {
			w.zxid++
			txn := &proto.Txn{
				TxnHeader: proto.TxnHeader{Session: 7, Cxid: 9, Zxid: w.zxid, Type: proto.OpError}, Body: &proto.ErrorTxn{},
				HasDigest: true, Digest: proto.TxnDigest{Version: proto.DigestVersion, Tree: w.tree.Digest() + off},
			}
			digests = append(digests, txn.Digest.Tree)
			txns = append(txns, txn)
		}
		w.srv.Apply(txns)
		w.prep.Applied(w.zxid)
	}
	w.do(func() { apply(0, 0) })
	if s := w.srv.Stats(); s.DigestMismatches != 0 {
		t.Errorf("%d mismatches of none", s.DigestMismatches)
	}
	w.do(func() { apply(0, 1, 2, 0); apply(3) })
	c.must(setData("/a", "x")) // life goes on
	if s := w.srv.Stats(); s.DigestMismatches != 3 {
		t.Errorf("%d mismatches", s.DigestMismatches)
	}
	w.srv.ResetStats()
	w.do(func() { apply(4) })
	if s := w.srv.Stats(); s.DigestMismatches != 1 {
		t.Errorf("%d mismatches since the reset", s.DigestMismatches)
	}
	var lines []string
	for line := range strings.Lines(log.String()) {
		if strings.Contains(line, "digest") {
			lines = append(lines, line)
		}
	}
	want := `level=ERROR msg="the tree is not what its digest says" zxid=0x6 type=error session=0x7 cxid=9`
	if len(lines) != 1 || !strings.Contains(lines[0], want) {
		t.Errorf("%q, want one like %q", lines, want)
	}
	w.do(func() {
		w.srv.StopServing("a new election")
		apply(5) // it may come from a leader's fuzzy snapshot
	})
	if s := w.srv.Stats(); s.DigestMismatches != 1 {
		t.Errorf("%d mismatches, one of them while nobody was served", s.DigestMismatches)
	}
}
