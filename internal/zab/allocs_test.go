package zab

import (
	"testing"

	"github.com/paddock-io/paddock/proto"
)

// TestAckAllocs: an ACK that decides nothing yet costs no memory, also while a membership is proposed.
func TestAckAllocs(t *testing.T) {
	m := &machine{t: t}
	for _, line := range []string{
		"leader self=1 voters=1,2,3,4,5 version=0 accepted=4 current=4 history=4.1-4.3 reconfig", "start", "connect 1", "connect 2",
		"info 1 id=2 accepted=4", "info 2 id=3 accepted=4", "saved accepted 5", "ackepoch 1 current=4 last=4.3", "ackepoch 2 current=4 last=4.3",
		"saved current 5", "ack 1 5.0", "ack 2 5.0", "propose", "reconfig voters=1,2,3,6,7", "propose",
	} {
		m.run(line)
	}
	var ack Message = Ack{proto.MakeZxid(5, 3)}
	out := make([]Action, 0, 8)
	if n := testing.AllocsPerRun(100, func() { out = m.leader.Message(0, 1, ack, out[:0]) }); n != 0 || len(out) > 0 {
		t.Errorf("an ACK costs %v allocations and gives %v", n, out)
	}
}
