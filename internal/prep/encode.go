package prep

import "github.com/paddock-io/paddock/proto"

// bodySize returns the encoded size of a record that Prepare makes, so that a
// transaction is encoded into one allocation of the right size.
func bodySize(body proto.TxnBody) int {
	switch b := body.(type) {
	case *proto.CreateTxn:
		return createSize(b.Path, b.Data, b.ACL) + 5
	case *proto.CreateContainerTxn:
		return createSize(b.Path, b.Data, b.ACL) + 4
	case *proto.CreateTTLTxn:
		return createSize(b.Path, b.Data, b.ACL) + 12
	case *proto.DeleteTxn:
		return 4 + len(b.Path)
	case *proto.SetDataTxn:
		return 12 + len(b.Path) + len(b.Data)
	case *proto.SetACLTxn:
		return 8 + len(b.Path) + aclSize(b.ACL)
	case *proto.CheckVersionTxn:
		return 8 + len(b.Path)
	case *proto.CloseSessionTxn:
		n := 4
		for _, path := range b.Paths {
			n += 4 + len(path)
		}
		return n
	case *proto.MultiTxn:
		n := 4
		for _, sub := range b.Subs {
			n += 8 + bodySize(sub.Body)
		}
		return n
	}
	return 4 // createSession, error
}

func createSize(path string, data []byte, acl []proto.ACL) int {
	return 8 + len(path) + len(data) + aclSize(acl)
}

func aclSize(acl []proto.ACL) int {
	n := 4
	for i := range acl {
		n += 12 + len(acl[i].ID.Scheme) + len(acl[i].ID.ID)
	}
	return n
}

// ownData makes a transaction's data alias its own encoding instead of the
// request's frame, which the caller is then free to use again.
func ownData(txn *proto.Txn) {
	raw := txn.Raw[proto.TxnHeaderSize:]
	multi, ok := txn.Body.(*proto.MultiTxn)
	if !ok {
		ownBody(txn.Body, raw)
		return
	}
	raw = raw[4:] // the count
	for _, sub := range multi.Subs {
		raw = raw[8:] // type and size
		ownBody(sub.Body, raw)
		raw = raw[bodySize(sub.Body):]
	}
}

// ownBody points the data of a record at raw, which begins with its encoding.
func ownBody(body proto.TxnBody, raw []byte) {
	switch b := body.(type) {
	case *proto.CreateTxn:
		b.Data = slice(b.Path, b.Data, raw)
	case *proto.CreateContainerTxn:
		b.Data = slice(b.Path, b.Data, raw)
	case *proto.CreateTTLTxn:
		b.Data = slice(b.Path, b.Data, raw)
	case *proto.SetDataTxn:
		b.Data = slice(b.Path, b.Data, raw)
	}
}

// slice returns data as it stands in raw behind path, keeping null apart from
// empty.
func slice(path string, data, raw []byte) []byte {
	if data == nil {
		return nil
	}
	from := 8 + len(path)
	to := from + len(data)
	return raw[from:to:to]
}
