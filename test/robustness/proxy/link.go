package proxy

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net"
	"sync"
)

// Link carries every connection from one process to another.
type Link struct {
	listener net.Listener
	target   string
	greet    func(net.Conn) ([]byte, error) // nil, or what reads and rewrites the first bytes
	there    *way                           // from the dialler to the target
	back     *way
	ctx      context.Context
	cancel   context.CancelFunc
	wg       sync.WaitGroup

	mu     sync.Mutex
	cut    bool
	budget int64 // bytes until a connection breaks; negative means none does
	pairs  map[*pair]struct{}
}

// Listen opens a link to target, host:port, at a free port of loopback. rng is
// the Link's from now on.
func Listen(target string, rng *rand.Rand) (*Link, error) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("open a link to %s: %w", target, err)
	}
	l := &Link{listener: ln, target: target, budget: -1, pairs: map[*pair]struct{}{}}
	l.there = newWay(rand.New(rand.NewPCG(rng.Uint64(), 1)))
	l.back = newWay(rand.New(rand.NewPCG(rng.Uint64(), 2)))
	l.ctx, l.cancel = context.WithCancel(context.Background())
	return l, nil
}

// Start takes connections from now on.
func (l *Link) Start() { l.wg.Go(l.accept) }

// Addr returns where to dial the target through the link, host:port.
func (l *Link) Addr() string { return l.listener.Addr().String() }

// Set changes the condition of the way to the target and of the way back.
func (l *Link) Set(there, back Condition) {
	l.there.set(there)
	l.back.set(back)
}

// SetThere changes the way from the dialler to the target alone.
func (l *Link) SetThere(c Condition) { l.there.set(c) }

// SetBack changes the way from the target to the dialler alone.
func (l *Link) SetBack(c Condition) { l.back.set(c) }

// Cut resets all connections and, while on, every new one.
func (l *Link) Cut(on bool) {
	l.mu.Lock()
	l.cut = on
	l.mu.Unlock()
	if on {
		l.Reset()
	}
}

// Reset resets all connections that there are.
func (l *Link) Reset() {
	for _, p := range l.all() {
		p.reset()
	}
}

// Abandon makes all connections half-open: the dialler sees a reset, and the
// target nothing, as long as it does not look for a sign of life. Reset ends them.
func (l *Link) Abandon() {
	for _, p := range l.all() {
		p.abandon()
	}
}

// BreakAfter resets the connection that carries the nth byte from now, behind
// that byte. 0 breaks at the next one; a negative n takes it back.
func (l *Link) BreakAfter(n int64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.budget = n
}

// Close ends the link and all of its connections, and waits for their end.
func (l *Link) Close() {
	l.cancel()
	l.listener.Close()
	l.Reset()
	l.wg.Wait()
}

func (l *Link) all() []*pair {
	l.mu.Lock()
	defer l.mu.Unlock()
	v := make([]*pair, 0, len(l.pairs))
	for p := range l.pairs {
		v = append(v, p)
	}
	return v
}

// spend returns how many of n bytes may pass before the connection breaks.
func (l *Link) spend(n int) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	switch {
	case l.budget < 0:
		return n
	case l.budget >= int64(n):
		l.budget -= int64(n)
		return n
	}
	n = int(l.budget)
	l.budget = -1
	return n
}

func (l *Link) accept() {
	for {
		nc, err := l.listener.Accept()
		if err != nil {
			return // Close, or a process without descriptors, which its test notices
		}
		l.wg.Go(func() { l.serve(nc) })
	}
}

// serve carries one connection. While either way is stalled the target is not
// dialled: a handshake needs both.
func (l *Link) serve(in net.Conn) {
	stop := context.AfterFunc(l.ctx, func() { abort(in) })
	defer stop()
	if !l.there.flowing(l.ctx.Done()) || !l.back.flowing(l.ctx.Done()) || l.isCut() {
		abort(in)
		return
	}
	var first []byte
	if l.greet != nil {
		var err error
		if first, err = l.greet(in); err != nil {
			abort(in)
			return
		}
	}
	dialer := net.Dialer{Timeout: dialTimeout}
	out, err := dialer.DialContext(l.ctx, "tcp", l.target)
	if err != nil {
		abort(in)
		return
	}
	p := &pair{link: l, in: in, out: out, done: make(chan struct{})}
	if !l.add(p) {
		p.reset()
		return
	}
	if len(first) > 0 {
		out.Write(first) // an error comes again with the next write
	}
	p.run()
	l.mu.Lock()
	delete(l.pairs, p)
	l.mu.Unlock()
}

func (l *Link) isCut() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.cut
}

// add registers p unless the link has been cut or closed meanwhile.
func (l *Link) add(p *pair) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.cut || l.ctx.Err() != nil {
		return false
	}
	l.pairs[p] = struct{}{}
	return true
}
