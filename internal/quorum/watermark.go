package quorum

import (
	"context"
	"sync"

	"github.com/paddock-io/paddock/internal/replica"
	"github.com/paddock-io/paddock/proto"
)

// watermark is how far this server's own disk holds the history. The disk
// goroutine moves it, a snapshot in the background waits for it.
type watermark struct {
	mu    sync.Mutex
	zxid  proto.Zxid    // guarded by mu
	moved chan struct{} // guarded by mu; closed when zxid grows, nil if nobody waits
}

// see takes what an answer of the disk says.
func (w *watermark) see(ev replica.Event) {
	switch ev := ev.(type) {
	case replica.Persisted:
		w.advance(ev.Zxid)
	case replica.SnapshotSaved:
		w.advance(ev.Zxid)
	case replica.Truncated:
		w.set(ev.Last)
	case replica.Reloaded:
		w.set(ev.Last)
	}
}

// set says that the history on disk ends at z, which may be earlier than before.
// Background snapshots were stopped by then.
func (w *watermark) set(z proto.Zxid) {
	w.mu.Lock()
	w.zxid = min(w.zxid, z)
	w.mu.Unlock()
	w.advance(z)
}

func (w *watermark) advance(z proto.Zxid) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if z <= w.zxid {
		return
	}
	w.zxid = z
	if w.moved != nil {
		close(w.moved)
		w.moved = nil
	}
}

// wait returns once the disk holds everything up to z, or with the cause of
// ctx's end. The start of an epoch is no transaction: what lies before it was
// durable before the epoch began.
func (w *watermark) wait(ctx context.Context, z proto.Zxid) error {
	for z.Counter() != 0 {
		w.mu.Lock()
		if w.zxid >= z {
			w.mu.Unlock()
			return nil
		}
		if w.moved == nil {
			w.moved = make(chan struct{})
		}
		moved := w.moved
		w.mu.Unlock()
		select {
		case <-moved:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
	return nil
}
