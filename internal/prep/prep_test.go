package prep

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"math"
	"reflect"
	"strings"
	"testing"

	"github.com/paddock-io/paddock/proto"
)

// TestCreateBytes: the entry that a Java leader logs for the first create on a
// fresh tree.
func TestCreateBytes(t *testing.T) {
	w := newWorld(t, Options{Digest: true})
	req := create("/a", 0, open)
	req.Body.(*proto.CreateRequest).Data = []byte("hi")
	txn := w.prep.Prepare(req, 0x100000005, wall)
	want, _ := hex.DecodeString(strings.ReplaceAll("0100019a2b3c0000 00000001 0000000100000005 0000018bcfe56800 00000001"+
		"000000022f61 000000026869 00000001 0000001f 00000005776f726c64 00000006616e796f6e65 00 00000001"+
		"00000002 00000001c890e314", " ", ""))
	if !bytes.Equal(txn.Raw, want) {
		t.Errorf("got  %x\nwant %x", txn.Raw, want)
	}
}

func TestAppendSequence(t *testing.T) {
	for n, want := range map[int32]string{ // java: String.format("%010d", n)
		0: "0000000000", 7: "0000000007", 1234567890: "1234567890", math.MaxInt32: "2147483647",
		-1: "-000000001", -42: "-000000042", -999999999: "-999999999", -1000000000: "-1000000000",
		math.MinInt32: "-2147483648",
	} {
		if got := string(appendSequence([]byte("/n"), n)); got != "/n"+want {
			t.Errorf("%d: %s, want /n%s", n, got, want)
		}
	}
}

func TestNextVersion(t *testing.T) {
	for _, tc := range []struct {
		current, expected, want int32
		err                     proto.ErrCode
	}{
		{0, 0, 1, ok}, {0, -1, 1, ok}, {0, 1, 0, badVer}, {-1, -1, 0, ok}, {5, -5, 0, badVer},
		{-2, -2, 0, ok}, {-3, -3, -2, ok}, {math.MaxInt32, -1, math.MinInt32, ok},
	} {
		if got, err := nextVersion(tc.current, tc.expected); got != tc.want || err != tc.err {
			t.Errorf("nextVersion(%d, %d) = %d, %v, want %d, %v", tc.current, tc.expected, got, err, tc.want, tc.err)
		}
	}
}

// names prepares sequential creates and returns the names they got.
func (w *world) names(n int, req *Request) []string {
	w.t.Helper()
	var names []string
	for range n {
		names = append(names, w.must(req).Body.(*proto.CreateTxn).Path)
	}
	return names
}

// TestSequence: the counter counts every create under the parent, outstanding or
// applied, and nothing else.
func TestSequence(t *testing.T) {
	w := newWorld(t, Options{Digest: true})
	w.must(create("/q", 0, open))
	seq := create("/q/n-", proto.PersistentSequential, open)
	got := w.names(2, seq)
	w.must(create("/q/plain", 0, open))
	w.must(del("/q/plain", -1))
	w.prepare(create("/q/plain/n", 0, open)) // fails
	w.must(multi(create("/q/m-", proto.EphemeralSequential, open), create("/q/m-", proto.PersistentSequential, open)))
	w.prepare(multi(create("/q/m-", proto.PersistentSequential, open), del("/missing", 0))) // fails
	w.apply(3)
	got = append(got, w.names(1, seq)...)
	w.apply(-1)
	got = append(got, w.names(1, seq)...)
	want := []string{"/q/n-0000000000", "/q/n-0000000001", "/q/n-0000000005", "/q/n-0000000006"}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	w.apply(-1)
	if _, found := w.tree.Get("/q/m-0000000004"); !found {
		t.Error("the second create of the multi did not see the first")
	}
}

