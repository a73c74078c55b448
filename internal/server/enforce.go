package server

import (
	"slices"

	"github.com/paddock-io/paddock/proto"
)

// admits reports whether a connection with these identities may ask for
// anything. Source: AuthenticationHelper.isCnxnAuthenticated.
func (s *Server) admits(ids []proto.ID) bool {
	return len(s.opts.Enforce) == 0 || slices.ContainsFunc(ids, func(id proto.ID) bool {
		return slices.Contains(s.opts.Enforce, id.Scheme)
	})
}

// turnAway refuses the request of a client that has not authenticated as it
// must, whatever it asks for, and ends the connection. The session stays, and
// is not kept alive by this. Source: AuthenticationHelper.enforceAuthentication.
func (c *conn) turnAway(q *call) {
	schemes := make([]string, len(q.ids))
	for i, id := range q.ids {
		schemes[i] = id.Scheme
	}
	c.unlockTree()
	c.srv.log.Info("client has not authenticated as it must", "remote", c.remote(), "session", c.session.String(),
		"by", schemes, "enforced", c.srv.opts.Enforce)
	c.settle(q, 0, proto.ErrSessionClosedRequireSasl, true)
}
