package zk

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/paddock-io/paddock/proto"
)

// errAuthRefused ends a link whose server refused a credential.
var errAuthRefused = errors.New("server refused a credential")

// run keeps the session alive until it ends for good. It is the
// only one to change the state.
func (c *Conn) run(ctx context.Context) {
	defer close(c.done)
	var heard time.Time // when a server was last heard of; zero before the first
	var pauses int      // since the last connection that held
	for {
		l, err := c.establish(ctx, heard, &pauses)
		if err != nil {
			c.end(err)
			return
		}
		began := time.Now()
		c.attach(l)
		c.told(l.state())
		err = c.serve(ctx, l)
		heard = l.heard
		c.detach(l, err)
		if final := c.finalError(ctx, err); final != nil {
			c.end(final)
			return
		}
		if quorum := (*quorumFound)(nil); errors.As(err, &quorum) {
			c.servers.tryFirst(quorum.server)
		}
		c.opts.Logger.Info("connection lost", "server", l.to.addr, "session", c.SessionID(), "reason", err)
		c.told(Disconnected)
		if heard.Sub(began) > maxPause || errors.Is(err, errLeaves) {
			pauses = 0
			continue
		}
		// A server that drops its clients at once must not be hammered.
		if err := c.pause(ctx, pauses); err != nil {
			c.end(err)
			return
		}
		pauses++
	}
}

// finalError returns why the loss of a link ends the Conn, or nil if it does not.
func (c *Conn) finalError(ctx context.Context, err error) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case ctx.Err() != nil:
		return context.Cause(ctx)
	case errors.Is(err, errAuthRefused):
		return ErrAuthFailed
	case c.closing:
		return ErrClosed
	}
	return nil
}

// Pauses between rounds of attempts, before jitter.
const (
	minPause = 50 * time.Millisecond
	maxPause = time.Second
)

// establish tries server after server until one confirms the session. A
// session that no server has been heard of for 4/3 of its timeout counts as
// expired, as every server that could say so has long dropped it.
// Source: ClientCnxn.SendThread.run.
func (c *Conn) establish(ctx context.Context, heard time.Time, pauses *int) (*link, error) {
	if !heard.IsZero() && c.SessionID() != 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithDeadlineCause(ctx, heard.Add(c.Timeout()*4/3), ErrSessionExpired)
		defer cancel()
	}
	for first := true; ; first = false {
		to, again, err := c.servers.next(ctx)
		if again && !first {
			if err := c.pause(ctx, *pauses); err != nil {
				return nil, err
			}
			*pauses++
		}
		if err == nil {
			var l *link
			if l, err = c.dial(ctx, to); err == nil && !c.servers.connected(to) {
				l.nc.Close()
				err = errLeaves // the new list may not have it
			}
			if err == nil {
				c.opts.Logger.Info("connected", "server", to.addr, "session", c.SessionID(), "timeout", c.Timeout())
				return l, nil
			}
			err = fmt.Errorf("server %s: %w", to.addr, err)
		}
		switch {
		case ctx.Err() != nil:
			return nil, context.Cause(ctx)
		case errors.Is(err, ErrSessionExpired):
			return nil, ErrSessionExpired
		}
		c.mu.Lock()
		c.lastDial = err
		c.mu.Unlock()
		c.opts.Logger.Debug("attempt failed", "reason", err)
	}
}

