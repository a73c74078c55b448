package quorum

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"syscall"

	"github.com/paddock-io/paddock/internal/ensemble"
	"github.com/paddock-io/paddock/internal/persist"
	"github.com/paddock-io/paddock/internal/replica"
	"github.com/paddock-io/paddock/internal/storage"
	"github.com/paddock-io/paddock/proto"
)

// portsOf are the ports that this server has as a member: the quorum port at every
// address, and the port for observers of one that may follow with a vote. Like the
// quorum port that is open all the time: who comes when nobody is fed here is told so
// by the connection's end, which is faster than a refused one, after which Java's
// observers try again.
func (p *Peer) portsOf(self ensemble.Member) []port {
	var ports []port
	add := func(addrs []ensemble.Addr, master bool) {
		for _, addr := range slices.Compact(slices.Sorted(slices.Values(p.listenAddrs(addrs)))) {
			ports = append(ports, port{addr, master})
		}
	}
	add(self.QuorumAddrs, false)
	if p.opts.ObserverMasterPort > 0 && self.Role != ensemble.Observer {
		add(masterAddrs(self, p.opts.ObserverMasterPort), true)
	}
	return ports
}

// port is where learners may come; master is for observers alone.
type port struct {
	addr   string
	master bool
}

func (o port) what() string {
	if o.master {
		return "observer master port"
	}
	return "quorum port"
}

// listener is an open port.
type listener struct {
	net.Listener
	port
}

// bindPorts opens ports beside those that are kept. Of the addresses for one purpose
// one is enough if the others are not there: a network may be down, for which there
// are several. The caller closes what is returned with an error. Source: Leader's
// constructor, which takes any failure for that.
func (p *Peer) bindPorts(wanted []port, kept []listener) (lns []listener, err error) {
	for _, master := range []bool{false, true} {
		var errs []error
		bound := slices.ContainsFunc(kept, func(ln listener) bool { return ln.master == master })
		for _, o := range wanted {
			if o.master != master {
				continue
			}
			ln, err := p.opts.Listen("tcp", o.addr)
			if err != nil {
				errs = append(errs, err)
				continue
			}
			lns, bound = append(lns, listener{ln, o}), true
		}
		what := port{master: master}.what()
		switch {
		case len(errs) == 0:
		case !bound || !allAbsent(errs):
			return lns, fmt.Errorf("bind the %s of server.%d: %w; is another server running with this id or port?", what, p.opts.Self, errors.Join(errs...))
		default:
			p.log.Warn("not every address of this server could be bound", "what", what, "err", errors.Join(errs...))
		}
	}
	return lns, nil
}

// allAbsent reports whether addresses failed because this machine does not have
// them at present, and not because somebody else listens there.
func allAbsent(errs []error) bool {
	for _, err := range errs {
		var dns *net.DNSError
		if err != nil && !errors.Is(err, syscall.EADDRNOTAVAIL) && !errors.As(err, &dns) {
			return false
		}
	}
	return true
}

// readLog looks in the background for what a learner misses. One looks at a time:
// logs are large, and who waits is not worse off than with a snapshot.
func (p *Peer) readLog(a replica.ReadLog) {
	p.wg.Go(func() {
		ev := replica.LogRead{Link: a.Link}
		var err error
		if ev.Txns, ev.Whole, err = p.fromLogs(a); err != nil {
			p.log.Warn("the logs could not be read for a learner", "from", a.After, "err", err)
		}
		p.inbox.put(ev)
	})
}

func (p *Peer) fromLogs(a replica.ReadLog) (txns []*proto.Txn, whole bool, err error) {
	select {
	case p.lookups <- struct{}{}:
		defer func() { <-p.lookups }()
	case <-p.netCtx.Done():
		return nil, false, errStopped
	}
	effort := &storage.Effort{Bytes: maxLookup, Stop: func() error { return context.Cause(p.netCtx) }}
	return persist.ReadLog(p.store, a, p.opts.SnapshotSizeFactor, effort)
}
