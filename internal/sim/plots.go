package sim

import (
	"cmp"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/paddock-io/paddock/internal/replica"
	"github.com/paddock-io/paddock/internal/zab"
	"github.com/paddock-io/paddock/proto"
)

// Some mistakes show only if several things go wrong in one order, which
// troubles that strike blindly hit once in thousands of histories. A plot waits
// for the first of them, and then sees to the others. When it has done so, no new
// faults strike: most of them would make the ensemble begin anew.
type plot struct {
	name  string
	times int // how often it strikes, if it can
	begin func(*World)
	sends func(*World, *Server, replica.Send) // before a server says something
	sees  func(*World, *Server, replica.Action)
}

// usurper: a leader dies when no server is left over, and a server is elected
// twice that each time accepts a new epoch and is gone before anybody hears of it.
// Then the others are back and elect one of their own, whose epoch is behind what
// the usurper has accepted.
var usurper = plot{name: "usurper", times: 2, begin: (*World).bareMajority, sends: func(w *World, s *Server, a replica.Send) {
	if _, ok := a.Msg.(zab.LeaderInfo); !ok || w.byID[a.Link] == nil || w.plotted != nil && w.plotted != s {
		return
	}
	w.plotted = s
	w.strike()
	s.loseLinks()
	if w.plotsLeft > 0 {
		s.crashSoon(0, w.upTo(100*ms))
	} else {
		w.cutOff(s, 2*time.Second+w.upTo(2*time.Second))
	}
}}

// fallenSuccessor: who is to lead after a change of the membership is gone right
// then, and the others hear of the change one after the other, so that each finds
// those who have not heard of it with the old leader, and goes back there.
var fallenSuccessor = plot{name: "fallen successor", times: 1, sends: func(w *World, s *Server, a replica.Send) {
	m, ok := a.Msg.(zab.CommitActivate)
	if !ok || m.Leader == proto.PeerID(s.id) || len(s.links()) < 3 {
		return
	}
	w.strike()
	for i, l := range s.links() {
		out := &l.ends[l.side(s)].out
		out.next = max(out.next, w.now+time.Duration(i)*400*ms)
	}
	w.servers[m.Leader-1].crash(2*time.Second + w.upTo(3*time.Second))
}}

// soleWitness: a leader proposes another membership and is gone before anybody
// else hears of it. It has both on disk, and comes back when the others have
// elected another leader.
var soleWitness = plot{name: "sole witness", times: 1, sees: func(w *World, s *Server, a replica.Action) {
	if _, proposed := a.(replica.SeeConfig); !proposed || s.role != zab.RoleLeader {
		return
	}
	w.strike()
	s.loseLinks()
	s.crashSoon(3*w.cfg.disk+w.upTo(3*w.cfg.disk), time.Second+w.upTo(2*time.Second))
}}

// drawPlot draws what a history has of that, which begins in the first half of the
// troubles. It has a generator of its own, too.
func (w *World) drawPlot(rng *rand.Rand) {
	plots := []plot{usurper}
	if w.cfg.reconfig {
		plots = []plot{soleWitness, fallenSuccessor}
	}
	if rng.IntN(3) > 0 {
		return
	}
	p := plots[rng.IntN(len(plots))]
	w.after(time.Duration(rng.Int64N(int64(w.cfg.trouble/2))), func() {
		w.plot, w.plotsLeft = p, p.times
		if p.begin != nil {
			p.begin(w)
		}
	})
}

// bareMajority lets the leader and others crash, until one more would be too many.
func (w *World) bareMajority() {
	voters := slices.Clone(w.servers[:w.cfg.voters])
	w.rng.Shuffle(len(voters), func(i, j int) { voters[i], voters[j] = voters[j], voters[i] })
	slices.SortStableFunc(voters, func(a, b *Server) int { return cmp.Compare(rank(a), rank(b)) })
	for _, s := range voters[:len(voters)/2] {
		s.crash(1500*ms + w.upTo(500*ms))
	}
}

// rank is the order in which bareMajority takes servers.
func rank(s *Server) int {
	switch {
	case !s.up:
		return 0
	case s.role == zab.RoleLeader:
		return 1
	}
	return 2
}

// crashSoon lets a server crash unless that has happened by then.
func (s *Server) crashSoon(after, down time.Duration) {
	gen := s.gen
	s.w.after(after, func() {
		if s.gen == gen {
			s.crash(down)
		}
	})
}

// plotting reports whether there is a plot that still waits.
func (w *World) plotting() bool { return w.plotsLeft > 0 && w.faults }

func (w *World) strike() {
	w.plotsLeft--
	w.undisturbed = w.plotsLeft == 0
	w.Plots++
	w.event(nil, "plot: "+w.plot.name)
}

// loseLinks breaks the connections of a server with everything that is on its
// way to the others.
func (s *Server) loseLinks() {
	for _, l := range s.links() {
		l.ends[l.side(s)].out.queue = nil
		l.end(nil, "the connection broke")
	}
}

// cutOff lets nothing to a server, nor from it.
func (w *World) cutOff(s *Server, d time.Duration) {
	for _, o := range w.servers {
		if o != s {
			w.block(s.id, o.id, d)
			w.block(o.id, s.id, d)
		}
	}
}
