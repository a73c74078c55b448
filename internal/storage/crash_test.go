package storage

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/paddock-io/paddock/internal/storage/vfs"
	"github.com/paddock-io/paddock/proto"
)

var (
	crashSeed = flag.Uint64("crash.seed", 0, "run one crash history")
	crashN    = flag.Int("crash.n", 200, "how many crash histories to run")
)

// TestCrash writes random histories onto a disk that stops working at a random
// operation, takes what a power failure leaves, recovers, and goes on, several
// times in a row. What was acknowledged must be there, in order and equal;
// what was not may be there; and a crash must never look like damage.
func TestCrash(t *testing.T) {
	seeds := make([]uint64, *crashN)
	for i := range seeds {
		seeds[i] = uint64(i) + 1
	}
	if *crashSeed != 0 {
		seeds = []uint64{*crashSeed}
	}
	for _, seed := range seeds {
		if err := runCrashes(seed); err != nil {
			t.Fatalf("%v\nreplay: go test ./internal/storage -run TestCrash -crash.seed=%d", err, seed)
		}
	}
}

var errPower = errors.New("power failure")

// world is what the outside knows about one server's disk.
type world struct {
	rng     *rand.Rand
	mem     *vfs.Mem
	opts    Options
	s       *Store
	history []Entry // handed to Append, in order
	acked   int     // of history, covered by a Flush that returned
	promise Epochs  // covered by a Save that returned
	tried   Epochs
}

func runCrashes(seed uint64) error {
	w := &world{rng: rand.New(rand.NewPCG(seed, 1)), mem: vfs.NewMem()}
	w.opts = Options{DataDir: "/data", PreallocBytes: []int64{-1, 4096, 20000, 1 << 18}[w.rng.IntN(4)]}
	if w.rng.IntN(2) == 0 {
		w.opts.LogDir = "/log"
	}
	if w.rng.IntN(3) == 0 {
		w.opts.LogSizeLimit = 1000 + w.rng.Int64N(20000)
	}
	for life := range 6 {
		ops := w.rng.IntN(120)
		w.opts.FS = &vfs.Faulty{FS: w.mem, Rule: w.powerFailure(ops)}
		err := w.live()
		if !errors.Is(err, errPower) && err != nil {
			return fmt.Errorf("life %d: %w", life, err)
		}
		w.mem = w.mem.CrashClone(w.rng)
		w.opts.FS = w.mem
		if err := w.recover(); err != nil {
			return fmt.Errorf("life %d, recovery after a crash: %w", life, err)
		}
		if err := w.s.Close(); err != nil {
			return err
		}
	}
	return nil
}

// powerFailure lets n operations that change something pass.
func (w *world) powerFailure(n int) vfs.Rule {
	return func(op vfs.Op, _ string) (int, error) {
		if op == vfs.OpOpen || op == vfs.OpRead {
			return 0, nil
		}
		if n--; n >= 0 {
			return 0, nil
		}
		return w.rng.IntN(5000), errPower
	}
}

// live starts the server and works until the power fails.
func (w *world) live() error {
	if err := w.recover(); err != nil {
		return err
	}
	for range 40 {
		if err := w.act(); err != nil {
			return err
		}
	}
	if w.rng.IntN(2) == 0 {
		return nil // killed
	}
	if err := w.s.Close(); err != nil {
		return err
	}
	w.acked = len(w.history)
	return nil
}

func (w *world) act() error {
	switch p := w.rng.IntN(100); {
	case p < 80:
		return w.write()
	case p < 86:
		return w.snapshot()
	case p < 89:
		return w.s.Log().Roll()
	case p < 92:
		_, err := w.s.Purge(MinRetain)
		return err
	case p < 95:
		return w.newEpoch()
	default:
		return w.truncate()
	}
}

// write appends a batch and flushes it.
func (w *world) write() error {
	for range 1 + w.rng.IntN(6) {
		size := w.rng.IntN(200)
		if w.rng.IntN(8) == 0 {
			size = w.rng.IntN(4000)
		}
		e := entry(w.nextZxid(), size)
		if w.rng.IntN(8) == 0 { // all zero where an interrupted write would be zero
			e = zeroEntry(e.Zxid, size)
		}
		w.history = append(w.history, e)
		if err := w.s.Log().Append(e); err != nil {
			return err
		}
	}
	if err := w.s.Log().Flush(); err != nil {
		return err
	}
	w.acked = len(w.history)
	return nil
}

