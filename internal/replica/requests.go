package replica

import (
	"time"

	"github.com/paddock-io/paddock/internal/prep"
	"github.com/paddock-io/paddock/internal/zab"
	"github.com/paddock-io/paddock/proto"
)

// request handles a request of a client of this server.
func (r *Replica) request(now time.Duration, q *Request, out []Action) []Action {
	if r.role == zab.RoleNone {
		return out // its connection is closed already
	}
	if q.Resume != nil {
		return r.revalidate(now, *q.Resume, r.askSyncs(out))
	}
	if q.Op != proto.OpSync {
		out = r.askSyncs(out) // in their turn
	}
	if r.local != nil {
		var done bool
		if out, done = r.localRequest(now, q, out); done {
			return out
		}
	}
	switch {
	case r.role == zab.RoleReadOnly:
		return out // the server lets nothing else through
	case q.Op == proto.OpSync:
		r.holdSync(q)
		return out
	case r.state == leading:
		return r.propose(now, 0, q, out)
	}
	if r.movedAway(q.Session, 0, q.Op) {
		return append(out, SessionMoved{q.Session})
	}
	return r.forward(q, out)
}

// forward sends a request to the leader.
func (r *Replica) forward(q *Request, out []Action) []Action {
	r.begins(q.Session, q.Op)
	r.inflight[q.Session]++
	r.pending++
	return append(out, Send{Link: r.learner.Link(), Msg: &zab.Forward{
		Session: q.Session, Cxid: q.Cxid, Op: q.Op, Raw: q.Raw, IDs: q.IDs,
	}})
}

// Pending returns how many requests wait for a decision: while it is high, no
// more should be taken from clients.
func (r *Replica) Pending() int {
	if r.leader != nil {
		return len(r.own) + len(r.syncs.waiting)
	}
	return r.pending
}

// propose turns a request into a transaction and orders it. from is the
// learner's link, 0 for this server's own clients.
func (r *Replica) propose(now time.Duration, from LinkID, q *Request, out []Action) []Action {
	z, out, ok := r.leader.NextZxid(out)
	if !ok {
		return out
	}
	p := q.Request // a copy: the original may still be read by its connection
	switch p.Op {
	case proto.OpCreateSession:
		r.openSession(now, from, &p)
	case proto.OpCloseSession:
		if s := r.sessions.byID[p.Session]; s != nil {
			s.closing = true
		}
	case proto.OpReconfig:
		p.Members = r.membership()
		p.SessionErr, p.EphemeralErr = r.checkSession(now, from, &p)
	case proto.OpDeleteContainer: // the reaper's, who has no session; prep refuses a client's
	default:
		p.SessionErr, p.EphemeralErr = r.checkSession(now, from, &p)
	}
	if from == 0 {
		r.own = append(r.own, z)
	}
	txn := r.prep.Prepare(&p, z, r.wallAtNow(now))
	for _, e := range r.prep.Excesses() {
		out = append(out, QuotaExceeded{e})
	}
	return r.leader.Propose(now, txn, out)
}

func (r *Replica) openSession(now time.Duration, from LinkID, p *prep.Request) {
	body, ok := p.Body.(*proto.CreateSessionRequest)
	if !ok {
		return // malformed; prep refuses it
	}
	s := r.sessions.add(now, p.Session, time.Duration(body.Timeout)*time.Millisecond)
	s.owner, s.owned = from, true
}

// checkSession is the test that every write must pass: the session is known,
// not closing, and comes from where it lives. The second result is for the
// creation of ephemerals. Source: SessionTrackerImpl.checkSession.
func (r *Replica) checkSession(now time.Duration, from LinkID, q *prep.Request) (write, own proto.ErrCode) {
	s := r.sessions.byID[q.Session]
	switch {
	case s == nil && r.local != nil:
		return r.checkLocal(now, from, q)
	case s == nil || s.closing:
		return proto.ErrSessionExpired, proto.OK
	case !s.owned:
		s.owner, s.owned = from, true
	case s.owner != from:
		return proto.ErrSessionMoved, proto.OK
	}
	r.sessions.touch(now, q.Session, 0)
	return proto.OK, proto.OK
}

