package quorum

import (
	"fmt"
	"net"
	"slices"
	"time"

	"github.com/paddock-io/paddock/internal/ensemble"
	"github.com/paddock-io/paddock/internal/replica"
	"github.com/paddock-io/paddock/proto"
)

// initMembers takes up the membership that the files tell of.
func (p *Peer) initMembers() {
	pair := ensemble.Settled(p.opts.Ensemble)
	if p.opts.Reconfig && p.opts.LastSeen.Version > pair.Committed.Version {
		pair.LastSeen = p.opts.LastSeen
	}
	p.members.Store(&pair)
	p.ports.rebinds = make(chan ensemble.Member, 1)
	p.fatal = make(chan error, 1)
}

// changeMembers draws the consequences of a membership that was proposed, or has
// come into force: in the files, for the connections of the next election, and
// for this server's own ports.
func (p *Peer) changeMembers(a replica.Action) {
	pair := *p.members.Load()
	switch a := a.(type) {
	case replica.SeeConfig:
		p.log.Info("a membership is proposed", "version", proto.Zxid(a.Config.Version))
		pair.See(a.Config)
	case replica.CommitConfig:
		p.log.Info("the membership is in force", "version", proto.Zxid(a.Config.Version), "members", a.Config.Text())
		pair.Commit(a.Config)
	}
	p.members.Store(&pair)
	p.diskPut(a)
	p.votes.SetPeers(votePeers(&pair))
	if _, ok := a.(replica.CommitConfig); !ok {
		return
	}
	p.tree.Lock()
	if n, ok := p.tree.Get("/zookeeper/config"); !ok || string(n.Data()) != pair.Committed.Text() {
		p.setConfigNode(p.tree) // it did not come with a transaction
	}
	p.tree.Unlock()
	if self, ok := pair.Committed.Member(int64(p.opts.Self)); ok {
		p.rebind(self)
	}
	if p.opts.Reconfigured != nil {
		p.opts.Reconfigured(pair.Committed)
	}
}

// votePeers are the servers of either membership at all of their addresses.
func votePeers(pair *ensemble.Pair) []voteServer {
	var peers []voteServer
	add := func(e ensemble.Ensemble) {
		for _, m := range e.Members {
			id, addrs := proto.PeerID(m.ID), joinAddrs(m.ElectionAddrs)
			i := slices.IndexFunc(peers, func(s voteServer) bool { return s.ID == id })
			if i < 0 {
				peers = append(peers, voteServer{ID: id, Addrs: addrs})
				continue
			}
			for _, a := range addrs {
				if !slices.Contains(peers[i].Addrs, a) {
					peers[i].Addrs = append(peers[i].Addrs, a)
				}
			}
		}
	}
	add(pair.Committed)
	if pair.Pending() {
		add(pair.LastSeen)
	}
	return peers
}

// ports are this server's own, for learners and for elections.
type ports struct {
	lns     []listener           // guarded by netMu: for learners
	self    ensemble.Member      // owned by rebinder once it runs: whose ports are open
	started bool                 // owned by the loop: the rebinder runs
	rebinds chan ensemble.Member // whose should be; the newest counts
}

// electionAddrs is where a member listens for votes, and what it tells others of
// that.
func (p *Peer) electionAddrs(m ensemble.Member) (listen, advertise []string) {
	if len(m.ElectionAddrs) == 0 {
		return nil, nil
	}
	advertise = joinAddrs(m.ElectionAddrs)
	if p.opts.ListenAll {
		return everywhere(m.ElectionAddrs), advertise
	}
	return advertise, advertise
}

// rebind moves the ports to where a membership wants them, in the background:
// they may be taken for a while.
func (p *Peer) rebind(self ensemble.Member) {
	if !p.ports.started {
		p.ports.started = true
		p.wg.Go(p.rebinder)
	}
	select {
	case <-p.ports.rebinds: // an older wish
	default:
	}
	p.ports.rebinds <- self
}

func (p *Peer) rebinder() {
	for {
		select {
		case m := <-p.ports.rebinds:
			if err := p.moveTo(m); err != nil && p.netCtx.Err() == nil {
				p.fatal <- &ExitError{Code: ExitBind, Err: err} // once: this goroutine is over
				return
			}
		case <-p.netCtx.Done():
			return
		}
	}
}

func (p *Peer) moveTo(m ensemble.Member) error {
	at := &p.ports.self
	if wanted := p.portsOf(m); !slices.Equal(p.portsOf(*at), wanted) {
		if err := p.moveListeners(wanted); err != nil {
			return err
		}
		p.log.Info("the ports for learners have moved", "ports", fmt.Sprint(wanted))
	}
	if listen, advertise := p.electionAddrs(m); !slices.Equal(advertise, joinAddrs(at.ElectionAddrs)) {
		if err := p.votes.Move(listen, advertise); err != nil {
			return err
		}
		p.log.Info("the election port has moved", "address", listen)
	}
	p.ports.self = m
	return nil
}

// moveListeners opens the ports that are missing in those wanted, and closes those
// that are too many: afterwards, unless only the address differs and both cannot be
// open.
func (p *Peer) moveListeners(wanted []port) error {
	p.netMu.Lock()
	open := p.ports.lns
	p.netMu.Unlock()
	var kept, ended []listener
	for _, ln := range open {
		if slices.Contains(wanted, ln.port) {
			kept = append(kept, ln)
		} else {
			ended = append(ended, ln)
		}
	}
	missing := slices.DeleteFunc(slices.Clone(wanted), func(o port) bool {
		return slices.ContainsFunc(kept, func(ln listener) bool { return ln.port == o })
	})
	for _, ln := range ended {
		if slices.ContainsFunc(missing, func(o port) bool { return samePort(o.addr, ln.addr) }) {
			ln.Close()
		}
	}
	fresh, err := p.bindPatiently(missing, kept)
	if err != nil {
		return err
	}
	p.netMu.Lock()
	defer p.netMu.Unlock()
	p.ports.lns = append(kept, fresh...)
	for _, ln := range fresh {
		if p.netCtx.Err() != nil {
			ln.Close()
		}
		p.wg.Go(func() { p.accept(ln) })
	}
	for _, ln := range ended {
		ln.Close()
	}
	return nil
}

func samePort(a, b string) bool {
	_, x, _ := net.SplitHostPort(a)
	_, y, _ := net.SplitHostPort(b)
	return x == y
}

// bindPatiently tries as often as the election port is tried.
func (p *Peer) bindPatiently(wanted []port, kept []listener) ([]listener, error) {
	for attempt := 1; ; attempt++ {
		lns, err := p.bindPorts(wanted, kept)
		if err == nil {
			return lns, nil
		}
		for _, ln := range lns {
			ln.Close()
		}
		if attempt == p.opts.BindRetries {
			return nil, err
		}
		p.log.Warn("cannot bind a port for learners, trying again", "attempt", attempt, "err", err)
		select {
		case <-time.After(bindRetryDelay):
		case <-p.netCtx.Done():
			return nil, err
		}
	}
}

// closeOnStop closes the ports when the network is shut down.
func (p *Peer) closeOnStop() {
	<-p.netCtx.Done()
	p.netMu.Lock()
	defer p.netMu.Unlock()
	for _, ln := range p.ports.lns {
		ln.Close()
	}
}
