package election

import (
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/paddock-io/paddock/proto"
)

func TestOrderIsLexicographic(t *testing.T) {
	for name, tc := range map[string]struct {
		v, w Vote
		want bool
	}{
		"later epoch":                         {Vote{1, 0, 0, 2}, Vote{2, 9, 0, 1}, true},
		"earlier epoch, later zxid":           {Vote{2, 9, 0, 1}, Vote{1, 0, 0, 2}, false},
		"later zxid":                          {Vote{1, 9, 0, 1}, Vote{2, 8, 0, 1}, true},
		"earlier zxid, larger id":             {Vote{2, 8, 0, 1}, Vote{1, 9, 0, 1}, false},
		"larger id":                           {Vote{2, 9, 0, 1}, Vote{1, 9, 0, 1}, true},
		"the same":                            {Vote{2, 9, 0, 1}, Vote{2, 9, 5, 1}, false},
		"earlier epoch, same zxid, larger id": {Vote{3, 9, 0, 1}, Vote{2, 9, 0, 2}, false}, // ZOOKEEPER-1419
		"any server over none":                {Vote{1, 0, 0, 0}, Vote{none, none, 0, none}, true},
	} {
		if got := tc.v.above(tc.w); got != tc.want {
			t.Errorf("%s: %v above %v = %v, want %v", name, tc.v, tc.w, got, tc.want)
		}
	}
}

// Java: VoteTest and Vote.equals.
func TestAgreement(t *testing.T) {
	looking := ballot{Vote{3, 9, 1, 4}, Looking, 0, true}
	settled := ballot{Vote{3, 9, 1, 4}, Following, 2, true}
	with := func(b ballot, change func(*ballot)) ballot { change(&b); return b }
	for name, tc := range map[string]struct {
		a, b ballot
		want bool
	}{
		"looking, same":           {looking, looking, true},
		"looking, other zxid":     {looking, with(looking, func(b *ballot) { b.Zxid++ }), false},
		"looking, other round":    {looking, with(looking, func(b *ballot) { b.Round++ }), false},
		"looking, other epoch":    {looking, with(looking, func(b *ballot) { b.PeerEpoch++ }), false},
		"one looking, same":       {looking, settled, true},
		"one looking, other zxid": {looking, with(settled, func(b *ballot) { b.Zxid++ }), false},
		"settled, other zxid, round": {settled, with(settled, func(b *ballot) {
			b.Zxid++
			b.Round++
			b.state = Leading
		}), true},
		"settled, other epoch": {settled, with(settled, func(b *ballot) { b.PeerEpoch++ }), false},
		"settled, other epoch, one old version": {settled, with(settled, func(b *ballot) {
			b.PeerEpoch++
			b.version = 0
		}), true},
		"settled, other leader": {settled, with(settled, func(b *ballot) { b.Leader++ }), false},
		"not cast":              {ballot{}, ballot{}, false},
	} {
		if got := tc.a.agrees(tc.b); got != tc.want {
			t.Errorf("%s: %v", name, got)
		}
		if got := tc.b.agrees(tc.a); got != tc.want {
			t.Errorf("%s, turned round: %v", name, got)
		}
	}
}

func TestStartTellsEverybody(t *testing.T) {
	five := members(t, 3, 2)
	for name, tc := range map[string]struct {
		self proto.PeerID
		want string
	}{
		"voter":    {2, "1<LOOKING 2@0x500000007,5 r1; 3<LOOKING 2@0x500000007,5 r1"},
		"observer": {4, "1<LOOKING none@none,none r1; 2<LOOKING none@none,none r1; 3<LOOKING none@none,none r1"},
		"joiner": {9, "1<LOOKING none@0x500000007,5 r1; 2<LOOKING none@0x500000007,5 r1; " +
			"3<LOOKING none@0x500000007,5 r1"},
	} {
		e := New(five, Options{Self: tc.self})
		got := e.Start(0, proto.MakeZxid(5, 7), 5, nil)
		if show(got) != tc.want {
			t.Errorf("%s: %s", name, show(got))
		}
		for _, a := range got {
			if n := a.(Send).Note; n.Config != five.Text() || n.Version != 2 {
				t.Errorf("%s: version %d, config %q", name, n.Version, n.Config)
			}
		}
	}
}

