package quorum

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync"

	"github.com/paddock-io/paddock/internal/replica"
	"github.com/paddock-io/paddock/internal/storage"
	"github.com/paddock-io/paddock/internal/tree"
	"github.com/paddock-io/paddock/internal/zab"
	"github.com/paddock-io/paddock/proto"
)

// disk is the one goroutine that writes: log, epochs, truncation and the
// snapshots that the protocol waits for. It takes what has queued, writes it
// once, syncs once and reports once; that is the group commit.
type disk struct {
	store *storage.Store
	peer  *Peer

	mu    sync.Mutex
	queue []diskOp // guarded by mu
	wake  chan struct{}
}

// diskOp is one of: a *proto.Txn to append, an action of the replica, or
// rollLog.
type diskOp any

// rollLog lets the next append start a new file.
type rollLog struct{}

func newDisk(p *Peer, s *storage.Store) *disk {
	return &disk{store: s, peer: p, wake: make(chan struct{}, 1)}
}

// put queues an operation; the loop calls wakeUp once per batch. What waits is
// bounded by the requests and proposals that may be undecided.
func (d *disk) put(op diskOp) {
	d.mu.Lock()
	d.queue = append(d.queue, op)
	d.mu.Unlock()
}

func (d *disk) wakeUp() {
	select {
	case d.wake <- struct{}{}:
	default:
	}
}

// take returns what is queued and leaves spare, whose content is done with, for
// the next operations.
func (d *disk) take(spare []diskOp) []diskOp {
	d.mu.Lock()
	defer d.mu.Unlock()
	taken := d.queue
	d.queue = spare[:0]
	return taken
}

// run works until ctx ends and the queue is empty, so that everything given to
// it is on disk when it returns without an error.
func (d *disk) run(ctx context.Context) error {
	var ops []diskOp
	for {
		if ops = d.take(ops); len(ops) == 0 {
			select {
			case <-d.wake:
				continue
			case <-ctx.Done():
			}
			if ops = d.take(ops); len(ops) == 0 {
				return nil
			}
		}
		if err := d.work(ops); err != nil {
			return err
		}
		clear(ops)
	}
}

