package zab

import (
	"slices"
	"time"
)

// Of two servers one cannot tell whether the other is dead or only out of reach.
// An oracle can, outside both: it lets at most one of them go on alone, and the
// safety of that is its own. It is asked only where there are two voters and
// no follower. Source: QuorumOracleMaj.

// Oracle tells what the oracle says now.
func (l *Leader) Oracle(now time.Duration, grants bool, out []Action) []Action {
	l.opts.Granted = grants
	return l.goOnAlone(now, out)
}

// alone reports whether this server is a quorum of the membership in force by the
// oracle's word: while it leads, if no other voter is on the live stream; before, if
// none has come in time. A server that follows without a vote does not count, so that
// one can be added in the place of the one that is gone. The oracle goes with the settings, not with the
// membership: a change keeps it. (Java's leader forgets it with an incremental change,
// until it starts again; its followers keep it.)
func (l *Leader) alone() bool {
	now := &l.members.Committed
	if !l.opts.Granted || l.handedOver || l.phase != Broadcast && !l.lonely {
		return false
	}
	if !now.OfTwo() || !now.IsVoter(int64(l.opts.Self)) {
		return false
	}
	for _, f := range l.learners {
		if f.info.Observer || f.state != linkOpen && !now.IsVoter(int64(f.info.ID)) {
			continue
		}
		if l.phase != Broadcast || f.state >= newLeaderTold {
			return false
		}
	}
	return true
}

// nextHas reports whether the servers for which has holds are a quorum of the
// membership that is proposed, if one is. Where the same two vote, as in the one that
// only gets its first version, the oracle's word holds for it too.
func (l *Leader) nextHas(has func(id int64) bool) bool {
	next := &l.members.LastSeen
	if !l.members.Pending() || next.Quorum(has) {
		return true
	}
	return next.OfTwo() && slices.Equal(next.Voters(), l.members.Committed.Voters()) && l.alone()
}

// goOnAlone decides what waited for a follower that has gone.
func (l *Leader) goOnAlone(now time.Duration, out []Action) []Action {
	if l.resigned || !l.alone() {
		return out
	}
	return l.confirm(l.advance(now, out))
}
