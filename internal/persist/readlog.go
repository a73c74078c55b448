package persist

import (
	"fmt"

	"github.com/paddock-io/paddock/internal/replica"
	"github.com/paddock-io/paddock/internal/storage"
	"github.com/paddock-io/paddock/proto"
)

// ReadLog reads what a.Until follows a.After by from the logs, if all of it is
// there and has no more bytes than the share factor of the newest snapshot, where
// there is one. Source: ZKDatabase.calculateTxnLogSizeLimit,
// FileTxnLog.TxnIterator; the size is that of the transactions here, not of the
// files, which are padded.
func ReadLog(s *storage.Store, a replica.ReadLog, factor float64, effort *storage.Effort) (txns []*proto.Txn, whole bool, err error) {
	limit := a.MaxBytes
	size, ok, err := s.SnapshotBytes()
	if err != nil {
		return nil, false, err
	}
	if ok {
		limit = min(limit, int(factor*float64(size)))
	}
	until := storage.IDOf(storage.Entry{Zxid: a.Until.Zxid, Payload: a.Until.Raw})
	entries, whole, err := s.Lookup(storage.Want{After: storage.EntryID{Zxid: a.After}, Until: until}, limit, effort)
	if err != nil || !whole {
		return nil, false, err
	}
	total := 0
	for _, e := range entries {
		t, err := proto.DecodeTxn(e.Payload)
		if err != nil {
			return nil, false, fmt.Errorf("read transaction %s from the log: %w", e.Zxid, err)
		}
		txns, total = append(txns, t), total+len(e.Payload)
	}
	return txns, total <= limit, nil // Lookup returns one that is too large
}
