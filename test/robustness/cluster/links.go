package cluster

import (
	"math/rand/v2"
	"strings"

	"github.com/paddock-io/paddock/test/robustness/proxy"
)

// way leads from one server, or client, to a server.
type way struct{ from, to int }

// peerLinks are what one server dials at another.
type peerLinks struct{ quorum, election *proxy.Link }

func (p peerLinks) each(do func(*proxy.Link)) {
	do(p.quorum)
	do(p.election)
}

type clientLink = proxy.Link

// openLinks opens all links. Those to election ports need to know the way back.
func (c *Cluster) openLinks() error {
	for _, from := range c.Servers {
		for _, to := range c.Servers {
			if from == to {
				continue
			}
			quorum, err := proxy.Listen(to.quorum, c.opts.Rng)
			if err != nil {
				return err
			}
			election, err := proxy.Listen(to.election, c.opts.Rng)
			if err != nil {
				quorum.Close()
				return err
			}
			c.peers[way{from.ID, to.ID}] = peerLinks{quorum, election}
		}
		for k := range c.opts.Clients {
			l, err := proxy.Listen(from.Client, c.opts.Rng)
			if err != nil {
				return err
			}
			c.clients[way{k, from.ID}] = l
			l.Start()
		}
	}
	for w, p := range c.peers {
		p.election.Introduce(c.peers[way{w.to, w.from}].election.Addr())
		p.each((*proxy.Link).Start)
	}
	return nil
}

// ClientServers returns the connect string of a client: its links to these
// servers, or to all if there are none.
func (c *Cluster) ClientServers(client int, ids ...int) string {
	var v []string
	for _, s := range c.Servers {
		chosen := len(ids) == 0
		for _, id := range ids {
			chosen = chosen || id == s.ID
		}
		if chosen {
			v = append(v, c.clients[way{client, s.ID}].Addr())
		}
	}
	return strings.Join(v, ",")
}

// ServerAt returns the id of the server behind a client's link, 0 if there is none.
func (c *Cluster) ServerAt(client int, addr string) int {
	for _, s := range c.Servers {
		if l := c.clients[way{client, s.ID}]; l != nil && l.Addr() == addr {
			return s.ID
		}
	}
	return 0
}

// SetWay changes what the bytes from one server to another go through, whoever
// has dialled.
func (c *Cluster) SetWay(from, to int, cond proxy.Condition) {
	c.peers[way{from, to}].each(func(l *proxy.Link) { l.SetThere(cond) })
	c.peers[way{to, from}].each(func(l *proxy.Link) { l.SetBack(cond) })
}

// SetBoth changes the way from one server to another and back.
func (c *Cluster) SetBoth(a, b int, cond proxy.Condition) {
	c.SetWay(a, b, cond)
	c.SetWay(b, a, cond)
}

// Cut resets the connections between two servers, and as long as on every new one.
func (c *Cluster) Cut(a, b int, on bool) {
	for _, w := range []way{{a, b}, {b, a}} {
		c.peers[w].each(func(l *proxy.Link) { l.Cut(on) })
	}
}

// BreakAfter breaks one of the connections by which one server has dialled
// another, behind the nth byte that it carries.
func (c *Cluster) BreakAfter(from, to int, n int64, election bool) {
	p := c.peers[way{from, to}]
	if election {
		p.election.BreakAfter(n)
	} else {
		p.quorum.BreakAfter(n)
	}
}

// Abandon makes the connections by which one server follows another half-open:
// the follower sees them reset, and the leader nothing.
func (c *Cluster) Abandon(follower, leader int) { c.peers[way{follower, leader}].quorum.Abandon() }

// ClientLink returns the link of a client to a server.
func (c *Cluster) ClientLink(client, server int) *proxy.Link { return c.clients[way{client, server}] }

// Clients returns how many clients have links.
func (c *Cluster) Clients() int { return c.opts.Clients }

// HealLinks makes all links healthy.
func (c *Cluster) HealLinks() {
	heal := func(l *proxy.Link) {
		l.Cut(false)
		l.BreakAfter(-1)
		l.Set(proxy.Condition{}, proxy.Condition{})
	}
	for _, p := range c.peers {
		p.each(heal)
	}
	for _, l := range c.clients {
		heal(l)
	}
}

// Shuffled returns the servers for which keep holds, in a random order.
func (c *Cluster) Shuffled(rng *rand.Rand, keep func(*Server) bool) []*Server {
	var v []*Server
	for _, s := range c.Servers {
		if keep == nil || keep(s) {
			v = append(v, s)
		}
	}
	rng.Shuffle(len(v), func(i, j int) { v[i], v[j] = v[j], v[i] })
	return v
}
