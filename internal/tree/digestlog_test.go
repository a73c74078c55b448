package tree

import (
	"fmt"
	"testing"

	"github.com/paddock-io/paddock/proto"
)

func TestDigestLog(t *testing.T) {
	tr := New()
	var res Result
	want := map[proto.Zxid]int64{}
	const txns = digestLogInterval*(digestLogLimit+2) + 5
	for z := proto.MakeZxid(1, 1); z.Counter() <= txns; z++ {
		tr.Apply(&proto.Txn{
			TxnHeader: proto.TxnHeader{Zxid: z, Type: proto.OpSetData},
			Body:      &proto.SetDataTxn{Path: "/", Data: fmt.Append(nil, z), Version: int32(z.Counter())},
		}, &res)
		want[z] = tr.Digest()
	}
	log := tr.DigestLog()
	if len(log) != digestLogLimit || log[0].Zxid != proto.MakeZxid(1, 3*digestLogInterval) {
		t.Fatalf("%d digests, the first of %v", len(log), log[0])
	}
	for i, d := range log {
		if d.Zxid != log[0].Zxid+proto.Zxid(i*digestLogInterval) || d.Digest != want[d.Zxid] {
			t.Fatalf("%d: %v, want %d", i, d, want[d.Zxid])
		}
	}

	// A tree that takes another's place takes its log, too.
	other := New()
	tr.Replace(other)
	if log := tr.DigestLog(); len(log) != 0 {
		t.Errorf("%d digests of a fresh tree", len(log))
	}
}

// While a fuzzy snapshot is ahead of its zxid, the tree is none that existed.
func TestDigestLogWhileFuzzy(t *testing.T) {
	tr := New()
	tr.ExpectDigest(256, proto.DigestVersion, 0)
	var res Result
	mismatches := 0
	for z := proto.Zxid(1); z <= 400; z++ {
		tr.Apply(&proto.Txn{TxnHeader: proto.TxnHeader{Zxid: z, Type: proto.OpError}, Body: &proto.ErrorTxn{}}, &res)
		if res.DigestMismatch {
			mismatches++
		}
	}
	if log := tr.DigestLog(); len(log) != 1 || log[0].Zxid != 384 || mismatches != 1 {
		t.Errorf("%v with %d mismatches", log, mismatches)
	}
}
