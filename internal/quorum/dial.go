package quorum

import (
	"context"
	"net"
	"time"

	"github.com/paddock-io/paddock/internal/ensemble"
	"github.com/paddock-io/paddock/internal/replica"
)

// dial connects to the leader's quorum port, or to a follower's port for
// observers, in the background.
func (p *Peer) dial(a replica.Dial) {
	m, ok := p.members.Load().Member(int64(a.Leader))
	if !ok {
		p.inbox.put(replica.DialFailed{Leader: a.Leader, Reason: "it is not a member of the ensemble"})
		return
	}
	addrs := m.QuorumAddrs
	if a.Master {
		addrs = masterAddrs(m, p.opts.ObserverMasterPort)
	}
	p.wg.Go(func() {
		nc, err := p.dialAny(addrs)
		if err != nil {
			p.inbox.put(replica.DialFailed{Leader: a.Leader, Reason: err.Error()})
			return
		}
		if a.Master {
			p.log.Info("observing through a follower", "peer", a.Leader, "address", nc.RemoteAddr())
		}
		p.open(nc, false, false)
	})
}

// dialAny connects to whichever of a server's addresses answers first.
func (p *Peer) dialAny(addrs []ensemble.Addr) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(p.netCtx, p.opts.CnxTimeout)
	defer cancel()
	return dialFirst(ctx, p.opts.Dial, joinAddrs(addrs))
}

// dialLead is how long one address has for itself before the next is tried beside
// it: the order in which they are written is somebody's preference.
const dialLead = 100 * time.Millisecond

// dialFirst dials addresses side by side, each a little later than the one before
// or as soon as that has failed, and keeps the first connection. The error is a
// *dialError. Source: Learner.connectToLeader, QuorumCnxManager.
// initiateConnection; Java asks by ICMP first which of them can be reached.
func dialFirst(ctx context.Context, dial func(context.Context, string, string) (net.Conn, error), addrs []string) (net.Conn, error) {
	if len(addrs) == 0 {
		return nil, &dialError{}
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	type outcome struct {
		nc  net.Conn
		err error
	}
	done := make(chan outcome, len(addrs)) // so that nobody waits for a reader that has left
	var errs []error
	running := 0
	defer func() {
		for range running { // they end at once, with the context
			if o := <-done; o.nc != nil {
				o.nc.Close()
			}
		}
	}()
	lead := time.NewTimer(0)
	defer lead.Stop()
	for next := 0; ; {
		select {
		case <-lead.C:
			if next == len(addrs) {
				continue
			}
			addr := addrs[next]
			next++
			running++
			go func() {
				nc, err := dial(ctx, "tcp", addr)
				done <- outcome{nc, err}
			}()
			lead.Reset(dialLead)
		case o := <-done:
			running--
			if o.err == nil {
				cancel()
				return o.nc, nil
			}
			if errs = append(errs, o.err); len(errs) == len(addrs) {
				return nil, &dialError{errs}
			}
			lead.Reset(0)
		}
	}
}

// masterAddrs is where a server feeds observers: at its quorum addresses, on the
// port that is the same on all servers.
func masterAddrs(m ensemble.Member, port int) []ensemble.Addr {
	addrs := make([]ensemble.Addr, len(m.QuorumAddrs))
	for i, a := range m.QuorumAddrs {
		addrs[i] = ensemble.Addr{Host: a.Host, Port: port}
	}
	return addrs
}

func (p *Peer) listenAddrs(addrs []ensemble.Addr) []string {
	if p.opts.ListenAll {
		return everywhere(addrs)
	}
	return joinAddrs(addrs)
}
