package quorum

import (
	"bytes"
	"log/slog"
	"strings"
	"testing"

	"github.com/paddock-io/paddock/internal/replica"
	"github.com/paddock-io/paddock/proto"
)

// TestReplayedMismatch: a log whose transactions promise another tree is
// replayed, and told of at the start.
func TestReplayedMismatch(t *testing.T) {
	s, p := idle(t, 3)
	z, digest := s.digest()
	for i := range proto.Zxid(3) {
		txn := &proto.Txn{
			TxnHeader: proto.TxnHeader{Zxid: z + 1 + i, Type: proto.OpError}, Body: &proto.ErrorTxn{},
			HasDigest: true, Digest: proto.TxnDigest{Version: proto.DigestVersion, Tree: digest + int64(i)},
		}
		txn.Encode(0)
		p.run([]replica.Action{replica.Append{Txn: txn}})
		p.work(t)
	}
	s.store.Close()
	var log bytes.Buffer
	s.opts.Logger = slog.New(slog.NewTextHandler(&log, nil))
	if err := s.open(); err != nil {
		t.Fatal(err)
	}
	defer s.store.Close()
	if n := s.peer.Metrics().Mismatches.Load(); n != 2 {
		t.Errorf("%d mismatches", n)
	}
	if want := `level=ERROR msg="the tree is not what its digest says" zxid=` + (z + 2).String() + " replayed=2"; !strings.Contains(log.String(), want) {
		t.Errorf("no %q in\n%s", want, log.String())
	}
}