func TestAloneDecidesAtOnce(t *testing.T) {
	e := New(members(t, 1, 0), Options{Self: 1})
	if got := show(e.Start(0, 7, 2, nil)); got != "= LEADING 1@0x7,2 r1" {
		t.Error(got)
	}
}

func TestRepetition(t *testing.T) {
	s := start(t, members(t, 3, 0), 1, 0, 0)
	again := "2<LOOKING 1@0x0,0 r1; 3<LOOKING 1@0x0,0 r1"
	at := time.Duration(0)
	for _, pause := range []time.Duration{200, 400, 800, 1600, 3200, 6400, 12800, 25600, 51200, 60000, 60000} {
		at += pause * ms
		s.tick(at, again)
	}
	if got := s.e.Tick(at, nil); got != nil {
		t.Errorf("a second tick at the same time: %s", show(got))
	}
	s.e.Start(at, 0, 0, nil)
	s.tick(at+200*ms, "2<LOOKING 1@0x0,0 r2; 3<LOOKING 1@0x0,0 r2")
}

func TestNotificationsFromVotersWhileLooking(t *testing.T) {
	const mine = "1<LOOKING 2@0x9,1 r3; 3<LOOKING 2@0x9,1 r3; 4<LOOKING 2@0x9,1 r3; 5<LOOKING 2@0x9,1 r3"
	for name, tc := range map[string]struct {
		from proto.PeerID
		n    proto.Notification
		want string
		vote Vote // proposal afterwards; zero: unchanged
	}{
		"better, adopted":                  {1, say(Looking, 3, 9, 2, 1), strings.ReplaceAll(strings.ReplaceAll(mine, "2@", "3@"), "r3", "r2"), Vote{3, 9, 2, 1}},
		"worse, told":                      {1, say(Looking, 1, 9, 2, 1), "1<LOOKING 2@0x9,1 r2", Vote{}},
		"equal":                            {1, say(Looking, 2, 9, 2, 1), "", Vote{}},
		"earlier round, told":              {1, say(Looking, 3, 9, 1, 1), "1<LOOKING 2@0x9,1 r2", Vote{}},
		"later round, worse: own vote":     {1, say(Looking, 1, 9, 3, 1), mine, Vote{2, 9, 3, 1}},
		"later round, better":              {1, say(Looking, 1, 9, 3, 2), strings.ReplaceAll(mine, "2@0x9,1", "1@0x9,2"), Vote{1, 9, 3, 2}},
		"untrusted":                        {1, say(Looking, 3, -1, 2, 2), "", Vote{}},
		"untrusted, later round":           {1, say(Looking, 3, -1, 5, 2), "", Vote{}},
		"for an observer":                  {1, say(Looking, 6, 99, 2, 9), "", Vote{}},
		"for nobody":                       {1, say(Looking, none, none, 2, none), "", Vote{}},
		"observing":                        {1, say(Observing, 3, 99, 2, 9), "", Vote{}},
		"one follower is no quorum":        {1, say(Following, 3, 9, 2, 1), "", Vote{}},
		"own id from the network":          {2, say(Looking, 3, 99, 9, 9), "", Vote{}},
		"unknown state":                    {1, say(State(7), 3, 99, 2, 9), "", Vote{}},
		"observer asks, told the proposal": {6, say(Looking, none, none, 1, none), "6<LOOKING 2@0x9,1 r2", Vote{}},
		"stranger asks, told the proposal": {77, say(Looking, 77, 99, 9, 9), "77<LOOKING 2@0x9,1 r2", Vote{}},
		"stranger that does not look":      {77, say(Following, 77, 99, 9, 9), "", Vote{}},
	} {
		e := New(members(t, 5, 1), Options{Self: 2})
		e.Start(0, 9, 1, nil)
		e.Start(0, 9, 1, nil) // round 2
		if tc.vote == (Vote{}) {
			tc.vote = e.Vote()
		}
		got := show(e.Receive(0, tc.from, tc.n, nil))
		if got != tc.want || e.Vote() != tc.vote {
			t.Errorf("%s:\n got %s, proposal %v\nwant %s, proposal %v", name, got, e.Vote(), tc.want, tc.vote)
		}
	}
}

