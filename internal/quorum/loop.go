package quorum

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/paddock-io/paddock/internal/persist"
	"github.com/paddock-io/paddock/internal/repair"
	"github.com/paddock-io/paddock/internal/replica"
	"github.com/paddock-io/paddock/internal/tree"
	"github.com/paddock-io/paddock/internal/zab"
	"github.com/paddock-io/paddock/proto"
)

// loopState belongs to the loop's goroutine alone.
type loopState struct {
	now     time.Duration
	ticked  time.Duration
	out     []replica.Action // of the step that is run; empty between steps
	applies []*proto.Txn     // decided and not yet given to the state machine
	links   map[zab.LinkID]*link
	dirty   []*link // links with unsent messages of this batch
	disk    bool    // the disk has operations of this batch
	leads   bool    // serving as leader
	events  []replica.Event
	reqs    replica.Requests
	touches []replica.Touch
	said    map[saidKey]time.Duration // when a quota was warned of
	repair  *repair.Machine           // while the data directory is damaged

	snap      *snapshotter
	snapTxns  int   // applied since the last snapshot began, or replayed behind it
	snapBytes int64 // logged since then
	snapAt    int   // begin one at this many
}

// Run serves until ctx ends, which gives nil, or until something fails for
// good, which gives an *ExitError. It may be called once.
func (p *Peer) Run(ctx context.Context, sm StateMachine) error {
	p.sm = sm
	p.loop.links = map[zab.LinkID]*link{}
	p.drawSnapAt()
	diskCtx, stopDisk := context.WithCancel(context.Background())
	defer stopDisk()
	diskDone := make(chan error, 1)
	stopBinding := context.AfterFunc(ctx, p.endNet) // a port that is taken may be tried for ever
	err := p.listen()
	stopBinding()
	switch {
	case err != nil && ctx.Err() != nil:
		return nil
	case err != nil:
		return err
	}
	go func() { diskDone <- p.disk.run(diskCtx) }() // ends with stopDisk, or when a write has failed

	err = p.cycle(ctx, diskDone)
	p.shutdown()
	stopDisk()
	derr := <-diskDone
	if err == nil {
		err = diskError(derr)
	}
	return err
}

// shutdown ends everything but the disk, outermost first.
func (p *Peer) shutdown() {
	p.serving.Store(false)
	p.sm.StopServing("the server stops")
	p.requests.close()
	p.inbox.close()
	p.closeNet()
	if s := p.loop.snap; s != nil {
		s.stop()
	}
	p.disk.wakeUp()
}

func diskError(err error) error {
	if err == nil {
		return nil
	}
	return &ExitError{Code: ExitDisk, Err: err}
}

// cycle is the loop.
func (p *Peer) cycle(ctx context.Context, diskDone chan error) error {
	l := &p.loop
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	l.now = time.Since(p.start)
	l.ticked = l.now
	p.run(p.replica.Start(l.now, time.Now().UnixMilli(), nil))
	p.endBatch()
	for {
		timer.Reset(p.untilTick())
		select {
		case <-p.inbox.wake:
		case <-timer.C:
		case call := <-p.calls:
			call(time.Since(p.start))
		case err := <-diskDone:
			diskDone <- nil // for Run, which waits for the disk's end
			return diskError(fmt.Errorf("the disk failed, so nothing more can be acknowledged: %w", err))
		case err := <-p.snapFailed():
			if !errors.Is(err, errSnapshotStopped) {
				return diskError(fmt.Errorf("taking a snapshot failed: %w", err))
			}
		case err := <-p.fatal:
			return err
		case <-ctx.Done():
			return nil
		}
		p.batch()
	}
}

// batch takes what has come and runs it to the end.
func (p *Peer) batch() {
	l := &p.loop
	began := time.Now()
	l.now = began.Sub(p.start)
	if l.now-l.ticked >= p.opts.Tick/8 || l.now >= p.replica.Deadline() {
		p.tick(began)
	}
	if l.repair != nil && l.now >= l.repair.Deadline() {
		p.repairStep(repair.Tick{})
	}
	events := p.inbox.take(l.events)
	for _, ev := range events {
		p.step(ev)
	}
	clear(events)
	l.events = events

	l.reqs = p.requests.take(l.reqs[:0], p.opts.MaxOutstanding-p.replica.Pending())
	if len(l.reqs) > 0 {
		p.step(l.reqs)
	}
	clear(l.reqs)
	p.endBatch()
	if p.replica.Pending() < p.opts.MaxOutstanding && p.requests.len() > 0 {
		p.inbox.signal()
	}
	p.opts.Metrics.Busy.Add(int64(time.Since(began)))
}

// tick reports the sessions' signs of life, then the time: in this order, so
// that none is expired that has just shown itself.
func (p *Peer) tick(at time.Time) {
	l := &p.loop
	l.ticked = l.now
	if l.touches = p.sm.Touched(l.touches[:0]); len(l.touches) > 0 {
		p.step(replica.Touched{Touches: l.touches})
	}
	p.step(replica.Tick{Wall: at.UnixMilli()})
}

// untilTick returns how long the loop may sleep. Touches must reach a leader
// well within a ping's interval, so an eighth of a tick is the most.
func (p *Peer) untilTick() time.Duration {
	next := min(p.loop.ticked+p.opts.Tick/8, p.replica.Deadline())
	if p.loop.repair != nil {
		next = min(next, p.loop.repair.Deadline())
	}
	return max(next-time.Since(p.start), 0)
}

