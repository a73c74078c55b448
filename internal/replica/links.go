package replica

import (
	"slices"
	"time"

	"github.com/paddock-io/paddock/internal/zab"
	"github.com/paddock-io/paddock/proto"
)

// connected handles a new link. A learner may be faster than our own election,
// or hear earlier that we are to lead a changed membership; its link is kept for a
// while.
func (r *Replica) connected(now time.Duration, ev Connected, out []Action) []Action {
	switch {
	case ev.Master:
		return r.observerConnected(now, ev.Link, out)
	case ev.Dialed && r.state == learning:
		return r.learner.Connected(now, ev.Link, out)
	case ev.Dialed || r.state == learning && !r.members.Pending() || r.opts.Standalone || len(r.early) >= maxEarlyLinks:
		return append(out, Hangup{Link: ev.Link, Reason: "not leading"})
	case r.state == leading:
		r.leader.Connected(now, ev.Link)
	default:
		r.early = append(r.early, earlyLink{link: ev.Link, at: now})
	}
	return out
}

func (r *Replica) earlyIndex(link LinkID) int {
	return slices.IndexFunc(r.early, func(e earlyLink) bool { return e.link == link })
}

// admitEarly hands the links that came before the election's end to the
// leader.
func (r *Replica) admitEarly(now time.Duration, out []Action) []Action {
	out = r.refuseEarly(true, leaderFeedsNone, out)
	early := r.early
	r.early = nil
	for _, e := range early {
		r.leader.Connected(now, e.link)
		for _, m := range e.msgs {
			out = r.leader.Message(now, e.link, m, out)
		}
	}
	return out
}

// refuseEarly hangs up the links that came to the one or the other port.
func (r *Replica) refuseEarly(master bool, reason string, out []Action) []Action {
	kept := r.early[:0]
	for _, e := range r.early {
		if e.master != master {
			kept = append(kept, e)
			continue
		}
		out = append(out, Hangup{Link: e.link, Reason: reason})
	}
	if r.early = kept; len(kept) == 0 {
		r.early = nil
	}
	return out
}

// dropEarly hangs up links that have waited for longer than a tick: their
// servers had better look around again.
func (r *Replica) dropEarly(now time.Duration, out []Action) []Action {
	for len(r.early) > 0 && now-r.early[0].at >= r.opts.Tick {
		out = append(out, Hangup{Link: r.early[0].link, Reason: "no leader was elected here in time"})
		r.early = r.early[1:]
	}
	return out
}

func (r *Replica) disconnected(now time.Duration, ev Disconnected, out []Action) []Action {
	if i := r.earlyIndex(ev.Link); i >= 0 {
		r.early = slices.Delete(r.early, i, i+1)
		return out
	}
	switch {
	case r.master != nil && r.master.Has(ev.Link):
		return r.master.Disconnected(ev.Link, ev.Reason, out)
	case r.state == leading:
		return r.leader.Disconnected(ev.Link, ev.Reason, out)
	case r.state == learning:
		return r.learner.Disconnected(now, ev.Link, ev.Reason, out)
	}
	return out
}

// message handles what came on a link: here what concerns requests and
// sessions, in package zab what concerns the protocol.
func (r *Replica) message(now time.Duration, ev Message, out []Action) []Action {
	if i := r.earlyIndex(ev.Link); i >= 0 {
		if len(r.early[i].msgs) < maxEarlyMsgs {
			r.early[i].msgs = append(r.early[i].msgs, ev.Msg)
		}
		return out
	}
	switch {
	case r.master != nil && r.master.Has(ev.Link):
		out = r.master.Message(now, ev.Link, ev.Msg, out)
		return r.fromObserver(ev, out)
	case r.state == leading:
		out = r.leader.Message(now, ev.Link, ev.Msg, out)
		return r.fromLearner(now, ev, out)
	case r.state == learning:
		out = r.learner.Message(now, ev.Link, ev.Msg, out)
		return r.fromLeader(now, ev, out)
	}
	return out
}

func (r *Replica) fromLearner(now time.Duration, ev Message, out []Action) []Action {
	switch m := ev.Msg.(type) {
	case *zab.Forward, zab.Revalidate:
		if _, ok := r.leader.Learner(ev.Link); !ok || r.sessions == nil {
			return out // it asks before it may; zab counts it as a sign of life only
		}
		if f, ok := m.(*zab.Forward); ok {
			return r.forwarded(now, ev.Link, f, out)
		}
		q := m.(zab.Revalidate)
		valid := false
		valid, out = r.claim(now, q.ID, q.TimeoutMs, ev.Link, out)
		return append(out, Send{Link: ev.Link, Msg: zab.Revalidated{ID: q.ID, Valid: valid}})
	case zab.Ping:
		if r.sessions != nil {
			for _, t := range m.Touches {
				r.sessions.touch(now, t.ID, time.Duration(t.TimeoutMs)*time.Millisecond)
			}
		}
	}
	return out
}

// forwarded handles a request that a client sent to a learner.
func (r *Replica) forwarded(now time.Duration, link LinkID, f *zab.Forward, out []Action) []Action {
	if f.Op == proto.OpSync {
		return r.leader.Sync(link, out)
	}
	q := &Request{Raw: f.Raw}
	q.Session, q.Cxid, q.Op, q.Body = f.Session, f.Cxid, f.Op, f.Body
	q.Malformed, q.IDs = f.Malformed, f.IDs
	return r.propose(now, link, q, out)
}

func (r *Replica) fromLeader(now time.Duration, ev Message, out []Action) []Action {
	if ev.Link != r.learner.Link() {
		return out
	}
	switch m := ev.Msg.(type) {
	case zab.Ping:
		if !r.learner.Following() {
			// Before UPTODATE a Java leader takes no other packet than the ACK of
			// NEWLEADER, but pings all the same (LearnerHandler.run).
			return out
		}
		return append(out, Send{Link: ev.Link, Msg: zab.Ping{Zxid: m.Zxid, Touches: r.takeTouches()}})
	case zab.Sync:
		return r.syncAnswered(out)
	case zab.Revalidated:
		return r.revalidated(m, out)
	}
	return out
}

// takeTouches returns the sessions that showed life since the last call, by id.
func (r *Replica) takeTouches() []Touch {
	v := make([]Touch, 0, len(r.touches))
	for id, ms := range r.touches {
		v = append(v, Touch{ID: id, TimeoutMs: ms})
	}
	clear(r.touches)
	slices.SortFunc(v, func(a, b Touch) int { return int(min(max(int64(a.ID-b.ID), -1), 1)) })
	return v
}