func TestUntrustedServerDoesNotVote(t *testing.T) {
	s := start(t, members(t, 3, 0), 3, -1, 0)
	s.hear(1, say(Looking, 2, 0, 1, 0), "")
	s.hear(2, say(Looking, 2, 0, 1, 0), "")
	s.refused(1, "")
	s.hear(2, say(Leading, 2, 0, 1, 0), "")
	s.hear(1, say(Following, 2, 0, 1, 0), "= FOLLOWING 2@0x0,0 r1")
}

// TestUntrustedAsksDuringElections: a server that may not vote has long pauses between its questions by the time the
// others elect; who leads then it is told only if it asks.
func TestUntrustedAsksDuringElections(t *testing.T) {
	e := New(members(t, 3, 0), Options{Self: 2, MinInterval: 200 * ms})
	e.Start(0, untrusted, 0, nil)
	now := time.Duration(0)
	for now < 20*time.Second {
		now = e.Deadline()
		e.Tick(now, nil)
	}
	if e.Deadline()-now < 10*time.Second {
		t.Fatalf("asks again after %v: this test tests nothing", e.Deadline()-now)
	}
	e.Receive(now, 3, say(Looking, 3, untrusted, 9, 2), nil)
	if e.Deadline()-now < 10*time.Second {
		t.Error("another one that may not vote is in no election, and they would ask each other for ever")
	}
	e.Receive(now, 1, say(Looking, 3, 7, 9, 2), nil)
	if pause := e.Deadline() - now; pause != 200*ms {
		t.Errorf("asks again after %v", pause)
	}
}

// Of a later round only the received vote and the own initial one count, not what was adopted before.
func TestLaterRoundForgetsAdoptedVotes(t *testing.T) {
	s := start(t, members(t, 4, 0), 1, 0, 0)
	s.hear(4, say(Looking, 4, 0, 1, 0), "2<LOOKING 4@0x0,0 r1; 3<LOOKING 4@0x0,0 r1; 4<LOOKING 4@0x0,0 r1")
	s.now = 10 * ms
	s.hear(2, say(Looking, 2, 0, 2, 0), "2<LOOKING 2@0x0,0 r2; 3<LOOKING 2@0x0,0 r2; 4<LOOKING 2@0x0,0 r2")
	s.hear(3, say(Looking, 2, 0, 2, 0), "")
	s.tick(210*ms, "= FOLLOWING 2@0x0,0 r2") // 4 voted for itself in round 1, which counts no longer
}

func TestLaterRoundFallsBackToTheOwnVote(t *testing.T) {
	s := start(t, members(t, 4, 0), 2, 0, 0)
	s.hear(4, say(Looking, 4, 0, 1, 0), "1<LOOKING 4@0x0,0 r1; 3<LOOKING 4@0x0,0 r1; 4<LOOKING 4@0x0,0 r1")
	s.hear(1, say(Looking, 1, 0, 2, 0), "1<LOOKING 2@0x0,0 r2; 3<LOOKING 2@0x0,0 r2; 4<LOOKING 2@0x0,0 r2")
}

// Among settled votes of one round the epoch is not compared, so those of an earlier round must be gone.
func TestLaterRoundForgetsSettledVotes(t *testing.T) {
	s := start(t, members(t, 5, 0), 1, 0, 0)
	s.hear(2, say(Following, 3, 0, 1, 0), "")
	s.hear(4, say(Following, 3, 0, 1, 0), "")
	s.e.Receive(0, 5, say(Looking, 5, 0, 2, 0), nil)
	s.hear(3, say(Leading, 3, 0, 2, 1), "")
}

func TestQuorumWaitsForOpenAnswers(t *testing.T) {
	s := start(t, members(t, 3, 0), 2, 0, 0)
	s.now = 50 * ms
	s.hear(1, say(Looking, 2, 0, 1, 0), "")
	s.tick(250*ms, "= LEADING 2@0x0,0 r1")
	if s.e.State() != Leading || s.e.Round() != 1 || s.e.Vote() != (Vote{2, 0, 1, 0}) || s.e.Deadline() != Never {
		t.Errorf("%v, round %d, %v, deadline %v", s.e.State(), s.e.Round(), s.e.Vote(), s.e.Deadline())
	}
}

