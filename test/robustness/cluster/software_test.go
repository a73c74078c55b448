package cluster

import (
	"os"
	"os/exec"
	"slices"
	"testing"
)

// silent is a program that is not Paddock, and nothing starts it.
type silent struct{}

func (silent) String() string                              { return "silent" }
func (silent) Command(string, map[string]string) *exec.Cmd { panic("nothing is to be started") }

// TestJavaLed: the epochs are those that Java servers say they have begun, in
// their own logs, and no others.
func TestJavaLed(t *testing.T) {
	const led = "2026-11-26 11:15:36,017 INFO  [QuorumPeer[myid=3](plain=127.0.0.1:25006)(secure=disabled)] Leader - " +
		"Have quorum of supporters, sids: [[2, 3]]; starting up and setting last processed zxid: 0x"
	c := &Cluster{}
	for i, text := range []string{
		"established as leader epoch=4\n" + led + "500000000\n",
		"FOLLOWING\n" + led + "1000000000\n" + led + "200000000\nLOOKING\n",
		led + "300000000\n",
	} {
		s := &Server{ID: i + 1, Dir: t.TempDir(), cluster: c}
		if i > 0 {
			s.other = silent{}
		}
		if err := os.WriteFile(s.LogFile(), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		c.Servers = append(c.Servers, s)
	}
	c.Servers = append(c.Servers, &Server{ID: 4, Dir: t.TempDir(), cluster: c, other: silent{}}) // has never run
	type term struct {
		epoch  int64
		server int
	}
	var got []term
	c.JavaLed(func(epoch int64, server int) { got = append(got, term{epoch, server}) })
	if want := []term{{0x10, 2}, {2, 2}, {3, 3}}; !slices.Equal(got, want) {
		t.Errorf("Java led %v, want %v", got, want)
	}
}

// TestDigestsInDoubt: those of a Java server are from a snapshot of its present
// run on; those of Paddock never are.
func TestDigestsInDoubt(t *testing.T) {
	const line = "2026-11-26 11:30:05,528 INFO  [QuorumPeer[myid=3]] Learner - Getting a snapshot from leader 0x300000242\n"
	s := &Server{ID: 1, Dir: t.TempDir(), other: silent{}}
	if err := os.WriteFile(s.LogFile(), []byte("FOLLOWING\n"+line), 0o600); err != nil {
		t.Fatal(err)
	}
	if !s.DigestsInDoubt() {
		t.Error("a snapshot goes unnoticed")
	}
	s.logged = int64(len("FOLLOWING\n" + line))
	if s.DigestsInDoubt() {
		t.Error("a snapshot of an earlier run counts")
	}
	s.logged, s.other = 0, nil
	if s.DigestsInDoubt() {
		t.Error("a server of Paddock is in doubt")
	}
}

// TestOwnLines: only servers that run Paddock have Paddock's lines.
func TestOwnLines(t *testing.T) {
	c := &Cluster{opts: Options{Extra: []string{"both=1"}, Own: []string{"own=1"}}}
	for id, want := range map[int]string{1: "both=1\nown=1\n", 2: "both=1\n"} {
		s := &Server{ID: id, Client: "127.0.0.1:1", quorum: "127.0.0.1:2", election: "127.0.0.1:3", cluster: c}
		if id == 2 {
			s.other = silent{}
		}
		if got := c.config(s); len(got) < len(want) || got[len(got)-len(want):] != want {
			t.Errorf("server %d: the configuration ends with %q, want %q", id, got[max(0, len(got)-30):], want)
		}
	}
}
