package persist

import (
	"errors"
	"fmt"

	"github.com/paddock-io/paddock/internal/replica"
	"github.com/paddock-io/paddock/internal/storage"
	"github.com/paddock-io/paddock/internal/tree"
	"github.com/paddock-io/paddock/internal/zab"
	"github.com/paddock-io/paddock/proto"
)

// Damage is what is wrong with a data directory that other servers can mend.
type Damage struct {
	Survey *storage.Survey
	Lost   storage.LostEpochs
	Cause  error // what Start said
	Tries  int   // mended so often, and still damaged
}

// Distrusted is what a server with a damaged directory starts from: nothing,
// and a last zxid of -1, with which it counts to no quorum, may not lead and gets
// a snapshot from whoever leads.
const Distrusted proto.Zxid = -1

// Open is Start for a server of an ensemble. A damaged directory is not an error
// but a Damage: then the server begins with an empty tree that nobody trusts.
// Errors are damage that nobody else could mend, and what is none.
func Open(s *storage.Store) (*Recovered, zab.Durable, *Damage, error) {
	rec, disk, cause := Start(s, false)
	if cause == nil || !storage.IsDamage(cause) {
		return rec, disk, nil, cause
	}
	v, err := s.Survey()
	if err != nil {
		return nil, zab.Durable{}, nil, fmt.Errorf("look at the damage: %w", err)
	}
	e, lost := s.SurveyEpochs(v.Last)
	switch {
	case len(v.Damage) == 0 && len(v.Gaps) == 0 && len(lost.Damage) == 0:
		// No transaction is lost, so nobody else is needed.
		if c := (*storage.CorruptionError)(nil); !errors.As(cause, &c) || !v.Blame(c.File) {
			return nil, zab.Durable{}, nil, cause
		}
		if err := s.Mend(v, nil); err != nil {
			return nil, zab.Durable{}, nil, errors.Join(cause, err)
		}
		rec, disk, err := Start(s, false)
		return rec, disk, nil, err
	case len(v.Damage) == 0 && len(v.Gaps) == 0 && !lost.Any():
		// Only one epoch is possible where one cannot be read.
		if err := s.SaveLostEpochs(); err != nil {
			return nil, zab.Durable{}, nil, err
		}
		rec, disk, err := Start(s, false)
		return rec, disk, nil, err
	}
	if !lost.Any() { // a save that was interrupted may be noted in the copy only
		if e, err = s.LoadEpochs(v.Last); err != nil {
			return nil, zab.Durable{}, nil, err
		}
	}
	disk = zab.Durable{AcceptedEpoch: e.Accepted, CurrentEpoch: e.Current, LastZxid: Distrusted}
	return distrusted(), disk, &Damage{Survey: v, Lost: lost, Cause: cause}, nil
}

// distrusted is what a damaged directory holds as far as the protocol is concerned.
func distrusted() *Recovered {
	rec := &Recovered{Tree: tree.New(), Last: Distrusted}
	rec.Hist.Reset(Distrusted)
	return rec
}

// Mend puts what other servers had into a damaged directory. If that made it
// whole, a replica.Mended is reported.
type Mend struct {
	Entries  []storage.Entry
	Accepted int64 // no smaller than the promise that was lost; -1 if none was
}

func (d *Disk) mend(op Mend) error {
	if d.Damage == nil {
		return nil // a leader's snapshot came first
	}
	before := d.Damage
	if err := d.Store.Mend(before.Survey, op.Entries); err != nil && storage.IsDamage(err) {
		d.Logger.Error("the history cannot be mended", "err", err)
	} else if err != nil {
		return fmt.Errorf("mend the history: %w", err)
	}
	if op.Accepted >= 0 {
		if err := d.Store.RaiseAccepted(op.Accepted); err != nil {
			return fmt.Errorf("mend acceptedEpoch: %w", err)
		}
	}
	if err := d.Store.Trust(); err != nil {
		return fmt.Errorf("mend the history: %w", err)
	}
	_, disk, damage, err := Open(d.Store)
	if err != nil {
		return fmt.Errorf("recover the mended history: %w", err)
	}
	if damage != nil {
		damage.Tries = before.Tries + 1
	}
	d.setDamage(damage)
	if damage == nil {
		d.Report(replica.Mended{Accepted: disk.AcceptedEpoch, Current: disk.CurrentEpoch})
	}
	return nil
}

// setDamage says that the directory is damaged in another way, or, by nil, no more.
func (d *Disk) setDamage(damage *Damage) {
	d.Damage = damage
	if d.Damaged != nil {
		d.Damaged(damage)
	}
}

// replaceDamaged makes room for the leader's snapshot in place of a damaged history.
func (d *Disk) replaceDamaged() error {
	if v := d.Damage.Survey; len(v.Damage) > 0 || len(v.Gaps) > 0 {
		return d.Store.SetAside(v)
	}
	return nil // only a promise is lost
}

// trustAgain ends a repair after the leader's snapshot is durable.
func (d *Disk) trustAgain() error {
	if err := d.Store.SaveLostEpochs(); err != nil {
		return err
	}
	if err := d.Store.Trust(); err != nil {
		return err
	}
	d.setDamage(nil)
	return nil
}

// setAsideUnnoticed makes room for the leader's snapshot z where a log cannot be
// cut because it does not read, though no start had needed what is damaged.
func (d *Disk) setAsideUnnoticed(z proto.Zxid) error {
	v, err := d.Store.Survey()
	if err != nil {
		return err
	}
	if err := d.Store.SetAside(v); err != nil {
		return err
	}
	return d.Store.DiscardAbove(z)
}
