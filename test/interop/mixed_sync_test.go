package interop

import (
	"bytes"
	"context"
	"errors"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/paddock-io/paddock/test/interop/peers"
	"github.com/paddock-io/paddock/zk"
)

// syncs are what leaders log of how they bring a learner up to date, Java's in LearnerHandler; and of a TRUNC, of which Java's
// does not always tell, what followers log.
var syncs = map[string]*regexp.Regexp{
	"DIFF":  regexp.MustCompile(`Sending DIFF zxid|learner gets a DIFF`),
	"TRUNC": regexp.MustCompile(`(?i)truncating (the )?log to get in sync with the leader`),
	"SNAP":  regexp.MustCompile(`Sending snapshot last zxid|learner gets a snapshot`),
}

// TestMixedSynchronisation has leaders of each kind bring followers of the other up to date in each of the three ways.
func TestMixedSynchronisation(t *testing.T) {
	java, paddock := peers.Java{Installation: peers.Require(t)}, peers.RequirePaddock(t)
	for name, software := range map[string][]peers.Software{
		"java leads":    {paddock, java, java},
		"paddock leads": {java, paddock, paddock},
	} {
		t.Run(name, func(t *testing.T) {
			e := peers.StartEnsemble(t, software...)
			w := &witness{t: t, e: e, acked: map[string]string{}}
			w.writeEverywhere("fresh")
			odd := e.Server(1)
			w.missing("DIFF", odd, func() { w.writeEverywhere("few") })
			w.missing("SNAP", odd, func() {
				check(t, os.RemoveAll(odd.VersionDir()))
				w.writeMuch()
			})
			w.aheadOfAll(odd)
			w.writeEverywhere("after")
			w.agree()
			w.digestsMatch()
		})
	}
}

// missing stops a follower, has it miss something, and checks in which way the leader then helps it.
func (w *witness) missing(way string, s *peers.Server, what func()) {
	w.t.Helper()
	if w.leader() == s {
		w.makeLeader(w.e.Server(3))
	}
	leader := w.leader()
	check(w.t, s.Stop())
	what()
	from := logSize(w.t, leader)
	w.start(s)
	w.agree()
	w.helped(way, leader, from)
}

// helped looks for a synchronisation in what a server has logged since its log was that long.
func (w *witness) helped(way string, s *peers.Server, from int64) {
	w.t.Helper()
	text, err := os.ReadFile(s.LogPath())
	check(w.t, err)
	if !syncs[way].Match(text[from:]) {
		w.t.Errorf("%v tells of no %s, but\n%s", s, way, text[from:])
	}
}

func logSize(t *testing.T, s *peers.Server) int64 {
	t.Helper()
	info, err := os.Stat(s.LogPath())
	check(t, err)
	return info.Size()
}

// writeMuch writes more than a committed log holds: 500 transactions of Java's, or 32 MiB of Paddock's.
func (w *witness) writeMuch() {
	w.t.Helper()
	w.awaitServing()
	c := connectZK(w.t, w.leader().Addr())
	defer c.Close()
	_, err := c.Create(w.t.Context(), "/much", nil, zk.Persistent, zk.OpenACL)
	check(w.t, err)
	data := strings.Repeat("much ", 12<<10)
	for range 600 {
		_, err := c.Set(w.t.Context(), "/much", []byte(data), zk.AnyVersion)
		check(w.t, err)
	}
	w.acked["/much"] = data
}

// aheadOfAll makes s lead and log what nobody else has, and kills it. What it has alone is undone when it comes back.
func (w *witness) aheadOfAll(s *peers.Server) {
	w.t.Helper()
	w.makeLeader(s)
	mark := bytes.Repeat([]byte("nobody else has this. "), 1000)
	c := connectZK(w.t, s.Addr())
	for _, other := range w.e.Servers {
		if other != s {
			check(w.t, other.Pause())
		}
	}
	check(w.t, c.Go(zk.CreateOp("/alone", mark, zk.Persistent, zk.OpenACL), func(zk.Result) {}))
	ctx, cancel := w.within()
	defer cancel()
	err := peers.Await(ctx, "the proposal on "+s.String()+"'s disk", func(context.Context) error {
		log, err := os.ReadFile(newest(w.t, s.VersionDir(), "log."))
		if err == nil && !bytes.Contains(log, mark) {
			err = errors.New("not there yet")
		}
		return err
	})
	check(w.t, err)
	w.e.Kill() // the others, too: what they have not read yet goes with them
	for _, other := range w.e.Servers {
		if other != s {
			check(w.t, other.Start())
		}
	}
	w.awaitServing()
	from := logSize(w.t, s)
	w.start(s)
	w.agree()
	w.helped("TRUNC", s, from)
	for _, server := range w.e.Servers {
		conn := connectZK(w.t, server.Addr())
		check(w.t, conn.Sync(w.t.Context(), "/"))
		if _, there, err := conn.Exists(w.t.Context(), "/alone"); there || err != nil {
			w.t.Errorf("%v has what was never decided: %v", server, err)
		}
	}
}
