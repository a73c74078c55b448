package storage

import (
	"errors"
	"fmt"
	"math/rand/v2"

	"github.com/paddock-io/paddock/internal/storage/vfs"
	"github.com/paddock-io/paddock/proto"
)

// server is a server as far as its disk is concerned: it does in the order of
// package quorum what that does with a Store, and writes down what it claims
// to have on disk before and after every step.
type server struct {
	disk   *vfs.Recorder
	below  vfs.FS // what the Store gets: the recorder, or one that fails above it
	opts   Options
	rng    *rand.Rand
	s      *Store
	what   string
	claims []claim

	txns            []txn // handed to Append, in order
	acked           int   // of txns
	base            int   // of txns, that came as a leader's snapshot and were committed
	dumped          int   // of txns, applied while a snapshot was taken: they were committed, too
	promised, tried Epochs
	history         proto.Zxid // of the epoch tried
	gap             bool
}

func newServer(opts Options, seed uint64) *server {
	w := &server{disk: &vfs.Recorder{FS: vfs.NewMem()}, opts: opts, rng: rand.New(rand.NewPCG(seed, 8)), what: "first start"}
	w.below = w.disk
	w.claim(line{})
	return w
}

// claim says what a crash may leave from now on.
func (w *server) claim(lines ...line) {
	w.claims = append(w.claims, claim{w.disk.Len(), w.what, lines, w.promised, w.tried, w.history, w.gap, nil})
}

// settled claims the present history and no other.
func (w *server) settled() { w.claim(line{w.txns[:len(w.txns):len(w.txns)], w.acked}) }

// start recovers. What it finds is what this server tells the others it has.
func (w *server) start() error {
	s, f, err := recoverDisk(w.below, w.opts)
	if err != nil {
		return err
	}
	w.s = s
	return w.take(f)
}

func (w *server) firstStart() error {
	w.what = "first start"
	return w.start()
}

func (w *server) take(f found) error {
	if err := f.check(inForce(w.claims, w.disk.Len())); err != nil {
		return fmt.Errorf("%s, recovery: %w", w.what, err)
	}
	w.txns, w.acked, w.promised, w.tried, w.history = f.txns, len(f.txns), f.epochs, f.epochs, 0
	w.settled()
	return nil
}

func (w *server) next() proto.Zxid {
	last := lastOf(w.txns)
	if e := w.promised.Current; e > last.Epoch() {
		return proto.MakeZxid(e, 1)
	}
	return last + 1
}

// append hands n transactions of up to size bytes to the log.
func (w *server) append(n, size int) error {
	for range n {
		if err := w.appendAt(w.next(), w.rng.IntN(size)); err != nil {
			return err
		}
	}
	return nil
}

func (w *server) appendAt(z proto.Zxid, size int) error {
	e := entry(z, size)
	if w.rng.IntN(6) == 0 { // all zero where an interrupted write would be zero
		e = zeroEntry(z, size)
	}
	w.txns = append(w.txns[:len(w.txns):len(w.txns)], txnOf(e))
	w.settled() // it may be there, and must not yet
	return w.s.Log().Append(e)
}

func zeroEntry(z proto.Zxid, size int) Entry {
	txn := proto.Txn{TxnHeader: proto.TxnHeader{Zxid: z, Type: proto.OpSetData}, Body: &proto.SetDataTxn{Path: "/n", Data: make([]byte, size)}}
	txn.Encode(size)
	return Entry{z, txn.Raw}
}

func (w *server) flush() error {
	if err := w.s.Log().Flush(); err != nil {
		return err
	}
	w.acked = len(w.txns)
	w.settled()
	return nil
}

func (w *server) batch(n, size int) error { return errors.Join(w.append(n, size), w.flush()) }

// snapshot takes one in the background: the log rolls first, and batches of
// transactions come while the tree is dumped.
func (w *server) snapshot(batches int) error {
	w.what = "background snapshot"
	w.settled()
	if err := w.s.Log().Roll(); err != nil {
		return err
	}
	z, source := lastOf(w.txns), &txnSource{stateSource: stateSource{smallState(0, 20)}, txns: func() []txn { return w.txns }}
	source.during = func() error {
		for range batches {
			if err := w.batch(3, 400); err != nil {
				return err
			}
		}
		return nil
	}
	_, err := w.s.WriteSnapshot(z, source)
	if batches > 0 {
		w.dumped = len(w.txns)
	}
	return err
}

