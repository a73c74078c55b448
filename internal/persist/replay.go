package persist

import (
	"github.com/paddock-io/paddock/internal/tree"
	"github.com/paddock-io/paddock/proto"
)

// replay applies logged transactions on a goroutine of its own, while those behind them
// are read, checked and decoded: each is about half of the work.
type replay struct {
	rec   *Recovered // the goroutine's until finish has returned
	next  []*proto.Txn
	bytes int // in next
	queue chan []*proto.Txn
	done  chan struct{}

	first proto.Zxid // replayed; 0 if there was none
	whole bool       // the history has had no hole
}

// A batch has so many transactions, or so many bytes of them and the last one whole, and
// so many batches may wait.
const (
	replayBatch = 256
	replayBytes = 256 << 10
	replayQueue = 4
)

func startReplay(rec *Recovered) *replay {
	r := &replay{rec: rec, whole: true, queue: make(chan []*proto.Txn, replayQueue), done: make(chan struct{})}
	go r.run()
	return r
}

// add gives it a transaction; the tree must have been loaded.
func (r *replay) add(t *proto.Txn) {
	if r.next == nil {
		r.next = make([]*proto.Txn, 0, replayBatch)
	}
	r.next, r.bytes = append(r.next, t), r.bytes+len(t.Raw)
	if len(r.next) == replayBatch || r.bytes >= replayBytes {
		r.queue <- r.next
		r.next, r.bytes = nil, 0
	}
}

// finish returns when all has been applied.
func (r *replay) finish() {
	if len(r.next) > 0 {
		r.queue <- r.next
	}
	close(r.queue)
	<-r.done
}

func (r *replay) run() {
	defer close(r.done)
	var res tree.Result
	for txns := range r.queue {
		r.rec.Tree.FetchTxns(txns)
		for _, t := range txns {
			r.apply(t, &res)
		}
	}
}

func (r *replay) apply(t *proto.Txn, res *tree.Result) {
	rec := r.rec
	if rec.Tree.Apply(t, res); res.DigestMismatch {
		if rec.Mismatches++; rec.Mismatches == 1 {
			rec.Mismatch = t.Zxid
		}
	}
	if r.first == 0 || !follows(rec.Hist.Last(), t.Zxid) {
		// The start, or a hole; what came before that helps no learner.
		rec.Hist.Reset(t.Zxid - 1)
		if r.whole = r.first == 0; r.whole {
			r.first = t.Zxid
		}
	}
	rec.Hist.Add(t)
}
