package persist

import (
	"errors"
	"fmt"
	"log/slog"

	"github.com/paddock-io/paddock/internal/replica"
	"github.com/paddock-io/paddock/internal/storage"
	"github.com/paddock-io/paddock/internal/tree"
	"github.com/paddock-io/paddock/internal/zab"
	"github.com/paddock-io/paddock/proto"
)

// Op is one of: a *proto.Txn to append, an action of the replica that concerns
// the disk, or RollLog.
type Op any

// RollLog lets the next append start a new file.
type RollLog struct{}

// Disk runs disk operations, for one goroutine. All fields must be set.
type Disk struct {
	Store    *storage.Store
	Tree     *tree.Tree // the live one, of which SaveSnapshot makes a snapshot
	MaxBatch int        // transactions in one sync of the log
	Logger   *slog.Logger

	// Report takes the events that answer the operations.
	Report func(replica.Event)
	// Reloaded takes a fresh tree, before the Truncated or Reloaded event that
	// tells the replica of it.
	Reloaded func(*Recovered)

	// Damage is what Open said; nil for a whole directory. It belongs to whoever
	// calls Work.
	Damage *Damage
	// Damaged is told that the directory is whole now (nil), or damaged otherwise
	// than before. It may be nil if Damage is.
	Damaged func(*Damage)

	Members Members
}

// Work runs operations in order; runs of appends are synced together, which is
// the group commit. After an error nothing is known about what the disk holds,
// and the process must end.
func (d *Disk) Work(ops []Op) error {
	log := d.Store.Log()
	var last proto.Zxid // newest appended and not reported
	flush := func() error {
		if last == 0 {
			return nil
		}
		if err := log.Flush(); err != nil {
			return fmt.Errorf("transaction log: %w", err)
		}
		d.Report(replica.Persisted{Zxid: last})
		last = 0
		return nil
	}
	for _, op := range ops {
		if t, ok := op.(*proto.Txn); ok {
			if err := log.Append(storage.Entry{Zxid: t.Zxid, Payload: t.Raw}); err != nil {
				return fmt.Errorf("transaction log: %w", err)
			}
			last = t.Zxid
			if n, _ := log.Pending(); n >= d.MaxBatch {
				if err := flush(); err != nil {
					return err
				}
			}
			continue
		}
		if err := flush(); err != nil {
			return err
		}
		if err := d.do(op); err != nil {
			return err
		}
	}
	return flush()
}

// do runs one operation that is not an append.
func (d *Disk) do(op Op) error {
	switch op := op.(type) {
	case RollLog:
		return d.Store.Log().Roll()
	case replica.SaveEpoch:
		if d.Damage != nil && d.Damage.Lost.Any() {
			// The file will read again, and what was lost of it must not be forgotten.
			if err := d.Store.Distrust(); err != nil {
				return fmt.Errorf("save %s: %w", op.Kind, err)
			}
		}
		if promised := d.Store.Promised(); op.Kind == zab.AcceptedEpoch && op.Epoch < promised {
			// Asked for before a lost promise was found. The replica has heard of that by
			// now, and its role has ended.
			d.Report(replica.EpochSaved{Kind: op.Kind, Epoch: promised})
			return nil
		}
		save := d.Store.SaveAcceptedEpoch
		if op.Kind == zab.CurrentEpoch {
			save = d.Store.SaveCurrentEpoch
		}
		if err := save(op.Epoch); err != nil {
			return fmt.Errorf("save %s: %w", op.Kind, err)
		}
		d.Report(replica.EpochSaved{Kind: op.Kind, Epoch: op.Epoch})
	case replica.Truncate:
		return d.truncate(op.Zxid)
	case replica.SaveSnapshot:
		return d.saveSnapshot(op.Zxid)
	case replica.Reload:
		return d.reload(func(last proto.Zxid) replica.Event { return replica.Reloaded{Last: last} })
	case replica.SeeConfig, replica.CommitConfig:
		return d.Members.save(op)
	case Mend:
		return d.mend(op)
	default:
		panic(fmt.Sprintf("persist: unknown disk operation %T", op))
	}
	return nil
}

// truncate cuts the log and reloads the tree from what is left. A log that
// does not reach back leaves things as they are; the replica sees that from
// where the reloaded tree ends.
func (d *Disk) truncate(z proto.Zxid) error {
	var short *storage.TruncateError
	if err := d.Store.Truncate(z); errors.As(err, &short) {
		d.Logger.Error("truncation refused", "zxid", z, "err", err)
	} else if err != nil {
		return fmt.Errorf("truncate to %s: %w", z, err)
	}
	return d.reload(func(last proto.Zxid) replica.Event { return replica.Truncated{Asked: z, Last: last} })
}

// reload recovers a fresh tree and hands it over, to be swapped in before the
// replica sees the event.
func (d *Disk) reload(event func(last proto.Zxid) replica.Event) error {
	rec := distrusted()
	if d.Damage == nil {
		var err error
		if rec, err = Recover(d.Store); err != nil {
			return fmt.Errorf("reload the tree: %w", err)
		}
	}
	d.Reloaded(rec)
	d.Report(event(rec.Last))
	return nil
}

// saveSnapshot makes the tree that came from a leader durable. Entries of our
// own log behind it belong to a history that the leader does not have; they
// must be gone before the snapshot is there, or a restart would replay them.
func (d *Disk) saveSnapshot(z proto.Zxid) error {
	damaged := d.Damage != nil
	if damaged {
		if err := d.replaceDamaged(); err != nil {
			return fmt.Errorf("move the damaged history away: %w", err)
		}
	}
	err := d.Store.DiscardAbove(z)
	if storage.IsDamage(err) { // in what our own snapshots hold, so that nobody has noticed
		damaged = true
		err = d.setAsideUnnoticed(z)
	}
	if err != nil {
		return fmt.Errorf("cut the log behind the leader's snapshot %s: %w", z, err)
	}
	if _, err := d.Store.WriteSnapshot(z, &Source{Tree: d.Tree}); err != nil {
		return fmt.Errorf("save the leader's snapshot %s: %w", z, err)
	}
	if err := d.Store.DropBefore(z); err != nil {
		return fmt.Errorf("remove what the leader's snapshot %s replaces: %w", z, err)
	}
	if damaged {
		if err := d.trustAgain(); err != nil {
			return fmt.Errorf("note that the history is whole: %w", err)
		}
	}
	d.Report(replica.SnapshotSaved{Zxid: z})
	return nil
}