func TestQuorumDecidesWhenEverybodyWasHeard(t *testing.T) {
	s := start(t, members(t, 3, 0), 2, 0, 0)
	s.hear(1, say(Looking, 1, 0, 1, 0), "1<LOOKING 2@0x0,0 r1")
	s.hear(3, say(Looking, 2, 0, 1, 0), "")
	s.hear(1, say(Looking, 2, 0, 1, 0), "= LEADING 2@0x0,0 r1")
}

func TestQuorumDecidesWithoutThoseThatRefuse(t *testing.T) {
	s := start(t, members(t, 5, 0), 3, 0, 0)
	s.refused(4, "")
	s.hear(1, say(Looking, 3, 0, 1, 0), "")
	s.hear(2, say(Looking, 3, 0, 1, 0), "")
	s.refused(5, "= LEADING 3@0x0,0 r1")
}

func TestNoHurryToFollowTheDead(t *testing.T) {
	s := start(t, members(t, 3, 0), 1, 0, 0)
	s.refused(2, "")
	s.hear(3, say(Looking, 3, 0, 1, 0), "2<LOOKING 3@0x0,0 r1; 3<LOOKING 3@0x0,0 r1; = FOLLOWING 3@0x0,0 r1")

	s = start(t, members(t, 3, 0), 1, 0, 0)
	s.hear(3, say(Looking, 3, 0, 1, 0), "2<LOOKING 3@0x0,0 r1; 3<LOOKING 3@0x0,0 r1")
	s.refused(3, "")
	s.refused(2, "")
	s.tick(200*ms, "= FOLLOWING 3@0x0,0 r1")
}

// The answer to the last repetition of a vote may come from somebody who has decided already.
func TestSettledAnswerMayBeTheLastOpenOne(t *testing.T) {
	s := start(t, members(t, 3, 0), 2, 0, 0)
	s.hear(3, say(Looking, 3, 0, 1, 0), "1<LOOKING 3@0x0,0 r1; 3<LOOKING 3@0x0,0 r1")
	s.hear(1, say(Following, 3, 0, 1, 0), "= FOLLOWING 3@0x0,0 r1")
}

func TestRefusalIsForgotten(t *testing.T) {
	t.Run("by a notification", func(t *testing.T) {
		s := start(t, members(t, 3, 0), 2, 0, 0)
		s.refused(3, "")
		s.hear(3, say(Looking, 2, 0, 0, 0), "3<LOOKING 2@0x0,0 r1") // of an earlier round: no vote
		s.hear(1, say(Looking, 2, 0, 1, 0), "")
		s.refused(3, "= LEADING 2@0x0,0 r1")
	})
	t.Run("by a connection", func(t *testing.T) {
		s := start(t, members(t, 3, 0), 2, 0, 0)
		s.refused(3, "")
		s.e.PeerReachable(3)
		s.hear(1, say(Looking, 2, 0, 1, 0), "")
		s.tick(200*ms, "= LEADING 2@0x0,0 r1")
	})
	t.Run("by the next election", func(t *testing.T) {
		s := start(t, members(t, 3, 0), 2, 0, 0)
		s.refused(3, "")
		s.e.Start(0, 0, 0, nil)
		s.hear(1, say(Looking, 2, 0, 2, 0), "")
		s.tick(200*ms, "= LEADING 2@0x0,0 r2")
	})
	t.Run("unless it comes too early or from nobody", func(t *testing.T) {
		e := New(members(t, 3, 0), Options{Self: 2})
		if got := append(e.PeerUnreachable(0, 3, nil), e.PeerUnreachable(0, 99, nil)...); got != nil {
			t.Error(show(got))
		}
	})
}

func TestBetterVoteEndsTheWait(t *testing.T) {
	s := start(t, members(t, 3, 0), 2, 0, 0)
	s.hear(1, say(Looking, 2, 0, 1, 0), "")
	s.now = 199 * ms
	s.hear(3, say(Looking, 3, 0, 1, 0), "1<LOOKING 3@0x0,0 r1; 3<LOOKING 3@0x0,0 r1")
	s.tick(399*ms, "= FOLLOWING 3@0x0,0 r1")
}