// newEpoch is a leader's or a follower's way into an epoch: the promise, then the history of n
// transactions that it lacked, of the epoch before, then the note that it has it.
func (w *server) newEpoch(n int) error {
	w.what = "new epoch"
	before := max(w.promised.Accepted, lastOf(w.txns).Epoch()) + 1
	e := before + 1
	if err := w.accept(e); err != nil {
		return err
	}
	for i := range n {
		if err := w.appendAt(proto.MakeZxid(before, uint32(i)+1), 100); err != nil {
			return err
		}
	}
	if err := w.flush(); err != nil {
		return err
	}
	return w.enter(e)
}

// outside logs n transactions of an epoch that neither file knows of, as a server does
// that keeps no epochs, and starts again as one that does.
func (w *server) outside(n int) error {
	w.what = "epoch of a server without epoch files"
	e := max(w.promised.Accepted, lastOf(w.txns).Epoch()) + 1
	for i := range n {
		if err := w.appendAt(proto.MakeZxid(e, uint32(i)+1), 100); err != nil {
			return err
		}
	}
	if err := w.flush(); err != nil {
		return err
	}
	return w.restartKilled()
}

func (w *server) accept(e int64) error {
	w.tried.Accepted = e
	w.settled()
	if err := w.s.SaveAcceptedEpoch(e); err != nil {
		return err
	}
	w.promised.Accepted = e
	w.settled()
	return nil
}

func (w *server) enter(e int64) error {
	w.tried.Current, w.history = e, lastOf(w.txns)
	w.settled()
	if err := w.s.SaveCurrentEpoch(e); err != nil {
		return err
	}
	w.promised.Current = e
	w.settled()
	return nil
}

// truncate takes back the last n transactions, as a new leader demands.
func (w *server) truncate(n int) error {
	w.what = fmt.Sprintf("TRUNC of %d", n)
	keep := max(len(w.txns)-n, w.base)
	acked := w.acked
	w.acked = min(keep, acked)
	w.history = min(w.history, lastOf(w.txns[:keep]))
	w.settled()
	err := w.s.Truncate(lastOf(w.txns[:keep]))
	if refused := (*TruncateError)(nil); errors.As(err, &refused) {
		w.acked = acked // nothing was changed
	} else if err != nil {
		return err
	} else {
		w.txns = w.txns[:keep]
	}
	w.settled()
	w.what = "reload after TRUNC"
	f, err := w.s.find()
	if err != nil {
		return err
	}
	f.epochs = w.promised
	return w.take(f)
}

// fullSync takes a leader's snapshot, whose history has the first keep of our
// transactions, as many as may have been committed, and n others after them, of a later epoch, or of the same if sameEpoch.
func (w *server) fullSync(keep, n int, sameEpoch bool) error {
	w.what, w.gap = "SNAP", true
	epoch := max(w.promised.Accepted, lastOf(w.txns).Epoch()) + 1
	if err := w.accept(epoch); err != nil {
		return err
	}
	theirs := w.txns[:keep:keep]
	z := lastOf(theirs)
	if !sameEpoch {
		z = proto.MakeZxid(epoch, 0)
	}
	for i := range n {
		theirs = append(theirs, txn{z + proto.Zxid(i) + 1, w.rng.Uint64()})
	}
	z = lastOf(theirs)
	kept := 0
	for kept < len(w.txns) && w.txns[kept].zxid <= z {
		kept++
	}
	after := line{theirs, len(theirs)}
	w.history = min(w.history, lastOf(w.txns[:kept]))
	w.claim(line{w.txns, min(kept, w.acked)}, after)
	if err := w.s.DiscardAbove(z); err != nil {
		return err
	}
	source := &txnSource{stateSource: stateSource{smallState(0, 20)}, txns: func() []txn { return theirs }}
	if _, err := w.s.WriteSnapshot(z, source); err != nil {
		return err
	}
	w.txns, w.acked, w.base = theirs, len(theirs), len(theirs)
	w.settled()
	if err := w.s.DropBefore(z); err != nil {
		return err
	}
	return w.enter(epoch)
}

