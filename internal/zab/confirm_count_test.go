package zab

import (
	"testing"

	"github.com/paddock-io/paddock/proto"
)

// Syncs are counted by the proposals that they wait for.
func TestPendingSyncs(t *testing.T) {
	for want, after := range [][]proto.Zxid{{}, {5, 5}, {5, 7, 7}} {
		l := &Leader{}
		for _, z := range after {
			l.syncs = append(l.syncs, pendingSync{after: z})
		}
		if got := l.PendingSyncs(); got != want {
			t.Errorf("%v: %d, want %d", after, got, want)
		}
	}
}
