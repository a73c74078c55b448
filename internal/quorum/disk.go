package quorum

import (
	"context"
	"sync"

	"github.com/paddock-io/paddock/internal/persist"
	"github.com/paddock-io/paddock/internal/replica"
)

// disk is the one goroutine that writes: log, epochs, truncation and the
// snapshots that the protocol waits for. It takes what has queued and has it
// written, synced and reported once; that is the group commit.
type disk struct {
	ops persist.Disk // owned by run

	mu    sync.Mutex
	queue []persist.Op // guarded by mu
	wake  chan struct{}
}

func newDisk(p *Peer) *disk {
	return &disk{wake: make(chan struct{}, 1), ops: persist.Disk{
		Store: p.store, Tree: p.tree, MaxBatch: p.opts.MaxBatch, Logger: p.log,
		Report:   func(ev replica.Event) { p.durable.see(ev); p.inbox.put(ev) },
		Reloaded: p.setReloaded, Damaged: p.damaged,
		Members: persist.Members{Files: p.opts.MemberFiles, Self: int64(p.opts.Self), Pair: *p.members.Load()},
	}}
}

// put queues an operation; the loop calls wakeUp once per batch. What waits is
// bounded by the requests and proposals that may be undecided.
func (d *disk) put(op persist.Op) {
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
func (d *disk) take(spare []persist.Op) []persist.Op {
	d.mu.Lock()
	defer d.mu.Unlock()
	taken := d.queue
	d.queue = spare[:0]
	return taken
}

// run works until ctx ends and the queue is empty, so that everything given to
// it is on disk when it returns without an error.
func (d *disk) run(ctx context.Context) error {
	var ops []persist.Op
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
		if err := d.ops.Work(ops); err != nil {
			return err
		}
		ops = emptied(ops)
	}
}
