package nodes

import (
	"testing"
	"time"

	"github.com/paddock-io/paddock/zk"
)

// A server that is heard and hears nothing, or the other way round, does not keep
// the others from having a leader.
func TestOneWay(t *testing.T) {
	for name, tc := range map[string]struct {
		server int
		deaf   bool
	}{"deaf leader": {2, true}, "mute leader": {2, false}, "deaf follower": {0, true}, "mute follower": {0, false}} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, 3, 1, func(t *testing.T, w *world) {
				w.startAll()
				w.await(3)
				m := w.members[tc.server]
				others := []*member{w.members[(tc.server+1)%3], w.members[(tc.server+2)%3]}
				tr := w.startTraffic(1, 1)
				advance(time.Second)
				for _, o := range others {
					if tc.deaf {
						w.net.Block(o.name, m.name)
					} else {
						w.net.Block(m.name, o.name)
					}
				}
				advance(25 * time.Second)
				before := tr.acked()
				advance(5 * time.Second)
				if tr.acked() == before {
					t.Error("nothing is acknowledged any more")
				}
				w.net.Heal()
				w.await(3)
				advance(time.Second)
				tr.end()
				for _, m := range w.members {
					tr.check(w.client("reader", zk.Options{}, m))
				}
			})
		})
	}
}
