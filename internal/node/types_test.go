package node

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/paddock-io/paddock/zk"
)

// TestReaper: an ensemble deletes empty containers and what has outlived its
// time, clients of every server are told, and the next leader goes on.
func TestReaper(t *testing.T) {
	ctx := testContext(t)
	ms := newEnsemble(t, 3, "extendedTypesEnabled=true")
	for _, m := range ms {
		m.flags = map[string]string{"znode.container.checkIntervalMs": "50"}
		m.start()
	}
	c := connect(t, ctx, ms[0].client, ms[1].client) // the highest id leads, so these follow
	reapedSoon(t, ctx, c, "1")
	ms[2].halt()
	reapedSoon(t, ctx, c, "2")
}

// reapedSoon makes znodes that may go, and some that may not, and waits until
// the former have gone.
func reapedSoon(t *testing.T, ctx context.Context, c *zk.Conn, suffix string) {
	t.Helper()
	box, aging, young, unused := "/box"+suffix, "/aging"+suffix, "/young"+suffix, "/unused"+suffix
	multi := func(ops ...zk.Op) {
		t.Helper()
		for {
			_, err := c.Multi(ctx, ops...)
			if err == nil || errors.Is(err, zk.ErrNodeExists) {
				return
			}
			if !errors.Is(err, zk.ErrConnectionLoss) {
				t.Fatal(err)
			}
		}
	}
	// Each with its child at once, or it might go before it has one.
	multi(zk.CreateOp(unused, nil, zk.Container, zk.OpenACL),
		zk.CreateTTLOp(young, nil, zk.PersistentTTL, zk.OpenACL, time.Hour),
		zk.CreateOp(box, nil, zk.Container, zk.OpenACL), zk.CreateOp(box+"/x", nil, 0, zk.OpenACL),
		zk.CreateTTLOp(aging, nil, zk.PersistentTTL, zk.OpenACL, 100*time.Millisecond), zk.CreateOp(aging+"/x", nil, 0, zk.OpenACL))
	for _, path := range []string{box, aging} {
		stat, there, w, err := c.ExistsW(ctx, path)
		if err != nil || !there || stat.EphemeralOwner != 0 || stat.NumChildren != 1 {
			t.Fatalf("%s: %+v, %v, %v", path, stat, there, err)
		}
		if err := c.Delete(ctx, path+"/x", zk.AnyVersion); err != nil {
			t.Fatal(err)
		}
		if e, err := w.Wait(ctx); err != nil || e.Type != zk.EventNodeDeleted {
			t.Fatalf("%s is not reaped: %+v, %v", path, e, err)
		}
	}
	for _, path := range []string{young, unused} {
		if _, there, err := c.Exists(ctx, path); err != nil || !there {
			t.Errorf("%s is gone: %v", path, err)
		}
	}
}