// A quorum about to decide is not broken up by somebody whose round is later but whose vote is no better.
func TestLaterRoundDuringTheWait(t *testing.T) {
	s := start(t, members(t, 4, 0), 3, 5, 0)
	s.hear(1, say(Looking, 3, 5, 1, 0), "")
	s.hear(2, say(Looking, 3, 5, 1, 0), "")
	s.hear(4, say(Looking, 4, 4, 9, 0), "")
	s.tick(200*ms, "= LEADING 3@0x5,0 r1")
	s.hear(4, say(Looking, 4, 4, 9, 0), "4<LEADING 3@0x5,0 r1")
}

func TestVoteTakenBackEndsTheWait(t *testing.T) {
	s := start(t, members(t, 3, 0), 2, 0, 0)
	s.hear(1, say(Looking, 2, 0, 1, 0), "")
	s.hear(1, say(Looking, 1, 0, 1, 0), "1<LOOKING 2@0x0,0 r1") // it was restarted
	s.tick(200*ms, "1<LOOKING 2@0x0,0 r1; 3<LOOKING 2@0x0,0 r1")
}

func TestSettledVotesOfThisRound(t *testing.T) {
	t.Run("make a leader whose followers decided first", func(t *testing.T) {
		s := start(t, members(t, 3, 0), 3, 0, 0)
		s.hear(1, say(Following, 3, 0, 1, 0), "= LEADING 3@0x0,0 r1")
	})
	t.Run("need the leader's own word", func(t *testing.T) {
		s := start(t, members(t, 5, 0), 5, 0, 0)
		s.hear(1, say(Following, 3, 0, 1, 0), "")
		s.hear(2, say(Following, 3, 0, 1, 0), "")
		s.hear(4, say(Following, 3, 0, 1, 0), "")
		s.hear(3, say(Following, 3, 0, 1, 0), "") // not leading
		s.hear(3, say(Leading, 3, 0, 1, 0), "= FOLLOWING 3@0x0,0 r1")
	})
	t.Run("do not compare epochs", func(t *testing.T) {
		s := start(t, members(t, 3, 0), 1, 0, 0)
		s.hear(2, say(Following, 3, 0, 1, 0), "")
		s.hear(3, say(Leading, 3, 0, 1, 1), "= FOLLOWING 3@0x0,1 r1")
	})
	t.Run("about me, of another round, are not believed", func(t *testing.T) {
		s := start(t, members(t, 3, 0), 3, 0, 0)
		s.hear(1, say(Following, 3, 0, 7, 1), "")
		s.hear(2, say(Following, 3, 0, 7, 1), "")
	})
}

// A late joiner takes the established ensemble's round, be it earlier or later.
func TestJoinsAnEstablishedEnsembleOfAnotherRound(t *testing.T) {
	for _, round := range []int64{1, 9} {
		s := start(t, members(t, 5, 0), 4, 0, 0)
		for range 6 {
			s.e.Start(0, 0, 0, nil) // up to round 7
		}
		follow := say(Following, 3, 5, round, 2)
		s.hear(1, follow, "")
		s.hear(2, follow, "")
		follow.Zxid++ // zxids of established servers differ
		s.hear(5, follow, "")
		lead := say(Leading, 3, 5, round, 2)
		if got := s.e.Receive(0, 3, lead, nil); len(got) != 1 || s.e.Round() != round || s.e.Vote().Leader != 3 {
			t.Errorf("round %d: %s, clock %d", round, show(got), s.e.Round())
		}
		if s.e.Start(0, 0, 0, nil); s.e.Round() != round+1 {
			t.Errorf("round %d is followed by %d", round, s.e.Round())
		}
	}
}

func TestEstablishedVotesMustAgreeOnTheEpoch(t *testing.T) {
	s := start(t, members(t, 3, 0), 3, 0, 0)
	s.hear(2, say(Leading, 2, 0, 5, 1), "")
	s.hear(1, say(Following, 2, 0, 5, 0), "")
	old := say(Following, 2, 0, 5, 0)
	old.Version = 0 // 3.4.5 and before do not know the epoch
	s.hear(1, old, "= FOLLOWING 2@0x0,0 r5")
}