// claim gives a live session to the server it now is connected to. A leader
// checks reads too for whose session they are, so that a connection of its own
// is of no use from now on. Source: LeaderZooKeeperServer.setOwner,
// PrepRequestProcessor.pRequestHelper.
func (r *Replica) claim(now time.Duration, id proto.SessionID, timeoutMs int32, from LinkID, out []Action) (bool, []Action) {
	if !r.sessions.touch(now, id, time.Duration(timeoutMs)*time.Millisecond) {
		return false, out
	}
	s := r.sessions.byID[id]
	if s.owned && s.owner == 0 && from != 0 {
		out = append(out, SessionMoved{id})
	}
	s.owner, s.owned = from, true
	return true, out
}

func (r *Replica) revalidate(now time.Duration, q Revalidate, out []Action) []Action {
	switch {
	case r.role == zab.RoleNone:
		return out
	case r.local != nil && r.local.touch(now, q.ID, time.Duration(q.TimeoutMs)*time.Millisecond):
		return append(out, Revalidated{q.ID, q.Conn, true})
	case r.role == zab.RoleReadOnly:
		return append(out, Revalidated{q.ID, q.Conn, false})
	case r.state == leading:
		valid := false
		valid, out = r.claim(now, q.ID, q.TimeoutMs, 0, out)
		return append(out, Revalidated{q.ID, q.Conn, valid})
	}
	r.queries = append(r.queries, query{Revalidate: q})
	r.settle(q.ID, 0)
	return append(out, Send{Link: r.learner.Link(), Msg: zab.Revalidate{ID: q.ID, TimeoutMs: q.TimeoutMs}})
}

// touched prolongs sessions, here or with the next answer to a ping.
func (r *Replica) touched(now time.Duration, touches []Touch) {
	for _, t := range touches {
		switch {
		case r.local != nil && r.local.touch(now, t.ID, time.Duration(t.TimeoutMs)*time.Millisecond):
		case r.sessions != nil:
			r.sessions.touch(now, t.ID, time.Duration(t.TimeoutMs)*time.Millisecond)
		case r.state == learning:
			r.touches[t.ID] = t.TimeoutMs
		}
	}
}

// tick does what is due by now.
func (r *Replica) tick(now time.Duration, ev Tick, out []Action) []Action {
	late := now - r.wallAt - r.opts.Tick
	r.wall, r.wallAt = ev.Wall, now
	out = r.dropEarly(now, out)
	if late > 0 { // we were stopped, or starved: nobody could be heard meanwhile
		r.sessions.postpone(late)
		r.local.postpone(late)
	}
	out = r.expireLocal(now, out)
	switch r.state {
	case leading:
		out = r.leader.Tick(now, out)
		out = r.expire(now, out)
		return r.reap(now, out)
	case draining:
		return r.tryLook(now, out)
	case learning:
		if r.master != nil {
			out = r.master.Tick(now, out)
		}
		return r.learner.Tick(now, out)
	case looking:
		return r.serveReadOnly(now, r.tickVote(now, out))
	}
	return out
}

// expire closes the sessions whose time is over.
func (r *Replica) expire(now time.Duration, out []Action) []Action {
	if r.sessions == nil {
		return out
	}
	for _, id := range r.sessions.expire(now) {
		q := &Request{}
		q.Session, q.Op = id, proto.OpCloseSession
		out = append(out, Note{Fact: zab.FactSessionExpired, Text: id.String()})
		out = r.propose(now, 0, q, out)
	}
	return out
}

func (r *Replica) wallAtNow(now time.Duration) int64 {
	return r.wall + (now - r.wallAt).Milliseconds()
}
