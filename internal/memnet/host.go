package memnet

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"os"
	"sync"
	"syscall"
	"time"
)

// Host is a process's place on a Network.
type Host struct {
	net  *Network
	name string
	ip   netip.Addr

	dead bool // guarded by net.mu
}

// backlog is how many connections wait for Accept.
const backlog = 128

// backlogPause is how long a dial waits that found the backlog full.
const backlogPause = 100 * time.Millisecond

// Listen has the signature of net.Listen. The address names a port, and this
// host or none.
func (h *Host) Listen(network, addr string) (net.Listener, error) {
	n := h.net
	n.mu.Lock()
	defer n.mu.Unlock()
	if host, port, err := net.SplitHostPort(addr); err == nil && host == "" {
		addr = net.JoinHostPort(h.name, port)
	}
	name, port, err := n.resolve(addr)
	switch {
	case err != nil:
	case h.dead:
		err = errors.New("the process is gone")
	case name != h.name:
		err = os.NewSyscallError("bind", syscall.EADDRNOTAVAIL)
	case n.listeners[addr] != nil:
		err = os.NewSyscallError("bind", syscall.EADDRINUSE)
	}
	if err != nil {
		return nil, &net.OpError{Op: "listen", Net: network, Err: err}
	}
	l := &listener{host: h, key: addr, addr: n.addr(name, port), queue: make(chan *conn, backlog), done: make(chan struct{})}
	n.listeners[addr] = l
	return l, nil
}

// Dial has the signature of net.Dialer's DialContext. It hangs while a direction
// between the hosts is blocked.
func (h *Host) Dial(ctx context.Context, network, addr string) (net.Conn, error) {
	c, err := h.dial(ctx, addr)
	if err != nil {
		if errors.Is(err, context.DeadlineExceeded) {
			err = os.ErrDeadlineExceeded // what package net makes of it
		}
		return nil, &net.OpError{Op: "dial", Net: network, Err: err}
	}
	return c, nil
}

func (h *Host) dial(ctx context.Context, addr string) (*conn, error) {
	for {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		trip, wait, err := h.roundTrip(addr)
		if err != nil {
			return nil, err
		}
		if wait == nil {
			if err := pause(ctx, trip); err != nil {
				return nil, err
			}
			var c *conn
			if c, wait, err = h.open(addr); c != nil || err != nil {
				return c, err
			}
		}
		select {
		case <-wait:
		case <-ctx.Done():
		}
	}
}

func pause(ctx context.Context, d time.Duration) error {
	if d <= 0 {
		return nil
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// roundTrip returns how long it takes to hear from addr, or a channel that is
// closed when it is worth another look.
func (h *Host) roundTrip(addr string) (trip time.Duration, wait <-chan struct{}, err error) {
	n := h.net
	n.mu.Lock()
	defer n.mu.Unlock()
	if h.dead {
		return 0, nil, errors.New("the process is gone")
	}
	name, _, err := n.resolve(addr)
	if err != nil {
		return 0, nil, err
	}
	to, from := n.ruleOf(pair{h.name, name}), n.ruleOf(pair{name, h.name})
	if to.blocked || from.blocked {
		return 0, n.changed, nil
	}
	return to.draw(n.random) + from.draw(n.random), nil, nil
}

// open makes the connection, unless the way has been blocked meanwhile.
func (h *Host) open(addr string) (c *conn, wait <-chan struct{}, err error) {
	n := h.net
	n.mu.Lock()
	defer n.mu.Unlock()
	name, port, err := n.resolve(addr)
	if err != nil {
		return nil, nil, err
	}
	to, from := pair{h.name, name}, pair{name, h.name}
	l := n.listeners[addr]
	switch {
	case h.dead:
		return nil, nil, errors.New("the process is gone")
	case n.ruleOf(to).blocked || n.ruleOf(from).blocked:
		return nil, n.changed, nil
	case l == nil:
		return nil, nil, os.NewSyscallError("connect", syscall.ECONNREFUSED)
	case len(l.queue) == cap(l.queue): // only open adds, with mu held
		retry := make(chan struct{})
		time.AfterFunc(backlogPause, func() { close(retry) })
		return nil, retry, nil
	}
	p := newPipe(n, to, h, l.host)
	p.ends[0].local, p.ends[0].remote = n.addr(h.name, n.nextPort()), n.addr(name, port)
	p.ends[1].local, p.ends[1].remote = p.ends[0].remote, p.ends[0].local
	n.pipes[p] = struct{}{}
	l.queue <- &p.ends[1]
	return &p.ends[0], nil, nil
}

// Kill ends a process's part in the network as the system does when it has died:
// its ports refuse, and its connections are reset. What it goes on doing reaches
// nobody. Another Host of the same name is as the next process.
func (h *Host) Kill() {
	n := h.net
	n.mu.Lock()
	defer n.mu.Unlock()
	h.dead = true
	for _, l := range n.listeners {
		if l.host == h {
			l.close()
		}
	}
	for p := range n.pipes {
		p.mu.Lock()
		for i := range p.ends {
			if p.ends[i].host == h {
				p.ends[i].abort()
			}
		}
		p.mu.Unlock()
	}
	n.wake()
}

// listener is an open port.
type listener struct {
	host  *Host
	key   string
	addr  *net.TCPAddr
	queue chan *conn
	done  chan struct{}
	once  sync.Once
}

func (l *listener) Accept() (net.Conn, error) {
	select {
	case <-l.done:
	default:
		select {
		case c := <-l.queue:
			return c, nil
		case <-l.done:
		}
	}
	return nil, &net.OpError{Op: "accept", Net: "tcp", Addr: l.addr, Err: net.ErrClosed}
}

func (l *listener) Addr() net.Addr { return l.addr }

// Close ends the port, and the connections that nobody has accepted.
func (l *listener) Close() error {
	n := l.host.net
	n.mu.Lock()
	defer n.mu.Unlock()
	l.close()
	return nil
}

// close holds the network's mu.
func (l *listener) close() {
	l.once.Do(func() {
		close(l.done)
		delete(l.host.net.listeners, l.key)
		for len(l.queue) > 0 {
			select {
			case c := <-l.queue:
				c.p.mu.Lock()
				c.abort()
				c.p.mu.Unlock()
			default:
			}
		}
	})
}
