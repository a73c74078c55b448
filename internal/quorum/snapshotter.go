package quorum

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/paddock-io/paddock/internal/persist"
	"github.com/paddock-io/paddock/internal/storage"
	"github.com/paddock-io/paddock/internal/tree"
	"github.com/paddock-io/paddock/proto"
)

// snapshotter is one snapshot being taken in the background.
type snapshotter struct {
	cancel context.CancelCauseFunc
	done   chan struct{}
	failed chan error // gets at most one error
}

var errSnapshotStopped = errors.New("quorum: the snapshot was stopped")

// startSnapshot dumps the tree, which goes on changing, as of its last zxid.
// The caller is the goroutine that applies, so the name is exact. The file
// appears once the log has caught up with what the dump may contain.
func startSnapshot(store *storage.Store, t *tree.Tree, durable *watermark, log *slog.Logger, m *Metrics) *snapshotter {
	ctx, cancel := context.WithCancelCause(context.Background())
	s := &snapshotter{cancel: cancel, done: make(chan struct{}), failed: make(chan error, 1)}
	zxid := t.LastZxid()
	go func() {
		defer close(s.done)
		defer cancel(nil)
		began := time.Now()
		if _, err := store.WriteSnapshot(zxid, &persist.Source{
			Tree: t, Stop: func() error { return context.Cause(ctx) },
			Logged: func(z proto.Zxid) error { return durable.wait(ctx, z) },
		}); err != nil {
			s.failed <- err
			return
		}
		m.Snapshots.Add(1)
		m.SnapshotTime.Store(int64(time.Since(began)))
		log.Info("snapshot taken", "zxid", zxid, "took", time.Since(began))
	}()
	return s
}

func (s *snapshotter) running() bool {
	select {
	case <-s.done:
		return false
	default:
		return true
	}
}

// stop ends the dump and waits until its file is gone.
func (s *snapshotter) stop() {
	s.cancel(errSnapshotStopped)
	<-s.done
}