func TestAnswersWhenNotLooking(t *testing.T) {
	s := start(t, members(t, 3, 1), 2, 7, 0)
	s.hear(1, say(Looking, 2, 7, 1, 0), "")
	s.tick(200*ms, "= LEADING 2@0x7,0 r1")
	s.hear(3, say(Looking, 3, 9, 5, 9), "3<LEADING 2@0x7,0 r1")
	s.e.Established(1)
	s.hear(3, say(Looking, 3, 9, 5, 9), "3<LEADING 2@0x7,1 r1")
	s.hear(3, say(Following, 2, 7, 1, 1), "")
	s.hear(4, say(Looking, none, none, 1, none), "4<LEADING 2@0x7,1 r1")
	s.expect("tick", "", s.e.Tick(time.Hour, nil))
	s.refused(1, "")
}

func TestAnswersToStrangersDoNotEcho(t *testing.T) {
	s := start(t, members(t, 3, 1), 2, 0, 0)
	ask := say(Looking, none, none, 1, none)
	s.hear(4, ask, "4<LOOKING 2@0x0,0 r1")
	s.hear(4, ask, "")
	s.hear(5, ask, "5<LOOKING 2@0x0,0 r1")
	s.now = 99 * ms
	s.hear(4, ask, "")
	s.hear(3, say(Looking, 3, 0, 1, 0), "1<LOOKING 3@0x0,0 r1; 3<LOOKING 3@0x0,0 r1")
	s.hear(4, ask, "4<LOOKING 3@0x0,0 r1") // there is news
	s.now = 200 * ms
	s.hear(4, ask, "4<LOOKING 3@0x0,0 r1")
	for id := proto.PeerID(100); id < 200; id++ {
		s.e.Receive(s.now, id, ask, nil)
	}
	if len(s.e.strangers) > maxStrangers {
		t.Errorf("%d strangers remembered", len(s.e.strangers))
	}
}

func TestDecisionIsToldToThoseWhoAsked(t *testing.T) {
	s := start(t, members(t, 3, 2), 2, 0, 0)
	ask := say(Looking, none, none, 1, none)
	s.hear(4, ask, "4<LOOKING 2@0x0,0 r1")
	s.now = 300 * ms
	s.hear(5, ask, "5<LOOKING 2@0x0,0 r1")
	s.hear(1, say(Looking, 2, 0, 1, 0), "")
	s.tick(500*ms, "= LEADING 2@0x0,0 r1; 5<LEADING 2@0x0,0 r1") // 4 must have given up, or asks again
}

func TestObserverDecides(t *testing.T) {
	s := start(t, members(t, 3, 1), 4, 0, 0)
	s.hear(1, say(Looking, 3, 0, 1, 0), "1<LOOKING 3@0x0,0 r1; 2<LOOKING 3@0x0,0 r1; 3<LOOKING 3@0x0,0 r1")
	s.hear(3, say(Leading, 3, 0, 1, 0), "= OBSERVING 3@0x0,0 r1")

	s = start(t, members(t, 3, 1), 4, 0, 0)
	s.hear(1, say(Following, 3, 0, 6, 1), "")
	s.hear(3, say(Leading, 3, 0, 6, 1), "= OBSERVING 3@0x0,1 r6")

	s = start(t, members(t, 3, 0), 9, 0, 0)
	s.hear(1, say(Following, 3, 0, 6, 1), "")
	s.hear(3, say(Leading, 3, 0, 6, 1), "= FOLLOWING 3@0x0,1 r6") // a joiner follows, without a vote
}

func TestServerWithoutWeight(t *testing.T) {
	ens := members(t, 4, 0, "group.1=1:2:3:4", "weight.1=1", "weight.2=1", "weight.3=1", "weight.4=0")
	s := start(t, ens, 1, 0, 0)
	s.hear(4, say(Looking, 4, 9, 1, 9), "") // never adopted
	s.hear(2, say(Looking, 2, 0, 1, 0), "2<LOOKING 2@0x0,0 r1; 3<LOOKING 2@0x0,0 r1; 4<LOOKING 2@0x0,0 r1")
	s.hear(3, say(Looking, 2, 0, 1, 0), "= FOLLOWING 2@0x0,0 r1") // not waiting for 4

	s = start(t, ens, 1, 0, 0) // its agreement counts for nothing
	s.hear(4, say(Looking, 1, 0, 1, 0), "")
	s.tick(200*ms, "2<LOOKING 1@0x0,0 r1; 3<LOOKING 1@0x0,0 r1; 4<LOOKING 1@0x0,0 r1")
}