// TestSequenceAtTheEnd: at its maximum a counter sticks, before the change is
// applied just as after, because Apply moves it only upward.
func TestSequenceAtTheEnd(t *testing.T) {
	w := newWorld(t, Options{Digest: true})
	w.must(create("/q", 0, open))
	w.apply(-1)
	w.zxid++
	last := &proto.Txn{
		TxnHeader: proto.TxnHeader{Session: alice, Zxid: w.zxid, Time: wall, Type: proto.OpCreate},
		Body:      &proto.CreateTxn{Path: "/q/x", ACL: open, ParentCversion: math.MaxInt32 - 1},
	}
	last.Encode(0)
	w.tree.Lock()
	w.tree.Apply(last, &w.res)
	w.tree.Unlock()

	seq := create("/q/n-", proto.PersistentSequential, open)
	got := w.names(2, seq)
	if want := []string{"/q/n-2147483646", "/q/n-2147483647"}; !reflect.DeepEqual(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	if err := errOf(w.prepare(seq)); err != exists {
		t.Errorf("outstanding: %v", err)
	}
	w.apply(-1)
	if err := errOf(w.prepare(seq)); err != exists {
		t.Errorf("applied: %v", err)
	}
	w.apply(-1)
}

// TestOutstanding: requests see the effects of what is proposed and not yet
// applied.
func TestOutstanding(t *testing.T) {
	w := newWorld(t, Options{Digest: true})
	w.must(create("/a", 0, open))
	w.must(create("/a/b", 0, open))
	if err := errOf(w.prepare(create("/a/b", 0, open))); err != exists {
		t.Errorf("create twice: %v", err)
	}
	w.must(setData("/a/b", []byte("1"), 0))
	w.must(setData("/a/b", []byte("2"), 1))
	if err := errOf(w.prepare(del("/a", -1))); err != notEmpty {
		t.Errorf("delete of the parent: %v", err)
	}
	w.must(del("/a/b", 2))
	if err := errOf(w.prepare(setData("/a/b", nil, -1))); err != noNode {
		t.Errorf("setData after delete: %v", err)
	}
	w.must(del("/a", 0))
	if err := errOf(w.prepare(create("/a/b", 0, open))); err != noNode {
		t.Errorf("create after delete of the parent: %v", err)
	}
	w.must(create("/a", 0, nothing))
	if err := errOf(w.prepare(create("/a/b", 0, open))); err != noAuth {
		t.Errorf("create under the new parent: %v", err)
	}
	w.apply(-1)
}

// TestRootIsOneZnode: ZooKeeper keeps outstanding changes of "/" and of "",
// the parent of "/x", apart, and so checks /x against the old ACL.
func TestRootIsOneZnode(t *testing.T) {
	w := newWorld(t, Options{Digest: true})
	w.must(setACL("/", nothing, -1))
	if err := errOf(w.prepare(create("/x", 0, open))); err != noAuth {
		t.Errorf("create: %v", err)
	}
	if err := errOf(w.prepare(setACL("/", open, 1))); err != noAuth {
		t.Errorf("setACL: %v", err)
	}
	w.apply(-1)
}

// TestNewestRecordStays: applying an older change of a path must not uncover
// the tree while a younger one is outstanding.
func TestNewestRecordStays(t *testing.T) {
	w := newWorld(t, Options{Digest: true})
	w.must(create("/a", 0, open))
	w.must(setData("/a", nil, 0))
	w.must(setData("/a", nil, 1))
	for i := range 3 {
		if err := errOf(w.prepare(multi(check("/a", 2)))); err != ok {
			t.Errorf("after %d applied: %v", i, err)
		}
		w.apply(1)
	}
	w.apply(-1)
}

func TestReset(t *testing.T) {
	w := newWorld(t, Options{Digest: true})
	w.must(create("/a", proto.Ephemeral, open))
	w.prep.Reset()
	w.waiting = nil
	w.empty()
	w.must(create("/a", proto.Ephemeral, open))
	w.apply(-1)
}

// TestMultiSeesItself: operations build on those before them.
func TestMultiSeesItself(t *testing.T) {
	w := newWorld(t, Options{Digest: true})
	w.must(multi(
		create("/p", 0, open), create("/p/c", 0, open), setData("/p/c", []byte("x"), 0), check("/p/c", 1),
		del("/p/c", 1), create("/p/c", 0, open), check("/p/c", 0)))
	w.must(multi(del("/p/c", 0), del("/p", 0), create("/p", proto.Ephemeral, open)))
	w.apply(-1)
}

// TestMultiRollback: a failed multi leaves no trace, neither over records that
// were there nor of its own.
func TestMultiRollback(t *testing.T) {
	for _, applied := range []bool{true, false} {
		w := newWorld(t, Options{Digest: true})
		furnish(w)
		w.must(create("/q", 0, open))
		w.must(create("/q/e", proto.Ephemeral, open))
		if applied {
			w.apply(-1)
		}
		before := snapshotOf(w.prep)
		txn := w.prepare(multi(
			create("/q/n-", proto.PersistentSequential, open), create("/new", proto.Ephemeral, open),
			del("/q/e", 0), create("/q/e", 0, open), setData("/open", []byte("changed"), -1), del("/open/kid", -1),
			del("/open", -1), check("/missing", 0), del("/eph", 0)).by(bob))
		if after := snapshotOf(w.prep); !reflect.DeepEqual(before, after) {
			t.Errorf("applied %v: overlay was %+v, is %+v", applied, before, after)
		}
		var types []proto.OpCode
		for _, sub := range txn.Body.(*proto.MultiTxn).Subs {
			types = append(types, sub.Type)
		}
		if want := []proto.OpCode{1, 1, 2, 1, 5, 2, 2, -1, -1}; !reflect.DeepEqual(types, want) {
			t.Errorf("sub types %v, want %v", types, want)
		}
		subs := txn.Body.(*proto.MultiTxn).Subs
		if a, b := subs[7].Body.(*proto.ErrorTxn).Err, subs[8].Body.(*proto.ErrorTxn).Err; a != noNode || b != proto.ErrRuntimeInconsistency {
			t.Errorf("errors %v, %v", a, b)
		}
		if len(w.waiting) > 1 {
			prev := w.waiting[len(w.waiting)-2]
			if !txn.HasDigest || txn.Digest != prev.Digest {
				t.Errorf("digest %+v after %+v", txn.Digest, prev.Digest)
			}
		}
		w.must(multi(setData("/open", nil, 1), del("/q/e", 0), create("/q/n-", proto.PersistentSequential, open)))
		w.apply(-1)
		if _, found := w.tree.Get("/q/n-0000000001"); !found {
			t.Error("the failed multi used up a sequence number")
		}
	}
}

// snapshotOf copies what a rollback has to restore.
func snapshotOf(p *Prep) any {
	type state struct {
		Changes map[string]znode
		Refs    map[string]int
		Owned   map[proto.SessionID]map[string]bool
		Entries int
		Digest  int64
	}
	s := state{map[string]znode{}, map[string]int{}, map[proto.SessionID]map[string]bool{}, p.overlay.fifo.len(), 0}
	if s.Digest = p.tree.Digest(); s.Entries > 0 {
		s.Digest = p.digest
	}
	for k, c := range p.overlay.changes {
		s.Changes[k], s.Refs[k] = c.znode, c.refs
	}
	for id, c := range p.overlay.owned {
		s.Owned[id] = map[string]bool{}
		for ; c != nil; c = c.next {
			s.Owned[id][c.key] = true
		}
	}
	return s
}

// TestCloseSession: the list is what the session will own when the transaction
// is applied, in order.
func TestCloseSession(t *testing.T) {
	w := newWorld(t, Options{Digest: true})
	w.must(create("/p", 0, open))
	for _, name := range []string{"/p/stays", "/p/deleted", "/p/changed", "/p/taken", "/p/retaken"} {
		w.must(create(name, proto.Ephemeral, open))
	}
	w.must(create("/bobs", proto.Ephemeral, open).by(bob))
	w.apply(-1)
	w.must(del("/p/deleted", -1))
	w.must(setData("/p/changed", nil, 0))
	w.must(del("/p/taken", -1))
	w.must(create("/p/taken", proto.Ephemeral, open).by(bob))
	w.must(del("/p/retaken", -1))
	w.must(create("/p/retaken", proto.Ephemeral, open))
	w.must(create("/p/new", proto.Ephemeral, open))
	w.must(create("/p/box", proto.Container, open).as(proto.OpCreateContainer))
	w.must(create("/p/gone", proto.Ephemeral, open))
	w.must(del("/p/gone", 0))

	paths := func(id proto.SessionID) string {
		return fmt.Sprint(w.must(closeSession(id)).Body.(*proto.CloseSessionTxn).Paths)
	}
	if got, want := paths(alice), "[/p/changed /p/new /p/retaken /p/stays]"; got != want {
		t.Errorf("alice leaves %s, want %s", got, want)
	}
	if got := paths(alice); got != "[]" {
		t.Errorf("closed twice, alice leaves %s", got)
	}
	if got, want := paths(bob), "[/bobs /p/taken]"; got != want {
		t.Errorf("bob leaves %s, want %s", got, want)
	}
	w.must(del("/p/box", 0))
	w.must(del("/p", 0)) // its ephemerals are as good as gone
	w.apply(-1)
	if n := w.tree.EphemeralsCount(); n != 0 {
		t.Errorf("%d ephemerals left", n)
	}
}

// TestCloseSessionBytes: an empty list is a list, for a digest follows.
func TestCloseSessionBytes(t *testing.T) {
	w := newWorld(t, Options{Digest: true})
	raw := w.must(closeSession(alice)).Raw[proto.TxnHeaderSize:]
	if got, want := hex.EncodeToString(raw), "00000000"+"00000002"+"0000000051c6d660"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

// TestDigestPresence: errors carry none, all else does, and nothing without the
// option.
func TestDigestPresence(t *testing.T) {
	for _, digest := range []bool{true, false} {
		w := newWorld(t, Options{Digest: digest})
		for _, req := range []*Request{
			create("/a", 0, open), create("/a", 0, open), multi(check("/a", 0)), multi(check("/a", 7)),
			closeSession(alice), {Session: bob, Op: proto.OpCreateSession, Body: &proto.CreateSessionRequest{Timeout: 1}},
		} {
			txn := w.prepare(req)
			if want := digest && txn.Type != proto.OpError; txn.HasDigest != want {
				t.Errorf("%s: has digest %v, want %v", txn.Type, txn.HasDigest, want)
			}
		}
		w.apply(-1)
	}
}

// TestDigestOfSizes: what is promised is what the tree has, however long the data are.
func TestDigestOfSizes(t *testing.T) {
	w := newWorld(t, Options{Digest: true})
	w.must(create("/a", 0, open))
	w.apply(-1)
	for _, size := range []int{0, 1, 25, 47, 1022, 1024, 1025, 100_000} {
		w.must(setData("/a", bytes.Repeat([]byte("d"), size), -1))
		w.apply(-1)
	}
}

// TestOwnsItsData: the frame a request was decoded from may be reused.
func TestOwnsItsData(t *testing.T) {
	w := newWorld(t, Options{Digest: true})
	data, empty := []byte("payload"), []byte{}
	with := func(r *Request, data []byte) *Request {
		r.Body.(*proto.CreateRequest).Data = data
		return r
	}
	txns := []*proto.Txn{
		w.must(with(create("/a", 0, open), data)),
		w.must(setData("/a", data, 0)),
		w.must(with(create("/box", proto.Container, open).as(proto.OpCreateContainer), data)),
		w.must(multi(check("/a", 1), with(create("/b", 0, open), data), del("/b", 0), setData("/a", data, 1),
			with(create("/c", proto.Container, open), data), setData("/box", nil, 0), setData("/box", empty, 1))),
	}
	clear(data)
	for _, txn := range txns {
		again, err := proto.DecodeTxn(txn.Raw)
		if err != nil || !reflect.DeepEqual(again.Body, txn.Body) {
			t.Errorf("%s: %v: body %+v, encoded as %+v", txn.Type, err, txn.Body, again.Body)
		}
		if bytes.Count(txn.Raw, []byte("payload")) == 0 {
			t.Errorf("%s lost its data: %x", txn.Type, txn.Raw)
		}
		if cap(txn.Raw)-len(txn.Raw) != 0 {
			t.Errorf("%s: %d bytes too many allocated", txn.Type, cap(txn.Raw)-len(txn.Raw))
		}
	}
	w.apply(-1)
}

// TestMemoryIsGivenBack: what a burst took is not kept for ever.
func TestMemoryIsGivenBack(t *testing.T) {
	w := newWorld(t, Options{})
	w.must(create("/p", 0, open))
	for range 3 {
		for range maxSpare + 10 {
			w.must(create("/p/e-", proto.EphemeralSequential, open))
		}
		w.apply(-1)
		w.must(closeSession(alice))
		w.apply(-1)
		o := &w.prep.overlay
		if o.nfree > maxFree || len(o.fifo.ring) > 4*maxSpare || o.peak > maxSpare {
			t.Fatalf("%d spare records, ring of %d, peak %d", o.nfree, len(o.fifo.ring), o.peak)
		}
	}
}
