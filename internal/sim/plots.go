package sim

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"github.com/paddock-io/paddock/internal/replica"
	"github.com/paddock-io/paddock/internal/zab"
	"github.com/paddock-io/paddock/proto"
)

// Some mistakes show only if several things go wrong in one order, which
// troubles that strike blindly hit once in thousands of histories. A plot, in one
// history of ten, begins when the other troubles have ended: it brings about
// what it waits for, and strikes when a server is about to do that. The other
// troubles would mostly make the ensemble begin anew, and so would the end of a
// counter.
type plot struct {
	name    string
	needs   func(*config)
	provoke func(*World, *Server)                             // whenever all follow a leader, until it strikes
	meets   func(*World, *Server, replica.Action) (over bool) // what a server is about to do
}

// plotTime is for a plot, behind the time of the other troubles.
const plotTime = 12 * time.Second

// comeBack is how long somebody tries to reach a server that is gone, and then
// takes to look around. Twice that is less than syncTimeout.
const comeBack = 800 * ms

var plots = []plot{{
	// A server is elected twice, accepts a new epoch each time, and loses all
	// connections before anybody hears of it. Then the others elect one of their own,
	// whose epoch is behind what that server has accepted.
	name:    "the epochs of a usurper",
	needs:   func(*config) {},
	provoke: func(w *World, leader *Server) { leader.crash(w.upTo(time.Second)) },
	meets: func(w *World, s *Server, a replica.Action) bool {
		m, _ := a.(replica.Send)
		info, ok := m.Msg.(zab.LeaderInfo)
		if !ok || s.role != zab.RoleNone {
			return false
		}
		if w.usurper != s {
			w.usurper, w.usurped = s, info.Epoch
		}
		if info.Epoch == w.usurped { // who has not heard of it comes back, a few times
			w.after(0, func() { s.desertFor(10 * ms) })
			return false
		}
		w.after(0, func() { s.desertFor(3*time.Second + w.upTo(3*time.Second)) })
		return true
	},
}, {
	// A leader proposes a membership that has no quorum without it, and loses all
	// connections before anybody else hears of that.
	name:  "the sole witness of a change",
	needs: func(c *config) { c.reconfig = true },
	provoke: func(w *World, leader *Server) {
		others := w.otherVoters(leader)
		if n := len(others) - 1; n > 0 {
			w.askFor(&proto.ReconfigRequest{ConfigID: -1, Leaving: strings.Join(others[:n], ",")})
		}
	},
	meets: func(w *World, s *Server, a replica.Action) bool {
		see, ok := a.(replica.SeeConfig)
		if !ok || s.role != zab.RoleLeader || see.Config.Quorum(func(id int64) bool { return id != int64(s.id) && w.check.config.IsVoter(id) }) {
			return false
		}
		w.after(0, func() { s.desertFor(3*time.Second + w.upTo(3*time.Second)) })
		return true
	},
}, {
	// A leader moves to another port and hands over to somebody who is gone right
	// then. Of the others just so many hear of it late, one after the other, that who
	// hears of it at once, and is back, finds a quorum that follows the old leader.
	name:  "a successor that falls",
	needs: func(c *config) { c.reconfig, c.voters = true, 5 },
	provoke: func(w *World, leader *Server) {
		m, _ := w.check.config.Member(int64(leader.id))
		w.askFor(&proto.ReconfigRequest{ConfigID: -1, Joining: serverLine(leader.id, "participant", m.QuorumAddrs[0].Port+1)})
	},
	meets: func(w *World, s *Server, a replica.Action) bool {
		m, _ := a.(replica.Send)
		c, ok := m.Msg.(zab.CommitActivate)
		if !ok || int(c.Leader) == s.id || s.role != zab.RoleLeader {
			return false
		}
		stay := []int64{int64(s.id)}
		for _, l := range s.links() {
			o := l.ends[1-l.side(s)].s
			if o.id == int(c.Leader) || w.check.config.Quorum(func(id int64) bool { return slices.Contains(stay, id) }) {
				continue
			}
			out := &l.ends[l.side(s)].out
			out.next = max(out.next, w.now+time.Duration(len(stay))*comeBack)
			stay = append(stay, int64(o.id))
		}
		w.servers[c.Leader-1].crash(2*time.Second + w.upTo(3*time.Second))
		return true
	},
}, {
	// A server without a vote is to join, and needed for any quorum, when all voters
	// fall before that is decided. They come back and begin to count the rounds of
	// their election anew, while the joiner, whose agreement they need, counts on.
	name:  "a joiner of a later round",
	needs: func(c *config) { c.reconfig, c.spares = true, max(c.spares, 1) },
	provoke: func(w *World, leader *Server) {
		i := slices.IndexFunc(w.servers, func(s *Server) bool { return !w.check.config.IsVoter(int64(s.id)) })
		if i < 0 {
			return
		}
		joiner, port := w.servers[i], 2888
		if m, ok := w.check.config.Member(int64(joiner.id)); ok {
			port = m.QuorumAddrs[0].Port
		}
		w.askFor(&proto.ReconfigRequest{ConfigID: -1, Joining: serverLine(joiner.id, "participant", port), Leaving: strings.Join(w.otherVoters(leader), ",")})
	},
	meets: func(w *World, s *Server, a replica.Action) bool {
		see, ok := a.(replica.SeeConfig)
		if !ok || s.role != zab.RoleFollower || !w.check.config.IsVoter(int64(s.id)) || len(see.Config.Voters()) != 2 {
			return false
		}
		w.after(w.upTo(30*ms), func() { // some have it on their disks by then
			for _, id := range w.check.config.Voters() {
				w.servers[id-1].crash(500*ms + w.upTo(time.Second))
			}
		})
		return true
	},
}}

