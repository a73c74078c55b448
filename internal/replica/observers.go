package replica

import (
	"fmt"
	"slices"
	"time"

	"github.com/paddock-io/paddock/internal/zab"
	"github.com/paddock-io/paddock/proto"
)

// ZabOptions are options of package zab that this package only hands on.
type ZabOptions struct {
	zab.Feeding
	zab.Rollover
	EpochTimeout, RedialPause time.Duration
}

// MasterOptions say how observers are fed.
type MasterOptions struct {
	// Feed lets a follower take observers on a port of their own, and an observer
	// look for such followers. Java: observerMasterPort, the same on all servers.
	Feed bool
	// ReconnectDelay and ElectionDelay are the most that an observer waits before it
	// connects again, and before it looks for a leader again, so that not all come at
	// once. Java: observer.reconnectDelayMs, observer.election.DelayMs.
	ReconnectDelay, ElectionDelay time.Duration
}

// maxQuestions is how many questions of clients, observers' among them, wait for the leader before
// no observer may add to them.
const maxQuestions = 1 << 16

const leaderFeedsNone = "this server leads, and observers are fed by followers"

// query is a session whose life the leader was asked about, by a client of this
// server or of an observer that it feeds.
type query struct {
	Revalidate
	observer LinkID // 0 for an own one
}

// observerConnected handles a new link on the port for observers. One that is
// faster than this server waits a while.
func (r *Replica) observerConnected(now time.Duration, link LinkID, out []Action) []Action {
	switch {
	case r.master != nil:
		r.master.Connected(now, link)
	case r.state == leading:
		return append(out, Hangup{Link: link, Reason: leaderFeedsNone})
	case !r.opts.Masters.Feed || r.opts.Observer || len(r.early) >= maxEarlyLinks:
		return append(out, Hangup{Link: link, Reason: "no observers are fed here"})
	default:
		r.early = append(r.early, earlyLink{link: link, master: true, at: now})
	}
	return out
}

// feedObservers opens the observer master of a server that begins to follow, and
// settles an observer on the server that feeds it.
func (r *Replica) feedObservers(now time.Duration, a Serve, out []Action) []Action {
	if a.Role == zab.RoleObserver {
		r.choice.failed = 0
	}
	if a.Role != zab.RoleFollower || !r.opts.Masters.Feed {
		return out
	}
	r.master = zab.BecomeMaster(r.zabOptions(), a.Epoch, r.hist, r.learner.Members(), now)
	early := r.early
	r.early = nil
	for _, e := range early {
		if !e.master { // it has heard that this server is to lead
			r.early = append(r.early, e)
			continue
		}
		r.master.Connected(now, e.link)
		for _, m := range e.msgs {
			out = r.master.Message(now, e.link, m, out)
		}
	}
	return out
}

// dropObservers ends the observer master with the role, and lets an observer look
// for another server to feed it, after a pause.
func (r *Replica) dropObservers(now time.Duration, reason string, out []Action) []Action {
	if r.master != nil {
		for _, link := range r.master.Links() {
			out = append(out, Hangup{Link: link, Reason: reason})
		}
		r.master, r.homes = nil, nil
	}
	if r.opts.Observer {
		r.choice.next++
		if !r.learner.Following() {
			if r.choice.failed++; r.choice.failed == 1 {
				r.choice.since = now
			}
		}
		r.lookAt = max(r.lookAt, now+r.jitter(r.opts.Masters.ElectionDelay))
	}
	return out
}

// fromObserver handles what an observer's clients want: it goes on to the leader,
// and what comes back finds its way by the order in which it was asked for.
func (r *Replica) fromObserver(ev Message, out []Action) []Action {
	if r.master == nil || !r.master.Observer(ev.Link) {
		return out // it asks before it may; zab counts it as a sign of life only
	}
	up := r.learner.Link()
	if len(r.queries)+len(r.syncs.asked) >= maxQuestions {
		return r.master.Drop(ev.Link, "too much waits for the leader's answer", out)
	}
	switch m := ev.Msg.(type) {
	case *zab.Forward:
		if r.movedAway(m.Session, ev.Link, m.Op) {
			return r.master.Drop(ev.Link, fmt.Sprintf("it brings a write of session %s, which is claimed elsewhere", m.Session), out)
		}
		r.begins(m.Session, m.Op)
		if m.Op == proto.OpSync {
			r.syncs.asked = append(r.syncs.asked, question{observer: ev.Link})
		}
		return append(out, Send{Link: up, Msg: m})
	case zab.Revalidate:
		r.queries = append(r.queries, query{Revalidate{ID: m.ID, TimeoutMs: m.TimeoutMs}, ev.Link})
		r.settle(m.ID, ev.Link)
		return append(out, Send{Link: up, Msg: m})
	case zab.Ping:
		for _, t := range m.Touches {
			r.touches[t.ID] = t.TimeoutMs
		}
	}
	return out
}

