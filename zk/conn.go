package zk

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"time"

	"github.com/paddock-io/paddock/proto"
)

// Conn is a session with an ensemble, and the connection that carries it from
// server to server. Its methods may be called from many goroutines at once;
// their requests travel together, without waiting for each other.
type Conn struct {
	opts    Options // fixed
	root    chroot  // fixed
	servers *servers
	calls   sync.Pool // of *call

	cancel context.CancelCauseFunc // ends run
	done   chan struct{}           // closed when run has ended

	mu       sync.Mutex
	xid      int32 // of the latest request
	state    State
	err      error // why the Conn ended; nil while it lives
	closing  bool  // Close was called: no more requests
	closed   bool  // the server has confirmed the end of the session
	link     *link // nil while there is no connection
	sess     Session
	timeout  time.Duration // negotiated
	auths    []Auth
	watches  watchTable
	subs     map[chan State]struct{}
	changed  chan struct{} // closed when a waiting call should look again; nil if none waits
	lastDial error         // why the latest attempt to connect failed

	confirmed time.Time // see Confirmed
	config    *Watch    // for the configuration that readConfig has asked for; nil before
}

// Connect opens a session with the servers of a connect string such as
// "host1:2181,host2/chroot" and waits until a server has confirmed it. It tries
// the servers again and again until ctx ends.
func Connect(ctx context.Context, servers string, opts Options) (*Conn, error) {
	c, err := Open(servers, opts)
	if err != nil {
		return nil, err
	}
	if err := c.WaitConnected(ctx); err != nil {
		c.mu.Lock()
		last := c.lastDial
		c.mu.Unlock()
		c.Detach()
		if last != nil {
			return nil, fmt.Errorf("zk: connect to %s: %w; last attempt: %w", servers, err, last)
		}
		return nil, fmt.Errorf("zk: connect to %s: %w", servers, err)
	}
	return c, nil
}

// Open starts what Connect waits for: it returns at once and goes on trying in
// the background. Calls wait for the connection.
func Open(servers string, opts Options) (*Conn, error) {
	hosts, root, err := parseServers(servers)
	if err != nil {
		return nil, err
	}
	opts = opts.withDefaults()
	c := &Conn{
		opts: opts, root: root,
		servers: newServers(hosts, opts.Dial == nil),
		done:    make(chan struct{}),
		sess:    opts.Resume,
		timeout: opts.SessionTimeout,
		auths:   append([]Auth(nil), opts.Auth...),
		watches: newWatchTable(),
		subs:    make(map[chan State]struct{}),
	}
	if opts.Dial == nil {
		c.opts.Dial = new(net.Dialer).DialContext
	}
	c.calls.New = func() any { return &call{ready: make(chan struct{}, 1)} }
	ctx, cancel := context.WithCancelCause(context.Background())
	c.cancel = cancel
	go c.run(ctx) // Close and Detach wait for it
	return c, nil
}

// WaitConnected returns nil once the Conn is connected, or the reason why that
// will not happen.
func (c *Conn) WaitConnected(ctx context.Context) error {
	for {
		c.mu.Lock()
		link, err, changed := c.link, c.gone(), c.waitLocked()
		c.mu.Unlock()
		if err != nil {
			return err
		}
		if link != nil {
			return nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// closePatience is how long Close waits for the server.
const closePatience = 5 * time.Second

// Close ends the session: its ephemeral znodes go and its watches end with
// ErrClosed. Requests under way are answered first. If no server confirms that
// within five seconds, or none is connected, Close says so in an error, and
// the ensemble ends the session when its timeout has passed. Close must not be
// called by OnState, by a watch's function or by that of Go.
func (c *Conn) Close() error {
	c.mu.Lock()
	wasLive := c.err == nil
	if first := !c.closing; first && wasLive {
		c.closing = true
		c.wakeLocked()
		if c.link == nil {
			c.cancel(ErrClosed)
		} else {
			k := c.newCall(Op{code: proto.OpCloseSession})
			k.done = func(Result) {}
			c.push(c.link, k)
		}
	}
	c.mu.Unlock()
	timer := time.NewTimer(closePatience)
	defer timer.Stop()
	select {
	case <-c.done:
	case <-timer.C:
		c.cancel(ErrClosed)
		<-c.done
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if wasLive && !c.closed && errors.Is(c.err, ErrClosed) && c.sess.ID != 0 {
		return fmt.Errorf("zk: close session %s: not confirmed, it will expire in %v", c.sess.ID, c.timeout)
	}
	return nil
}

// Detach ends the Conn and leaves the session to the ensemble, where it may be
// resumed (see Options.Resume) until its timeout has passed. The restriction
// of Close applies.
func (c *Conn) Detach() {
	c.cancel(ErrClosed)
	<-c.done
}

// Done is closed when the Conn has ended; Err then tells why.
func (c *Conn) Done() <-chan struct{} { return c.done }

// Err returns nil while the Conn lives, then ErrSessionExpired, ErrAuthFailed
// or ErrClosed.
func (c *Conn) Err() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.err
}

// State returns where the Conn stands now.
func (c *Conn) State() State {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.state
}

// Server returns the address of the server that the Conn is connected to, or "".
func (c *Conn) Server() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.link == nil {
		return ""
	}
	return c.link.to.addr
}

// SessionID returns the session's number, 0 until a server has given one.
func (c *Conn) SessionID() SessionID { return c.Session().ID }

// Passwd returns the session's password; callers must not change it.
func (c *Conn) Passwd() []byte { return c.Session().Passwd }

// LastZxid returns the latest transaction that a reply has told of.
func (c *Conn) LastZxid() Zxid { return c.Session().LastZxid }

// Session returns what another Conn needs to resume the session.
func (c *Conn) Session() Session {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.sess
}

// Timeout returns the session timeout granted by the server; before that, the
// one asked for.
func (c *Conn) Timeout() time.Duration {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.timeout
}

// gone returns why no request can be accepted any more; c.mu is held.
func (c *Conn) gone() error {
	if c.err == nil && c.closing {
		return ErrClosed
	}
	return c.err
}

// waitLocked returns a channel that is closed when something a call may wait
// for has changed; c.mu is held.
func (c *Conn) waitLocked() <-chan struct{} {
	if c.changed == nil {
		c.changed = make(chan struct{})
	}
	return c.changed
}

// wakeLocked makes all waiting calls look again; c.mu is held.
func (c *Conn) wakeLocked() {
	if c.changed != nil {
		close(c.changed)
		c.changed = nil
	}
}