// drawPlot draws what a history has of that, nil for nothing. It has a generator of
// its own, too.
func drawPlot(seed uint64) *plot {
	rng := rand.New(rand.NewPCG(seed, 0x9107))
	if rng.IntN(10) > 0 {
		return nil
	}
	return &plots[rng.IntN(len(plots))]
}

// prepare lets a plot begin when the time of the other troubles is over.
func (p *plot) prepare(w *World) {
	p.needs(&w.cfg)
	w.cfg.lastCounter = 0
	w.after(w.cfg.trouble, func() {
		w.undisturbed, w.armed = true, 0
		w.plot = p
		w.provoke()
	})
	w.cfg.trouble += plotTime
}

// provoke does what a plot needs, again and again while it waits.
func (w *World) provoke() {
	if w.plot == nil || !w.faults {
		return
	}
	if w.allServe() {
		i := slices.IndexFunc(w.servers, func(s *Server) bool { return s.role == zab.RoleLeader })
		w.plot.provoke(w, w.servers[i])
	}
	w.after(500*ms, w.provoke)
}

// meet lets a plot strike if what a server is about to do is what it has waited for.
func (w *World) meet(s *Server, a replica.Action) {
	if w.plot == nil || !w.faults || !w.plot.meets(w, s, a) {
		return
	}
	w.Plots++
	w.event(s, "plot: "+w.plot.name)
	w.plot = nil
}

// askFor lets any client that can ask for another membership.
func (w *World) askFor(r *proto.ReconfigRequest) {
	if i := slices.IndexFunc(w.clients, (*client).mayAsk); i >= 0 {
		w.clients[i].askFor(r)
	}
}

// otherVoters are the ids of voters but one, in any order.
func (w *World) otherVoters(s *Server) []string {
	var ids []string
	for _, id := range w.check.config.Voters() {
		if id != int64(s.id) {
			ids = append(ids, fmt.Sprint(id))
		}
	}
	w.rng.Shuffle(len(ids), func(i, j int) { ids[i], ids[j] = ids[j], ids[i] })
	return ids
}
