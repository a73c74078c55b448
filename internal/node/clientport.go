package node

import (
	"net"
	"strconv"
	"sync"

	"github.com/paddock-io/paddock/internal/config"
	"github.com/paddock-io/paddock/internal/ensemble"
)

// clientPorts is where clients connect. A change of the membership may move it;
// connections that are open stay.
type clientPorts struct {
	wg     sync.WaitGroup
	moving sync.Mutex // held while the port moves

	mu   sync.Mutex
	at   net.Addr       // guarded by mu: nil without a port
	want *ensemble.Addr // guarded by mu: as the membership, or zoo.cfg, has it
}

func (p *clientPorts) init(c *config.Config) {
	if m, ok := c.Ensemble.Member(c.MyID); ok && m.HasClientAddr {
		p.want = &m.ClientAddr
	}
}

func (p *clientPorts) addr() net.Addr {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.at
}

func (p *clientPorts) bound(at net.Addr) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.at = at
}

// reconfigured looks whether a membership moves this server's client port. It is
// called on the quorum's goroutine, and does not wait. Source:
// QuorumPeer.processReconfig.
func (n *Node) reconfigured(members ensemble.Ensemble) {
	p := &n.ports
	m, ok := members.Member(n.opts.Config.MyID)
	if !ok || !m.HasClientAddr {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.want != nil && *p.want == m.ClientAddr {
		return
	}
	p.want = &m.ClientAddr
	p.wg.Go(n.moveClientPort)
}

// moveClientPort opens the port that is wanted now, and closes the one before:
// first, if they cannot be open together. A port that is taken is logged, and
// clients connect where they did.
func (n *Node) moveClientPort() {
	p := &n.ports
	p.moving.Lock()
	defer p.moving.Unlock()
	p.mu.Lock()
	want, old := *p.want, p.at
	p.mu.Unlock()
	if tcp, ok := old.(*net.TCPAddr); ok && tcp.Port == want.Port {
		n.server.StopListening(nil)
	}
	at, err := n.bind(net.JoinHostPort(want.Host, strconv.Itoa(want.Port)))
	if err != nil {
		n.log.Error("Error reconfiguring client port", "address", want.String(), "err", err)
		return
	}
	n.server.StopListening(at)
	p.bound(at)
	n.log.Info("binding to port", "address", at.String())
}

// clientPort is the port's number, 0 if there is none.
func (n *Node) clientPort() int {
	if tcp, ok := n.ports.addr().(*net.TCPAddr); ok {
		return tcp.Port
	}
	return 0
}
