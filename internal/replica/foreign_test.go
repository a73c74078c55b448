package replica

import (
	"testing"

	"github.com/paddock-io/paddock/internal/election"
	"github.com/paddock-io/paddock/internal/zab"
	"github.com/paddock-io/paddock/proto"
)

// A member whose history ends in an epoch that the ensemble has not reached would win an election: with a quorum behind
// it the leader leads on. One that has only promised that epoch gets the election.
func TestDataOfAnotherEnsemble(t *testing.T) {
	for ended, leads := range map[int64]bool{9: true, 1: false} {
		b := newLeader(t)
		b.step(Vote{From: 3, Note: proto.Notification{State: election.Looking, Leader: 3, PeerEpoch: ended, Version: 2}})
		b.step(Connected{Link: 7})
		out := b.message(7, zab.FollowerInfo{ID: 3, AcceptedEpoch: 9})
		if got := b.r.state == leading; got != leads {
			t.Errorf("a history of epoch %d: leading is %v\n%s", ended, got, show(out))
		}
		if told := len(sent[zab.LeaderInfo](out)) == 1; told != leads {
			t.Errorf("a history of epoch %d:\n%s", ended, show(out))
		}
	}
}