// settle notes that a session is claimed by a client of this server, or with a link
// of an observer's.
func (r *Replica) settle(id proto.SessionID, observer LinkID) {
	if r.master == nil {
		return
	}
	if r.homes == nil {
		r.homes = map[proto.SessionID]LinkID{}
	}
	r.homes[id] = observer
}

// begins forgets who has claimed a session when it is made, or made global, where it
// lives: the leader did not know it, and its answer to that claim will be no.
func (r *Replica) begins(id proto.SessionID, op proto.OpCode) {
	if op == proto.OpCreateSession {
		delete(r.homes, id)
	}
}

// movedAway reports whether a write comes from where its session does not live any
// more. To the leader all sessions behind this server live here, so it cannot tell that
// one has moved from an observer to another or to this server, and would take what the
// slower way brings late behind what came after it; as Java does. Nor can this server
// tell a write that is late from a claim that is: of a client that was here, or with
// another observer, and has left before that was noticed. So the connection ends on
// which the write came, and whoever still is behind it claims his session anew.
func (r *Replica) movedAway(id proto.SessionID, observer LinkID, op proto.OpCode) bool {
	home, known := r.homes[id]
	return known && home != observer && op != proto.OpSync && op != proto.OpCreateSession && op != proto.OpCloseSession
}

// syncAnswered handles the leader's answer to the oldest sync.
func (r *Replica) syncAnswered(out []Action) []Action {
	if len(r.syncs.asked) > 0 && r.syncs.asked[0].observer != 0 {
		link := r.syncs.asked[0].observer
		r.syncs.asked = r.syncs.asked[1:]
		return append(out, Send{Link: link, Msg: zab.Sync{}})
	}
	for _, s := range r.syncs.answered() {
		if n := r.inflight[s.Session]; n > 0 {
			r.answered(s.Session, n)
		}
		out = append(out, s)
	}
	return out
}

// revalidated handles the leader's word on a session. That of an observer's
// client counts as a sign of life, which the leader hears with the next ping.
// Source: ObserverMaster.revalidateLearnerSession.
func (r *Replica) revalidated(m zab.Revalidated, out []Action) []Action {
	i := slices.IndexFunc(r.queries, func(q query) bool { return q.ID == m.ID })
	if i < 0 {
		return out
	}
	q := r.queries[i]
	r.queries = slices.Delete(r.queries, i, i+1)
	if !m.Valid {
		delete(r.homes, m.ID)
	}
	if q.observer == 0 {
		return append(out, Revalidated{m.ID, q.Conn, m.Valid})
	}
	if m.Valid {
		r.touches[m.ID] = q.TimeoutMs
	}
	return append(out, Send{Link: q.observer, Msg: m})
}

// masterChoice is where an observer stands among the servers that might feed it.
type masterChoice struct {
	next   int           // place of the next one to try
	failed int           // tries in a row that came to nothing ...
	since  time.Duration // ... the first of them at this time
	drawn  uint64        // pauses drawn so far
}

// startLearner lets a learner dial: a voter the leader, an observer a follower if
// followers feed observers. It tries one after the other, beginning at a place of
// its own, so that observers spread; and the leader itself when all others have
// failed for syncLimit, which Java's do not. A Java follower opens its port late.
func (r *Replica) startLearner(now time.Duration, out []Action) []Action {
	leader := r.learner.Leader()
	if !r.opts.Observer {
		return r.learner.Start(now, out)
	}
	var masters []proto.PeerID
	if r.opts.Masters.Feed {
		for _, id := range r.members.Committed.Voters() {
			if proto.PeerID(id) != leader {
				masters = append(masters, proto.PeerID(id))
			}
		}
	}
	n := len(masters)
	if n == 0 {
		return r.learner.StartAt(now, r.jitter(r.opts.Masters.ReconnectDelay), zab.Dial{Leader: leader}, out)
	}
	if r.choice.failed >= n && now-r.choice.since >= r.opts.SyncTimeout {
		r.choice.failed = 0
		return r.learner.StartAt(now, r.jitter(r.opts.Masters.ReconnectDelay), zab.Dial{Leader: leader}, out)
	}
	at := (int(r.opts.Self) + r.choice.next) % n
	pause := time.Duration(0)
	if r.choice.failed > 0 && r.choice.failed%n == 0 {
		pause = r.jitter(r.opts.Masters.ReconnectDelay)
	}
	return r.learner.StartAt(now, pause, zab.Dial{Leader: masters[at], Master: true}, out)
}

// jitter draws a pause of less than d. It needs no luck, only that servers and
// tries differ: the drawing is splitmix64 of both.
func (r *Replica) jitter(d time.Duration) time.Duration {
	if d <= 0 {
		return 0
	}
	r.choice.drawn++
	x := uint64(r.opts.Self)<<32 + r.choice.drawn
	x += 0x9e3779b97f4a7c15
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	x ^= x >> 31
	return time.Duration(x % uint64(d))
}
