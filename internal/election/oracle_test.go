package election

import (
	"testing"
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