func (p *Peer) step(ev replica.Event) {
	switch ev := ev.(type) {
	case replica.Connected:
		p.adopt(ev.Link)
	case replica.Disconnected:
		delete(p.loop.links, ev.Link)
	case replica.Truncated, replica.Reloaded:
		p.swapTree()
	}
	p.loop.out = p.replica.Step(p.loop.now, ev, p.loop.out)
	p.run(p.loop.out)
	p.loop.out = emptied(p.loop.out)
}

// maxSpare is how long a slice may be that is used again, in elements. A server of
// seven that decides on globalOutstandingLimit requests at once has 7,000 actions.
const maxSpare = 1 << 13

// emptied returns a slice to be used again: it keeps nothing in memory that was in
// it, and not its own size either if that was out of the common.
func emptied[T any](s []T) []T {
	if cap(s) > maxSpare {
		return nil
	}
	clear(s)
	return s[:0]
}

// endBatch lets everybody work on what this batch brought.
func (p *Peer) endBatch() {
	l := &p.loop
	p.flushApplies()
	for _, k := range l.dirty {
		k.dirty = false
		k.wakeUp()
	}
	clear(l.dirty)
	l.dirty = l.dirty[:0]
	if l.disk {
		l.disk = false
		p.disk.wakeUp()
	}
	p.publish()
}

func (p *Peer) publish() {
	s := p.replica.Status()
	if old := p.status.Load(); old == nil || *old != s {
		p.status.Store(&s)
	}
}

// flushApplies gives the decided transactions to the state machine.
func (p *Peer) flushApplies() {
	l := &p.loop
	if len(l.applies) == 0 {
		return
	}
	p.sm.Apply(l.applies)
	last := l.applies[len(l.applies)-1].Zxid
	for _, t := range l.applies {
		l.snapBytes += int64(len(t.Raw))
	}
	l.snapTxns += len(l.applies)
	p.opts.Metrics.Commits.Add(int64(len(l.applies)))
	l.applies = emptied(l.applies)
	p.replica.Step(l.now, replica.Applied{Zxid: last}, nil)
	p.maybeSnapshot()
}

// drawSnapAt draws when the next snapshot is due, so that the servers of an
// ensemble do not all take theirs at once. Source: SyncRequestProcessor.
func (p *Peer) drawSnapAt() {
	p.loop.snapAt = p.opts.SnapCount/2 + rand.IntN(max(p.opts.SnapCount/2, 1))
}

// maybeSnapshot starts a snapshot in the background when one is due. The log
// rolls first, so that it can be purged up to the snapshot later.
func (p *Peer) maybeSnapshot() {
	l := &p.loop
	if !p.snapDue() || l.snap != nil && l.snap.running() || !p.serving.Load() {
		return
	}
	l.snapTxns, l.snapBytes = 0, 0
	p.drawSnapAt()
	p.diskPut(persist.RollLog{})
	l.snap = startSnapshot(p.store, p.tree, &p.durable, p.log, p.opts.Metrics)
}

// snapDue reports whether enough has been logged since the last snapshot: SnapBytes,
// or as many transactions as were drawn and, with SnapBySize, snapShare of a snapshot
// by bytes and by transactions against znodes, or all of its bytes. So what snapshots
// write stays in proportion to what logs do, however large the tree is: by number
// alone all of a tree that is being loaded would be written again for each SnapCount
// of its znodes.
func (p *Peer) snapDue() bool {
	l := &p.loop
	if p.opts.SnapBytes > 0 && l.snapBytes > p.opts.SnapBytes {
		return true
	}
	if l.snapTxns <= l.snapAt {
		return false
	}
	if !p.opts.SnapBySize {
		return true
	}
	size := snapshotSize(p.tree)
	return l.snapBytes > size || l.snapBytes > size/snapShare && l.snapTxns > p.tree.NodeCount()/snapShare
}

// snapShare is the part of a snapshot that the log must have reached behind it, and
// so bounds what a start replays: with all of it a start with a million new znodes takes
// half as long again. By bytes alone a large tree of small znodes would be written again
// for each few sets of much data.
const snapShare = 2

// nodeRecord is what a snapshot takes for a znode beside path and data, in
// bytes: two lengths, the ACL's number and the stat. Source: DataNode.serialize.
const nodeRecord = 4 + 4 + 8 + 60

// snapshotSize returns about how many bytes a snapshot of t would have.
func snapshotSize(t *tree.Tree) int64 {
	return t.ApproximateDataSize() + nodeRecord*int64(t.NodeCount())
}

func (p *Peer) snapFailed() <-chan error {
	if p.loop.snap == nil {
		return nil
	}
	return p.loop.snap.failed
}

func (p *Peer) diskPut(op persist.Op) {
	p.disk.put(op)
	p.loop.disk = true
}

// swapTree installs the tree that the disk goroutine has reloaded.
func (p *Peer) swapTree() {
	p.netMu.Lock()
	rec := p.reloaded
	p.reloaded = nil
	p.netMu.Unlock()
	if rec == nil {
		panic("quorum: a reload was reported without its tree")
	}
	p.installTree(rec.Tree)
}

func (p *Peer) setReloaded(rec *persist.Recovered) {
	p.netMu.Lock()
	p.reloaded = rec
	p.netMu.Unlock()
}