// work runs one batch: runs of appends are synced together.
func (d *disk) work(ops []diskOp) error {
	log := d.store.Log()
	var last proto.Zxid // newest appended and not reported
	flush := func() error {
		if last == 0 {
			return nil
		}
		if err := log.Flush(); err != nil {
			return fmt.Errorf("transaction log: %w", err)
		}
		d.peer.inbox.put(replica.Persisted{Zxid: last})
		last = 0
		return nil
	}
	for _, op := range ops {
		if t, ok := op.(*proto.Txn); ok {
			if err := log.Append(storage.Entry{Zxid: t.Zxid, Payload: t.Raw}); err != nil {
				return fmt.Errorf("transaction log: %w", err)
			}
			last = t.Zxid
			if n, _ := log.Pending(); n >= d.peer.opts.MaxBatch {
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
func (d *disk) do(op diskOp) error {
	switch op := op.(type) {
	case rollLog:
		return d.store.Log().Roll()
	case replica.SaveEpoch:
		save := d.store.SaveAcceptedEpoch
		if op.Kind == zab.CurrentEpoch {
			save = d.store.SaveCurrentEpoch
		}
		if err := save(op.Epoch); err != nil {
			return fmt.Errorf("save %s: %w", op.Kind, err)
		}
		d.peer.inbox.put(replica.EpochSaved{Kind: op.Kind, Epoch: op.Epoch})
	case replica.Truncate:
		return d.truncate(op.Zxid)
	case replica.SaveSnapshot:
		return d.saveSnapshot(op.Zxid)
	case replica.Reload:
		return d.reload(func(last proto.Zxid) replica.Event { return replica.Reloaded{Last: last} })
	default:
		panic(fmt.Sprintf("quorum: unknown disk operation %T", op))
	}
	return nil
}

// truncate cuts the log and reloads the tree from what is left. A log that
// does not reach back leaves things as they are; the replica sees that from
// where the reloaded tree ends.
func (d *disk) truncate(z proto.Zxid) error {
	var short *storage.TruncateError
	if err := d.store.Truncate(z); errors.As(err, &short) {
		d.peer.log.Error("truncation refused", "zxid", z, "err", err)
	} else if err != nil {
		return fmt.Errorf("truncate to %s: %w", z, err)
	}
	return d.reload(func(last proto.Zxid) replica.Event { return replica.Truncated{Asked: z, Last: last} })
}

// reload recovers a fresh tree and hands it to the loop, which swaps it in
// before the replica sees the event.
func (d *disk) reload(event func(last proto.Zxid) replica.Event) error {
	rec, err := recoverTree(d.store)
	if err != nil {
		return fmt.Errorf("reload the tree: %w", err)
	}
	d.peer.setReloaded(rec)
	d.peer.inbox.put(event(rec.last))
	return nil
}

// saveSnapshot makes the tree that came from a leader durable. Entries of our
// own log behind it belong to a history that the leader does not have; they
// must be gone before the snapshot is there, or a restart would replay them.
func (d *disk) saveSnapshot(z proto.Zxid) error {
	if err := d.store.DiscardAbove(z); err != nil {
		return fmt.Errorf("cut the log behind the leader's snapshot %s: %w", z, err)
	}
	if _, err := d.store.WriteSnapshot(z, &treeSource{tree: d.peer.tree}); err != nil {
		return fmt.Errorf("save the leader's snapshot %s: %w", z, err)
	}
	if err := d.store.Log().Roll(); err != nil {
		return err
	}
	d.peer.inbox.put(replica.SnapshotSaved{Zxid: z})
	return nil
}

// recovered is what a data directory holds.
type recovered struct {
	tree *tree.Tree
	hist zab.History
	last proto.Zxid // -1 for an empty directory that must not be trusted
	// How often the tree was not what its digest says, first at mismatch.
	mismatches int64
	mismatch   proto.Zxid
	storage.Recovered
}

// recoverTree loads the newest snapshot and replays the log behind it.
func recoverTree(s *storage.Store) (*recovered, error) {
	rec := &recovered{}
	sink := newTreeSink()
	load := func() (err error) {
		if rec.tree == nil {
			rec.tree, err = sink.load()
		}
		return err
	}
	var res tree.Result
	var err error
	var first proto.Zxid // replayed
	whole := true        // the history has had no hole
	rec.Recovered, err = s.Recover(sink, func(e storage.Entry) error {
		if err := load(); err != nil {
			return err
		}
		t, err := proto.DecodeTxn(e.Payload)
		if err != nil {
			return err
		}
		if rec.tree.Apply(t, &res); res.DigestMismatch {
			if rec.mismatches++; rec.mismatches == 1 {
				rec.mismatch = t.Zxid
			}
		}
		if first == 0 || !follows(rec.hist.Last(), t.Zxid) {
			// The start, or a hole; what came before that helps no learner.
			rec.hist.Reset(t.Zxid - 1)
			if whole = first == 0; whole {
				first = t.Zxid
			}
		}
		rec.hist.Add(t)
		return nil
	})
	if err != nil {
		return nil, err
	}
	if err := load(); err != nil {
		return nil, err
	}
	base := snapshotZxid(rec.Snapshot)
	if rec.tree.LastZxid() < base {
		rec.tree.SetLastZxid(base)
	}
	if rec.last = rec.tree.LastZxid(); rec.LastZxid < 0 {
		rec.last, base = rec.LastZxid, rec.LastZxid
	}
	if first == 0 {
		rec.hist.Reset(base)
	} else if whole && rec.hist.Base() == first-1 {
		rec.hist.Rebase(base)
	}
	return rec, nil
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
