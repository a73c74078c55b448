package balance

import (
	"context"
	"log/slog"
	"maps"
	"slices"
	"strconv"
	"sync"
	"time"
)

// pool is the servers that there are, how they are, and the connections to them.
type pool struct {
	log      *slog.Logger
	grace    time.Duration // of connections to servers that serve no more
	readOnly bool          // read-only servers take clients too

	mu       sync.Mutex // never held while blocking
	backends map[string]*backend
	table    *table // of those that take clients
	pipes    map[*pipe]struct{}
	served   uint64 // connections ever handed to a server
	refused  uint64 // connections ever closed without one
	ended    bool

	ready     chan struct{} // closed when all have been checked
	readyOnce sync.Once
}

// backend is one server of the list. All fields are guarded by pool.mu but addr
// and poke, which are fixed.
type backend struct {
	addr string
	poke chan struct{} // asks for a check now; has room for one

	health health
	why    error // of the latest bad check
	known  bool  // has been checked
	pipes  map[*pipe]struct{}
	bad    *time.Timer        // closes pipes; nil while the server takes clients
	stop   context.CancelFunc // ends its checks
}

func newPool(log *slog.Logger, grace time.Duration, readOnly bool) *pool {
	return &pool{log: log, grace: grace, readOnly: readOnly,
		backends: map[string]*backend{}, table: newTable(nil), pipes: map[*pipe]struct{}{}, ready: make(chan struct{}),
	}
}

// takes reports whether a server in this state takes clients.
func (p *pool) takes(h health) bool { return h == serving || h == readOnly && p.readOnly }

// set makes the servers of the list the pool's, and starts checks of new ones by
// watch, which returns how to end them. Connections to servers that have gone
// are closed after the grace.
func (p *pool) set(list []string, watch func(*backend) context.CancelFunc) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.ended {
		return
	}
	for addr, b := range p.backends {
		if !slices.Contains(list, addr) {
			b.stop()
			delete(p.backends, addr)
			p.doom(b)
			p.log.Info("server taken off the list", "server", addr, "connections", len(b.pipes))
		}
	}
	for _, addr := range list {
		if p.backends[addr] == nil {
			b := &backend{addr: addr, poke: make(chan struct{}, 1), pipes: map[*pipe]struct{}{}}
			b.stop = watch(b)
			p.backends[addr] = b
		}
	}
	p.renew()
}

// learned is told of a check.
func (p *pool) learned(b *backend, h health, why error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.backends[b.addr] != b {
		return // taken off the list meanwhile
	}
	if b.known && b.health == h {
		b.why = why
		return
	}
	was := b.health
	b.known, b.health, b.why = true, h, why
	if p.takes(h) {
		p.log.Info("server takes clients", "server", b.addr, "state", h.String())
		if b.bad != nil {
			b.bad.Stop()
			b.bad = nil
		}
	} else {
		p.log.Warn("server takes no clients", "server", b.addr, "state", h.String(), "reason", why, "connections", len(b.pipes))
		p.doom(b)
	}
	if p.takes(was) != p.takes(h) {
		p.renew()
	}
	if !slices.ContainsFunc(slices.Collect(maps.Values(p.backends)), func(b *backend) bool { return !b.known }) {
		p.readyOnce.Do(func() { close(p.ready) })
	}
}

// doom closes b's connections after the grace, unless it is taken back. Holds
// p.mu.
func (p *pool) doom(b *backend) {
	if b.bad == nil {
		b.bad = time.AfterFunc(p.grace, func() { p.closePipes(b) })
	}
}

func (p *pool) closePipes(b *backend) {
	p.mu.Lock()
	var list []*pipe
	if b.bad != nil {
		for pp := range b.pipes {
			list = append(list, pp)
		}
	}
	p.mu.Unlock()
	if len(list) > 0 {
		p.log.Info("connections closed, their server takes no clients", "server", b.addr, "connections", len(list))
	}
	for _, pp := range list {
		pp.close()
	}
}

// renew makes the table anew. Holds p.mu.
func (p *pool) renew() {
	var names []string
	for addr, b := range p.backends {
		if p.takes(b.health) {
			names = append(names, addr)
		}
	}
	if len(names) == 0 && len(p.table.names) > 0 {
		p.log.Warn("no server takes clients", "servers", len(p.backends))
	}
	p.table = newTable(names)
}

// pick returns the server for a key, nil if there is none that has not been tried.
func (p *pool) pick(key uint64, tried []string) *backend {
	p.mu.Lock()
	defer p.mu.Unlock()
	addr, ok := p.table.pick(key, tried)
	if !ok {
		return nil
	}
	return p.backends[addr]
}

// suspect asks for a check of b.
func (p *pool) suspect(b *backend) {
	select {
	case b.poke <- struct{}{}:
	default:
	}
}

// add notes that pp is a connection to b. If b has stopped taking clients
// meanwhile, pp shares the fate of those that it has. It returns false if the
// pool has ended, and pp is to be closed.
func (p *pool) add(b *backend, pp *pipe) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.ended {
		return false
	}
	b.pipes[pp] = struct{}{}
	p.pipes[pp] = struct{}{}
	p.served++
	if b.bad != nil {
		b.bad.Reset(p.grace)
	}
	return true
}

func (p *pool) remove(b *backend, pp *pipe) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(b.pipes, pp)
	delete(p.pipes, pp)
}

func (p *pool) refuse() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.refused++
}

// counts are what is said of a pool now and then.
type counts struct {
	pipes           int
	served, refused uint64
	servers         []string // address, state and connections
}

func (p *pool) counts() counts {
	p.mu.Lock()
	defer p.mu.Unlock()
	c := counts{pipes: len(p.pipes), served: p.served, refused: p.refused}
	for addr, b := range p.backends {
		c.servers = append(c.servers, addr+" "+b.health.String()+" "+strconv.Itoa(len(b.pipes)))
	}
	slices.Sort(c.servers)
	return c
}

// end stops the checks and closes all connections, those to servers that were
// taken off the list too.
func (p *pool) end() {
	p.mu.Lock()
	p.ended = true
	for _, b := range p.backends {
		b.stop()
		if b.bad != nil {
			b.bad.Stop()
		}
	}
	list := slices.Collect(maps.Keys(p.pipes))
	p.mu.Unlock()
	for _, pp := range list {
		pp.close()
	}
}
