package persist

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"github.com/paddock-io/paddock/internal/storage"
	"github.com/paddock-io/paddock/internal/storage/vfs"
	"github.com/paddock-io/paddock/internal/tree"
	"github.com/paddock-io/paddock/proto"
)

// Transactions are applied in order and all of them, whatever is left of a batch.
func TestReplayBatches(t *testing.T) {
	for _, n := range []int{0, 1, replayBatch - 1, replayBatch, replayBatch*(replayQueue+2) + 1} {
		t.Run(fmt.Sprint(n), func(t *testing.T) {
			rec := &Recovered{Tree: tree.New()}
			was := rec.Tree.NodeCount()
			r := startReplay(rec)
			for i := range n {
				r.add(createTxn(proto.Zxid(i+1), "/n", 0))
			}
			r.finish()
			last := proto.Zxid(n)
			if got := rec.Tree.NodeCount() - was; got != n || rec.Tree.LastZxid() != last || rec.Hist.Last() != last {
				t.Errorf("%d znodes, tree at %s and history at %s instead of %s", got, rec.Tree.LastZxid(), rec.Hist.Last(), last)
			}
			if !r.whole || n > 0 && r.first != 1 {
				t.Errorf("first %s, whole %t", r.first, r.whole)
			}
		})
	}
}

// A hole leaves a history that begins behind it.
func TestReplayHole(t *testing.T) {
	rec := &Recovered{Tree: tree.New()}
	r := startReplay(rec)
	for _, z := range []proto.Zxid{7, 8, 10} {
		r.add(createTxn(z, "/n", 0))
	}
	r.finish()
	if r.whole || r.first != 7 || rec.Hist.Base() != 9 || rec.Hist.Last() != 10 {
		t.Errorf("first %s, whole %t, history from %s to %s", r.first, r.whole, rec.Hist.Base(), rec.Hist.Last())
	}
}

// Large transactions do not wait for others, so that only few are in memory.
func TestReplayBounds(t *testing.T) {
	r := startReplay(&Recovered{Tree: tree.New()})
	defer r.finish()
	r.add(createTxn(1, "/n", 0))
	r.add(createTxn(2, "/n", replayBytes))
	if len(r.next) != 0 || r.bytes != 0 {
		t.Errorf("%d transactions with %d bytes still wait", len(r.next), r.bytes)
	}
}

// A transaction that cannot be decoded ends the start, and what had been handed over
// before it is no longer worked on when the error comes.
func TestRecoverEndsReplay(t *testing.T) {
	const last = replayBatch*(replayQueue+2) + 1
	mem := vfs.NewMem()
	opts := storage.Options{FS: mem, DataDir: "/d"}
	s, err := storage.Open(opts)
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := Start(s, true); err != nil {
		t.Fatal(err)
	}
	for z := proto.Zxid(1); z <= last; z++ {
		txn := createTxn(z, "/n", 0)
		if z == last {
			txn.Raw = txn.Raw[:proto.TxnHeaderSize] // the record is missing
		}
		if err := s.Log().Append(storage.Entry{Zxid: z, Payload: txn.Raw}); err != nil {
			t.Fatal(err)
		}
	}
	if err := errors.Join(s.Log().Flush(), s.Close()); err != nil {
		t.Fatal(err)
	}
	if s, err = storage.Open(opts); err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
	if _, err := Recover(s); err == nil || !strings.Contains(err.Error(), proto.Zxid(last).String()) {
		t.Errorf("recovered from a transaction without its record: %v", err)
	}
}

func createTxn(z proto.Zxid, prefix string, size int) *proto.Txn {
	txn := &proto.Txn{
		TxnHeader: proto.TxnHeader{Session: 1, Zxid: z, Type: proto.OpCreate},
		Body:      &proto.CreateTxn{Path: fmt.Sprint(prefix, z.Counter()), Data: make([]byte, size), ACL: proto.OpenACL, ParentCversion: -1},
	}
	txn.Encode(0)
	return txn
}
