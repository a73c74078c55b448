package replica

import (
	"flag"
	"fmt"
	"testing"
	"time"

	"github.com/paddock-io/paddock/internal/zab"
	"github.com/paddock-io/paddock/proto"
)

var (
	clusterSeed  = flag.Int64("cluster.seed", -1, "replay this one seed")
	clusterN     = flag.Int("cluster.n", 40, "how many seeds to run")
	clusterTrace = flag.Bool("cluster.trace", false, "print every action")
)

// TestCluster runs whole ensembles on a virtual clock, network and disk:
// servers crash and lose what was not synced or everything, disks become slow,
// links break and partition, clients move from server to server and fall
// silent. Then the faults end, and what was acknowledged must be everywhere.
func TestCluster(t *testing.T) {
	from, n := int64(1), *clusterN
	if *clusterSeed >= 0 {
		from, n = *clusterSeed, 1
	}
	if testing.Short() {
		n = min(n, 15)
	}
	var total world
	for seed := from; seed < from+int64(n); seed++ {
		w := newWorld(seed)
		if err := w.run(); err != nil {
			t.Fatalf("seed %d: %v\nreplay: go test ./internal/replica -run TestCluster -cluster.seed=%d -cluster.trace", seed, err, seed)
		}
		if n == 1 {
			t.Logf("%s", w)
		}
		total.add(w)
	}
	t.Logf("%d seeds: %s", n, &total)
	if total.reaped < n {
		t.Errorf("only %d znodes were reaped", total.reaped)
	}
}

// counts tell whether a run has seen what it is for.
type counts struct {
	acked, lost, moves, expired, syncs int
	crashes, wipes, elections          int
	snaps, truncs                      int
	reaped                             int
	locals, upgrades, reads            int
	together                           int // syncs right behind another
}

func (w *world) add(o *world) {
	c, d := &w.counts, o.counts
	c.acked += d.acked
	c.lost += d.lost
	c.moves += d.moves
	c.expired += d.expired
	c.syncs += d.syncs
	c.crashes += d.crashes
	c.wipes += d.wipes
	c.elections += d.elections
	c.snaps += d.snaps
	c.truncs += d.truncs
	c.reaped += d.reaped
	c.locals += d.locals
	c.upgrades += d.upgrades
	c.reads += d.reads
	c.together += d.together
}

func (w *world) String() string { return fmt.Sprintf("%+v", w.counts) }

func (w *world) run() error {
	w.faults = true
	w.fault()
	w.runUntil(20 * time.Second)
	w.faults = false
	w.heal()
	for _, n := range w.nodes {
		n.slow = 0
		if !n.up {
			n.boot()
		}
	}
	w.runUntil(45 * time.Second)
	for _, c := range w.clients {
		c.finish()
	}
	w.runUntil(60 * time.Second)
	if w.err != nil {
		return w.err
	}
	return w.check()
}

// check demands that everybody serves, agrees, has what was acknowledged, and
// waits for nothing.
func (w *world) check() error {
	leaders := 0
	first := w.nodes[0]
	for _, n := range w.nodes {
		switch n.role {
		case zab.RoleNone, zab.RoleReadOnly:
			return fmt.Errorf("server %d does not serve at the end: %+v", n.id, n.r.Status())
		case zab.RoleLeader:
			leaders++
		}
		if n.tree.Digest() != first.tree.Digest() || n.tree.SessionCount() != first.tree.SessionCount() {
			return fmt.Errorf("servers %d and %d differ: zxid %s digest %x, zxid %s digest %x", first.id, n.id,
				first.tree.LastZxid(), first.tree.Digest(), n.tree.LastZxid(), n.tree.Digest())
		}
		r := n.r
		if r.Pending() != 0 || len(r.inflight) != 0 || len(r.syncs.waiting) != 0 || len(r.queries) != 0 || len(r.early) != 0 || r.diskOps != 0 ||
			r.reaper != nil && len(r.reaper.asked) != 0 {
			return fmt.Errorf("server %d still waits: %d pending, in flight %v, syncs %v, queries %v, early %v, %d disk operations",
				n.id, r.Pending(), r.inflight, r.syncs, r.queries, r.early, r.diskOps)
		}
		for _, id := range n.tree.EphemeralOwners() {
			if _, ok := n.tree.SessionTimeout(id); !ok {
				return fmt.Errorf("server %d has ephemerals of the closed session %s", n.id, id)
			}
		}
	}
	if leaders != 1 {
		return fmt.Errorf("%d leaders at the end", leaders)
	}
	for _, c := range w.clients {
		if err := c.check(first); err != nil {
			return err
		}
	}
	if w.acked < 50 {
		return fmt.Errorf("only %d writes were acknowledged", w.acked)
	}
	return nil
}

// decided remembers what the ensemble has decided, and fails if a server says
// otherwise.
func (w *world) decided(n *node, t *proto.Txn) {
	if raw, ok := w.history[t.Zxid]; !ok {
		w.history[t.Zxid] = string(t.Raw)
		if why, ok := w.early[expiry{t.Zxid.Epoch(), t.Session.String()}]; ok && t.Type == proto.OpCloseSession {
			w.fail("session %s is closed: %s", t.Session, why)
		}
		w.newest = max(w.newest, t.Zxid)
		if t.Type == proto.OpDeleteContainer {
			w.reaped++
		}
	} else if raw != string(t.Raw) {
		w.fail("server %d: another transaction was decided as %s", n.id, t.Zxid)
	}
}

// leads checks a new leader: alone in its epoch, and with all that was decided.
func (w *world) leads(n *node, epoch int64) {
	w.elections++
	if other, ok := w.established[epoch]; ok {
		w.fail("servers %d and %d both lead epoch %d", other, n.id, epoch)
	}
	w.established[epoch] = n.id
	if last := n.r.hist.Last(); last < w.newest {
		w.fail("server %d leads epoch %d with history up to %s, but %s was decided", n.id, epoch, last, w.newest)
	}
	for _, t := range n.log { // decided with the quorum that follows
		w.decided(n, t)
	}
}

// readOnly checks what a server without a leader shows to those who read only:
// exactly what its log holds.
func (w *world) readOnly(n *node) {
	w.reads++
	t, _ := n.recover()
	if n.tree.LastZxid() < t.LastZxid() || n.tree.Digest() != t.Digest() {
		w.fail("server %d shows %s, digest %x; on disk is %s, digest %x", n.id, n.tree.LastZxid(), n.tree.Digest(), t.LastZxid(), t.Digest())
	}
}
