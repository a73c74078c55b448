package proto

import (
	"bytes"
	"encoding/hex"
	"strings"
	"testing"
)

func unhex(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(strings.NewReplacer(" ", "", "|", "", "\n", "").Replace(s))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// Bytes that Java ZooKeeper 3.8.0 read or regenerated.
var txnGoldens = map[string]struct {
	bytes string
	typ   OpCode
	zxid  Zxid
}{
	"createSession":                        {"0300018bcfe56800 00000000 0000000200000001 0000018bcfe56800 fffffff6 00007530 00000002 0000000051c6d660", OpCreateSession, MakeZxid(2, 1)},
	"create":                               {"0300018bcfe56800 00000001 0000000200000002 0000018bcfe56800 00000001 000000022f61 0000000178 00000001 0000001f 00000005776f726c64 00000006616e796f6e65 00 00000001 00000002 00000000fabdee1a", OpCreate, MakeZxid(2, 2)},
	"error":                                {"0300018bcfe56800 00000002 0000000200000003 0000018bcfe56800 ffffffff ffffff9b", OpError, MakeZxid(2, 3)},
	"closeSession":                         {"0300018bcfe56800 00000000 0000000200000004 0000018bcfe56800 fffffff5 00000001 000000022f65", OpCloseSession, MakeZxid(2, 4)},
	"closeSession without paths":           {"0300018bcfe56800 00000000 0000000200000004 0000018bcfe56800 fffffff5", OpCloseSession, MakeZxid(2, 4)},
	"closeSession without paths, a digest": {"0300018bcfe56800 00000000 0000000200000004 0000018bcfe56800 fffffff5 00000002 0000000051c6d660", OpCloseSession, MakeZxid(2, 4)},
	"multi":                                {"0300018bcfe56800 00000003 0000000200000005 0000018bcfe56800 0000000e 00000002 0000000d 0000000a 000000022f61 00000001 00000005 0000000f 000000022f61 000000017a 00000001", OpMulti, MakeZxid(2, 5)},
}

func TestTxnGoldens(t *testing.T) {
	for name, tc := range txnGoldens {
		raw := unhex(t, tc.bytes)
		txn, err := DecodeTxn(raw)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if txn.Type != tc.typ || txn.Zxid != tc.zxid {
			t.Errorf("%s: type %v zxid %v", name, txn.Type, txn.Zxid)
		}
		txn.Encode(0)
		if !bytes.Equal(txn.Raw, raw) {
			t.Errorf("%s: re-encoded\n%x, want\n%x", name, txn.Raw, raw)
		}
	}
}

func TestPassword(t *testing.T) {
	p := Password(0x0100019a2b3c0000)
	if got := hex.EncodeToString(p[:]); got != "065c5bdc1bc4b0bd548d586f5cedbfae" {
		t.Errorf("got %s", got)
	}
}

func FuzzDecodeTxn(f *testing.F) {
	for _, tc := range txnGoldens {
		f.Add(unhex(f, tc.bytes))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		var txn *Txn
		var err error
		bounded(t, len(raw), func() { txn, err = DecodeTxn(raw) })
		if err != nil {
			return
		}
		txn.Encode(len(raw))
		again, err := DecodeTxn(txn.Raw)
		if err != nil {
			t.Fatalf("own encoding does not decode: %v", err)
		}
		if again.TxnHeader != txn.TxnHeader {
			t.Fatalf("header %+v became %+v", txn.TxnHeader, again.TxnHeader)
		}
		was := txn.Raw
		if again.Encode(0); !bytes.Equal(again.Raw, was) {
			t.Fatalf("%x became %x", was, again.Raw)
		}
	})
}

// What is decoded most takes few pieces of memory: with its record, with its path, and of
// a multi not for each operation.
func TestDecodeAllocs(t *testing.T) {
	set := &SetDataTxn{Path: "/some/path", Data: make([]byte, 100)}
	multi := new(MultiTxn)
	for range 10 {
		multi.Subs = append(multi.Subs, SubTxn{OpSetData, set})
	}
	for _, tc := range []struct {
		typ  OpCode
		body TxnBody
		most float64
	}{
		{OpSetData, set, 2}, // transaction and record, path
		{OpCreate, &CreateTxn{Path: "/some/path", Data: set.Data, ACL: OpenACL}, 2},
		{OpMulti, multi, 7}, // transaction, record, its decoder, list, sets, paths and what keeps them
	} {
		txn := &Txn{TxnHeader: TxnHeader{Session: 1, Zxid: 1, Type: tc.typ}, Body: tc.body}
		txn.Encode(0)
		got := testing.AllocsPerRun(100, func() {
			if _, err := DecodeTxn(txn.Raw); err != nil {
				t.Fatal(err)
			}
		})
		if got > tc.most {
			t.Errorf("%s: %.0f allocations, want %.0f at most", tc.typ, got, tc.most)
		}
	}
}
