package nemesis

import (
	"fmt"
	"sync"
	"time"

	"github.com/paddock-io/paddock/test/robustness/cluster"
	"github.com/paddock-io/paddock/test/robustness/proxy"
)

var stalled = proxy.Condition{Stall: true}

// separate lets nothing pass between two groups, either as a black hole or with
// resets, and says which.
func (n *Nemesis) separate(a, b []*cluster.Server) (how string, heal func()) {
	hole := n.rng.IntN(3) > 0
	set := func(on bool) {
		for _, s := range a {
			for _, o := range b {
				if hole {
					n.c.SetBoth(s.ID, o.ID, proxy.Condition{Stall: on})
				} else {
					n.c.Cut(s.ID, o.ID, on)
				}
			}
		}
	}
	set(true)
	if how = "resets"; hole {
		how = "black hole"
	}
	return how, func() { set(false) }
}

func partition(n *Nemesis) (string, func()) {
	all := n.c.Shuffled(n.rng, nil)
	at := 1 + n.rng.IntN(len(all)-1)
	how, heal := n.separate(all[:at], all[at:])
	return fmt.Sprintf("%s from %s, %s", ids(all[:at]), ids(all[at:]), how), heal
}

func isolateLeader(n *Nemesis) (string, func()) {
	s := n.c.Leader()
	if s == nil {
		return "", nil
	}
	how, heal := n.separate([]*cluster.Server{s}, n.others(s))
	return fmt.Sprintf("server %d, %s", s.ID, how), heal
}

// leaderAhead lets a leader write down proposals that nobody hears of, ends it,
// and brings it back to another leader while no client can ask for anything new:
// what it has too much must go.
func leaderAhead(n *Nemesis) (string, func()) {
	s := n.leader()
	if s == nil {
		return "", nil
	}
	release := n.take(s)
	quiet := func(c proxy.Condition) {
		for k := range n.c.Clients() {
			for _, o := range n.c.Servers {
				n.c.ClientLink(k, o.ID).Set(c, c)
			}
		}
	}
	for _, o := range n.others(s) {
		n.c.SetWay(s.ID, o.ID, stalled)
	}
	n.hold(200, 700)
	quiet(stalled)
	n.hold(50, 100) // for what is under way
	cluster.Kill(s)
	for _, o := range n.others(s) {
		n.c.Cut(s.ID, o.ID, true) // what it has sent dies with it
		n.c.SetWay(s.ID, o.ID, proxy.Condition{})
		n.c.Cut(s.ID, o.ID, false)
	}
	n.awaitThat(func() bool { return n.c.Leader() != nil })
	n.start(s)
	n.await(s)
	quiet(proxy.Condition{})
	release()
	return fmt.Sprintf("server %d", s.ID), func() {}
}

// deposed lets all followers leave a leader that sees open connections, so that
// for a while there are two that think they lead.
func deposed(n *Nemesis) (string, func()) {
	s := n.c.Leader()
	if s == nil {
		return "", nil
	}
	others := n.others(s)
	for _, o := range others {
		n.c.SetBoth(s.ID, o.ID, stalled)
		n.c.Abandon(o.ID, s.ID)
	}
	return fmt.Sprintf("server %d", s.ID), func() {
		for _, o := range others {
			n.c.Cut(s.ID, o.ID, true)
			n.c.SetBoth(s.ID, o.ID, proxy.Condition{})
			n.c.Cut(s.ID, o.ID, false)
		}
	}
}

// oneWay stalls what one server sends to some others, or they to it.
func oneWay(n *Nemesis) (string, func()) {
	s := n.c.Shuffled(n.rng, nil)[0]
	if leader := n.c.Leader(); leader != nil && n.rng.IntN(2) == 0 {
		s = leader
	}
	others := n.others(s)
	others = others[:1+n.rng.IntN(len(others))]
	out := n.rng.IntN(2) == 0
	set := func(c proxy.Condition) {
		for _, o := range others {
			if out {
				n.c.SetWay(s.ID, o.ID, c)
			} else {
				n.c.SetWay(o.ID, s.ID, c)
			}
		}
	}
	set(stalled)
	what := fmt.Sprintf("from server %d to %s", s.ID, ids(others))
	if !out {
		what = fmt.Sprintf("from %s to server %d", ids(others), s.ID)
	}
	return what, func() { set(proxy.Condition{}) }
}

