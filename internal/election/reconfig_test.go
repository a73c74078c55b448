package election

import "testing"

// TestForgottenProposal: a server that alone has seen a membership whose quorum needs it follows a leader that the
// others have, and does not lead without a quorum of both.
func TestForgottenProposal(t *testing.T) {
	proposed := members(t, 1, 0, "server.3=h3:2888:3888", "version=100000001") // servers 1 and 3
	s := &script{t: t, e: New(members(t, 3, 0), Options{Self: 1})}
	s.e.Reconfigure(members(t, 3, 0), proposed)
	s.expect("start", "2<LOOKING 1@0x0,0 r1; 3<LOOKING 1@0x0,0 r1", s.e.Start(0, 0, 0, nil))
	s.hear(2, say(Following, 3, 0, 6, 1), "")
	s.hear(3, say(Leading, 3, 0, 6, 1), "= FOLLOWING 3@0x0,1 r6")

	s.expect("start", "2<LOOKING 1@0x0,0 r7; 3<LOOKING 1@0x0,0 r7", s.e.Start(0, 0, 0, nil))
	s.hear(2, say(Following, 1, 0, 7, 0), "") // of 1 and 3, one is no quorum
	s.hear(3, say(Following, 1, 0, 7, 0), "= LEADING 1@0x0,0 r7")
}

// TestJoinerOfALaterRound: a server without a vote comes to the voters' round, since it cannot bring them to its own.
func TestJoinerOfALaterRound(t *testing.T) {
	s := start(t, members(t, 3, 0), 9, 0, 0)
	s.e.Start(0, 0, 0, nil)
	s.e.Start(0, 0, 0, nil)
	s.hear(2, say(Looking, 3, 7, 2, 1), "2<LOOKING none@0x0,0 r3; 1<LOOKING 3@0x7,1 r2; 2<LOOKING 3@0x7,1 r2; 3<LOOKING 3@0x7,1 r2")
	s.hear(1, say(Looking, 2, 6, 1, 1), "1<LOOKING 3@0x7,1 r2") // but no further
}

func TestAppoint(t *testing.T) {
	s := start(t, members(t, 3, 0), 1, 0, 0)
	s.hear(2, say(Leading, 2, 0, 1, 1), "")
	s.hear(3, say(Following, 2, 0, 1, 1), "= FOLLOWING 2@0x0,1 r1")
	s.e.Established(1)
	s.expect("appoint", "= FOLLOWING 3@0x100000007,1 r1", s.e.Appoint(0, 3, 0x100000007, 1, nil))
	if s.e.Deserted() {
		t.Error("deserted at once")
	}
	s.hear(2, say(Looking, 2, 0, 2, 1), "2<FOLLOWING 3@0x100000007,1 r1")
	s.hear(3, say(Looking, 3, 0, 2, 1), "3<FOLLOWING 3@0x100000007,1 r1")
	if !s.e.Deserted() {
		t.Error("the one that was to lead looks for a leader")
	}
	s.expect("appoint", "= LEADING 1@0x100000007,1 r1", s.e.Appoint(0, 1, 0x100000007, 1, nil))
	s.e.Reconfigure(members(t, 0, 3, "version=5"), members(t, 0, 3, "version=5"))
	s.expect("appoint", "= OBSERVING 2@0x100000007,1 r1", s.e.Appoint(0, 2, 0x100000007, 1, nil))
}

// TestReconfigureKeepsBallots: another version of the same membership does not undo what was said.
func TestReconfigureKeepsBallots(t *testing.T) {
	s := start(t, members(t, 3, 0), 1, 0, 0)
	s.hear(2, say(Leading, 2, 0, 6, 1), "")
	same := members(t, 3, 0, "version=100000000")
	s.e.Reconfigure(same, same)
	s.hear(3, say(Following, 2, 0, 6, 1), "= FOLLOWING 2@0x0,1 r6")

	s = start(t, members(t, 3, 0), 1, 0, 0)
	s.hear(2, say(Leading, 2, 0, 6, 1), "")
	other := members(t, 4, 0, "version=100000000")
	s.e.Reconfigure(other, other)
	s.hear(3, say(Following, 2, 0, 6, 1), "")
}

// TestVoterToBe: a server that is to vote agrees with the best voter, but with none that has less than itself; it is no
// candidate, since voters who do not know of the change would not vote for it.
func TestVoterToBe(t *testing.T) {
	next := members(t, 1, 0, "server.6=h6:2888:3888", "version=100000001") // servers 1 and 6
	s := &script{t: t, e: New(members(t, 3, 0), Options{Self: 6})}
	s.e.Reconfigure(members(t, 3, 0), next)
	s.expect("start", "1<LOOKING none@0x100000009,1 r1; 2<LOOKING none@0x100000009,1 r1; 3<LOOKING none@0x100000009,1 r1", s.e.Start(0, 0x100000009, 1, nil))
	s.hear(3, say(Looking, 3, 0x100000008, 1, 1), "")
	s.hear(3, say(Looking, 2, 0x100000009, 1, 1), "1<LOOKING 2@0x100000009,1 r1; 2<LOOKING 2@0x100000009,1 r1; 3<LOOKING 2@0x100000009,1 r1")
}
