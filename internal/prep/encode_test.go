package prep

import (
	"bytes"
	"strconv"
	"testing"

	"github.com/paddock-io/paddock/proto"
)

// dataOf returns the data that a transaction's records point at.
func dataOf(body proto.TxnBody) (all []*[]byte) {
	switch b := body.(type) {
	case *proto.CreateTxn:
		return []*[]byte{&b.Data}
	case *proto.CreateContainerTxn:
		return []*[]byte{&b.Data}
	case *proto.CreateTTLTxn:
		return []*[]byte{&b.Data}
	case *proto.SetDataTxn:
		return []*[]byte{&b.Data}
	case *proto.MultiTxn:
		for _, sub := range b.Subs {
			all = append(all, dataOf(sub.Body)...)
		}
	}
	return all
}

// TestTransactionsAreApart: transactions lie one behind the other in one piece of
// memory, and each one's data in its own encoding. Who appends to any of that does not
// write into what lies behind it.
func TestTransactionsAreApart(t *testing.T) {
	w := newWorld(t, Options{Digest: true, ExtendedTypes: true})
	var txns []*proto.Txn
	var raws [][]byte
	for i := range 20 {
		path := "/n" + strconv.Itoa(i)
		for _, req := range []*Request{
			create(path, 0, open), create(path+"c", proto.Container, open).as(proto.OpCreateContainer),
			setData(path, []byte("new data"), -1), del(path+"c", -1),
			multi(setData(path, []byte("first"), -1), create(path+"m", 0, open), setData(path, []byte("second"), -1)),
			setData("/missing", nil, -1), // an error
		} {
			txn := w.prepare(req)
			txns, raws = append(txns, txn), append(raws, bytes.Clone(txn.Raw))
		}
	}
	if len(w.prep.room) == 0 || cap(w.prep.room) == roomSize {
		t.Fatal("they do not share memory, so this shows nothing")
	}
	for _, txn := range txns {
		_ = append(txn.Raw, 0xff) // one byte: more might not fit and so go elsewhere anyway
		for _, data := range dataOf(txn.Body) {
			_ = append(*data, 0xff)
		}
	}
	for i, txn := range txns {
		if !bytes.Equal(txn.Raw, raws[i]) {
			t.Errorf("transaction %d, %s, is %x, want %x", i, txn.Type, txn.Raw, raws[i])
		}
	}
}
