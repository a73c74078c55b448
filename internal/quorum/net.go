package quorum

import (
	"errors"
	"fmt"
	"net"
	"time"

	"github.com/paddock-io/paddock/internal/replica"
	"github.com/paddock-io/paddock/internal/zab"
)

// maxInbound bounds the links that learners may open at once.
const maxInbound = 256

// listen opens the quorum port, for learners, and the election port. The
// quorum port is open whether this server leads or not: a learner that decides
// earlier than the leader finds it and waits.
func (p *Peer) listen() error {
	if p.opts.Standalone {
		return nil
	}
	self, ok := p.Ensemble().Member(int64(p.opts.Self))
	if !ok {
		return fmt.Errorf("server %d is not a member of the ensemble", p.opts.Self)
	}
	lns, err := p.bindPorts(p.portsOf(self), nil)
	if err == nil {
		p.votes, err = p.openVotes()
	}
	if err != nil {
		for _, ln := range lns {
			ln.Close()
		}
		return &ExitError{Code: ExitBind, Err: err}
	}
	if p.opts.OraclePath != "" {
		p.wg.Go(p.watchOracle)
	}
	p.ports.self, p.ports.lns = self, lns
	for _, ln := range lns {
		p.wg.Go(func() { p.accept(ln) })
	}
	p.wg.Go(p.closeOnStop)
	return nil
}

func (p *Peer) accept(ln listener) {
	for {
		nc, err := ln.Accept()
		switch {
		case errors.Is(err, net.ErrClosed):
			return
		case err != nil:
			p.log.Warn("accept on the quorum port failed", "err", err)
			select {
			case <-p.netCtx.Done():
				return
			case <-time.After(100 * time.Millisecond): // out of descriptors, most likely
			}
			continue
		}
		p.open(nc, true, ln.master)
	}
}

// open starts a link and tells the loop: of one that was accepted only when its
// first bytes are there, because they may be a question, which is none of its business.
func (p *Peer) open(nc net.Conn, leads, master bool) {
	k := newLink(p, zab.LinkID(p.lastLink.Add(1)), nc, leads)
	k.master = master
	p.netMu.Lock()
	if p.stopped || leads && p.inbound >= maxInbound {
		p.netMu.Unlock()
		nc.Close()
		return
	}
	if k.counted = leads; leads {
		p.inbound++
	}
	p.conns[k] = struct{}{}
	p.netMu.Unlock()

	p.wg.Go(func() {
		if !leads || k.greet() {
			p.announce(k)
			k.run()
		}
		nc.Close()
		p.netMu.Lock()
		delete(p.conns, k)
		p.netMu.Unlock()
		k.uncount()
	})
}

// uncount says that k is no learner's link, or no more.
func (k *link) uncount() {
	p := k.peer
	p.netMu.Lock()
	defer p.netMu.Unlock()
	if k.counted {
		k.counted = false
		p.inbound--
	}
}

// announce tells the loop of a new link.
func (p *Peer) announce(k *link) {
	p.netMu.Lock()
	p.arrivals[k.id] = k
	p.netMu.Unlock()
	p.inbox.put(replica.Connected{Link: k.id, Dialed: !k.leads, Master: k.master})
}

// adopt moves a new link to the loop.
func (p *Peer) adopt(id zab.LinkID) {
	p.netMu.Lock()
	defer p.netMu.Unlock()
	p.loop.links[id] = p.arrivals[id]
	delete(p.arrivals, id)
}

// closeNet closes every socket, links after what they have to tell, and waits for
// the goroutines behind them.
func (p *Peer) closeNet() {
	p.endNet()
	by := time.Now().Add(partingTime)
	p.netMu.Lock()
	p.stopped = true
	for k := range p.conns {
		if p.loop.links[k.id] != k {
			k.close() // hung up, or not known yet: it has nothing to tell
			continue
		}
		k.finish(by)
	}
	p.netMu.Unlock()
	if p.votes != nil {
		p.votes.Close()
	}
	p.wg.Wait()
}