// pause waits between two rounds: longer each time, up to a second, and never
// in step with other clients.
func (c *Conn) pause(ctx context.Context, n int) error {
	d := min(minPause<<min(n, 10), maxPause)
	timer := time.NewTimer(d/2 + rand.N(d/2))
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// connectTimeout is one attempt's share of the session timeout.
// Source: ClientCnxn: connectTimeout = sessionTimeout / hosts.
func (c *Conn) connectTimeout() time.Duration {
	return max(c.Timeout()/time.Duration(c.servers.size()), time.Second)
}

// dial connects to one address and presents the session there.
func (c *Conn) dial(ctx context.Context, to server) (*link, error) {
	ctx, cancel := context.WithTimeout(ctx, c.connectTimeout())
	defer cancel()
	nc, err := c.opts.Dial(ctx, "tcp", to.addr)
	if err != nil {
		return nil, err
	}
	l := newLink(nc, to, c.opts.MaxFrame)
	asked := time.Now()
	stop := context.AfterFunc(ctx, func() { nc.Close() })
	resp, err := l.handshake(c.connectRequest())
	if !stop() && err == nil {
		err = ctx.Err()
	}
	if err == nil {
		err = c.welcome(l, resp, asked)
	}
	if err != nil {
		nc.Close()
		if ctx.Err() != nil {
			return nil, fmt.Errorf("handshake: %w", ctx.Err())
		}
		return nil, err
	}
	return l, nil
}

func (c *Conn) connectRequest() *proto.ConnectRequest {
	c.mu.Lock()
	defer c.mu.Unlock()
	r := &proto.ConnectRequest{
		LastZxidSeen: c.sess.LastZxid,
		Timeout:      int32(min(c.opts.SessionTimeout/time.Millisecond, 1<<31-1)),
		SessionID:    c.sess.ID,
		Passwd:       c.sess.Passwd,
		ReadOnly:     c.opts.ReadOnly,
		HasReadOnly:  true,
	}
	if r.Passwd == nil {
		r.Passwd = make([]byte, 16)
	}
	return r
}

// welcome takes over what the server granted, or tells why it did not. A
// server that answers with another session than the one asked for has lost it.
func (c *Conn) welcome(l *link, resp *proto.ConnectResponse, asked time.Time) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	valid := resp.Timeout > 0 && resp.SessionID != 0
	switch {
	case c.sess.ID != 0 && (!valid || resp.SessionID != c.sess.ID):
		return ErrSessionExpired
	case !valid:
		return errors.New("server refused a new session")
	case resp.ReadOnly && !c.opts.ReadOnly:
		return errors.New("server is read-only")
	}
	// The id that a read-only server gives means nothing to any other server.
	if l.readOnly = resp.ReadOnly; !l.readOnly {
		c.sess.ID, c.sess.Passwd = resp.SessionID, resp.Passwd
		c.confirm(asked)
	}
	c.timeout = time.Duration(resp.Timeout) * time.Millisecond
	// Source: ClientCnxn.SendThread.onConnected.
	l.readTimeout = c.timeout * 2 / 3
	l.pingEvery = min(l.readTimeout/2, 10*time.Second)
	l.heard = time.Now()
	return nil
}

// attach makes l the session's connection. Credentials and watches go first,
// so that they hold for every request behind them.
func (c *Conn) attach(l *link) {
	c.mu.Lock()
	defer c.mu.Unlock()
	internal := func(op Op) *call {
		k := c.newCall(op)
		k.done = func(Result) {}
		return k
	}
	for _, a := range c.auths {
		c.push(l, internal(Op{code: proto.OpAuth, path: a.Scheme, data: a.Data}))
	}
	if c.opts.FollowConfig {
		c.readConfig(l)
	}
	for _, r := range c.watches.requests(c.sess.LastZxid) {
		k := internal(Op{code: proto.OpSetWatches})
		if r.V2 {
			k.op.code = proto.OpSetWatches2
		}
		k.record = r
		k.done = func(res Result) { c.rearmed(r, res) }
		c.push(l, k)
	}
	c.link, c.lastDial = l, nil
	c.setState(l.state())
	c.wakeLocked()
}

// detach fails what was under way on l. The caller's requests may have been
// executed or not, so none is sent again.
func (c *Conn) detach(l *link, reason error) {
	l.nc.Close()
	c.mu.Lock()
	c.link = nil
	if l.leaving != nil {
		l.leaving.Stop()
	}
	if !errors.Is(reason, ErrClosed) {
		c.setState(Disconnected)
	}
	lost := append(l.auths.drain(), l.pending.drain()...)
	err := error(ErrConnectionLoss)
	if c.closing || errors.Is(reason, ErrClosed) {
		err = ErrClosed
	}
	c.mu.Unlock()
	for _, k := range lost {
		k.fail(err, true)
		c.finish(k)
	}
}

// end makes err final, for waiting calls, watches and subscribers.
func (c *Conn) end(err error) {
	state := Closed
	switch err {
	case ErrSessionExpired:
		state = Expired
	case ErrAuthFailed:
		state = AuthFailed
	}
	c.mu.Lock()
	c.err = err
	c.setState(state)
	for ch := range c.subs {
		close(ch)
	}
	clear(c.subs)
	c.wakeLocked()
	watches, lasting := c.watches.once.takeAll(), c.watches.lasting.takeAll()
	id := c.sess.ID
	c.mu.Unlock()
	c.opts.Logger.Info("session ended", "session", id, "state", state)
	for _, w := range watches {
		w.deliver(Event{Type: EventNone, Path: w.path, Zxid: -1, Err: err})
	}
	for _, w := range lasting {
		w.finish(Event{Type: EventNone, Path: w.path, Zxid: -1, Err: err})
	}
	c.told(state)
}
