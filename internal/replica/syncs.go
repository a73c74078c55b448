package replica

import (
	"slices"

	"github.com/paddock-io/paddock/internal/zab"
)

// syncs are the sync requests of this server's clients that are not answered.
// The leader, here or elsewhere, is asked once for all that follow one another
// in a batch: its answer says that a quorum confirmed it after the question, so
// after all of them, and nothing that the clients sent lies between them.
type syncs struct {
	waiting []Synced   // what they will be answered
	asked   []question // to the leader, in order
	held    int        // the newest, for which nothing has been asked
	last    *Request   // the newest of the held
}

// question is a sync that was sent to the leader: for some of this server's own
// clients, or for an observer that this follower feeds.
type question struct {
	own      int
	observer LinkID // 0 for own ones
}

// hold adds a request to those that the next question will be for.
func (s *syncs) hold(q *Request) {
	s.waiting = append(s.waiting, Synced{q.Session, q.Cxid})
	s.last = q
	s.held++
}

// answered removes what the leader's next answer is for and returns it; nil if
// nothing was asked.
func (s *syncs) answered() []Synced {
	if len(s.asked) == 0 {
		return nil
	}
	n := s.asked[0].own
	s.asked = s.asked[1:]
	list := s.waiting[:n]
	s.waiting = s.waiting[n:]
	return list
}

// holdSync takes a client's sync. It is asked for before anything else that the
// clients sent, and at the end of the batch.
func (r *Replica) holdSync(q *Request) {
	r.syncs.hold(q)
	if r.state == learning {
		r.inflight[q.Session]++
		r.pending++
	}
}

// release puts what the leader's answer is for into the answer's place in out.
func (r *Replica) release(i int, out []Action) []Action {
	list := r.syncs.answered()
	actions := make([]Action, len(list))
	for j, s := range list {
		actions[j] = s
	}
	return slices.Replace(out, i, i+1, actions...)
}

// askSyncs asks the leader for the syncs that are held. It is told the newest of
// them: a Java leader looks whether the session lives, but answers in any case.
// Source: LearnerSyncRequest, PrepRequestProcessor.pRequest.
func (r *Replica) askSyncs(out []Action) []Action {
	s := &r.syncs
	if s.held == 0 {
		return out
	}
	q := s.last
	s.asked = append(s.asked, question{own: s.held})
	s.held, s.last = 0, nil
	if r.state == leading {
		return r.leader.Sync(0, out)
	}
	return append(out, Send{Link: r.learner.Link(), Msg: &zab.Forward{
		Session: q.Session, Cxid: q.Cxid, Op: q.Op, Raw: q.Raw, IDs: q.IDs,
	}})
}
