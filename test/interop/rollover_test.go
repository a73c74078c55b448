package interop

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/go-zookeeper/zk"
	"github.com/paddock-io/paddock/test/interop/peers"
)

// TestCounterRollover lets the counters of zxids end over and over, in an ensemble of two Paddock servers and a Java
// server, under a leader of either kind: every epoch begins a hundred transactions before the end of its counter. What
// is written without a pause meanwhile must be there afterwards, on every server, in an order that zxids confirm.
func TestCounterRollover(t *testing.T) {
	java := peers.Java{Installation: peers.Require(t)}
	paddock := peers.RequirePaddock(t)
	for name, software := range map[string][]peers.Software{
		"java leads": {paddock, paddock, java}, "paddock leads": {java, paddock, paddock}, // the highest id leads at first
	} {
		t.Run(name, func(t *testing.T) {
			e := peers.StartEnsembleLike(t, peers.Config{Properties: map[string]string{
				"zookeeper.testingonly.initialZxid": "4294967190", "zookeeper.test.allowDiscontinuousProposals": "true",
			}}, software...)
			w := &witness{t: t, e: e, acked: map[string]string{}}
			w.writeThroughRollovers(5)
			w.awaitServing()
			w.agree()
			w.digestsMatch()
		})
	}
}

// writeThroughRollovers creates znodes one after the other, at whatever server takes them, until so many epochs have
// begun, and checks that the zxids of what was acknowledged only grow, and over the end of a counter.
func (w *witness) writeThroughRollovers(n int) {
	w.t.Helper()
	ctx, cancel := w.within()
	defer cancel()
	var last int64
	epochs := map[int64]bool{}
	var conn *zk.Conn
	var longest time.Duration
	since := time.Now()
	i := 0
	for len(epochs) < n {
		if ctx.Err() != nil {
			w.t.Fatalf("only %d epochs for %d transactions: %v", len(epochs), i, ctx.Err())
		}
		if conn == nil {
			conn = w.connect(w.e.Servers[i%len(w.e.Servers)])
		}
		path := fmt.Sprintf("/over-%d", i)
		_, err := conn.Create(path, []byte("x"), 0, zk.WorldACL(zk.PermAll))
		if err != nil && !errors.Is(err, zk.ErrNodeExists) { // which a lost reply explains
			conn.Close()
			conn = nil
			continue
		}
		_, stat, err := conn.Exists(path)
		if err != nil {
			continue
		}
		if stat.Czxid <= last || uint32(stat.Czxid) == 0 || uint32(stat.Czxid) == 1<<32-1 {
			w.t.Fatalf("%s was made by %#x, behind %#x", path, stat.Czxid, last)
		}
		longest, since = max(longest, time.Since(since)), time.Now()
		w.acked[path] = "x"
		last = stat.Czxid
		epochs[last>>32] = true
		i++
	}
	conn.Close()
	w.t.Logf("%d epochs for %d transactions, %#x at the end; the longest wait for an answer was %v", len(epochs), i, last, longest)
}