func TestNextEnsembleNeedsItsOwnQuorum(t *testing.T) {
	e := New(members(t, 3, 0), Options{Self: 3})
	e.Reconfigure(members(t, 3, 0), members(t, 5, 0, "version=100000001"))
	s := &script{t: t, e: e}
	s.expect("start", "1<LOOKING 3@0x0,0 r1; 2<LOOKING 3@0x0,0 r1; 4<LOOKING 3@0x0,0 r1; 5<LOOKING 3@0x0,0 r1",
		e.Start(0, 0, 0, nil))
	s.refused(5, "")
	s.refused(4, "")
	s.refused(2, "")
	s.hear(1, say(Looking, 3, 0, 1, 0), "")
	s.hear(4, say(Looking, 3, 0, 1, 0), "= LEADING 3@0x0,0 r1")
}

func TestNewerConfig(t *testing.T) {
	s := start(t, members(t, 3, 0), 1, 0, 0)
	attach := func(text string) proto.Notification {
		n := say(Looking, 1, 0, 1, 0)
		n.Config = text
		return n
	}
	newest := members(t, 4, 0, "version=200000000")
	for _, text := range []string{"", "nonsense", "version=0", members(t, 3, 0).Text()} {
		s.e.Notice(2, attach(text))
		if _, ok := s.e.NewerConfig(); ok {
			t.Fatalf("%q taken for a newer configuration", text)
		}
		s.e.Start(0, 0, 0, nil)
	}
	s.e.Notice(2, attach(newest.Text()))
	s.e.Notice(3, attach(members(t, 5, 0, "version=100000000").Text()))
	if got, ok := s.e.NewerConfig(); !ok || got.Text() != newest.Text() {
		t.Errorf("%v, %q", ok, got.Text())
	}
	s.e.Reconfigure(newest, newest)
	if _, ok := s.e.NewerConfig(); ok {
		t.Error("still there after it was adopted")
	}
}

func TestDeserted(t *testing.T) {
	leader := func(t *testing.T) *script {
		s := start(t, members(t, 5, 0), 3, 0, 0)
		s.refused(4, "")
		s.refused(5, "")
		s.hear(1, say(Looking, 3, 0, 1, 0), "")
		s.hear(2, say(Looking, 3, 0, 1, 0), "= LEADING 3@0x0,0 r1")
		return s
	}
	want := func(s *script, want bool) {
		s.t.Helper()
		if got := s.e.Deserted(); got != want {
			s.t.Errorf("deserted: %v, want %v", got, want)
		}
	}
	const told = "<LEADING 3@0x0,0 r1"
	t.Run("by voters that revise", func(t *testing.T) {
		s := leader(t)
		s.hear(5, say(Looking, 5, 0, 1, 0), "5"+told)
		s.hear(1, say(Looking, 5, 0, 1, 0), "1"+told)
		want(s, false) // 2, 3, 4 may still be a quorum
		s.hear(2, say(Looking, 5, 0, 1, 0), "2"+told)
		want(s, true)
		s.e.Start(0, 0, 0, nil)
		want(s, false)
	})
	t.Run("not by voters that still wait, or come back", func(t *testing.T) {
		s := leader(t)
		for id := proto.PeerID(1); id < 6; id++ {
			if id != 3 {
				s.e.Receive(0, id, say(Looking, 3, 0, 1, 0), nil)
			}
		}
		want(s, false)
		for _, n := range []proto.Notification{say(Looking, 5, 0, 1, 0), say(Following, 3, 0, 1, 0)} {
			s.e.Receive(0, 1, n, nil)
			s.e.Receive(0, 2, n, nil)
			s.e.Receive(0, 4, n, nil)
		}
		want(s, false)
	})
	t.Run("not once established", func(t *testing.T) {
		s := leader(t)
		s.e.Established(1)
		for id := proto.PeerID(1); id < 6; id++ {
			s.e.Receive(0, id, say(Looking, id, 0, 9, 0), nil)
		}
		want(s, false)
	})
	t.Run("a follower, by its leader", func(t *testing.T) {
		for name, tc := range map[string]struct {
			n    proto.Notification
			want bool
		}{
			"which still waits":         {say(Looking, 2, 0, 1, 0), false},
			"which has revised":         {say(Looking, 3, 0, 1, 0), true},
			"which has begun a new one": {say(Looking, 2, 0, 2, 0), true},
			"in an older notification":  {say(Looking, 1, 0, 0, 0), false},
			"which leads":               {say(Leading, 2, 0, 1, 0), false},
		} {
			s := start(t, members(t, 3, 0), 1, 0, 0)
			s.refused(3, "")
			s.e.Receive(0, 2, say(Looking, 2, 0, 1, 0), nil)
			if s.e.State() != Following {
				t.Fatal("not following")
			}
			s.e.Receive(0, 3, say(Looking, 3, 0, 9, 0), nil)
			want(s, false)
			s.e.Receive(0, 2, tc.n, nil)
			if got := s.e.Deserted(); got != tc.want {
				t.Errorf("%s: %v", name, got)
			}
		}
	})
}