// bridge makes two groups that only one server belongs to both of.
func bridge(n *Nemesis) (string, func()) {
	all := n.c.Shuffled(n.rng, nil)
	middle, rest := all[0], all[1:]
	at := len(rest) / 2
	how, heal := n.separate(rest[:at], rest[at:])
	return fmt.Sprintf("%s and %s meet at server %d, %s", ids(rest[:at]), ids(rest[at:]), middle.ID, how), heal
}

// flap cuts the links between two servers again and again.
func flap(n *Nemesis) (string, func()) {
	all := n.c.Shuffled(n.rng, nil)
	a, b := all[0].ID, all[1].ID
	every := time.Duration(30+n.rng.IntN(300)) * time.Millisecond
	done := make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() {
		tick := time.NewTicker(every)
		defer tick.Stop()
		for on := true; ; on = !on {
			n.c.Cut(a, b, on)
			select {
			case <-tick.C:
			case <-done:
				n.c.Cut(a, b, false)
				return
			}
		}
	})
	return fmt.Sprintf("servers %d and %d, every %v", a, b, every), func() {
		close(done)
		wg.Wait()
	}
}

// suffer sets a condition on all links, or on those of one server.
func (n *Nemesis) suffer(c proxy.Condition) (string, func()) {
	servers, where := n.c.Servers, "all servers"
	if n.rng.IntN(2) == 0 {
		one := n.c.Shuffled(n.rng, nil)[0]
		servers, where = []*cluster.Server{one}, fmt.Sprintf("server %d", one.ID)
	}
	set := func(c proxy.Condition) {
		for _, s := range servers {
			for _, o := range n.others(s) {
				n.c.SetBoth(s.ID, o.ID, c)
			}
		}
	}
	set(c)
	return where, func() { set(proxy.Condition{}) }
}

func delay(n *Nemesis) (string, func()) {
	c := proxy.Condition{
		Delay:  time.Duration(1+n.rng.IntN(120)) * time.Millisecond,
		Jitter: time.Duration(1+n.rng.IntN(150)) * time.Millisecond,
	}
	where, heal := n.suffer(c)
	return fmt.Sprintf("%v and up to %v more, %s", c.Delay, c.Jitter, where), heal
}

func throttle(n *Nemesis) (string, func()) {
	c := proxy.Condition{Rate: 1000 << n.rng.IntN(8)}
	where, heal := n.suffer(c)
	return fmt.Sprintf("%d bytes a second, %s", c.Rate, where), heal
}

// breakConnections breaks some connections at any byte.
func breakConnections(n *Nemesis) (string, func()) {
	all := n.c.Shuffled(n.rng, nil)
	text := ""
	for _, s := range all[:1+n.rng.IntN(len(all))] {
		o, at, election := n.others(s)[0], int64(n.rng.IntN(3000)), n.rng.IntN(3) == 0
		n.c.BreakAfter(s.ID, o.ID, at, election)
		text += fmt.Sprintf("%d>%d after %d bytes, ", s.ID, o.ID, at)
	}
	return text, func() {}
}

// cutClients takes some clients' links to some servers away.
func cutClients(n *Nemesis) (string, func()) {
	var links []*proxy.Link
	text := ""
	for k := range n.c.Clients() {
		for _, s := range n.c.Servers {
			if n.rng.IntN(2) == 0 {
				links = append(links, n.c.ClientLink(k, s.ID))
				text += fmt.Sprintf(" %d>%d", k, s.ID)
			}
		}
	}
	how := n.rng.IntN(5)
	for _, l := range links {
		switch how {
		case 0:
			l.Cut(true)
		case 1:
			l.SetThere(stalled)
		case 2:
			l.SetBack(stalled)
		case 3:
			l.Set(stalled, stalled)
		case 4:
			l.BreakAfter(int64(n.rng.IntN(5000)))
		}
	}
	names := []string{"resets", "no requests", "no replies", "black hole", "broken in the middle"}
	return names[how] + ":" + text, func() {
		for _, l := range links {
			l.Cut(false)
			l.Set(proxy.Condition{}, proxy.Condition{})
		}
	}
}
