package quorum

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"

	"github.com/paddock-io/paddock/internal/replica"
	"github.com/paddock-io/paddock/proto"
)

func TestWatermark(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var w watermark
		ctx, cancel := context.WithCancelCause(t.Context())
		got := make(chan error, 1)
		waits := func(z proto.Zxid) {
			go func() { got <- w.wait(ctx, z) }()
			synctest.Wait()
		}
		waits(proto.MakeZxid(1, 7))
		for _, ev := range []replica.Event{replica.Persisted{Zxid: proto.MakeZxid(1, 6)}, replica.Persisted{Zxid: proto.MakeZxid(1, 2)}, replica.EpochSaved{Epoch: 5}} {
			w.see(ev)
			if synctest.Wait(); len(got) > 0 {
				t.Fatalf("%+v ended the wait", ev)
			}
		}
		w.see(replica.Persisted{Zxid: proto.MakeZxid(1, 8)})
		if err := <-got; err != nil {
			t.Error(err)
		}
		waits(proto.MakeZxid(2, 0))
		if err := <-got; err != nil {
			t.Errorf("the start of an epoch: %v", err)
		}
		waits(proto.MakeZxid(2, 1))
		w.see(replica.SnapshotSaved{Zxid: proto.MakeZxid(2, 1)})
		if err := <-got; err != nil {
			t.Errorf("a leader's snapshot: %v", err)
		}
		w.see(replica.Persisted{Zxid: proto.MakeZxid(2, 5)})
		w.see(replica.Truncated{Last: proto.MakeZxid(2, 1)})
		waits(proto.MakeZxid(2, 2))
		if len(got) > 0 {
			t.Fatal("what was cut off is waited for no more")
		}
		cancel(errSnapshotStopped)
		if err := <-got; !errors.Is(err, errSnapshotStopped) {
			t.Errorf("stopped: %v", err)
		}
	})
}
