package persist

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/paddock-io/paddock/internal/storage"
	"github.com/paddock-io/paddock/internal/tree"
	"github.com/paddock-io/paddock/internal/zab"
	"github.com/paddock-io/paddock/proto"
)

// Recovered is what a data directory holds.
type Recovered struct {
	Tree *tree.Tree
	Hist zab.History
	Last proto.Zxid // -1 for an empty directory that must not be trusted
	// How often the tree was not what its digest says, first at Mismatch.
	Mismatches int64
	Mismatch   proto.Zxid
	storage.Recovered
}

// Recover loads the newest snapshot and replays the log behind it. Errors are
// those of storage.Store.Recover.
func Recover(s *storage.Store) (*Recovered, error) {
	rec := &Recovered{}
	sink := NewSink()
	load := func() (err error) {
		if rec.Tree == nil {
			rec.Tree, err = sink.Load()
		}
		return err
	}
	replay := startReplay(rec)
	var err error
	rec.Recovered, err = s.Recover(sink, func(e storage.Entry) error {
		if err := load(); err != nil {
			return err
		}
		t, err := proto.DecodeTxn(e.Payload)
		if err != nil {
			return err
		}
		replay.add(t)
		return nil
	})
	replay.finish()
	if err != nil {
		return nil, err
	}
	if err := load(); err != nil {
		return nil, err
	}
	base := snapshotZxid(rec.Snapshot)
	if rec.Tree.LastZxid() < base {
		rec.Tree.SetLastZxid(base)
	}
	if rec.Last = rec.Tree.LastZxid(); rec.LastZxid < 0 {
		rec.Last, base = rec.LastZxid, rec.LastZxid
	}
	if replay.first == 0 {
		rec.Hist.Reset(base)
	} else if replay.whole && rec.Hist.Base() == replay.first-1 {
		rec.Hist.Rebase(base)
	}
	return rec, nil
}

// Start is Recover for a server that starts: a fresh directory gets its first
// snapshot, and unless it is standalone the epochs are read.
func Start(s *storage.Store, standalone bool) (*Recovered, zab.Durable, error) {
	rec, err := Recover(s)
	if err != nil {
		return nil, zab.Durable{}, err
	}
	if rec.Last >= 0 && (rec.Fresh || rec.NeedSnapshot) {
		// Java does not trust a directory without a snapshot.
		if _, err := s.WriteSnapshot(rec.Last, &Source{Tree: rec.Tree}); err != nil {
			return nil, zab.Durable{}, fmt.Errorf("write the first snapshot: %w", err)
		}
		if err := s.DropInitMark(); err != nil {
			return nil, zab.Durable{}, err
		}
	}
	disk := zab.Durable{LastZxid: rec.Last}
	if !standalone {
		e, err := s.LoadEpochs(max(rec.Last, 0))
		if err != nil {
			return nil, zab.Durable{}, err
		}
		disk.AcceptedEpoch, disk.CurrentEpoch = e.Accepted, e.Current
	}
	return rec, disk, nil
}

// snapshotZxid reads the zxid in a snapshot's file name, 0 without one.
func snapshotZxid(name string) proto.Zxid {
	parts := strings.Split(name, ".")
	if len(parts) < 2 {
		return 0
	}
	z, _ := strconv.ParseUint(parts[1], 16, 64) // storage has parsed it before
	return proto.Zxid(z)
}

// follows reports whether b can be the transaction right after a.
func follows(a, b proto.Zxid) bool { return b == a+1 || b.Epoch() > a.Epoch() }
