package election

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/paddock-io/paddock/internal/ensemble"
	"github.com/paddock-io/paddock/proto"
)

const ms = time.Millisecond

// members returns an ensemble of voters 1 to voters, observers after them, and further lines of its text.
func members(t testing.TB, voters, observers int, lines ...string) ensemble.Ensemble {
	t.Helper()
	var b strings.Builder
	for id := 1; id <= voters+observers; id++ {
		role := "participant"
		if id > voters {
			role = "observer"
		}
		fmt.Fprintf(&b, "server.%d=h%d:2888:3888:%s\n", id, id, role)
	}
	for _, l := range lines {
		b.WriteString(l + "\n")
	}
	if !strings.Contains(b.String(), "version=") {
		b.WriteString("version=0")
	}
	ens, err := ensemble.Parse(b.String())
	if err != nil {
		t.Fatal(err)
	}
	return ens
}

// say is a notification as a current server sends it.
func say(s State, leader proto.PeerID, zxid proto.Zxid, round, epoch int64) proto.Notification {
	return proto.Notification{State: s, Leader: leader, Zxid: zxid, Round: round, PeerEpoch: epoch, Version: 2}
}

// show writes actions compactly: "2<LOOKING 3@0x5,1 r2" is a Send to 2 of a vote for 3 with zxid 5 and epoch 1 in
// round 2; "= LEADING 3@0x5,1 r2" is a decision.
func show(actions []Action) string {
	var parts []string
	for _, a := range actions {
		switch a := a.(type) {
		case Send:
			n := a.Note
			parts = append(parts, fmt.Sprintf("%d<%v %s", a.To, n.State,
				showVote(Vote{n.Leader, n.Zxid, n.Round, n.PeerEpoch})))
		case Decided:
			parts = append(parts, fmt.Sprintf("= %v %s", a.State, showVote(a.Vote)))
		}
	}
	return strings.Join(parts, "; ")
}

func showVote(v Vote) string {
	leader, zxid, epoch := fmt.Sprint(int64(v.Leader)), v.Zxid.String(), fmt.Sprint(v.PeerEpoch)
	if v.Leader == none {
		leader = "none"
	}
	if v.Zxid == none {
		zxid = "none"
	}
	if v.PeerEpoch == none {
		epoch = "none"
	}
	return fmt.Sprintf("%s@%s,%s r%d", leader, zxid, epoch, v.Round)
}

// script drives one election and compares what comes out.
type script struct {
	t   *testing.T
	e   *Election
	now time.Duration
}

func start(t *testing.T, ens ensemble.Ensemble, self proto.PeerID, zxid proto.Zxid, epoch int64) *script {
	t.Helper()
	s := &script{t: t, e: New(ens, Options{Self: self})}
	s.e.Start(0, zxid, epoch, nil)
	return s
}

func (s *script) expect(what, want string, got []Action) {
	s.t.Helper()
	if g := show(got); g != want {
		s.t.Errorf("%s at %v:\n got %s\nwant %s", what, s.now, g, want)
	}
}

func (s *script) hear(from proto.PeerID, n proto.Notification, want string) {
	s.t.Helper()
	s.expect(fmt.Sprintf("notification from %d", from), want, s.e.Receive(s.now, from, n, nil))
}

func (s *script) refused(id proto.PeerID, want string) {
	s.t.Helper()
	s.expect(fmt.Sprintf("refusal by %d", id), want, s.e.PeerUnreachable(s.now, id, nil))
}

func (s *script) tick(at time.Duration, want string) {
	s.t.Helper()
	if d := s.e.Deadline(); d != at {
		s.t.Errorf("deadline %v, want %v", d, at)
	}
	s.now = at
	s.expect("tick", want, s.e.Tick(at, nil))
}

// formatTrace formats a line of a world's trace without its time.
func formatTrace(format string, args []any) string {
	return fmt.Sprintf(strings.TrimPrefix(format, "%v: "), args...)
}