func zeroEntry(z proto.Zxid, size int) Entry {
	txn := proto.Txn{TxnHeader: proto.TxnHeader{Zxid: z, Type: proto.OpSetData}, Body: &proto.SetDataTxn{Path: "/n", Data: make([]byte, size)}}
	txn.Encode(size)
	return Entry{z, txn.Raw}
}

func (w *world) last() proto.Zxid {
	if len(w.history) == 0 {
		return 0
	}
	return w.history[len(w.history)-1].Zxid
}

func (w *world) nextZxid() proto.Zxid {
	if e := w.promise.Current; e > w.last().Epoch() {
		return proto.MakeZxid(e, 1)
	}
	return w.last() + 1
}

func (w *world) newEpoch() error {
	e := max(w.promise.Accepted, w.last().Epoch()) + 1
	w.tried.Accepted = e
	if err := w.s.SaveAcceptedEpoch(e); err != nil {
		return err
	}
	w.promise.Accepted, w.tried.Current = e, e
	if err := w.s.SaveCurrentEpoch(e); err != nil {
		return err
	}
	w.promise.Current = e
	return nil
}

func (w *world) snapshot() error {
	z := w.last()
	_, err := w.s.WriteSnapshot(z, stateSource{smallState(z, w.rng.IntN(30))})
	return err
}

func (w *world) truncate() error {
	if len(w.history) == 0 {
		return nil
	}
	keep := len(w.history) - w.rng.IntN(min(len(w.history), 20))
	before := w.acked
	w.acked = keep
	err := w.s.Truncate(w.history[keep-1].Zxid)
	if refused := (*TruncateError)(nil); errors.As(err, &refused) {
		w.acked = before
		return nil
	}
	if err != nil {
		return err
	}
	w.history = w.history[:keep]
	if err := w.s.Close(); err != nil {
		return err
	}
	return w.recover()
}

// recover opens the store and compares what it finds with what was promised.
func (w *world) recover() error {
	s, err := Open(w.opts)
	if err != nil {
		return err
	}
	w.s = s
	st := newState()
	var got []Entry
	rec, err := s.Recover(st, func(e Entry) error { got = append(got, e); return nil })
	if err != nil {
		return err
	}
	if rec.Fresh {
		if w.acked > 0 {
			return fmt.Errorf("nothing is left of %d acknowledged transactions", w.acked)
		}
		w.history = nil
		if _, err := s.WriteSnapshot(0, stateSource{smallState(0, 2)}); err != nil {
			return err
		}
	} else if err := w.compare(st.last, got, rec.LastZxid); err != nil {
		return err
	}
	e, err := s.LoadEpochs(rec.LastZxid)
	if err != nil {
		return err
	}
	if e.Accepted < w.promise.Accepted || e.Current < w.promise.Current || e.Current > e.Accepted || e.Current < w.last().Epoch() ||
		e.Accepted > max(w.tried.Accepted, w.last().Epoch()) {
		return fmt.Errorf("epochs are %+v, promised %+v, tried %+v, log ends at %s", e, w.promise, w.tried, w.last())
	}
	w.promise, w.tried = e, e
	return nil
}

// compare checks a snapshot at zxid base and the entries behind it, and takes
// what is there for the history.
func (w *world) compare(base proto.Zxid, got []Entry, last proto.Zxid) error {
	at := 0
	for at < len(w.history) && w.history[at].Zxid <= base {
		at++
	}
	if base != 0 && (at == 0 || w.history[at-1].Zxid != base) {
		return fmt.Errorf("snapshot at %s, which was never reached", base)
	}
	for i, e := range got {
		if at+i >= len(w.history) || !bytes.Equal(w.history[at+i].Payload, e.Payload) {
			return fmt.Errorf("entry %d behind the snapshot at %s is %s and was never appended there", i, base, e.Zxid)
		}
	}
	n := at + len(got)
	if n < w.acked {
		return fmt.Errorf("%d of %d acknowledged transactions are there, up to %s", n, w.acked, last)
	}
	w.history, w.acked = w.history[:n], n
	if w.last() != last {
		return fmt.Errorf("last zxid is %s, the history ends at %s", last, w.last())
	}
	return nil
}
