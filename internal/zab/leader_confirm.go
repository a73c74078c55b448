package zab

import (
	"slices"

	"github.com/paddock-io/paddock/proto"
)

// A sync is answered behind the commits of everything that was proposed when it
// came, and only once this server is known to have been the leader at that time
// or later: then no other leader can have decided anything before the request
// came, and a read behind the answer is linearizable. ZooKeeper answers without
// asking, and so does a leader that was deposed and does not know it yet.
//
// What confirms leadership is a sign from a quorum of voters that was given
// after the request came: the answer to a ping, or the ACK of a later proposal.
// A voter that has promised a newer epoch has closed its link, so it gives none;
// and a newer leader needs such a promise from one voter of every quorum. The
// pings go in rounds, one at a time; a round serves every sync that came before
// it began.
//
// The zxid of such a ping is the negative number of its round. It means nothing
// to a learner, which sends it back. Source: Learner.ping.

// pendingSync is a sync request that is not answered.
type pendingSync struct {
	link  LinkID     // of the learner; 0 is a client of this server
	after proto.Zxid // everything up to here must be committed before
	round int64      // the round of confirmation it waits for; 0 for none
}

// Sync handles the sync request of a learner's client, or with link 0 one of
// this server's own. The answer is a Sync message or an OwnSynced action;
// answers to one link come in the order of its requests.
func (l *Leader) Sync(link LinkID, out []Action) []Action {
	s := pendingSync{link: link, after: l.lastProposed}
	switch {
	case l.opts.Standalone, l.opts.UnconfirmedSync && link == 0:
		return append(out, OwnSynced{}) // Source: FinalRequestProcessor, to which a sync is a read
	case !l.opts.UnconfirmedSync:
		s.round = l.asked + 1
	}
	l.syncs = append(l.syncs, s)
	return l.answerSyncs(l.ask(out))
}

// PendingSyncs returns how many proposals syncs wait for, as Java counts them.
// Source: Leader.getNumPendingSyncs.
func (l *Leader) PendingSyncs() int {
	n := 0
	for i, s := range l.syncs {
		if i == 0 || s.after != l.syncs[i-1].after {
			n++
		}
	}
	return n
}

// ask begins a round of confirmation if a sync waits for one and none is under
// way.
func (l *Leader) ask(out []Action) []Action {
	if l.asked != l.confirmed || len(l.syncs) == 0 || l.syncs[len(l.syncs)-1].round <= l.asked {
		return out
	}
	l.asked++
	l.askedAfter = l.lastProposed
	for _, f := range l.learners {
		out = l.askOne(f, out)
	}
	return l.confirm(out)
}

// askOne asks one voter in the round that is under way, if there is one. Before
// UPTODATE a learner answers no pings.
func (l *Leader) askOne(f *learner, out []Action) []Action {
	if l.asked == l.confirmed || f.state != serving || f.info.Observer {
		return out
	}
	return append(out, Send{f.link, Ping{Zxid: proto.Zxid(-l.asked)}})
}

// answer handles what a learner sent back.
func (l *Leader) answer(f *learner, m Ping, out []Action) []Action {
	if round := -int64(m.Zxid); round > f.answered && round <= l.asked {
		f.answered = round
		return l.tryEnd(l.confirm(out))
	}
	return out
}

// confirm ends the round that is under way once a quorum has answered it, and
// begins the next.
func (l *Leader) confirm(out []Action) []Action {
	if l.asked == l.confirmed || l.resigned || !l.quorum(func(f *learner) bool {
		return f.state == serving && (f.answered == l.asked || f.acked > l.askedAfter)
	}) {
		return out
	}
	l.confirmed = l.asked
	return l.ask(l.answerSyncs(out))
}

// answerSyncs answers what waits for nothing any more.
func (l *Leader) answerSyncs(out []Action) []Action {
	n := 0
	for n < len(l.syncs) && l.syncs[n].after <= l.lastCommitted && l.syncs[n].round <= l.confirmed {
		n++
	}
	return l.answerFirst(n, out)
}

// answerSyncsBefore answers the syncs that are older than a proposal that is
// about to be committed: the voters have acknowledged it since, which confirms
// this leader. And the learner must have the answer before the commit, which it
// would else take for that of the sync. Source: CommitProcessor.run, which
// expects answers in the order of its own requests.
func (l *Leader) answerSyncsBefore(z proto.Zxid, out []Action) []Action {
	n := 0
	for n < len(l.syncs) && l.syncs[n].after < z {
		n++
	}
	return l.answerFirst(n, out)
}

// answerFirst answers the n oldest syncs.
func (l *Leader) answerFirst(n int, out []Action) []Action {
	for _, s := range l.syncs[:n] {
		if s.link == 0 {
			out = append(out, OwnSynced{})
		} else {
			out = append(out, Send{s.link, Sync{}})
		}
	}
	l.syncs = slices.Delete(l.syncs, 0, n)
	return out
}
