package election

import (
	"testing"

	"github.com/paddock-io/paddock/internal/ensemble"
	"github.com/paddock-io/paddock/proto"
)

// TestOracle: of two voters, the one that the oracle lets decides for itself when it has asked twice and heard nothing;
// the other follows a leader that nobody else follows.
func TestOracle(t *testing.T) {
	start := func(voters int, oracle, grants bool) *Election {
		e := New(members(t, voters, 0), Options{Self: 1, Oracle: oracle})
		e.Oracle(grants)
		e.Start(0, 5, 1, nil)
		return e
	}
	silence := func(e *Election) string {
		e.Tick(e.Deadline(), nil)
		return show(e.Tick(e.Deadline(), nil))
	}
	for name, tc := range map[string]struct {
		e    *Election
		want string
	}{
		"granted":     {start(2, true, true), "= LEADING 1@0x5,1 r1"},
		"not granted": {start(2, true, false), "2<LOOKING 1@0x5,1 r1"},
		"no oracle":   {start(2, false, true), "2<LOOKING 1@0x5,1 r1"},
		"of three":    {start(3, true, true), "2<LOOKING 1@0x5,1 r1; 3<LOOKING 1@0x5,1 r1"},
	} {
		if got := silence(tc.e); got != tc.want {
			t.Errorf("%s: %s, want %s", name, got, tc.want)
		}
	}
	e := start(2, true, true)
	e.Receive(0, 2, say(Following, 1, 3, 7, 1), nil)
	if got := silence(e); got != "2<LOOKING 1@0x5,1 r1" {
		t.Errorf("the other is there: %s", got)
	}

	leads := say(Leading, 2, 9, 4, 2)
	for name, tc := range map[string]struct {
		e    *Election
		want string
	}{
		"not granted": {start(2, true, false), "= FOLLOWING 2@0x9,2 r4"},
		"granted":     {start(2, true, true), ""},
		"no oracle":   {start(2, false, false), ""},
		"of three":    {start(3, true, false), ""},
	} {
		if got := show(tc.e.Receive(0, 2, leads, nil)); got != tc.want {
			t.Errorf("the other leads, %s: %s, want %s", name, got, tc.want)
		}
	}
}

// TestOracleOfAChange: a proposed membership needs its quorum without the oracle, unless the same two vote there; and
// the server that is to come follows the one that goes on alone.
func TestOracleOfAChange(t *testing.T) {
	now := members(t, 2, 0)
	same := members(t, 2, 0, "version=100000001")
	next := members(t, 1, 0, "server.6=h6:2888:3888", "version=100000001") // servers 1 and 6
	alone := func(e *Election, from proto.PeerID) string {
		e.Oracle(true)
		e.Start(0, 5, 1, nil)
		if from != 0 {
			e.Receive(0, from, say(Looking, 1, 5, 1, 1), nil)
		}
		e.Tick(e.Deadline(), nil)
		return show(e.Tick(e.Deadline(), nil))
	}
	const decides = "= LEADING 1@0x5,1 r1"
	for name, tc := range map[string]struct {
		next ensemble.Ensemble
		from proto.PeerID // whose vote for server 1 comes
		want bool
	}{
		"the same two":                   {same, 0, true},
		"another, which agrees":          {next, 6, true},
		"another, which is silent":       {next, 0, false},
		"another, and the other is back": {next, 2, false},
	} {
		e := New(now, Options{Self: 1, Oracle: true})
		e.Reconfigure(now, tc.next)
		if got := alone(e, tc.from); (got == decides) != tc.want {
			t.Errorf("%s: %s", name, got)
		}
	}
	for name, tc := range map[string]struct {
		seen ensemble.Ensemble
		from proto.PeerID
		want string
	}{
		"knows of the change":  {next, 1, "= FOLLOWING 1@0x9,2 r4"},
		"does not":             {now, 1, "= FOLLOWING 1@0x9,2 r4"},
		"one that is no voter": {next, 6, ""},
	} {
		e := New(now, Options{Self: 7, Oracle: true})
		e.Reconfigure(now, tc.seen)
		e.Start(0, 5, 1, nil)
		if got := show(e.Receive(0, tc.from, say(Leading, tc.from, 9, 4, 2), nil)); got != tc.want {
			t.Errorf("the joining server, %s: %s, want %s", name, got, tc.want)
		}
	}
}
