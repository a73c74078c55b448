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

// bindQuorum opens the quorum port at every address of this server, and the port
// for observers of one that may follow. Like the quorum port that is open all the
// time: who comes when nobody is fed here is told so by the connection's end, which
// is faster than a refused one, after which Java's observers try again.
func (p *Peer) bindQuorum(self ensemble.Member) ([]listener, error) {
	lns, err := p.bindEach(p.listenAddrs(self.QuorumAddrs), "quorum port", false)
	if port := p.opts.ObserverMasterPort; err == nil && port > 0 && !p.opts.Observer {
		var more []listener
		more, err = p.bindEach(p.listenAddrs(masterAddrs(self, port)), "observer master port", true)
		lns = append(lns, more...)
	}
	return lns, err
}

// bindEach opens a port at several addresses. One of them is enough if the others
// are not there: a network may be down, for which there are several. Source:
// Leader's constructor, which takes any failure for that.
func (p *Peer) bindEach(addrs []string, what string, master bool) (lns []listener, err error) {
	var errs []error
	for _, addr := range slices.Compact(slices.Sorted(slices.Values(addrs))) {
		ln, err := p.opts.Listen("tcp", addr)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		lns = append(lns, listener{ln, master})
	}
	switch err := errors.Join(errs...); {
	case len(lns) == 0, !allAbsent(errs):
		return lns, fmt.Errorf("bind the %s of server.%d: %w; is another server running with this id or port?", what, p.opts.Self, err)
	case err != nil:
		p.log.Warn("not every address of this server could be bound", "what", what, "err", err)
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
