package server

import (
	"errors"

	"github.com/paddock-io/paddock/internal/auth"
	"github.com/paddock-io/paddock/jute"
	"github.com/paddock-io/paddock/proto"
)

// authenticate handles an auth packet at once, and answers it in its turn: what
// the client sent before runs without the new identities, what it sends after
// runs with them. Source: ZooKeeperServer.processPacket.
func (c *conn) authenticate(q *call) error {
	c.unlockTree()
	var p proto.AuthPacket
	d := jute.NewDecoder(q.record)
	p.Decode(&d)
	if err := d.Err(); err != nil {
		return err
	}
	ids, err := c.srv.opts.Auth.Authenticate(c.origin.addr, p.Scheme, p.Auth)
	if err == nil && len(c.ids)+len(ids) > maxIDs {
		err = errIDs
	}
	if errors.Is(err, auth.ErrOtherEnsemble) {
		return err
	}
	if err != nil {
		c.srv.counters.authFailed.Add(1)
		c.srv.log.Info("authentication failed", "remote", c.remote(), "session", c.session.String(), "err", err)
		c.settle(q, 0, proto.ErrAuthFailed, true)
		return nil
	}
	c.mu.Lock()
	c.ids = auth.Add(c.ids, ids...)
	c.mu.Unlock()
	c.admitted = c.srv.admits(c.ids)
	c.settle(q, 0, proto.OK, false)
	return nil
}

// sasl answers a token without one of its own, as a server does that has no
// mechanism. A record that does not decode, or a null token, ends the
// connection. Source: ZooKeeperServer.processSasl.
func (c *conn) sasl(q *call) error {
	d := jute.NewDecoder(q.record)
	token := d.Buffer()
	switch {
	case d.Err() != nil:
		return d.Err()
	case token == nil:
		return errNullToken
	}
	c.settle(q, 0, proto.OK, false)
	return nil
}
