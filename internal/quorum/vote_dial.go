package quorum

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"syscall"
	"time"

	"github.com/paddock-io/paddock/proto"
)

// Pauses between attempts to reach one peer. Java tries again only with the next notification, up to a minute later.
// Here a dialer goes on while there is something to send, so that a peer whose own dials cannot reach us is found
// soon; a peer that starts dials everybody itself, which is what makes elections quick.
const (
	dialPauseMin  = 100 * time.Millisecond // doubled after each failure ...
	dialPauseMax  = time.Second            // ... up to this
	dialPauseKick = 50 * time.Millisecond  // a new notification shortens the pause to this
)

// dialSoon makes sure that a dialer is at work for l, without a pause if it can. The caller holds mu.
func (n *voteNet) dialSoon(l *voteLine) {
	switch {
	case n.closed:
	case l.dialing:
		l.wakeDialer()
	default:
		l.dialing = true
		n.wg.Go(func() { n.dialer(l) })
	}
}

func (l *voteLine) wakeDialer() {
	select {
	case l.again <- struct{}{}:
	default:
	}
}

// dialer connects to l's peer, and goes on trying while there is something to send. At most one runs per line.
func (n *voteNet) dialer(l *voteLine) {
	pause := dialPauseMin
	for n.wantsDial(l) {
		if !n.sleep(time.Until(l.dialed.Add(dialPauseKick)), nil) {
			continue // to learn that it is over
		}
		l.dialed = time.Now()
		err := n.dialOnce(l)
		n.finishAttempt(l, err)
		if err == nil {
			n.awaitLink(l)
			continue
		}
		if woken := !n.sleep(pause, l.again); woken {
			pause = dialPauseMin
		} else {
			pause = min(2*pause, dialPauseMax)
		}
	}
}

// awaitLink gives a peer time to dial back. To ask again at once would make a Java server drop the connection it has
// just begun, whatever there is to send.
func (n *voteNet) awaitLink(l *voteLine) {
	for until := time.Now().Add(dialPauseMax); !n.linked(l) && !n.sleep(time.Until(until), l.again) && n.ctx.Err() == nil; {
	}
}

// sleep waits for d, and reports false if it was woken before by cut or by Close.
func (n *voteNet) sleep(d time.Duration, cut <-chan struct{}) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-cut:
	case <-n.ctx.Done():
	}
	return false
}

// wantsDial reports whether l needs a connection, and ends the dialer if not.
func (n *voteNet) wantsDial(l *voteLine) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	if l.link == nil && l.next != nil && n.outdated(l.next) && !l.dialBack {
		l.next = nil
	}
	if !n.closed && (l.dialBack || l.link == nil && l.next != nil && len(l.addrs) > 0) {
		return true
	}
	l.dialing = false
	n.forgetIfIdle(l)
	return false
}

// dialOnce makes one attempt. A larger id keeps the connection; a smaller one has said that it wants to be dialled.
func (n *voteNet) dialOnce(l *voteLine) error {
	n.mu.Lock()
	addrs := slices.Clone(l.addrs)
	for _, a := range l.told { // After our own: anybody could have told us these.
		if !slices.Contains(addrs, a) {
			addrs = append(addrs, a)
		}
	}
	l.dialBack, l.told = false, nil
	advertise := n.advertise
	n.mu.Unlock()

	nc, err := n.dialAny(addrs)
	if err != nil {
		return err
	}
	hello := proto.InitialMessage{Peer: n.opts.Self, Addrs: advertise}.Append(nil)
	nc.SetWriteDeadline(time.Now().Add(n.opts.ConnectTimeout))
	if _, err := nc.Write(hello); err != nil {
		nc.Close()
		return fmt.Errorf("send the initial message: %w", err)
	}
	if n.opts.Self < l.id {
		return nc.Close()
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	n.attach(l, nc)
	return nil
}

// dialAny dials a peer's addresses. Names are resolved anew each time: they may have changed.
func (n *voteNet) dialAny(addrs []string) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(n.ctx, n.opts.ConnectTimeout)
	defer cancel()
	return dialFirst(ctx, n.opts.dial, addrs)
}

// dialError holds what happened at each address of a peer.
type dialError struct{ errs []error }

func (e *dialError) Error() string   { return errors.Join(e.errs...).Error() }
func (e *dialError) Unwrap() []error { return e.errs }

// refused reports whether every address gave a definite no. A timeout is none: the peer may be slow.
func (e *dialError) refused() bool {
	for _, err := range e.errs {
		var dns *net.DNSError
		switch {
		case errors.Is(err, syscall.ECONNREFUSED), errors.Is(err, syscall.EHOSTUNREACH), errors.Is(err, syscall.ENETUNREACH):
		case errors.As(err, &dns) && dns.IsNotFound:
		default:
			return false
		}
	}
	return len(e.errs) > 0
}

// finishAttempt tells the owner what an attempt has shown.
func (n *voteNet) finishAttempt(l *voteLine, err error) {
	var failed *dialError
	switch {
	case n.ctx.Err() != nil:
	case err == nil:
		n.opts.Reachable(l.id, true)
	case errors.As(err, &failed) && failed.refused():
		n.opts.Reachable(l.id, false)
		fallthrough
	default:
		n.opts.Logger.Debug("cannot reach a peer for the election", "peer", l.id, "err", err)
	}
}

func (n *voteNet) linked(l *voteLine) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	return l.link != nil
}