func TestBeforeStart(t *testing.T) {
	e := New(members(t, 3, 0), Options{Self: 1})
	got := e.Receive(0, 2, say(Looking, 2, 0, 1, 0), nil)
	got = append(got, e.Tick(time.Hour, nil)...)
	e.Established(3)
	if got != nil || e.Deadline() != Never || e.State() != Looking || e.Deserted() {
		t.Errorf("%s, deadline %v, %v", show(got), e.Deadline(), e.State())
	}
}

func TestHostileNumbers(t *testing.T) {
	for _, x := range []int64{math.MinInt64, -1, 0, math.MaxInt64} {
		for state := Looking; state <= Observing; state++ {
			e := New(members(t, 3, 0), Options{Self: 1})
			e.Start(0, 0, 0, nil)
			for id := proto.PeerID(-1); id < 5; id++ {
				e.Receive(0, id, say(state, proto.PeerID(x), proto.Zxid(x), x, x), nil)
				e.Receive(0, id, say(state, 3, proto.Zxid(x), x, x), nil)
			}
			e.Tick(time.Hour, nil)
			e.Start(time.Hour, 0, 0, nil)
			e.Tick(2*time.Hour, nil)
		}
	}
}

// A voter that lies may drive the round to its end, where it begins anew with the lowest number, and then to any other.
// Servers go on from each.
func TestAnyRound(t *testing.T) {
	for _, round := range []int64{math.MaxInt64, -1, math.MaxInt64 - 1, math.MinInt64, -2, 0} {
		s := start(t, members(t, 3, 0), 1, 5, 1)
		jump := func(to int64) {
			s.e.Receive(0, 3, say(Looking, 3, 9, to, 1), nil)
			if s.e.Round() != to {
				t.Fatalf("in round %d instead of %d", s.e.Round(), to)
			}
			s.e.Start(0, 5, 1, nil)
		}
		if round <= 0 {
			jump(math.MaxInt64)
		}
		if round > math.MinInt64 {
			jump(round)
		}
		next := s.e.Round()
		s.hear(3, say(Looking, 2, 6, next, 1), fmt.Sprintf("2<LOOKING 2@0x6,1 r%d; 3<LOOKING 2@0x6,1 r%d", next, next))
		s.hear(2, say(Looking, 2, 6, next, 1), fmt.Sprintf("= FOLLOWING 2@0x6,1 r%d", next))
	}
}

// TestVoterThatWentOn: a vote that a quorum needs, and that its voter has left behind for a later round, decides
// nothing; one that is not needed does not matter.
func TestVoterThatWentOn(t *testing.T) {
	s := start(t, members(t, 3, 0), 3, 5, 0)
	s.hear(2, say(Looking, 3, 5, 1, 0), "")
	s.hear(2, say(Looking, 1, 0, 2, 0), "1<LOOKING 3@0x5,0 r2; 2<LOOKING 3@0x5,0 r2")
	s = start(t, members(t, 5, 0), 3, 5, 0)
	s.hear(1, say(Looking, 3, 5, 1, 0), "")
	s.hear(2, say(Looking, 3, 5, 1, 0), "")
	s.hear(4, say(Looking, 3, 5, 1, 0), "")
	s.hear(4, say(Looking, 1, 0, 2, 0), "")
}
