package interop

import (
	"errors"
	"net"
	"testing"
	"time"

	"github.com/paddock-io/paddock/test/interop/golden"
	"github.com/paddock-io/paddock/test/interop/peers"
)

// TestGroupsAndWeights runs five servers of both kinds in three groups, of which a majority of the weight in a majority
// of the groups is a quorum: 3 weighs nothing, so it never leads and nobody waits for it.
func TestGroupsAndWeights(t *testing.T) {
	java := peers.Java{Installation: peers.Require(t)}
	paddock := peers.RequirePaddock(t)
	for name, software := range map[string][]peers.Software{
		"java leads":    {java, paddock, paddock, paddock, java},
		"paddock leads": {paddock, java, java, java, paddock},
	} {
		t.Run(name, func(t *testing.T) {
			e := peers.StartEnsembleLike(t, peers.Config{Settings: map[string]string{
				"group.1": "1:2", "group.2": "3:4", "group.3": "5",
				"weight.1": "1", "weight.2": "1", "weight.3": "0", "weight.4": "1", "weight.5": "1",
			}}, software...)
			w := &witness{t: t, e: e, acked: map[string]string{}}
			w.untilLeads(5) // 1, 2 and 4 are a quorum by themselves, if they are the first
			w.writeEverywhere("fresh")
			w.agree()
			// A whole group, and the server without weight: groups 2 and 3 are a quorum by 4 and 5 alone.
			for _, id := range []int{1, 2, 3} {
				e.Server(id).Kill()
			}
			w.writeEverywhere("groups23")
			w.agree()
			for _, id := range []int{1, 2, 3} {
				w.start(e.Server(id))
			}
			// Without 5 and 4 group 1 alone is no quorum, whatever the number of its servers.
			e.Server(5).Kill()
			w.awaitServing()
			w.writeEverywhere("without5")
			if leader := w.leader(); leader.ID == 3 {
				t.Fatalf("%v leads without weight", leader)
			}
			e.Server(4).Kill()
			w.nobodyServes()
			w.start(e.Server(4))
			w.start(e.Server(5))
			w.writeEverywhere("again")
			w.agree()
			w.digestsMatch()
		})
	}
}

// untilLeads ends whoever leads until the server with an id does.
func (w *witness) untilLeads(id int) {
	w.t.Helper()
	for range 5 {
		leader := w.leader()
		if leader.ID == id {
			return
		}
		leader.Kill()
		w.awaitServing()
		w.start(leader)
	}
	w.t.Fatalf("%v leads, and not %d", w.leader(), id)
}

// nobodyServes waits until no running server serves.
func (w *witness) nobodyServes() {
	w.t.Helper()
	ctx, cancel := w.within()
	defer cancel()
	for _, s := range w.e.Servers {
		for s.Alive() {
			if _, err := s.Status(ctx); err != nil && ctx.Err() == nil {
				break
			}
			if ctx.Err() != nil {
				w.t.Fatalf("%v still serves", s)
			}
		}
	}
}

// TestLeaderServesNo: a leader that is told not to takes no clients; the others do, and forward to it.
func TestLeaderServesNo(t *testing.T) {
	java := peers.Java{Installation: peers.Require(t)}
	paddock := peers.RequirePaddock(t)
	for name, software := range map[string][]peers.Software{
		"java leads": {paddock, paddock, java}, "paddock leads": {java, paddock, paddock},
	} {
		t.Run(name, func(t *testing.T) {
			e, err := peers.NewEnsemble(t.TempDir(), peers.Config{Settings: map[string]string{"leaderServes": "no"}}, software...)
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(e.Kill)
			w := &witness{t: t, e: &peers.Ensemble{Servers: e.Servers[:2]}, acked: map[string]string{}}
			if err := e.Server(3).Start(); err != nil {
				t.Fatal(err)
			}
			w.start(e.Server(1)) // it serves when it has found 3, the higher id of two
			w.start(e.Server(2))
			w.writeEverywhere("through-followers")
			w.agree()
			if word := served(t, e.Server(3)); word {
				t.Errorf("%v leads and serves a client", e.Server(3))
			}
			w.digestsMatch()
		})
	}
}

// served says whether a server gives a client a session.
func served(t *testing.T, s *peers.Server) bool {
	t.Helper()
	nc, err := net.DialTimeout("tcp", s.Addr(), 5*time.Second)
	if err != nil {
		t.Fatal(err)
	}
	nc.Close()
	err = golden.Catch(func() {
		c := golden.Connect(&golden.Transcript{}, s.Addr(), "")
		if c.ID == 0 {
			golden.Must(errors.New("refused"), "connect")
		}
		c.Close()
	})
	return err == nil
}
