package replica

import (
	"time"

	"github.com/paddock-io/paddock/internal/prep"
	"github.com/paddock-io/paddock/internal/zab"
	"github.com/paddock-io/paddock/proto"
)

// A local session is known to the server that its client is connected to, and
// to nobody else: it begins, lives and ends here without a transaction, and is
// over when this server stops serving. Its other writes go to the leader like
// everybody's. When it wants an ephemeral znode, which everybody must know how
// to remove, it becomes global first, by the transaction that opens a session,
// under the same id. From the moment that transaction is asked for, this server
// has forgotten the session, so that nobody but the leader can let it expire:
// there is no moment at which both would, and none after the leader's decision
// at which nobody would. If the request is lost with the leader, so is the
// session, with everything behind it.

// localRequest handles what makes and ends local sessions, and what needs a
// global one. done says that the request needs nothing more.
func (r *Replica) localRequest(now time.Duration, q *Request, out []Action) (_ []Action, done bool) {
	switch q.Op {
	case proto.OpCreateSession:
		body, ok := q.Body.(*proto.CreateSessionRequest)
		if !ok {
			return out, false // malformed; prep refuses it
		}
		r.local.add(now, q.Session, time.Duration(body.Timeout)*time.Millisecond)
		return append(out, SessionOpened{q.Session}), true
	case proto.OpCloseSession:
		if r.local.byID[q.Session] == nil {
			return out, false
		}
		r.local.remove(q.Session)
		return append(out, SessionEnded{Session: q.Session, Cxid: q.Cxid}), true
	}
	if r.local.touch(now, q.Session, 0) && r.opts.UpgradeSessions && wantsGlobal(&q.Request) {
		out = r.upgrade(now, r.local.byID[q.Session], out)
	}
	return out, false
}

// upgrade asks for the transaction that makes a local session global.
func (r *Replica) upgrade(now time.Duration, s *session, out []Action) []Action {
	r.local.remove(s.id)
	out = append(out, Note{Fact: zab.FactSessionUpgraded, Text: s.id.String()})
	body := &proto.CreateSessionRequest{Timeout: int32(s.asked / time.Millisecond)}
	q := &Request{Raw: body.Append(nil)}
	q.Session, q.Op, q.Body = s.id, proto.OpCreateSession, body
	if r.state == leading {
		return r.propose(now, 0, q, out)
	}
	return r.forward(q, out)
}

// wantsGlobal reports whether a request creates an ephemeral znode by one of
// the operations that ZooKeeper looks at. Source:
// QuorumZooKeeperServer.checkUpgradeSession.
func wantsGlobal(q *prep.Request) bool {
	switch body := q.Body.(type) {
	case *proto.CreateRequest:
		return createsEphemeral(q.Op, body)
	case *proto.MultiRequest:
		for _, op := range body.Ops {
			switch c, ok := op.Req.(*proto.CreateRequest); {
			case !ok:
			case !c.Flags.Valid():
				return false // where the multi will fail
			case createsEphemeral(prep.Effective(op), c):
				return true
			}
		}
	}
	return false
}

func createsEphemeral(op proto.OpCode, c *proto.CreateRequest) bool {
	return (op == proto.OpCreate || op == proto.OpCreate2) && c.Flags.IsEphemeral()
}

// checkLocal is checkSession for what is no global session. A leader cannot
// know the local sessions of other servers, and believes them; but those of its
// own clients it must know, and an id of its own making that it does not is one
// that has ended. So has a global session that ended a moment ago: a write that a
// slow link brings now must not be taken for a local session's. Source:
// LeaderSessionTracker.checkSession, which lacks the latter.
func (r *Replica) checkLocal(now time.Duration, from LinkID, q *prep.Request) (write, own proto.ErrCode) {
	switch {
	case r.local.byID[q.Session] != nil:
		if from != 0 {
			return proto.ErrSessionMoved, proto.OK
		}
		r.local.touch(now, q.Session, 0)
		if wantsGlobal(q) {
			return proto.OK, proto.ErrEphemeralOnLocalSession
		}
		return proto.OK, proto.ErrSessionExpired
	case from == 0, madeBy(q.Session) == r.opts.Self, r.ended.has(now, q.Session):
		return proto.ErrSessionExpired, proto.OK
	}
	return proto.OK, proto.ErrSessionExpired
}

// madeBy is the server whose id is in a session's.
func madeBy(id proto.SessionID) proto.PeerID { return proto.PeerID(uint64(id) >> 56) }

// expireLocal ends the local sessions whose time is over.
func (r *Replica) expireLocal(now time.Duration, out []Action) []Action {
	if r.local == nil {
		return out
	}
	for _, id := range r.local.expire(now) {
		r.local.remove(id)
		out = append(out, Note{Fact: zab.FactSessionExpired, Text: id.String()}, SessionEnded{Session: id, Expired: true})
	}
	return out
}

// readOnlyAt is when this search for a leader has lasted long enough for
// clients to be let in to read; never if what is here must not be trusted.
func (r *Replica) readOnlyAt() time.Duration {
	if r.opts.ReadOnlyAfter == 0 || r.role != zab.RoleNone || r.hist.Last() < 0 {
		return zab.Never
	}
	return r.lookedAt + r.opts.ReadOnlyAfter
}

// serveReadOnly lets clients in that only want to read, from the tree as the
// last role has left it: all of the log, whether decided or not, and nothing
// else (see tryLook). Source: QuorumPeer.run.
func (r *Replica) serveReadOnly(now time.Duration, out []Action) []Action {
	if r.state != looking || now < r.readOnlyAt() {
		return out
	}
	return append(out, Serve{Role: zab.RoleReadOnly, Epoch: r.disk.CurrentEpoch})
}

// endReadOnly sends those clients away again: a leader was found.
func (r *Replica) endReadOnly(out []Action) []Action {
	if r.role != zab.RoleReadOnly {
		return out
	}
	r.role, r.local = zab.RoleNone, nil
	return append(out, StopServing{"a leader was found"})
}

// ended remembers the global sessions that have ended for as long as a link may
// have held up what they had asked for: a silent one is closed after SyncTimeout.
// The zero value keeps nothing.
type ended struct {
	keep  time.Duration
	at    map[proto.SessionID]time.Duration
	queue []proto.SessionID // by the time of their end
}

func (e *ended) add(now time.Duration, id proto.SessionID) {
	if e.at == nil {
		e.at = map[proto.SessionID]time.Duration{}
	}
	e.forget(now)
	if _, again := e.at[id]; !again {
		e.queue = append(e.queue, id)
		e.at[id] = now
	}
}

func (e *ended) has(now time.Duration, id proto.SessionID) bool {
	e.forget(now)
	_, ok := e.at[id]
	return ok
}

func (e *ended) forget(now time.Duration) {
	for len(e.queue) > 0 && now-e.at[e.queue[0]] > e.keep {
		delete(e.at, e.queue[0])
		e.queue = e.queue[1:]
	}
}
