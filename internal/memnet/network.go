package memnet

import (
	"fmt"
	"math/rand/v2"
	"net"
	"net/netip"
	"sync"
	"time"
)

// Network is where hosts find each other. Its methods may be called from
// anywhere.
type Network struct {
	mu        sync.Mutex // never held together with a pipe's but in that order
	names     map[string]netip.Addr
	listeners map[string]*listener // by host:port
	pipes     map[*pipe]struct{}
	rules     map[pair]rule
	usual     rule          // of pairs without one
	changed   chan struct{} // closed when a dial should look again
	port      uint16        // last one given to the dialling end
	random    *rand.Rand    // draws delays
}

// pair is a direction between two hosts.
type pair struct{ from, to string }

// rule is what happens to bytes that go in one direction.
type rule struct {
	low, high time.Duration // bounds of the delay
	blocked   bool
}

// draw returns a delay within the rule's bounds.
func (r rule) draw(random *rand.Rand) time.Duration {
	if r.high <= r.low {
		return r.low
	}
	return r.low + time.Duration(random.Int64N(int64(r.high-r.low)))
}

// New returns a network without delay. The seed draws delays.
func New(seed uint64) *Network {
	return &Network{
		names:     map[string]netip.Addr{},
		listeners: map[string]*listener{},
		pipes:     map[*pipe]struct{}{},
		rules:     map[pair]rule{},
		changed:   make(chan struct{}),
		port:      32767,
		random:    rand.New(rand.NewPCG(seed, 0)),
	}
}

// Host returns a new place on the network under this name, for one process. The
// places of one name share an IP address, as processes of one machine do.
func (n *Network) Host(name string) *Host {
	n.mu.Lock()
	defer n.mu.Unlock()
	if _, ok := n.names[name]; !ok {
		i := len(n.names) + 1
		n.names[name] = netip.AddrFrom4([4]byte{10, 0, byte(i >> 8), byte(i)})
	}
	return &Host{net: n, name: name, ip: n.names[name]}
}

// SetDelay lets bytes, and the two halves of a dial, take between low and high
// from any host to any other, from now on.
func (n *Network) SetDelay(low, high time.Duration) {
	n.change(func() {
		n.usual.low, n.usual.high = low, high
		for p, r := range n.rules {
			r.low, r.high = low, high
			n.rules[p] = r
		}
	})
}

// SetDelayBetween is SetDelay for the two directions between a and b.
func (n *Network) SetDelayBetween(a, b string, low, high time.Duration) {
	n.change(func() {
		for _, p := range []pair{{a, b}, {b, a}} {
			r := n.ruleOf(p)
			r.low, r.high = low, high
			n.rules[p] = r
		}
	})
}

// Block holds up whatever goes in one direction.
func (n *Network) Block(from, to string) {
	n.change(func() { n.block(pair{from, to}, true) })
}

// Partition holds up whatever goes between two hosts.
func (n *Network) Partition(a, b string) {
	n.change(func() {
		n.block(pair{a, b}, true)
		n.block(pair{b, a}, true)
	})
}

// Isolate parts a host from all others that there are now.
func (n *Network) Isolate(name string) {
	n.change(func() {
		for other := range n.names {
			if other != name {
				n.block(pair{name, other}, true)
				n.block(pair{other, name}, true)
			}
		}
	})
}

// Open ends Block and Partition between two hosts.
func (n *Network) Open(a, b string) {
	n.change(func() {
		n.block(pair{a, b}, false)
		n.block(pair{b, a}, false)
	})
}

// Heal ends every block. Delays stay.
func (n *Network) Heal() {
	n.change(func() {
		for p := range n.rules {
			n.block(p, false)
		}
	})
}

func (n *Network) block(p pair, blocked bool) {
	r := n.ruleOf(p)
	r.blocked = blocked
	n.rules[p] = r
}

func (n *Network) ruleOf(p pair) rule {
	if r, ok := n.rules[p]; ok {
		return r
	}
	return n.usual
}

// change makes a change of rules hold for the connections that there are, and
// wakes dials.
func (n *Network) change(f func()) {
	n.mu.Lock()
	defer n.mu.Unlock()
	f()
	n.wake()
	for p := range n.pipes {
		p.mu.Lock()
		for _, s := range p.streams() {
			s.setRule(n.ruleOf(s.way))
		}
		p.mu.Unlock()
	}
}

// wake lets dials look again. The caller holds mu.
func (n *Network) wake() {
	close(n.changed)
	n.changed = make(chan struct{})
}

// Reset breaks the connections between two hosts at once: both ends find them
// reset, and what was in flight is lost. It returns how many there were.
func (n *Network) Reset(a, b string) int {
	return n.each(a, b, func(p *pipe) { p.cut() })
}

// CutAfter breaks each connection that there is between two hosts as Reset does,
// when it has taken that many more bytes in the direction given. It returns how
// many there are.
func (n *Network) CutAfter(from, to string, bytes int) int {
	return n.each(from, to, func(p *pipe) {
		for _, s := range p.streams() {
			if s.way.from == from {
				s.left = bytes
			}
		}
	})
}

func (n *Network) each(a, b string, f func(*pipe)) (count int) {
	n.mu.Lock()
	defer n.mu.Unlock()
	for p := range n.pipes {
		p.mu.Lock()
		if w := p.ends[0].out.way; !p.over() && (w == pair{a, b} || w == pair{b, a}) {
			f(p)
			count++
		}
		p.mu.Unlock()
	}
	return count
}

// forget drops a pipe of which nothing is left to deliver.
func (n *Network) forget(p *pipe) {
	n.mu.Lock()
	defer n.mu.Unlock()
	delete(n.pipes, p)
}

// nextPort returns a port for a dialling end. The caller holds mu.
func (n *Network) nextPort() uint16 {
	if n.port++; n.port < 32768 {
		n.port = 32768
	}
	return n.port
}

func (n *Network) addr(name string, port uint16) *net.TCPAddr {
	return net.TCPAddrFromAddrPort(netip.AddrPortFrom(n.names[name], port))
}

// resolve splits host:port and looks the host up. The caller holds mu.
func (n *Network) resolve(addr string) (name string, port uint16, err error) {
	name, text, err := net.SplitHostPort(addr)
	if err != nil {
		return "", 0, err
	}
	if _, ok := n.names[name]; !ok {
		return "", 0, &net.DNSError{Err: "no such host", Name: name, IsNotFound: true}
	}
	if _, err := fmt.Sscanf(text, "%d", &port); err != nil || port == 0 {
		return "", 0, &net.AddrError{Err: "invalid port", Addr: addr}
	}
	return name, port, nil
}