func (w *server) purge() error {
	w.what = "purge"
	w.settled()
	_, err := w.s.Purge(MinRetain)
	return err
}

// restart stops in good order and starts again.
func (w *server) restart() error {
	w.what = "restart"
	w.settled()
	if err := w.s.Close(); err != nil {
		return err
	}
	return w.start()
}

// restartKilled starts again after a kill; what was not flushed is gone.
func (w *server) restartKilled() error {
	w.what = "restart after a kill"
	if err := w.s.kill(); err != nil {
		return err
	}
	return w.start()
}

// script does everything a disk sees, in an order in which it may happen.
func (w *server) script() error {
	steps := []func() error{
		w.firstStart,
		func() error { return w.newEpoch(0) },
		func() error { return w.batch(1, 50) },
		func() error { return w.batches(4, 5, 300) },
		func() error { return w.snapshot(2) },
		func() error { return w.batches(3, 3, 3000) },
		w.restart,
		func() error { return w.batches(2, 4, 200) },
		w.restartKilled,
		func() error { return w.newEpoch(4) },
		func() error { return w.batch(12, 100) },
		func() error { return w.truncate(5) }, // inside a file
		func() error { return w.batches(3, 3, 500) },
		func() error { return w.snapshot(1) },
		func() error { return w.batches(2, 4, 900) },
		func() error { return w.snapshot(0) },
		func() error { return w.batch(3, 100) },
		func() error { return w.truncate(3) }, // a whole file, and no more
		func() error { return w.batch(3, 100) },
		func() error { return w.truncate(12) }, // across files, and snapshots go
		func() error { return w.batch(3, 100) },
		func() error { return w.snapshot(1) },
		func() error { return w.batch(3, 900) },
		func() error { return w.snapshot(2) },
		w.purge,
		func() error { return w.batches(2, 3, 300) },
		func() error { return w.fullSync(len(w.txns)/2, 7, false) }, // ahead of all we have
		func() error { return w.batches(2, 4, 300) },
		func() error { return w.fullSync(len(w.txns)-6, 2, true) }, // behind what we have
		func() error { return w.batches(2, 4, 300) },
		func() error { return w.snapshot(1) },
		w.restartKilled,
		w.purge,
		func() error { return w.batch(2, 2000) },
		func() error { return w.newEpoch(0) },
		func() error { return w.batches(2, 2, 100) },
		func() error { return w.outside(3) },
		w.restart,
		func() error { return w.batch(2, 100) },
	}
	return w.run(steps)
}

func (w *server) run(steps []func() error) error {
	for _, step := range steps {
		w.what = "batch"
		if err := step(); err != nil {
			return err
		}
	}
	w.what = "end"
	return nil
}

func (w *server) batches(times, n, size int) error {
	for range times {
		if err := w.batch(n, size); err != nil {
			return err
		}
	}
	return nil
}

// wander does n steps at random.
func (w *server) wander(n int) error {
	steps := []func() error{w.firstStart, func() error { return w.newEpoch(0) }}
	for range n {
		steps = append(steps, w.step)
	}
	return w.run(steps)
}

func (w *server) step() error {
	few, committed := w.rng.IntN(4), min(max(w.base, w.dumped), len(w.txns))
	switch p := w.rng.IntN(20); p {
	case 0:
		return w.newEpoch(few)
	case 1, 2, 3:
		return w.snapshot(few)
	case 4:
		return w.truncate(min(few*w.rng.IntN(8), len(w.txns)-committed))
	case 5:
		return w.fullSync(committed+w.rng.IntN(len(w.txns)-committed+1), few, w.rng.IntN(2) == 0)
	case 6, 7:
		return w.purge()
	case 8:
		return w.restart()
	case 9:
		return w.restartKilled()
	case 10:
		return w.append(few, 300)
	}
	return w.batch(1+few, 1+w.rng.IntN(1500))
}
