package tree

import (
	"bytes"
	"encoding/hex"
	"hash/crc32"
	"slices"
	"strings"
	"testing"

	"github.com/paddock-io/paddock/proto"
)

func TestFreshTree(t *testing.T) {
	tr := New()
	check(t, tr)
	if got := tr.Digest(); got != 0x51c6d660 {
		t.Errorf("digest = %#x, want 0x51c6d660", got)
	}
	if got := tr.NodeCount(); got != 5 {
		t.Errorf("NodeCount = %d, want 5", got)
	}
	if got := tr.ApproximateDataSize(); got != 44 {
		t.Errorf("ApproximateDataSize = %d, want 44", got)
	}
	for path, want := range map[string]proto.Stat{
		"/":                  {Cversion: -1, NumChildren: 1},
		"":                   {Cversion: -1, NumChildren: 1},
		"/zookeeper":         {Cversion: -2, NumChildren: 2},
		"/zookeeper/quota":   {},
		"/zookeeper/config":  {Aversion: -1},
		"/zookeeper/missing": {},
	} {
		n, ok := tr.Get(path)
		if ok != (path != "/zookeeper/missing") {
			t.Errorf("Get(%q) = %v", path, ok)
		} else if ok && n.Stat() != want {
			t.Errorf("stat of %q is %+v, want %+v", path, n.Stat(), want)
		}
	}
	n, _ := tr.Get("/zookeeper/config")
	if rules := new(ACLRules); !rules.Allowed(n.ACL(), proto.PermRead, nil) || rules.Allowed(n.ACL(), proto.PermWrite, nil) {
		t.Errorf("the config znode's ACL is %v", n.ACL())
	}
}

func decode(t *testing.T, text string) *proto.Txn {
	t.Helper()
	raw, err := hex.DecodeString(strings.Join(strings.Fields(text), ""))
	if err != nil {
		t.Fatal(err)
	}
	x, err := proto.DecodeTxn(raw)
	if err != nil {
		t.Fatal(err)
	}
	return x
}

// Transactions with the digests that a Java leader put behind them.
func TestDigestOfTransactions(t *testing.T) {
	for name, text := range map[string]string{
		"create /a hi, stand-alone": `0100019a2b3c0000 00000001 0000000100000005 0000018bcfe56800 00000001
			000000022f61 000000026869 00000001 0000001f 00000005776f726c64 00000006616e796f6e65 00 00000001
			00000002 00000001c890e314`,
		"create /a x, ensemble": `0300018bcfe56800 00000001 0000000200000002 0000018bcfe56800 00000001
			000000022f61 0000000178 00000001 0000001f 00000005776f726c64 00000006616e796f6e65 00 00000001
			00000002 00000000fabdee1a`,
		"createSession": `0300018bcfe56800 00000000 0000000200000001 0000018bcfe56800 fffffff6
			00007530 00000002 0000000051c6d660`,
	} {
		tr := New()
		x := decode(t, text)
		if res := apply(tr, x); res.Err != proto.OK || res.DigestMismatch {
			t.Errorf("%s: err %v, mismatch %v", name, res.Err, res.DigestMismatch)
		}
		if got := tr.Digest(); got != x.Digest.Tree {
			t.Errorf("%s: digest %#x, want %#x", name, got, x.Digest.Tree)
		}
		check(t, tr)
	}
}

func TestDigesterNode(t *testing.T) {
	var d Digester
	zero := new(proto.StatPersisted)
	for path, want := range map[string]uint32{
		"": 0x04128908, "/": 0x04128908, "/zookeeper": 0x4db44d58, "/zookeeper/quota": 0, "/zookeeper/": 0,
	} {
		if got := d.Node(path, nil, zero); got != want {
			t.Errorf("digest of %q = %#x, want %#x", path, got, want)
		}
	}
	if d.Node("/zookeeperx", nil, zero) == 0 {
		t.Error("/zookeeperx is left out of the digest")
	}
	// However long the data are, they are summed up between path and metadata.
	for _, size := range []int{0, 1, digestInline, digestInline + 1, 100_000} {
		data := bytes.Repeat([]byte("d"), size)
		want := crc32.ChecksumIEEE(slices.Concat([]byte("/x"), data, make([]byte, 60)))
		if got := d.Node("/x", data, zero); got != want {
			t.Errorf("digest with %d bytes = %#x, want %#x", size, got, want)
		}
	}
}

func TestDigestMismatch(t *testing.T) {
	for name, tc := range map[string]struct {
		change func(*proto.Txn)
		want   bool
	}{
		"equal":         {func(*proto.Txn) {}, false},
		"wrong":         {func(x *proto.Txn) { x.Digest.Tree++ }, true},
		"no digest":     {func(x *proto.Txn) { x.Digest.Tree++; x.HasDigest = false }, false},
		"other version": {func(x *proto.Txn) { x.Digest.Tree++; x.Digest.Version = 3 }, false},
	} {
		ref := New()
		apply(ref, mkCreate(1, "/a", "", 1))
		x := mkCreate(1, "/a", "", 1)
		x.Digest, x.HasDigest = proto.TxnDigest{Version: 2, Tree: ref.Digest()}, true
		tc.change(x)
		if got := apply(New(), x).DigestMismatch; got != tc.want {
			t.Errorf("%s: DigestMismatch = %v", name, got)
		}
	}
}

// Within the fuzzy range of a snapshot nothing is compared; at its end the
// snapshot's digest is.
func TestExpectDigest(t *testing.T) {
	ref := New()
	apply(ref, mkCreate(1, "/a", "", 1), mkCreate(2, "/b", "", 2))
	for name, tc := range map[string]struct {
		version int32
		digest  int64
		want    [3]bool
	}{
		"right":         {2, ref.Digest(), [3]bool{false, false, true}},
		"wrong":         {2, ref.Digest() + 1, [3]bool{false, true, true}},
		"other version": {3, ref.Digest() + 1, [3]bool{false, false, true}},
	} {
		tr := New()
		tr.ExpectDigest(2, tc.version, tc.digest)
		for i, want := range tc.want {
			x := mkCreate(proto.Zxid(i+1), "/"+string(rune('a'+i)), "", int32(i+1))
			x.HasDigest, x.Digest = true, proto.TxnDigest{Version: 2, Tree: 1}
			if got := apply(tr, x).DigestMismatch; got != want {
				t.Errorf("%s: DigestMismatch after zxid %d = %v", name, i+1, got)
			}
		}
	}
	tr := New()
	tr.SetLastZxid(5)
	tr.ExpectDigest(5, 2, 1) // not fuzzy: already there
	x := mkCreate(6, "/a", "", 1)
	x.HasDigest = true
	x.Digest = proto.TxnDigest{Version: 2, Tree: 1}
	if !apply(tr, x).DigestMismatch {
		t.Error("comparison is suspended although the snapshot is at its digest's zxid")
	}
}
