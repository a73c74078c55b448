package quorum

import (
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/paddock-io/paddock/proto"
)

// BindError is an election port that could not be bound. ZooKeeper ends with exit code 14.
type BindError struct {
	Addr     string
	Attempts int
	Err      error
}

func (e *BindError) Error() string {
	return fmt.Sprintf("bind the election port at %s, tried %d times: %v", e.Addr, e.Attempts, e.Err)
}
func (e *BindError) Unwrap() error { return e.Err }

// bindRetryDelay is the pause between attempts. Java: QuorumCnxManager.Listener.ListenerHandler.run.
const bindRetryDelay = time.Second

// bindAll listens on every address that this machine has, at least one: the network of another may be down. All are
// tried at once, since each may take its time. Java: QuorumCnxManager.Listener.run.
func bindAll(opts voteOptions) ([]net.Listener, error) {
	lns, errs := make([]net.Listener, len(opts.Listen)), make([]error, len(opts.Listen))
	var wg sync.WaitGroup
	for i, addr := range opts.Listen {
		wg.Go(func() { lns[i], errs[i] = bind(addr, opts) })
	}
	wg.Wait()
	bound := slices.DeleteFunc(lns, func(ln net.Listener) bool { return ln == nil })
	failed := slices.IndexFunc(errs, func(err error) bool { return err != nil })
	switch {
	case failed >= 0 && (len(bound) == 0 || !allAbsent(errs)):
		for _, ln := range bound {
			ln.Close()
		}
		return nil, errors.Join(errs...)
	case failed >= 0:
		opts.Logger.Warn("not every election address could be bound", "err", errors.Join(errs...))
	}
	return bound, nil
}

func bind(addr string, opts voteOptions) (net.Listener, error) {
	for attempt := 1; ; attempt++ {
		ln, err := opts.listen("tcp", addr)
		if err == nil {
			return ln, nil
		}
		if attempt == opts.BindRetries {
			return nil, &BindError{addr, attempt, err}
		}
		opts.Logger.Warn("cannot bind the election port, trying again", "addr", addr, "attempt", attempt, "err", err)
		select {
		case <-time.After(bindRetryDelay):
		case <-opts.Stop:
			return nil, &BindError{addr, attempt, err}
		}
	}
}

// accept takes connections until Close. Failures of accept, such as too many open files, must not end the voting.
func (n *voteNet) accept(ln net.Listener) {
	for {
		nc, err := ln.Accept()
		switch {
		case err == nil:
			n.greet(nc)
			continue
		case n.ctx.Err() != nil, errors.Is(err, net.ErrClosed):
			return
		}
		n.log.Warn("cannot accept on the election port", "addr", ln.Addr(), "err", err)
		select {
		case <-time.After(100 * time.Millisecond):
		case <-n.ctx.Done():
			return
		}
	}
}

// greet waits in the background for a connection to introduce itself.
func (n *voteNet) greet(nc net.Conn) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.closed {
		nc.Close()
		return
	}
	if len(n.greeting) >= maxGreeting { // Peers introduce themselves at once; the oldest is the least likely one.
		n.greeting[0].Close()
		n.greeting = slices.Delete(n.greeting, 0, 1)
	}
	n.greeting = append(n.greeting, nc)
	n.wg.Go(func() {
		m, err := n.readInitialMessage(nc)
		n.mu.Lock()
		n.greeting = slices.DeleteFunc(n.greeting, func(c net.Conn) bool { return c == nc })
		n.mu.Unlock()
		if err == nil {
			err = n.introduced(nc, m)
		}
		if err != nil {
			nc.Close()
			if n.ctx.Err() == nil {
				n.log.Warn("election connection refused", "from", nc.RemoteAddr(), "err", err)
			}
		}
	})
}

// readInitialMessage reads not a byte too many: frames follow.
func (n *voteNet) readInitialMessage(nc net.Conn) (proto.InitialMessage, error) {
	if err := nc.SetReadDeadline(time.Now().Add(n.opts.HandshakeTimeout)); err != nil {
		return proto.InitialMessage{}, err
	}
	var b []byte
	for {
		size, err := proto.InitialMessageSize(b)
		if err != nil {
			return proto.InitialMessage{}, err
		}
		if size == len(b) {
			break
		}
		had := len(b)
		b = append(b, make([]byte, size-had)...)
		if _, err := io.ReadFull(nc, b[had:]); err != nil {
			return proto.InitialMessage{}, fmt.Errorf("read the initial message: %w", err)
		}
	}
	return proto.DecodeInitialMessage(b)
}

// Reasons to refuse a connection.
var (
	errOwnID       = errors.New("it has the id of this server; every server needs its own")
	errNegativeID  = errors.New("it has a negative id")
	errManyUnknown = errors.New("too many connections from servers that are not members")
)

// introduced acts on an initial message: keep the connection of a larger id, dial back a smaller one. With an error
// the caller closes nc. Java: QuorumCnxManager.handleConnection.
func (n *voteNet) introduced(nc net.Conn, m proto.InitialMessage) error {
	if m.Peer == n.opts.Self {
		return errOwnID
	}
	if m.Peer < 0 {
		return errNegativeID
	}
	if err := nc.SetReadDeadline(time.Time{}); err != nil {
		return err
	}
	id, err := n.admit(nc, m)
	if err == nil {
		n.opts.Reachable(id, true)
	}
	return err
}

// admit finds the peer's line and does there what its id calls for. It returns the id, which is a new one for an
// observer that has none.
func (n *voteNet) admit(nc net.Conn, m proto.InitialMessage) (proto.PeerID, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	id := m.Peer
	if id == proto.AnonymousObserver {
		n.anonymous--
		id = n.anonymous
	}
	l := n.lines[id]
	if l == nil {
		if n.strangers() >= maxStrangers {
			return id, errManyUnknown
		}
		l = n.addLine(id)
	}
	told := dialable(m.Addrs)
	if l.member && differ(l.addrs, told) {
		n.log.Warn("a peer has another election address than is configured here; two servers have one id, or their configurations disagree",
			"peer", id, "from", nc.RemoteAddr(), "peer says", strings.Join(told, "|"), "configured here", strings.Join(l.addrs, "|"))
	}
	if id > n.opts.Self {
		n.attach(l, nc)
		return id, nil
	}
	nc.Close()
	l.dialBack, l.told = true, told
	n.dialSoon(l)
	return id, nil
}

// strangers counts the lines of observers without id, joiners and members of configurations not seen here yet. The
// caller holds mu.
func (n *voteNet) strangers() int {
	count := 0
	for _, l := range n.lines {
		if !l.member {
			count++
		}
	}
	return count
}

// differ reports whether no address of one list can be meant by one of the other. Of hosts nothing can be said: they
// have several names.
func differ(a, b []string) bool {
	port := func(addr string) string { return addr[strings.LastIndexByte(addr, ':')+1:] }
	return len(a) > 0 && len(b) > 0 && !slices.ContainsFunc(a, func(addr string) bool {
		return slices.ContainsFunc(b, func(o string) bool { return port(o) == port(addr) })
	})
}

// dialable leaves out what is no address to dial: wildcards, which mean the peer's machine only to the peer
// (ZOOKEEPER-2164), and malformed ones.
func dialable(addrs []string) []string {
	var good []string
	for _, a := range addrs {
		host, port, err := net.SplitHostPort(a)
		if err != nil || host == "" {
			continue
		}
		if ip := net.ParseIP(host); ip != nil && ip.IsUnspecified() {
			continue
		}
		if p, err := strconv.ParseUint(port, 10, 16); err == nil && p > 0 {
			good = append(good, a)
		}
	}
	return good
}
