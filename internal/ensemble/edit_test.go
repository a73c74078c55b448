package ensemble

import (
	"errors"
	"strings"
	"testing"
)

const trio = "server.1=a:1:2:participant;0.0.0.0:3\nserver.2=b:1:2:participant;0.0.0.0:3\nserver.3=c:1:2:observer;0.0.0.0:3\n"

func parsed(t *testing.T, text string) Ensemble {
	t.Helper()
	e, err := Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func TestEdit(t *testing.T) {
	e := parsed(t, trio+"version=7")
	before := e.Text()
	for _, test := range []struct{ joining, leaving, want string }{
		{"server.4=d:1:2;3", "", trio + "server.4=d:1:2:participant;0.0.0.0:3\n"},
		{" 4=d:1:2;3 ,5=e:1:2:observer;h:9", "", trio + "server.4=d:1:2:participant;0.0.0.0:3\nserver.5=e:1:2:observer;h:9\n"},
		{"server.3=c:1:2;3", "", strings.Replace(trio, "observer", "participant", 1)},                                                                // a role
		{"server.2=b:7:8;9", "", strings.Replace(trio, "b:1:2:participant;0.0.0.0:3", "b:7:8:participant;0.0.0.0:9", 1)},                             // ports
		{"server.9=a:1:2;3", "1", "server.2=b:1:2:participant;0.0.0.0:3\nserver.3=c:1:2:observer;0.0.0.0:3\nserver.9=a:1:2:participant;0.0.0.0:3\n"}, // leaving goes first
		{"server.4=localhost:1:2;3,server.5=localhost:1:2;3", "3", "server.1=a:1:2:participant;0.0.0.0:3\nserver.2=b:1:2:participant;0.0.0.0:3\n" +
			"server.4=localhost:1:2:participant;0.0.0.0:3\nserver.5=localhost:1:2:participant;0.0.0.0:3\n"},
		{"", "", trio},
		{"", " 3 ,, 77", "server.1=a:1:2:participant;0.0.0.0:3\nserver.2=b:1:2:participant;0.0.0.0:3\n"},
	} {
		got, err := e.Edit(test.joining, test.leaving, EditRules{StandaloneEnabled: true})
		if err != nil || got.Text() != test.want+"version=7" {
			t.Errorf("join %q, leave %q: %v\n%s\nwant\n%s", test.joining, test.leaving, err, got.Text(), test.want)
		}
	}
	if e.Text() != before {
		t.Error("an edit has changed what it started from")
	}
}

func TestEditRefused(t *testing.T) {
	e := parsed(t, trio+"version=7")
	for _, test := range []struct {
		joining, leaving, want string
		unexpected             bool
	}{
		{joining: "server.4=d:1:2", want: "3 ports"},
		{joining: "server.4", want: "Wrong format"},
		{joining: "server.4=d:1:2;3=x", want: "Wrong format"},
		{joining: "server.4=d:1;3", want: "does not have the form"},
		{joining: "server.4=d:1:1;3", want: "must be different"},
		{joining: "server.4=d:1:2:king;3", want: "Unrecognised peertype"},
		{joining: "server.4=A:1:7;3", want: "conflicts"},
		{joining: "server.4=d:1:2;b:1", want: "conflicts"},
		{joining: "server.4=d:1:2|e:1:2;3", want: "Multiple address"},
		{joining: "server.x=d:1:2;3", want: "no server id", unexpected: true},
		{leaving: "x", want: "no server id", unexpected: true},
		{leaving: "1", want: "at least 2"},
		{joining: "server.2=b:1:2:observer;3", want: "at least 2"},
	} {
		_, err := e.Edit(test.joining, test.leaving, EditRules{StandaloneEnabled: true})
		if err == nil || !strings.Contains(err.Error(), test.want) || errors.Is(err, ErrUnexpected) != test.unexpected {
			t.Errorf("join %q, leave %q: %v", test.joining, test.leaving, err)
		}
	}
	if _, err := e.Edit("", "1", EditRules{}); err != nil {
		t.Errorf("one participant is enough without standaloneEnabled: %v", err)
	}
	if _, err := e.Edit("", "1,2", EditRules{}); err == nil {
		t.Error("nobody is left to vote")
	}
	if _, err := e.Edit("server.4=d:1:2|e:1:2;3", "", EditRules{MultiAddress: true}); err != nil {
		t.Error(err)
	}
	for _, many := range []string{strings.Repeat("1,", maxEdit+1), strings.Repeat("server.4=d:1:2;3,", maxEdit+1)} {
		if _, err := e.Edit(many, many, EditRules{}); err == nil || errors.Is(err, ErrUnexpected) {
			t.Errorf("a change of too many servers: %v", err)
		}
	}
	groups := parsed(t, "server.1=a:1:2\nserver.2=b:1:2\ngroup.1=1:2\nversion=3")
	if _, err := groups.Edit("server.4=d:1:2;3", "", EditRules{}); err == nil {
		t.Error("an incremental change of groups was let through")
	}
}

func TestReplace(t *testing.T) {
	got, err := Replace("server.1=a:1:2;3,server.2=b:1:2\ngroup.1=1:2,weight.1=3,version=99", EditRules{StandaloneEnabled: true})
	want := "server.1=a:1:2:participant;0.0.0.0:3\nserver.2=b:1:2:participant\ngroup.1=1:2\nweight.1=3\nweight.2=1\nversion=0"
	if err != nil || got.Text() != want {
		t.Errorf("%v\n%s", err, got.Text())
	}
	for text, unexpected := range map[string]bool{
		"server.1=a:1:2;3": false, "": false, "server.1=a:1": false, "junk=1": false,
		"server.1=a:1:2;3,server.2=b:1:2:observer;3": true,
		"server.2=b:1:2:observer;3":                  true,
		"server.1=a:1:2|c:1:2,server.2=b:1:2":        false,
	} {
		if _, err := Replace(text, EditRules{StandaloneEnabled: true}); err == nil || errors.Is(err, ErrUnexpected) != unexpected {
			t.Errorf("%q: %v", text, err)
		}
	}
	if _, err := Replace("server.1=a:1:2;3,server.2=b:1:2:observer", EditRules{}); err != nil {
		t.Error(err)
	}
}

func TestPair(t *testing.T) {
	old, next := parsed(t, trio+"version=7"), parsed(t, "server.2=b:1:2\nserver.3=c:1:2\nserver.4=d:1:2\nversion=9")
	p := Settled(old)
	has := func(ids ...int64) func(int64) bool {
		return func(id int64) bool {
			for _, i := range ids {
				if i == id {
					return true
				}
			}
			return false
		}
	}
	if p.Pending() || !p.Quorum(has(1, 2)) || p.IsVoter(4) {
		t.Errorf("settled: %+v", p)
	}
	if !p.See(next) || p.See(next) || !p.Pending() {
		t.Errorf("seen: %+v", p)
	}
	for _, test := range []struct {
		ids  []int64
		want bool
	}{{[]int64{1, 2}, false}, {[]int64{2, 3}, false}, {[]int64{3, 4}, false}, {[]int64{1, 2, 3}, true}, {[]int64{1, 2, 4}, true}, {[]int64{2, 3, 4}, false}} {
		if got := p.Quorum(has(test.ids...)); got != test.want {
			t.Errorf("quorum of %v: %v", test.ids, got)
		}
	}
	if v := p.Voters(); len(v) != 4 || !p.IsVoter(1) || !p.IsVoter(4) {
		t.Errorf("voters: %v", v)
	}
	if m, ok := p.Member(3); !ok || m.Role != Observer {
		t.Errorf("server 3 as it is now: %+v, %v", m, ok)
	}
	if m, ok := p.Member(4); !ok || m.ID != 4 {
		t.Errorf("server 4 as it is to be: %+v, %v", m, ok)
	}
	if !p.See(old) || p.Pending() || p.IsVoter(4) {
		t.Errorf("a proposal was taken back: %+v", p)
	}
	if p.See(old.WithVersion(3)) || p.Pending() || p.LastSeen.Version != 7 {
		t.Errorf("an older one than that in force: %+v", p)
	}
	p.See(next)
	if !p.See(old.WithVersion(3)) || p.Pending() || p.LastSeen.Version != 7 {
		t.Errorf("an older one than that in force took a proposal back: %+v", p)
	}
	p.See(next)
	if !p.Commit(next) || p.Commit(next) || p.Commit(old) || p.Pending() || !p.Quorum(has(3, 4)) || p.IsVoter(1) {
		t.Errorf("committed: %+v", p)
	}
	later := next.WithVersion(12)
	if !p.Commit(later) || p.LastSeen.Version != 12 || p.Pending() {
		t.Errorf("committed without having been seen: %+v", p)
	}
}
