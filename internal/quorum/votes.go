package quorum

import (
	"fmt"
	"net"
	"slices"
	"strconv"

	"github.com/paddock-io/paddock/internal/ensemble"
	"github.com/paddock-io/paddock/internal/replica"
	"github.com/paddock-io/paddock/proto"
)

// openVotes opens the election port and lets its events into the inbox.
func (p *Peer) openVotes() (*voteNet, error) {
	opts := voteOptions{
		Self: p.opts.Self, BindRetries: p.opts.BindRetries, Stop: p.netCtx.Done(),
		ConnectTimeout: p.opts.CnxTimeout, HandshakeTimeout: p.opts.HandshakeTimeout, Logger: p.log,
		listen: p.opts.Listen, dial: p.opts.Dial,
		Receive: func(from proto.PeerID, n proto.Notification) {
			p.inbox.putBounded(replica.Vote{From: from, Note: n})
		},
		Reachable: func(id proto.PeerID, ok bool) {
			p.logReach(id, ok)
			p.inbox.putBounded(replica.Reachable{Peer: id, OK: ok})
		},
	}
	self, _ := p.Ensemble().Member(int64(p.opts.Self))
	opts.Listen, opts.Advertise = p.electionAddrs(self)
	opts.Peers = votePeers(p.members.Load())
	return newVoteNet(opts)
}

// logReach says once when a peer's election port stops taking connections, and
// once when it takes them again.
func (p *Peer) logReach(id proto.PeerID, ok bool) {
	p.netMu.Lock()
	was := p.unreachable[id]
	p.unreachable[id] = !ok
	p.netMu.Unlock()
	if was != ok {
		return
	}
	m, _ := p.members.Load().Member(int64(id))
	if ok {
		p.log.Info("election port of a peer reached", "peer", id, "address", joinAddrs(m.ElectionAddrs))
	} else {
		p.log.Warn(fmt.Sprintf("Cannot open channel to %d at election address", id), "peer", id, "address", joinAddrs(m.ElectionAddrs))
	}
}

// everywhere is the ports of addresses, on every address of this machine.
func everywhere(addrs []ensemble.Addr) []string {
	var v []string
	for _, a := range addrs {
		if addr := net.JoinHostPort("", strconv.Itoa(a.Port)); !slices.Contains(v, addr) {
			v = append(v, addr)
		}
	}
	return v
}

func joinAddrs(addrs []ensemble.Addr) []string {
	v := make([]string, len(addrs))
	for i, a := range addrs {
		v[i] = net.JoinHostPort(a.Host, strconv.Itoa(a.Port))
	}
	return v
}
